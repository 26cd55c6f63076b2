"""``openwx outbox``, ``logout`` and ``status`` where nodes share the journal, and no gateway runs here."""

import json
from collections.abc import Awaitable, Callable, Sequence

import pytest

from openwx import service, store
from openwx.cluster import errand
from openwx.config import load
from openwx.errors import LeaseLost
from openwx.simulator import Account
from openwx.store.base import Journal
from openwx.store.records import (
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    WriteBatch,
)
from tests.patience import PATIENCE_S
from tests.unit.store.reports import a_message

from ..typed import Typed
from ..world import Command, World
from .conftest import Environ
from .nodes import Member, member

LogOut = Callable[..., Awaitable[tuple[int | None, str, str]]]


async def fails(one: Member, account: str, count: int = 2) -> list[int]:
    """Have deliveries fail; return their ids."""
    await one.owns(account)
    made = [a_message(number, targets=("post_api",)) for number in range(count)]
    written = await one.journal.write(WriteBatch(account=account, reports=made))
    ids = [report.id for report in written.recorded]
    ends = [DeliveryOutcome(id, DeliveryStatus.FAILED, 400, "refused") for id in ids]
    await one.journal.write(WriteBatch(account=account, outcomes=ends))
    return ids


async def test_the_outbox_is_read_whoever_runs_the_account(typed: Typed, shared: Environ) -> None:
    async with member(shared, "wx-2") as other:
        first, second = await fails(other, "default")
        for _ in range(2):  # it changes nothing
            code, out, err = await typed("outbox", **shared)
            assert (code, err) == (0, "")
            assert [int(line.split()[0]) for line in out.splitlines()] == [second, first]
        code, out, _ = await typed("outbox", "show", str(first), **shared)
        assert (code, json.loads(out)["n"]) == (0, 0)
        code, _, err = await typed("outbox", "show", "999", **shared)
        assert (code, err) == (1, "openwx: there is no delivery 999 that failed or waits\n")


async def test_the_outbox_is_changed_where_no_node_runs_the_account(
    typed: Typed, shared: Environ
) -> None:
    async with member(shared, "wx-2") as other:
        first, second = await fails(other, "default")
        for what in (("retry", "--all"), ("drop", str(first))):
            code, out, err = await typed("outbox", *what, **shared)
            assert (code, out) == (1, "")
            assert err == (
                "openwx: default runs on the node wx-2: stop it first, or do this there\n"
            )
        assert await other.journal.count_failed("default") == 2
        assert other.ownership.owned == ["default"]
    assert await typed("outbox", "retry", str(first), **shared) == (0, "1 done\n", "")
    assert await typed("outbox", "drop", "--all", "--yes", **shared) == (0, "1 done\n", "")
    async with member(shared, "wx-2") as other:
        await other.until(["default"])  # what it had was released at once
        (waits,) = await other.journal.waiting("default")
        assert waits.key == DeliveryKey(first, "post_api")
        assert second not in [one.id for one in await other.journal.failed("default")]


async def test_a_command_takes_no_accounts(typed: Typed, shared: Environ) -> None:
    """It joins as a node, but what it was not called for stays where it is."""
    async with member(shared, "wx-2", is_idle=True) as other:
        await fails(other, "default")
        await other.owns("shop")
        await other.ownership.release("default")
        assert await typed("outbox", "retry", "--all", **shared) == (0, "2 done\n", "")
        view = await other.view()
        assert [(one.account, one.owner) for one in view.accounts] == [
            ("default", None),
            ("shop", other.ownership.incarnation),
        ]
        assert [one.node for one in view.nodes] == ["wx-2"]


@pytest.fixture
def environ(world: World, shared: Environ) -> Environ:
    """Return the variables of a node whose account was logged in before its journal was copied."""
    return shared | {
        "OPENWX_DATA_DIR": str(world.data_dir),
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": world.simulator.url,
    }


@pytest.fixture
def logout(openwx: Callable[..., Awaitable[Command]]) -> LogOut:
    """Return a function that runs ``openwx logout`` in a process of its own."""

    async def run(*arguments: str, **environ: str) -> tuple[int | None, str, str]:
        return await (await openwx("logout", *arguments, **environ)).ends(PATIENCE_S)

    return run


async def test_logout_after_the_journal_was_copied(
    typed: Typed, logout: LogOut, world: World, account: Account, environ: Environ
) -> None:
    gateway = await world.run()
    await gateway.stop()
    assert (await typed("journal", "copy", **environ)).code == 0
    async with member(environ, "wx-2") as other:
        await other.owns("default")
        code, _, err = await logout(**environ)
        assert code == 1
        assert "default runs on the node wx-2: stop it first" in err
        code, _, err = await logout("--client", "nobody", **environ)
        assert (code, "there is no account nobody; there are: default" in err) == (2, True)
    assert account.is_online
    code, _, err = await logout("--client", "default", **environ)
    assert code == 0, err
    assert "default: logged out" in err
    assert world.simulator.calls_of("webwxlogout")
    code, _, err = await logout(**environ)
    assert (code, "default: not logged in" in err) == (0, True)


async def test_logout_calls_nobody_once_the_account_is_lost(
    typed: Typed,
    world: World,
    account: Account,
    environ: Environ,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = await world.run()
    await gateway.stop()
    assert (await typed("journal", "copy", **environ)).code == 0
    claim = errand.claim

    async def claim_and_lose(journal: Journal, accounts: Sequence[str]) -> None:
        await claim(journal, accounts)
        errand.gate_of(journal, "default").close()

    monkeypatch.setattr(errand, "claim", claim_and_lose)
    with pytest.raises(LeaseLost):
        await service.log_out(load(None, environ, {}).settings)
    assert not world.simulator.calls_of("webwxlogout")
    assert account.is_online


async def test_logout_of_one_account_leaves_the_others(
    logout: LogOut, world: World, account: Account
) -> None:
    gateway = await world.run()
    await gateway.stop()
    environ = {
        "OPENWX_DATA_DIR": str(world.data_dir),
        "OPENWX_ACCOUNTS": json.dumps(
            {name: {"base_url": world.simulator.url} for name in ("default", "other")}
        ),
    }
    code, _, err = await logout("--client", "other", **environ)
    assert (code, "other: not logged in" in err, "default" in err) == (0, True, False)
    assert account.is_online
    code, _, err = await logout("--client", "default", **environ)
    assert (code, "default: logged out" in err) == (0, True)


async def test_status_points_to_the_other_nodes(typed: Typed, shared: Environ) -> None:
    code, _, err = await typed("status", **shared)
    assert code == 2
    assert err.endswith("; openwx cluster status shows the other nodes\n")


async def test_the_journal_beside_is_not_used(typed: Typed, world: World, shared: Environ) -> None:
    """With ``store.url``, the file of a former time is no outbox."""
    world.data_dir.mkdir(exist_ok=True)
    async with store.open(world.data_dir / service.JOURNAL) as journal:
        sends = [NewSend(uid="u", body=b"{}")]
        await journal.write(WriteBatch(account="default", sends=sends, reports=[a_message(1)]))
    there = shared | {"OPENWX_DATA_DIR": str(world.data_dir)}
    found = await typed("outbox", "--waiting", **there)
    assert found == (0, "no delivery waits\n", "")
