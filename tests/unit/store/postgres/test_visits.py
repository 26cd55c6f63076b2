"""Logins to the console: every process of the store knows them, and none outlives its end."""

from openwx.store.postgres import visits
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import Visit

from ..members import member

OURS = Visit("token", b"proof")
LONG_S = 3600.0


async def test_every_process_knows_a_visit(journal: PostgresJournal, address: Address) -> None:
    async with member(address._replace(node="other"), claims=()) as other:
        await journal.visits.begin(b"one", OURS, LONG_S)
        assert await other.visits.find(b"one") == OURS
        assert await other.visits.find(b"two") is None
        await other.visits.end(b"one")
        assert await journal.visits.find(b"one") is None


async def test_a_visit_ends_by_itself(journal: PostgresJournal) -> None:
    await journal.visits.begin(b"one", OURS, 0.0)
    assert await journal.visits.find(b"one") is None


async def test_what_has_ended_does_not_begin_again(journal: PostgresJournal) -> None:
    """As a late duplicate of the statement would have it."""
    await journal.visits.begin(b"one", OURS, LONG_S)
    await journal.visits.end(b"one")
    await journal.visits.begin(b"two", OURS, LONG_S)  # which deletes what is old
    await journal.visits.begin(b"one", OURS, LONG_S)
    assert await journal.visits.find(b"one") is None


async def test_who_begins_too_many_ends_their_own(journal: PostgresJournal) -> None:
    theirs = Visit("another key", b"")
    await journal.visits.begin(b"theirs", theirs, LONG_S)
    for number in range(visits.MOST_VISITS + 1):
        await journal.visits.begin(b"%d" % number, OURS, LONG_S + number)
    assert await journal.visits.find(b"0") is None
    assert await journal.visits.find(b"1") == OURS
    assert await journal.visits.find(b"theirs") == theirs


async def test_any_name_is_kept(journal: PostgresJournal) -> None:
    odd = Visit("a\x00b 密钥", b"\x00\xff")
    await journal.visits.begin(b"\x00", odd, LONG_S)
    assert await journal.visits.find(b"\x00") == odd
