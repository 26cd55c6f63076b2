"""Nodes that are killed, stopped, paused or cut off: their accounts go on, and nothing is lost or done twice."""

import asyncio
import os
import signal
from collections.abc import Iterable

import pytest

from openwx.steady import steady
from openwx.store.postgres import writer
from tests.patience import until, until_seen

from .nodes import LEASE_S, Cluster, Process, Wire
from .world import Gateway

ABC = ("a", "b", "c")
PAUSE_S = 0.05
"""Between messages, while nodes are started: these need the processor."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


async def spawns(cluster: Cluster, *nodes: str) -> dict[str, str]:
    """Start nodes in processes of their own, and log all accounts in."""
    await asyncio.gather(*(cluster.spawn(node) for node in nodes))
    return await cluster.log_in()


def process(cluster: Cluster, node: str) -> Process:
    found = cluster.nodes[node]
    assert isinstance(found, Process)
    return found


def contents(cluster: Cluster, texts: Iterable[str]) -> list[str]:
    """Return the messages that the backend accepted, in their order, without the others."""
    wanted = set(texts)
    reports = (report.json.get("content") for report in cluster.receiver.answered)
    return [text for text in reports if text in wanted]


def new_logins(cluster: Cluster) -> list[object]:
    """Return what would say that somebody had to log in again, or that an account was stopped."""
    events = ("input_qrcode", "input_uuid", "stop", "login")
    found = [
        (name, params)
        for name, params in cluster.receiver.events(*events)
        if name != "login" or params[0] != 0
    ]
    logouts = [call.name for call in cluster.simulator.calls if call.name == "webwxlogout"]
    return [*found, *logouts]


async def test_a_killed_node_loses_nothing(either: Cluster) -> None:
    cluster = either
    owners = await spawns(cluster, *ABC)
    cluster.receiver.forget()
    victim, mine = owners["n0"], [name for name in owners if owners[name] == owners["n0"]]
    cluster.receiver.behaves_well()
    texts = []
    for name in mine:
        # The backend refuses it until the node is dead.
        cluster.receiver.fails(status=503, content=f"before {name}")
        cluster.says(name, f"before {name}")
        await cluster.receiver.get(content=f"before {name}")
        texts.append(f"before {name}")
    began = steady()
    killed = process(cluster, victim)
    killed.signals(signal.SIGKILL)
    await killed.command.ends()
    cluster.receiver.behaves_well()
    for name in mine:
        cluster.says(name, f"meanwhile {name}")
        texts.append(f"meanwhile {name}")
    del cluster.nodes[victim]
    runs = await cluster.runs()
    assert set(runs.values()) <= {*ABC} - {victim}
    took_s = steady() - began
    for name in cluster.names:
        await cluster.delivers(name, f"after {name}")
        texts.append(f"after {name}")
        assert (await cluster.sends(name, cluster.of(name, runs), "here")).code == 0
    for name in mine:
        mine_in_order = [text for text in texts if text.endswith(f" {name}")]
        assert contents(cluster, mine_in_order) == mine_in_order
    assert not new_logins(cluster)
    assert took_s > 0.8 * LEASE_S


async def test_a_node_that_is_paused_and_continued_does_nothing_for_what_others_took(
    either: Cluster,
) -> None:
    cluster = either
    owners = await spawns(cluster, "a", "b")
    victim = owners["n0"]
    paused = process(cluster, victim)
    (former,) = (one.incarnation for one in (await cluster.view()).nodes if one.node == victim)
    cluster.receiver.forget()
    paused.signals(signal.SIGSTOP)
    other = "b" if victim == "a" else "a"
    await cluster.until_owned(lambda owners: set(owners.values()) == {other})
    await cluster.delivers("n0", "taken")
    paused.signals(signal.SIGCONT)
    await paused.command.says("other nodes have declared this one dead")
    await paused.command.says("is a member again")

    async def incarnations() -> list[object]:
        return [one.incarnation for one in (await cluster.view()).nodes if one.node == victim]

    assert former not in await until_seen(incarnations)
    # Its accounts stay where they are, and nobody notices that it was there.
    assert set((await cluster.runs()).values()) == {other}
    await cluster.delivers("n0", "still there")
    assert (await cluster.sends("n0", cluster.nodes[other], "here")).code == 0
    assert not new_logins(cluster)
    assert contents(cluster, ["taken", "still there"]) == ["taken", "still there"]
    reply = await paused.get("get_user_info", client="n0")
    assert (reply.status, reply.json["node"]) == (503, other)


async def test_an_outage_of_postgresql_moves_nothing_and_nothing_is_done_meanwhile(
    either: Cluster,
) -> None:
    cluster = either
    async with Wire(cluster.url) as wire:
        await asyncio.gather(*(cluster.start(node, url=wire.url) for node in ABC))
        owners = await cluster.log_in()
        terms = {one.account: one.epoch for one in (await cluster.view()).accounts}
        services = [node.service for node in cluster.nodes.values() if isinstance(node, Gateway)]
        accounts = [
            account
            for service in services
            if service is not None
            for account in service.gateway.accounts.values()
        ]
        cluster.receiver.forget()
        wire.cut()
        await until(lambda: all(account.is_paused for account in accounts))
        # What was under way when they paused ends: a poll is held for half a second.
        await until(lambda: _are_quiet(cluster))
        called, posted = len(cluster.simulator.calls), len(cluster.receiver.reports)
        began = steady()
        for name in cluster.names:
            cluster.says(name, f"meanwhile {name}")
            reply = await cluster.sends(name, cluster.of(name, owners), "not now")
            assert (reply.status, reply.code) == (503, -4)
            assert "Retry-After" in reply.headers
        await until(lambda: steady() - began > 2 * LEASE_S)
        assert (len(cluster.simulator.calls), len(cluster.receiver.reports)) == (called, posted)
        for node in cluster.nodes.values():
            async with cluster.http.get(f"{node.url}/readyz") as answer:
                assert answer.status == 503
        wire.mend()
        for name in cluster.names:
            await cluster.receiver.get(content=f"meanwhile {name}")
        assert await cluster.runs() == owners
        assert {one.account: one.epoch for one in (await cluster.view()).accounts} == terms
        for name in cluster.names:
            assert contents(cluster, [f"meanwhile {name}"]) == [f"meanwhile {name}"]
            assert (await cluster.sends(name, cluster.of(name, owners), "now")).code == 0
        assert not new_logins(cluster)
        await cluster.close()
        cluster.nodes.clear()


def _are_quiet(cluster: Cluster) -> bool:
    """Whether WeChat was not called for longer than it holds a poll."""
    calls = cluster.simulator.calls
    return not calls or asyncio.get_running_loop().time() - _seen(len(calls)) > 1.0


_counts: dict[int, float] = {}


def _seen(count: int) -> float:
    """Return when so many calls were seen first."""
    return _counts.setdefault(count, asyncio.get_running_loop().time())


async def test_a_rolling_restart_loses_nothing(either: Cluster) -> None:
    cluster = either
    nodes = ABC if cluster.account["transport"] == "web" else ("a", "b")
    await spawns(cluster, *nodes)
    cluster.receiver.forget()
    texts: dict[str, list[str]] = {name: [] for name in cluster.names}
    enough = asyncio.Event()

    async def talk() -> None:
        number = 0
        while not enough.is_set():
            for name in cluster.names:
                texts[name].append(f"{name} {number}")
                cluster.says(name, f"{name} {number}")
            number += 1
            await cluster.receiver.get(content=texts[cluster.names[0]][-1])
            await asyncio.sleep(PAUSE_S)

    talking = asyncio.create_task(talk())
    for node in nodes:
        code, err = await process(cluster, node).stop()
        assert code == 0
        assert "Traceback" not in err
        del cluster.nodes[node]
        assert node not in (await cluster.runs()).values()
        await cluster.spawn(node)
    enough.set()
    await talking
    for name in cluster.names:
        await cluster.receiver.get(content=texts[name][-1])
        assert contents(cluster, texts[name]) == texts[name]
    assert not new_logins(cluster)


async def test_a_node_that_is_started_again_takes_its_accounts_back_at_once(
    cluster: Cluster,
) -> None:
    """It waits neither for its lease nor for the pause of a new one: the lock of its folder proves that it is gone."""
    cluster.lease_s = 30.0
    owners = await spawns(cluster, "a", "b")
    cluster.join_pause_s = 600.0
    process(cluster, owners["n0"]).signals(signal.SIGKILL)
    await process(cluster, owners["n0"]).command.ends()
    terms = {one.account: one.epoch for one in (await cluster.view()).accounts}
    await cluster.spawn(owners["n0"])
    assert (await cluster.runs("n0"))["n0"] == owners["n0"]
    after = {one.account: one.epoch for one in (await cluster.view()).accounts}
    assert after["n0"] > terms["n0"]


async def test_a_stop_while_postgresql_is_away_ends(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can be told that it leaves; others find out by its beat."""
    monkeypatch.setattr(writer, "CLOSE_S", 1.0)
    async with Wire(cluster.url) as wire:
        await asyncio.gather(
            cluster.start("a", url=wire.url, pace={"finish_s": 0.3}), cluster.start("b")
        )
        owners = await cluster.log_in()
        mine = [name for name, owner in owners.items() if owner == "a"]
        assert mine
        node = cluster.nodes["a"]
        assert isinstance(node, Gateway)
        assert node.service is not None
        accounts = [*node.service.gateway.accounts.values()]
        wire.cut()
        await until(lambda: all(account.is_paused for account in accounts))
        began = steady()
        await node.stop()
        assert steady() - began < 20.0
        runs = await cluster.runs()
        assert set(runs.values()) == {"b"}
        await cluster.delivers(mine[0], "taken")
