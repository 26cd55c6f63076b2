"""Who owns an account: one process at a time, from a claim to a release, an orderly end, or its proven death."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from openwx.store.base import JournalError, LeaseLost
from openwx.store.postgres import ownership
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import WriteBatch
from tests.patience import PATIENCE_S

from ..reports import a_message
from .conftest import LEASE_S

SHORT_LEASE_S = 3.0


def write(journal: PostgresJournal, account: str = "me") -> asyncio.Future[object]:
    batch = WriteBatch(account=account, reports=[a_message()])
    return asyncio.ensure_future(journal.write(batch))


async def test_two_processes_never_write_for_one_account(
    address: Address, journal: PostgresJournal
) -> None:
    await write(journal)
    other = address._replace(node="other")
    async with PostgresJournal(other, lease_s=LEASE_S) as second:
        with pytest.raises(LeaseLost):
            await write(second)
        await write(second, "theirs")
        assert len(await second.pending("me")) == 1  # any node reads
        with pytest.raises(LeaseLost):
            await write(journal, "theirs")
    await write(journal)


async def test_a_claim_begins_where_the_former_owner_ended(
    address: Address, operator: asyncpg.Connection
) -> None:
    terms: list[tuple[int, int, int]] = []
    for _ in range(3):
        async with PostgresJournal(address, lease_s=LEASE_S) as journal:
            await write(journal)
        row = await operator.fetchrow("SELECT epoch, unit, last_report, incarnation FROM accounts")
        assert row["incarnation"] is None
        terms.append(tuple(row)[:3])
    epochs, units, last = zip(*terms, strict=True)
    assert sorted(set(epochs)) == list(epochs)
    assert (units, last) == ((1, 2, 3), (1, 2, 3))


async def test_a_released_account_can_be_claimed(
    address: Address, journal: PostgresJournal
) -> None:
    await write(journal)
    await journal._membership.release("me")
    async with PostgresJournal(address._replace(node="other"), lease_s=LEASE_S) as second:
        await write(second)
        with pytest.raises(LeaseLost):
            await write(journal)


async def test_a_restart_of_the_same_home_takes_its_accounts_back_at_once(address: Address) -> None:
    home = uuid4()
    killed = PostgresJournal(address, home=home, lease_s=LEASE_S)
    async with killed:
        await write(killed)
        async with PostgresJournal(address, home=home, lease_s=LEASE_S) as again:
            await write(again)
            with pytest.raises(LeaseLost):
                await write(killed)


async def test_two_homes_may_not_have_one_name(address: Address) -> None:
    async with PostgresJournal(address, lease_s=SHORT_LEASE_S):
        with pytest.raises(JournalError, match="another node is called openwx"):
            async with PostgresJournal(address, lease_s=SHORT_LEASE_S):
                pass


async def test_a_name_is_free_when_its_node_is_dead(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with PostgresJournal(address, lease_s=SHORT_LEASE_S):
        pass
    dead, node = uuid4(), ownership.Node(address.node, uuid4())
    await ownership.join(operator, dead, node)
    async with PostgresJournal(address, lease_s=SHORT_LEASE_S):
        assert (
            await operator.fetchval("SELECT count(*) FROM nodes WHERE incarnation = $1", dead) == 0
        )


async def test_a_node_beats_and_one_that_was_declared_dead_writes_nothing(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with PostgresJournal(address, lease_s=SHORT_LEASE_S) as journal:
        await write(journal)
        async with asyncio.timeout(PATIENCE_S):
            while (await operator.fetchval("SELECT beat FROM nodes")) < 3:
                await asyncio.sleep(0.02)
        (beat,) = await ownership.beats(operator, uuid4())
        stale = ownership.Beat(beat.incarnation, beat.node, beat.beat - 1)
        assert not await ownership.declare_dead(operator, stale)  # it has beaten since
        await operator.execute("DELETE FROM nodes")
        async with asyncio.timeout(PATIENCE_S):
            while "me" in journal._terms:
                await asyncio.sleep(0.02)
        with pytest.raises(LeaseLost):
            await write(journal)


async def test_owners_are_listed(journal: PostgresJournal, operator: asyncpg.Connection) -> None:
    await asyncio.gather(write(journal, "b"), write(journal, "a"))
    found = await ownership.owners(operator)
    assert [(one.account, one.node) for one in found] == [("a", "openwx"), ("b", "openwx")]
    assert {one.incarnation for one in found} == {journal._terms.incarnation}


async def test_a_claim_takes_nothing_that_was_taken_since_its_snapshot(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with PostgresJournal(address, lease_s=LEASE_S):
        pass
    connections = [await address.connect_to_own() for _ in range(4)]
    members = [uuid4() for _ in connections]
    for n, (connection, me) in enumerate(zip(connections, members, strict=True)):
        await ownership.join(connection, me, ownership.Node(f"n{n}", uuid4()))
    names = [f"account {n}" for n in range(20)]
    found = await asyncio.gather(
        *(ownership.claim(one, me, names) for one, me in zip(connections, members, strict=True))
    )
    claimed = [account for terms in found for account in terms]
    assert len(claimed) == len(set(claimed))
    assert {one.account for one in await ownership.owners(operator)} == set(claimed)
    for connection in connections:
        await connection.close()
