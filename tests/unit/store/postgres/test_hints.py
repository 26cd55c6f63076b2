"""Members tell each other that something has changed; it is a hint alone, and no write gives one."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import AccountRecord, WriteBatch
from tests.patience import PATIENCE_S, until

from ..members import member
from ..reports import a_message

RECORD = AccountRecord(account="me", wanted=True, settings=b"", origin="api")
CHANGES: dict[str, Callable[[PostgresJournal], Awaitable[object]]] = {
    "save_account": lambda journal: journal.save_account(RECORD),
    "forget_account": lambda journal: journal.forget_account("me"),
    "release": lambda journal: journal.ownership.release("me"),
    "assign": lambda journal: journal.ownership.assign("me", "other"),
    "set_draining": lambda journal: journal.ownership.set_draining("openwx", is_draining=True),
}


@pytest.fixture
async def hints(address: Address, operator: asyncpg.Connection) -> list[str]:
    """Collect what is told."""
    found: list[str] = []
    await operator.add_listener(address.schema, lambda *args: found.append(args[3]))
    return found


async def quiet(journal: PostgresJournal) -> None:
    """Take the hints that have come."""
    await journal.ownership.until_hinted(0)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_wakes_the_others(
    address: Address, change: Callable[[PostgresJournal], Awaitable[object]]
) -> None:
    other = address._replace(node="other")
    async with member(address, claims=["me"]) as first, member(other, claims=[]) as second:
        await first.save_account(RECORD)
        async with asyncio.timeout(PATIENCE_S):
            await second.ownership.until_hinted(PATIENCE_S)
        waiting = asyncio.create_task(second.ownership.until_hinted(10 * PATIENCE_S))
        await asyncio.sleep(0)
        await change(first)
        async with asyncio.timeout(PATIENCE_S):
            await waiting


async def test_a_hint_that_came_before_is_not_missed(address: Address) -> None:
    other = address._replace(node="other")
    async with member(address, claims=[]) as first, member(other, claims=[]) as second:
        await quiet(second)
        await first.save_account(RECORD)
        async with asyncio.timeout(PATIENCE_S):
            await second.ownership.until_hinted(10 * PATIENCE_S)


async def test_without_a_hint_the_wait_ends_in_time(address: Address) -> None:
    async with member(address, claims=[]) as journal:
        await quiet(journal)
        async with asyncio.timeout(PATIENCE_S):
            await journal.ownership.until_hinted(0.05)


async def test_no_write_and_no_claim_gives_one(address: Address, hints: list[str]) -> None:
    async with member(address, claims=["me", "other"]) as journal:
        for _ in range(10):
            await journal.write(WriteBatch(account="me", reports=[a_message(targets=())]))
        await journal.prune()
        await journal.ownership.release("other")
        await until(lambda: hints)
        assert len(hints) == 1
