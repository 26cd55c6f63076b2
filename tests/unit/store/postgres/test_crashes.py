"""PostgreSQL dies, or its standby does: what was acknowledged is there, and nothing is that may be lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from openwx.store.base import JournalError
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import NewSend, WriteBatch
from tests import postgres
from tests.patience import PATIENCE_S, until

from ..members import member
from ..reports import a_message

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="the server's processes are found in /proc"
)


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    with postgres.for_test() as one:
        one.create()
        one.start()
        yield one


ACCOUNTS = [f"account {n}" for n in range(10)]


class Callers:
    """Write as fast as they can, and note what they were told."""

    def __init__(self, journal: PostgresJournal) -> None:
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self._journal = journal

    async def call(self, name: str) -> None:
        n = 0
        while True:
            n += 1
            if not await self.is_acknowledged(name, n):
                await self._journal.until_writable()

    async def is_acknowledged(self, name: str, n: int) -> bool:
        """Write one batch, and return whether it was not refused."""
        uid = f"{name}-{n}"
        batch = WriteBatch(
            account=f"account {name[-1]}",
            reports=[a_message(n, name, uid=uid)],
            sends=[NewSend(uid=uid, body=b"")],
        )
        try:
            await self._journal.write(batch)
        except JournalError:
            self.refused.add(uid)
            return False
        self.acknowledged.add(uid)
        return True


async def test_nothing_acknowledged_is_lost_and_nothing_refused_is_there(
    server: postgres.Server,
) -> None:
    address = Address(server.url)
    async with member(address, claims=ACCOUNTS, lease_s=6) as journal:
        callers = Callers(journal)
        tasks = [asyncio.create_task(callers.call(f"caller {n}")) for n in range(30)]
        for turn in range(3):
            async with asyncio.timeout(PATIENCE_S):
                while len(callers.acknowledged) < 300 * (turn + 1):
                    await asyncio.sleep(0.01)
            server.kill()
            await journal.until_failing()
            # The others may all wait for answers that will be found out.
            assert not await callers.is_acknowledged("late 0", turn)
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(PATIENCE_S):
                await journal.until_writable()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with member(address, claims=ACCOUNTS, lease_s=6) as journal:
        stored: list[str] = []
        for account in ACCOUNTS:
            page = await journal.published(account, 0, rows=10**6, size=2**30)
            uids = [report.uid for report in page.reports]
            assert [one.uid for one in await journal.waiting_sends(account)] == uids
            stored += uids
    assert len(stored) == len(set(stored))
    assert callers.acknowledged <= set(stored)
    assert callers.refused.isdisjoint(stored)


async def test_nobody_loses_accounts_by_a_restart_of_postgresql(server: postgres.Server) -> None:
    lease_s = 3.0
    address = Address(server.url)
    async with (
        asyncio.timeout(2 * PATIENCE_S),
        member(address, claims=["me"], lease_s=lease_s) as first,
        member(address._replace(node="other"), claims=["us"], lease_s=lease_s) as second,
    ):
        journals = {"me": first, "us": second}
        former = [one.ownership.incarnation for one in journals.values()]
        server.kill()
        await until(lambda: not any(one.ownership.lease.is_valid for one in journals.values()))
        await asyncio.sleep(0.3 * lease_s)  # longer than anybody may be silent
        await asyncio.to_thread(server.start)
        for account, journal in journals.items():
            await journal.ownership.gate(account).passed()
            await journal.until_writable()
            await journal.write(WriteBatch(account=account, state={"a": b"1"}))
        await asyncio.sleep(lease_s)  # in which somebody could be declared dead
        assert [one.ownership.incarnation for one in journals.values()] == former
        assert [one.ownership.owned for one in journals.values()] == [["me"], ["us"]]


@pytest.fixture
async def standby(server: postgres.Server) -> AsyncIterator[postgres.Server]:
    """Make a synchronous standby of the server, and start it."""
    with postgres.for_test() as other:
        await asyncio.to_thread(other.copy_of, server)
        await asyncio.to_thread(other.start)
        operator = await asyncpg.connect(server.url)
        await operator.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await operator.execute("SELECT pg_reload_conf()")
        await operator.close()
        yield other


async def until_found(operator: asyncpg.Connection, sql: str, *values: object) -> object:
    """Wait until a query finds something, and return it."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await operator.fetchval(sql, *values)):
            await asyncio.sleep(0.02)
    return found


WRITER = """
SELECT pid FROM pg_stat_activity
WHERE {how} AND (query LIKE '%write_1%' OR query LIKE '%emit_message%') AND pid <> ALL ($1::int[]) LIMIT 1"""
WAITS_FOR_STANDBY = WRITER.format(how="wait_event = 'SyncRep'")
WAITS_FOR_ITS_FORMER_TRY = WRITER.format(how="wait_event_type = 'Lock'")
STORED = "SELECT count(*) FROM openwx.reports"


class Case:
    """A journal whose standby is away while a write is under way."""

    def __init__(self, journal: PostgresJournal, operator: asyncpg.Connection) -> None:
        self.journal = journal
        self.operator = operator
        batch = WriteBatch(account="me", reports=[a_message(2)])
        self.writing = asyncio.create_task(journal.write(batch))
        self._seen: list[int] = []

    async def next(self, query: str) -> int:
        """Wait for another connection of the writer that waits."""
        found = await until_found(self.operator, query, self._seen)
        assert isinstance(found, int)
        self._seen.append(found)
        return found


async def takes_too_long(case: Case) -> None:
    """Let the journal try again and again."""
    await case.next(WAITS_FOR_STANDBY)
    for _ in range(3):
        await case.next(WAITS_FOR_ITS_FORMER_TRY)


async def is_ended_by_an_operator(case: Case) -> None:
    """End the wait of the write, and of what shows whether the standby has it by now."""
    for _ in range(3):
        await case.operator.execute(
            "SELECT pg_cancel_backend($1)", await case.next(WAITS_FOR_STANDBY)
        )
    assert await case.operator.fetchval(STORED) == 2  # visible, but not safe


@pytest.mark.parametrize(
    ("wait", "lease_s"), [(takes_too_long, 1.5), (is_ended_by_an_operator, 3 * PATIENCE_S)]
)
async def test_what_the_standby_has_not_is_not_acknowledged(
    server: postgres.Server,
    standby: postgres.Server,
    wait: Callable[[Case], Awaitable[None]],
    lease_s: float,
) -> None:
    """Not even when it is found done: the write waits until the standby is back."""
    async with member(Address(server.url), lease_s=lease_s) as journal:
        await journal.write(WriteBatch(account="me", reports=[a_message(1)]))
        operator = await asyncpg.connect(
            server.url, server_settings={"synchronous_commit": "local"}
        )
        await asyncio.to_thread(standby.kill)
        case = Case(journal, operator)
        await wait(case)
        assert not case.writing.done()
        assert journal.trouble
        await asyncio.to_thread(standby.start)
        async with asyncio.timeout(PATIENCE_S):
            (report,) = (await case.writing).recorded
        assert await journal.pending("me") == [(1, "c"), (report.id, "c")]
        await operator.close()
        follower = await asyncpg.connect(standby.url)
        await until_found(follower, f"SELECT ({STORED}) = 2")
        await follower.close()
