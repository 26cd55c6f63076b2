"""A node that others do not hear stops in time, and one that nobody could hear loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from openwx.errors import LeaseLost
from openwx.lease import Gate
from openwx.store.base import InDoubt
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import WriteBatch
from tests.patience import PATIENCE_S, until, until_seen

from ..members import member
from ..reports import a_message
from .cutting import CuttingProxy
from .test_doubt import uids_of

LEASE_S = 3.0


def batch(uid: str) -> WriteBatch:
    return WriteBatch(account="me", reports=[a_message(uid=uid)])


async def until_taken(journal: PostgresJournal, silent: Gate) -> None:
    """Claim the account as soon as it can be had, while nobody else may act for it."""
    own = journal.ownership

    async def claimed() -> list[str]:
        view = await own.view()
        if len(view.nodes) > 1:
            return []
        assert not silent.is_open
        return await own.claim(["me"])

    await until_seen(claimed)


async def test_a_silent_node_has_stopped_before_another_takes_its_accounts(
    address: Address, proxy: CuttingProxy
) -> None:
    cut_off, other = address._replace(url=proxy.url), address._replace(node="other")
    async with (
        asyncio.timeout(PATIENCE_S),
        member(cut_off, claims=["me"], lease_s=LEASE_S) as silent,
        member(other, claims=[], lease_s=LEASE_S) as second,
    ):
        await silent.write(batch("before"))
        own, former = silent.ownership, silent.ownership.incarnation
        gate = own.gate("me")
        await until(lambda: own.lease.left_s > 0.7 * LEASE_S)
        proxy.flows.clear()
        in_flight = asyncio.ensure_future(silent.write(batch("in flight")))
        await until_taken(second, gate)
        await second.write(batch("after"))
        assert not gate.is_open
        assert own.owned == ["me"]  # it does not know yet
        proxy.flows.set()
        await gate.until_closed()
        with pytest.raises((InDoubt, LeaseLost)):
            await in_flight
        with pytest.raises(LeaseLost):
            await silent.write(batch("late"))
        await until(lambda: own.incarnation != former and own.lease.is_valid)
        assert await own.claim(["me"]) == []
        assert await uids_of(second, "me") == ["before", "after"]


async def test_a_node_whose_beat_is_stopped_but_whose_calls_go_on_writes_nothing(
    address: Address,
) -> None:
    """As one that was stopped for a while, and has not noticed yet."""
    other = address._replace(node="other")
    async with (
        asyncio.timeout(PATIENCE_S),
        member(address, claims=["me"], lease_s=LEASE_S) as stopped,
    ):
        await stopped.write(batch("before"))
        gate = stopped.ownership.gate("me")
        (beating,) = [one for one in asyncio.all_tasks() if one.get_name() == "journal: beat"]
        beating.cancel()
        async with member(other, claims=[], lease_s=LEASE_S) as second:
            await until_taken(second, gate)
            with pytest.raises(LeaseLost):
                await stopped.write(batch("late"))
            await gate.until_closed()  # the fence told it
            assert await uids_of(second, "me") == ["before"]


BEAT_ONCE = """
INSERT INTO nodes (incarnation, node, home, url, version, max_clients, lease)
VALUES (gen_random_uuid(), 'silent', gen_random_uuid(), '', '', 1, $1)"""
CUT_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"


async def test_short_outages_make_nobody_dead_however_many_they_are(
    address: Address, operator: asyncpg.Connection
) -> None:
    """The beats of one may fall into each of them, while another looks in between."""
    here = address._replace(node=address.schema)
    async with asyncio.timeout(PATIENCE_S), member(here, claims=[], lease_s=LEASE_S) as watching:
        lease = watching.ownership.lease
        await operator.execute(BEAT_ONCE, LEASE_S)
        for _ in range(6):
            await operator.execute(CUT_ALL, f"openwx/{here.node}")
            await asyncio.sleep(0.35 * LEASE_S)  # several looks
            assert lease.is_valid
            nodes = (await watching.ownership.view()).nodes
            assert {one.node for one in nodes} == {here.node, "silent"}
        await until_seen(watching.ownership.view, lambda view: len(view.nodes) == 1)


@pytest.fixture
async def three(address: Address, proxy: CuttingProxy) -> AsyncIterator[list[PostgresJournal]]:
    """Open the journals of three nodes through the proxy; each owns one account."""
    async with AsyncExitStack() as stack:
        opened = []
        for n in range(3):
            here = address._replace(url=proxy.url, node=f"n{n}")
            node = member(here, claims=[f"account {n}"], lease_s=LEASE_S)
            opened.append(await stack.enter_async_context(node))
        yield opened


async def test_nobody_loses_accounts_by_an_outage_of_postgresql(
    three: list[PostgresJournal], proxy: CuttingProxy
) -> None:
    gates = [one.ownership.gate(f"account {n}") for n, one in enumerate(three)]
    former = [one.ownership.incarnation for one in three]
    async with asyncio.timeout(PATIENCE_S):
        proxy.flows.clear()
        await until(lambda: not any(gate.is_open for gate in gates))
        await asyncio.sleep(0.3 * LEASE_S)  # longer than anybody may be silent
        assert not any(gate.is_open for gate in gates)
        proxy.flows.set()
        await asyncio.gather(*(gate.passed() for gate in gates))
        for n, journal in enumerate(three):
            write = WriteBatch(account=f"account {n}", state={"a": b"1"})
            await journal.until_done(lambda: journal.write(write), on_wait=lambda _: None)  # noqa: B023
        await asyncio.sleep(LEASE_S)  # in which somebody could be declared dead
    assert [one.ownership.incarnation for one in three] == former
    assert [one.ownership.owned for one in three] == [[f"account {n}"] for n in range(3)]
