"""Each node keeps the state of its machine's clock for its next process."""

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from openwx import store
from openwx.errors import LeaseLost
from openwx.reporter import clock as clocks
from openwx.store.base import InDoubt
from openwx.store.copying import copy
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import WriteBatch
from tests.patience import PATIENCE_S, until, until_seen

from ..members import member
from ..reports import Clock

DAY_S = 86400.0


async def until_saved(clock: Clock, journal: PostgresJournal) -> None:
    """Save until the state is stored."""
    saving = asyncio.create_task(clocks.save(clock, journal))
    account = journal.ownership.own_account
    expected = {"clock": clock.to_bytes()}
    await until_seen(lambda: journal.state(account), lambda state: state == expected)
    saving.cancel()
    await asyncio.wait({saving})


async def test_nodes_have_clocks_of_their_own(address: Address) -> None:
    other = address._replace(node="other")
    is_set, is_right = Clock(), Clock()
    is_set.is_set(DAY_S)
    async with member(address, claims=[]) as first, member(other, claims=[]) as second:
        is_set.notice()
        await until_saved(is_set, first)
        await until_saved(is_right, second)
        assert (first.ownership.owned, second.ownership.owned) == ([], [])
    for node, saved in ((address, is_set), (other, is_right)):
        async with member(node, claims=[]) as journal:
            found = Clock()
            await clocks.resume(found, journal)
            assert found.mark().steps == saved.mark().steps


async def test_a_copied_journal_brings_the_steps_of_its_clock(
    address: Address, tmp_path: Path
) -> None:
    """Reports that were made before a step wait in it."""
    file, was_set = tmp_path / "journal", Clock()
    was_set.is_set(DAY_S)
    was_set.notice()
    async with store.open(file) as journal:
        state = {"clock": was_set.to_bytes()}
        await journal.write(WriteBatch(account="", state=state))
    _ = [one async for one in copy(file, address.url, address.schema)]
    async with member(address, claims=[]) as node:
        found = Clock()
        await clocks.resume(found, node)
        assert found.mark().steps == was_set.mark().steps
        await until_saved(found, node)


async def test_a_killed_node_finds_its_clock_at_once(address: Address) -> None:
    home, clock = uuid4(), Clock()
    async with member(address, claims=[], home=home) as killed:
        await until_saved(clock, killed)
        async with member(address, claims=[], home=home) as again:
            assert again.ownership.former == frozenset()
            await clocks.resume(Clock(), again)
            clock.is_set(DAY_S)
            clock.notice()
            await until_saved(clock, again)


async def test_a_node_that_was_declared_dead_saves_it_again(
    address: Address, operator: asyncpg.Connection
) -> None:
    clock = Clock()
    async with asyncio.timeout(PATIENCE_S), member(address, claims=[], lease_s=3.0) as journal:
        former = journal.ownership.incarnation
        await until_saved(clock, journal)
        await operator.execute("DELETE FROM nodes")
        await until(lambda: journal.ownership.incarnation != former)
        await until(lambda: journal.ownership.lease.is_valid)
        clock.is_set(DAY_S)
        clock.notice()
        await until_saved(clock, journal)


async def test_a_node_whose_clock_was_taken_from_it_takes_it_back(
    address: Address, operator: asyncpg.Connection
) -> None:
    """As nobody else can run it."""
    clock = Clock()
    async with asyncio.timeout(PATIENCE_S), member(address, claims=[], lease_s=3.0) as journal:
        await operator.execute("UPDATE accounts SET incarnation = NULL, epoch = epoch + 1")
        with pytest.raises((LeaseLost, InDoubt)):
            await journal.write(WriteBatch(account=journal.ownership.own_account))
        await until_saved(clock, journal)
