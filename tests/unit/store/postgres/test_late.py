"""A statement whose answer was lost takes effect late, after newer ones, or not at all: nobody is misled by it."""

import asyncio
import struct
from uuid import UUID

import asyncpg
import pytest

from openwx.errors import LeaseLost
from openwx.store.base import JournalError
from openwx.store.postgres import edits, ownership
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import AccountRecord, WriteBatch
from tests.patience import PATIENCE_S, until, until_seen

from ..members import member
from .cutting import Cut, CuttingProxy

LEASE_S = 6.0
CLAIM_OF_ME = b"me" + struct.pack(">7i", 25, 1, 0, 25, 1, 1, 1) + b"0"
"""By this the proxy knows the first claim of `me` alone: after the name comes an array with the text 0."""


def record(settings: bytes) -> AccountRecord:
    return AccountRecord(account="me", wanted=True, settings=settings, origin="api")


async def arrive(proxy: CuttingProxy) -> None:
    """Let what was held up arrive, and wait until it is done."""
    proxy.late.set()
    async with asyncio.timeout(PATIENCE_S):
        await proxy.arrived.wait()


async def test_an_older_record_does_not_come_back(
    through: PostgresJournal, proxy: CuttingProxy
) -> None:
    await through.save_account(record(b"first"))
    proxy.cuts[b"<mark>"] = Cut.LATE
    await through.save_account(record(b"<mark>"))  # done by another connection meanwhile
    await through.save_account(record(b"newest"))
    await arrive(proxy)
    assert await through.accounts() == [record(b"newest")]


async def test_a_change_whose_answer_was_late_is_done_once(
    through: PostgresJournal, proxy: CuttingProxy
) -> None:
    proxy.cuts[b"<mark>"] = Cut.LATE
    assert await through.ownership.replace_account(None, record(b"<mark>"))
    assert await through.ownership.replace_account(record(b"<mark>"), record(b"newest"))
    await arrive(proxy)
    assert await through.accounts() == [record(b"newest")]


async def test_a_forgotten_account_does_not_come_back(
    through: PostgresJournal, proxy: CuttingProxy
) -> None:
    proxy.cuts[b"<mark>"] = Cut.LATE
    await through.save_account(record(b"<mark>"))
    await through.forget_account("me")
    await arrive(proxy)
    assert await through.accounts() == []


async def test_an_older_assignment_does_not_come_back(
    through: PostgresJournal, proxy: CuttingProxy
) -> None:
    own = through.ownership
    await through.save_account(record(b""))
    proxy.cuts[b"<mark>"] = Cut.LATE
    assert await own.assign("me", "<mark>")
    assert await own.assign("me", "newer")
    await arrive(proxy)
    assert [one.next for one in (await own.view()).accounts] == ["newer"]


async def test_a_node_that_drains_no_more_does_not_begin_again(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with member(address) as journal:
        for is_draining in (True, False):
            await journal.ownership.set_draining(address.node, is_draining=is_draining)
        await operator.execute(edits.DRAIN, address.node, True, 1)
        assert not (await journal.ownership.view()).nodes[0].is_draining


async def test_a_late_claim_ends_no_newer_term(
    address: Address, proxy: CuttingProxy, operator: asyncpg.Connection
) -> None:
    here = address._replace(url=proxy.url)
    async with member(here, claims=[], lease_s=LEASE_S) as journal:
        proxy.cuts[CLAIM_OF_ME] = Cut.LATE
        with pytest.raises(JournalError):
            await journal.ownership.claim(["me"])
        assert await journal.ownership.claim(["me"]) == ["me"]
        epoch = await operator.fetchval("SELECT epoch FROM accounts WHERE account = 'me'")
        await arrive(proxy)
        await journal.write(WriteBatch(account="me", state={"a": b"1"}))
        assert epoch == await operator.fetchval("SELECT epoch FROM accounts WHERE account = 'me'")


async def test_what_was_claimed_without_an_answer_is_released(
    address: Address, proxy: CuttingProxy
) -> None:
    """Else it would stand under this node's name, and nobody would run it."""
    here = address._replace(url=proxy.url)
    async with member(here, claims=["other"], lease_s=3.0) as journal:
        await journal.save_account(record(b""))
        proxy.cuts[CLAIM_OF_ME] = Cut.AFTER
        with pytest.raises(JournalError):
            await journal.ownership.claim(["me"])
        assert proxy.done == [CLAIM_OF_ME]
        view = await until_seen(journal.ownership.view, lambda view: view.accounts[0].owner is None)
        assert view.accounts[0].epoch > 0
        assert journal.ownership.owned == ["other"]
        await journal.write(WriteBatch(account="other", state={"a": b"1"}))


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
async def test_a_release_without_an_answer_is_done_with_the_next_beat(
    address: Address, proxy: CuttingProxy, cut: Cut
) -> None:
    here = address._replace(url=proxy.url)
    async with member(here, claims=["me"], lease_s=3.0) as journal:
        await journal.save_account(record(b""))
        gate = journal.ownership.gate("me")
        proxy.cuts[b"<other>"] = cut
        await journal.ownership.release("me", to="<other>")
        assert not gate.is_open
        assert journal.ownership.owned == []
        view = await until_seen(journal.ownership.view, lambda view: view.accounts[0].owner is None)
        assert view.accounts[0].next == "<other>"


async def test_a_release_between_a_beat_and_its_answer_keeps_its_target(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = ownership.terms
    releases: list[asyncio.Task[None]] = []

    async def released_meanwhile(connection: asyncpg.Connection, me: UUID) -> dict[str, int]:
        found = await terms(connection, me)
        if "me" in found and not releases:
            releases.append(asyncio.create_task(journal.ownership.release("me", to="other")))
            await asyncio.sleep(0)
        return found

    async with member(address, claims=["me"], lease_s=3.0) as journal:
        await journal.save_account(record(b""))
        monkeypatch.setattr(ownership, "terms", released_meanwhile)
        await until(lambda: releases)
        await asyncio.gather(*releases)
        (row,) = (await journal.ownership.view()).accounts
    assert (row.owner, row.next) == (None, "other")


async def test_a_late_release_ends_no_newer_term(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with member(address, claims=["me"]) as journal:
        own = journal.ownership
        epoch = await operator.fetchval("SELECT epoch FROM accounts WHERE account = 'me'")
        await own.release("me")
        assert await own.claim(["me"]) == ["me"]
        assert not await ownership.release(operator, own.incarnation, "me", epoch)
        await journal.write(WriteBatch(account="me", state={"a": b"1"}))


async def test_a_record_that_was_never_written_does_not_bring_back_a_forgotten_account(
    journal: PostgresJournal, operator: asyncpg.Connection
) -> None:
    await journal.save_account(record(b"first"))
    edit = await operator.fetchval("SELECT edit FROM accounts WHERE account = 'me'")
    await journal.forget_account("me")
    await operator.execute(edits.SAVE, "me", True, b"late", "api", edit + 1)
    assert await journal.accounts() == []


async def test_what_waits_in_a_former_term_is_not_written_in_a_later_one(
    journal: PostgresJournal, operator: asyncpg.Connection
) -> None:
    """Its writer knows nothing of what was read since."""
    async with operator.transaction():
        await operator.execute("SELECT FROM accounts WHERE account = 'other' FOR UPDATE")
        first = asyncio.ensure_future(journal.write(WriteBatch(account="other")))
        await until_busy(operator)
        waits = asyncio.ensure_future(journal.write(WriteBatch(account="me", state={"a": b"1"})))
        await asyncio.sleep(0)  # it is asked for
        journal._terms.end(["me"])
        assert await journal.ownership.claim(["me"]) == ["me"]
    await first
    with pytest.raises(LeaseLost):
        await waits
    await journal.write(WriteBatch(account="me", state={"b": b"2"}))
    assert await journal.state("me") == {"b": b"2"}


async def until_busy(operator: asyncpg.Connection) -> None:
    """Wait until the writer waits for a lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = $1"
    me = await operator.fetchval("SELECT pg_current_xact_id()::xid")
    await until_seen(lambda: operator.fetchval(waiting, me))
