"""Nodes take accounts from each other again and again while they write: terms never mix, and nothing is lost."""

import asyncio
import itertools
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import msgspec
import pytest

from openwx.errors import LeaseLost
from openwx.store.base import InDoubt, JournalError
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import NewSend, WriteBatch
from tests.patience import PATIENCE_S

from ..members import member
from ..reports import a_message

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LEASE_S = 3.0
ACCOUNTS = [f"account {n}" for n in range(6)]
CALLERS = 4
"""Of each account, who write at the same time."""


class Books:
    """What the callers were told, by uid."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int] = {}
        """With the ids."""
        self.refused: set[str] = set()
        self.doubtful: set[str] = set()
        self.takeovers = 0


class Runner:
    """Runs on one node what it can claim."""

    def __init__(self, journal: PostgresJournal, books: Books) -> None:
        self._journal = journal
        self._books = books
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._claim(tasks)
                await asyncio.sleep(0.02)

    async def _claim(self, tasks: asyncio.TaskGroup) -> None:
        idle = [one for one in ACCOUNTS if one not in self._running]
        try:
            claimed = await self._journal.ownership.claim(idle)
        except JournalError:
            return
        for account in claimed:
            self._books.takeovers += 1
            self._running[account] = tasks.create_task(self._live(account, self._books.takeovers))

    async def _live(self, account: str, number: int) -> None:
        """Write in one term until it ends."""
        term = f"{account}/{self._journal.ownership.node}/{number}"
        try:
            stored = await self._journal.state(account)
            async with asyncio.TaskGroup() as callers:
                for n in range(CALLERS):
                    former = stored.get("term", b"").decode()
                    callers.create_task(self._write(account, f"{term}/{n}", former))
        finally:
            del self._running[account]

    async def _write(self, account: str, caller: str, former: str) -> None:
        for n in itertools.count():
            uid = f"{caller}/{n}"
            batch = WriteBatch(
                account=account,
                reports=[a_message(uid=uid, with_={"former": former})],
                sends=[NewSend(uid=uid, body=b"")],
                state={"term": term_of(uid).encode()},
            )
            try:
                (report,) = (await self._journal.write(batch)).recorded
            except JournalError:
                self._books.refused.add(uid)
                await asyncio.sleep(0)
            except LeaseLost:
                self._books.refused.add(uid)
                return
            except InDoubt:
                self._books.doubtful.add(uid)
            else:
                self._books.acknowledged[uid] = report.id


@asynccontextmanager
async def running(address: Address, node: str, books: Books) -> AsyncIterator[PostgresJournal]:
    """Run a node that claims whatever it can have."""
    here = address._replace(node=node)
    async with member(here, claims=[], lease_s=LEASE_S) as journal:
        running = asyncio.create_task(Runner(journal, books).run())
        try:
            yield journal
        finally:
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled(), running.exception()


STEALS = [
    "DELETE FROM nodes WHERE incarnation = (SELECT incarnation FROM nodes ORDER BY random() LIMIT 1)",
    """UPDATE accounts SET incarnation = NULL
    WHERE account = (SELECT account FROM accounts ORDER BY random() LIMIT 1)""",
    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name LIKE 'openwx/n%' AND datname = current_database() ORDER BY random() LIMIT 1""",
]
"""Declares one dead that lives, ends one term of it, cuts one of its connections."""


async def check(journal: PostgresJournal, books: Books) -> None:
    """Compare what is stored with what the callers were told."""
    stored: dict[str, int] = {}
    for account in ACCOUNTS:
        page = await journal.published(account, 0, rows=10**6, size=2**30)
        uids = [one.uid for one in page.reports]
        assert [one.uid for one in await journal.waiting_sends(account)] == uids
        former = ""
        for term, reports in itertools.groupby(page.reports, key=lambda one: term_of(one.uid)):
            for report in reports:
                assert msgspec.json.decode(report.body)["former"] == former, "terms are mixed"
            former = term
        for caller in {uid.rpartition("/")[0] for uid in uids}:
            numbers = [int(uid.rpartition("/")[2]) for uid in uids if uid.startswith(f"{caller}/")]
            assert numbers == sorted(set(numbers))
        stored |= {one.uid: one.id for one in page.reports}
    assert books.acknowledged.items() <= stored.items()
    assert books.refused.isdisjoint(stored)


def term_of(uid: str) -> str:
    return uid.rsplit("/", 2)[0]


@pytest.mark.parametrize("count", [2, 3])
async def test_terms_that_are_taken_under_load_never_mix(
    address: Address, operator: asyncpg.Connection, count: int
) -> None:
    print(f"seed {SEED}")
    chance, books = random.Random(SEED), Books()
    async with asyncio.timeout(2 * PATIENCE_S), AsyncExitStack() as stack:
        for n in range(count):
            await stack.enter_async_context(running(address, f"n{n}", books))
        while books.takeovers < 60 or len(books.acknowledged) < 1000:
            await asyncio.sleep(0.1)
            await operator.execute(chance.choice(STEALS))
    async with PostgresJournal(address) as visitor:
        await check(visitor, books)
    assert books.refused
