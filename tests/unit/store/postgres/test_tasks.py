"""A task that ends by a bug ends the use of the journal, with the error."""

import asyncio

import pytest

from openwx.errors import LeaseLost
from openwx.store.base import InDoubt, JournalError
from openwx.store.postgres import ownership
from openwx.store.postgres.connections import Address
from openwx.store.postgres.group import BatchGroup
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import WriteBatch
from tests.patience import PATIENCE_S

from ..members import member


def broken(*_: object, **__: object) -> None:
    raise KeyError("a bug")


BATCH = WriteBatch(account="me", state={"a": b"1"})


async def use(address: Address, journals: list[PostgresJournal]) -> None:
    """Use a journal until it ends."""
    async with member(address, claims=["me"], lease_s=3.0) as journal:
        await journal.write(BATCH)
        journals.append(journal)
        await asyncio.Event().wait()


async def used(address: Address) -> tuple[PostgresJournal, asyncio.Task[None]]:
    """Begin to use a journal."""
    journals: list[PostgresJournal] = []
    using = asyncio.create_task(use(address, journals))
    async with asyncio.timeout(PATIENCE_S):
        while not journals:
            await asyncio.sleep(0.01)
    return journals[0], using


async def require_ended_by_the_bug(using: asyncio.Task[None]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait({using})
    error = using.exception()
    assert isinstance(error, ExceptionGroup)
    assert isinstance(error.exceptions[0], KeyError)


async def test_without_a_beat_the_accounts_stop_and_the_error_is_raised(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, using = await used(address)
    gate = journal.ownership.gate("me")
    monkeypatch.setattr(ownership, "beat", broken)
    async with asyncio.timeout(PATIENCE_S):
        await gate.until_closed()
    with pytest.raises((LeaseLost, JournalError)):
        await journal.write(BATCH)
    assert "the journal's beat has ended" in journal.trouble
    await require_ended_by_the_bug(using)


async def test_without_a_writer_nobody_waits_for_it(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, using = await used(address)
    monkeypatch.setattr(BatchGroup, "add", broken)
    writing = [asyncio.ensure_future(journal.write(BATCH)) for _ in range(3)]
    results = await asyncio.gather(*writing, return_exceptions=True)
    assert all(isinstance(one, JournalError | InDoubt) for one in results), results
    assert "the journal's writer has ended" in journal.trouble
    with pytest.raises(JournalError):
        await journal.write(BATCH)
    await require_ended_by_the_bug(using)


async def test_an_error_of_the_user_is_raised_as_it_is(address: Address) -> None:
    with pytest.raises(ZeroDivisionError):
        async with member(address):
            raise ZeroDivisionError


async def test_a_user_who_is_cancelled_closes_it(address: Address) -> None:
    _, using = await used(address)
    using.cancel()
    await asyncio.wait({using})
    assert using.cancelled()
    async with member(address._replace(node="other"), claims=["me"]) as journal:
        await journal.write(BATCH)
