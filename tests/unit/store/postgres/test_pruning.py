"""A node prunes the accounts that it owns, and those that nobody owns."""

from collections.abc import AsyncIterator

import pytest

from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import WriteBatch

from ..members import member
from ..reports import Clock, a_message
from .test_doubt import uids_of


@pytest.fixture
async def other(address: Address, clock: Clock) -> AsyncIterator[PostgresJournal]:
    """Open the journal of a node that owns nothing."""
    async with member(address._replace(node="other"), claims=[], clock=clock) as opened:
        yield opened


async def write_old(journal: PostgresJournal, clock: Clock) -> None:
    reports = [a_message(n, targets=()) for n in range(3)]
    old = {"k": b"1"}
    await journal.write(WriteBatch(account="me", reports=reports, keys=old, media=old))
    clock.now += 100


async def prune(journal: PostgresJournal) -> int:
    await journal.prune_keys(keep_s=50)
    await journal.prune_media(keep_s=50)
    return await journal.prune(keep_s=50)


async def test_what_another_node_owns_is_left_to_it(
    journal: PostgresJournal, other: PostgresJournal, clock: Clock
) -> None:
    await write_old(journal, clock)
    assert await prune(other) == 0
    assert len(await uids_of(journal, "me")) == 3
    assert await journal.keys_of("me", "k") == {"k": b"1"}
    assert await journal.media("me", "k") == b"1"
    assert await prune(journal) == 2  # the newest one stays


async def test_what_nobody_owns_is_pruned_too(
    journal: PostgresJournal, other: PostgresJournal, clock: Clock
) -> None:
    """Such as what an account had that was stopped for good."""
    await write_old(journal, clock)
    await journal.ownership.release("me")
    assert await prune(other) == 2
    assert await journal.keys_of("me", "k") == {}
    assert await journal.media("me", "k") is None
    assert other.ownership.owned == []
