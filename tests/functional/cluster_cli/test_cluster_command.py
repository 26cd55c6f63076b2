"""``openwx cluster``: it shows nodes and accounts, and nodes do what it writes down."""

import asyncio
import json
import sys

import pytest

from openwx.cli.cluster import change
from openwx.store.records import AccountRecord, NewSend, WriteBatch
from tests.patience import PATIENCE_S

from ..typed import Typed
from .conftest import Environ
from .nodes import member


async def test_status(typed: Typed, shared: Environ) -> None:
    code, out, err = await typed("cluster", **shared)
    assert (code, out, err) == (0, "0 nodes, 0 accounts: none is known yet\n", "")
    async with member(shared, "wx-1") as one, member(shared, "wx-2", most=7):
        await one.owns("family", "shop")
        code, out, err = await typed("cluster", "status", **shared)
        assert (code, err) == (0, "")
        first, _, _, *nodes, empty, _, family, shop = out.splitlines()
        assert first == "2 nodes, 2 accounts: each that should run has a node"
        assert [line.split()[:4] for line in nodes] == [
            ["wx-1", "2", "of", "100"],
            ["wx-2", "0", "of", "7"],
        ]
        assert (empty, family, shop) == ("", "family   wx-1", "shop     wx-1")
        code, out, _ = await typed("cluster", "status", "--json", **shared)
        answer = json.loads(out)
        assert (code, answer["unowned"]) == (0, 0)
        assert [one["node"] for one in answer["accounts"]] == ["wx-1", "wx-1"]
        assert "settings" not in out
    code, out, _ = await typed("cluster", "status", **shared)
    assert code == 1
    assert out.splitlines()[0] == "0 nodes, 2 accounts: 2 of them should run, and have no node"


async def test_an_account_moves_to_the_node_that_is_named(typed: Typed, shared: Environ) -> None:
    async with member(shared, "wx-1") as one, member(shared, "wx-2") as two:
        await one.owns("family", "shop")
        assert await typed("cluster", "move", "shop", "wx-2", **shared) == (
            0, "shop is on wx-2 now\n", "",
        )  # fmt: skip
        assert (one.ownership.owned, two.ownership.owned) == (["family"], ["shop"])
        assert await typed("cluster", "move", "shop", "wx-2", **shared) == (
            0, "shop is on wx-2 already\n", "",
        )  # fmt: skip
        code, out, _ = await typed("cluster", "move", "shop", "wx-1", "--json", **shared)
        assert (code, json.loads(out)) == (0, {"code": 0, "status": "shop is on wx-1 now"})


async def test_where_a_move_is_refused(typed: Typed, shared: Environ) -> None:
    async with member(shared, "wx-1") as one, member(shared, "full", most=0):
        await one.owns("family", "shop")
        stopped = AccountRecord(account="old", wanted=False, settings=b"{}", origin="api")
        await one.journal.save_account(stopped)
        refused = {
            ("nobody", "wx-1"): "there is no account nobody; there are: family, old, shop",
            ("\udcff", "wx-1"): "there is no account \\udcff;",
            ("shop", "wx-3"): "no node wx-3 runs; there are: full, wx-1",
            ("shop", "full"): "full is full: its max_clients is 0",
            ("old", "wx-1"): "old was stopped on purpose",
        }
        for names, words in refused.items():
            code, out, err = await typed("cluster", "move", *names, **shared)
            assert (code, out) == (1, "")
            assert err.startswith(f"openwx: {words}")
            (_,) = err.splitlines()
        assert one.ownership.owned == ["family", "shop"]
        code, out, _ = await typed("cluster", "move", "shop", "wx-3", "--json", **shared)
        assert (code, json.loads(out)["code"]) == (1, 1)


async def test_a_node_that_does_not_hand_over_in_time_is_said(
    typed: Typed, shared: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change, "PATIENCE_S", 0.1)
    async with member(shared, "wx-1", is_idle=True) as one, member(shared, "wx-2"):
        await one.owns("shop")
        code, _, err = await typed("cluster", "move", "shop", "wx-2", **shared)
        assert code == 1
        assert "shop is still on wx-1 after 0 s; see the log of wx-2" in err
        assert [one.next for one in (await one.view()).accounts] == [""], "it does not go later"
        code, _, err = await typed("cluster", "drain", "wx-1", **shared)
        assert code == 1
        assert "wx-1 drains, and still runs 1 account after 0 s" in err


async def test_a_node_that_does_not_take_it_is_said(typed: Typed, shared: Environ) -> None:
    """Such as one whose configuration does not have the account."""
    async with (
        member(shared, "wx-1") as one,
        member(shared, "wx-2", is_idle=True),
        member(shared, "wx-3", is_idle=True) as three,
    ):
        await one.owns("shop")
        moving = asyncio.create_task(typed("cluster", "move", "shop", "wx-2", **shared))
        async with asyncio.timeout(PATIENCE_S):
            while not await three.ownership.claim(["shop"]):
                await asyncio.sleep(0.01)
        code, _, err = await moving
        words = "openwx: shop is on wx-3: wx-2 did not take it; see the log there\n"
        assert (code, err) == (1, words)


async def test_a_rebalance_moves_idle_accounts_alone(typed: Typed, shared: Environ) -> None:
    async with member(shared, "wx-1") as one:
        await one.owns("a", "b", "c", "d")
        busy = [NewSend(uid="u", body=b"{}")]
        await one.journal.write(WriteBatch(account="a", sends=busy))
        async with member(shared, "wx-2") as two:
            code, out, err = await typed("cluster", "rebalance", **shared)
            assert (code, err) == (0, "")
            assert out.splitlines() == [
                "b: from wx-1 to wx-2",
                "c: from wx-1 to wx-2",
                "2 accounts are moved",
            ]
            assert (one.ownership.owned, two.ownership.owned) == (["a", "d"], ["b", "c"])
            assert await typed("cluster", "rebalance", **shared) == (0, "nothing to move\n", "")


async def test_a_rebalance_says_what_was_too_busy(typed: Typed, shared: Environ) -> None:
    async with member(shared, "wx-1") as one:
        await one.owns("a", "b")
        for account in ("a", "b"):
            sends = [NewSend(uid="u", body=b"{}")]
            await one.journal.write(WriteBatch(account=account, sends=sends))
        async with member(shared, "wx-2"):
            code, out, err = await typed("cluster", "rebalance", **shared)
            assert (code, out) == (1, "")
            assert err == "openwx: 0 accounts are moved; busy, so they stay: a, b\n"


async def test_a_drained_node_has_none_until_that_is_undone(typed: Typed, shared: Environ) -> None:
    async with member(shared, "wx-1") as one, member(shared, "wx-2") as two:
        await one.owns("family", "shop")
        code, out, err = await typed("cluster", "drain", **shared)  # cluster.node is wx-1
        words = "wx-1 runs no accounts now, and takes none until: openwx cluster drain wx-1 --undo"
        assert (code, out, err) == (0, f"{words}\n", "")
        await two.until(["family", "shop"])
        _, out, _ = await typed("cluster", **shared)
        assert "takes no accounts (drained)" in out
        code, _, err = await typed("cluster", "move", "shop", "wx-1", **shared)
        assert code == 1
        assert "wx-1 takes no accounts; end that: openwx cluster drain wx-1 --undo" in err
        code, out, _ = await typed("cluster", "drain", "wx-1", "--undo", **shared)
        assert (code, out.startswith("wx-1 takes accounts again")) == (0, True)
        assert (await typed("cluster", "move", "shop", "wx-1", **shared)).code == 0
        assert (await typed("cluster", "drain", "wx-2", **shared)).code == 0
    # It is known while it does not run, too.
    assert (await typed("cluster", "drain", "wx-2", "--undo", **shared)).code == 0
    code, _, err = await typed("cluster", "drain", "wx-9", "--undo", **shared)
    assert (code, err) == (1, "openwx: no node wx-9 runs; there are: none\n")


async def test_the_last_node_says_that_nobody_takes_its_accounts(
    typed: Typed, shared: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change, "PATIENCE_S", 0.1)
    async with member(shared, "wx-1", is_idle=True) as one:
        await one.owns("shop")
        code, _, err = await typed("cluster", "drain", "wx-1", **shared)
        assert (code, "no other node takes accounts" in err) == (1, True)
        code, _, err = await typed("cluster", "drain", "wx-9", **shared)
        assert (code, err) == (1, "openwx: no node wx-9 runs; there are: wx-1\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("move", "shop"), "cluster move: give an account and the node"),
        (("drain", "a", "b"), "cluster drain: give one node"),
        (("status", "a"), "cluster status takes no names"),
        (("rebalance", "a"), "cluster rebalance takes no names"),
        (("move", "a", "b", "--undo"), "--undo is only for: openwx cluster drain"),
    ],
)
async def test_what_is_refused_in_one_line(
    typed: Typed, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = await typed("cluster", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert words in line


@pytest.mark.skipif(sys.version_info >= (3, 12, 7), reason="takes names behind an option")
@pytest.mark.parametrize("arguments", [("cluster", "drain"), ("outbox", "drop")])
async def test_names_behind_an_option_are_refused_with_a_hint(
    typed: Typed, arguments: tuple[str, ...]
) -> None:
    option = "--undo" if arguments[0] == "cluster" else "--yes"
    code, _, err = await typed(*arguments, option, "17")
    assert code == 2
    assert "unrecognized arguments: 17; put options behind all names and ids" in err


async def test_without_a_database_or_where_it_does_not_answer(typed: Typed) -> None:
    code, _, err = await typed("cluster")
    assert code == 2
    assert "store.url is not set" in err
    url = "postgresql://openwx:s3cr3t@127.0.0.1:1/openwx"
    code, _, err = await typed("cluster", OPENWX_STORE__URL=url)
    assert code == 1
    assert err.startswith("openwx: store.url: the store cannot be opened: ")
    assert "s3cr3t" not in err
