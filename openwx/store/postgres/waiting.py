"""What waits to be written: batches and other statements, in the order of the calls."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

import asyncpg

from openwx.store.base import JournalError
from openwx.store.postgres.group import Entry


class Statement:
    """A statement that may be repeated, and the future of its caller."""

    def __init__(self, sql: str, values: Sequence[object]) -> None:
        self.sql = sql
        self.values = values
        self.done: asyncio.Future[list[asyncpg.Record]] = asyncio.get_running_loop().create_future()

    def succeed(self, rows: list[asyncpg.Record]) -> None:
        """Give the caller its rows, unless it is gone."""
        if not self.done.done():
            self.done.set_result(rows)

    def fail(self, error: Exception) -> None:
        """Tell the caller, unless it is gone."""
        if not self.done.done():
            self.done.set_exception(error)


Job = Entry | Statement


class Waiting:
    """A queue whose first job is looked at before it is taken."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._changed = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    @property
    def first(self) -> Job:
        return self._jobs[0]

    def put(self, job: Job) -> None:
        self._jobs.append(job)
        self._changed.set()

    def take(self) -> Job:
        return self._jobs.popleft()

    def wake(self) -> None:
        """End ``until_changed``."""
        self._changed.set()

    async def until_changed(self, within_s: float) -> None:
        """Wait until there is a job, or for so long."""
        self._changed.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def refuse(self, error: JournalError) -> None:
        """Fail all jobs: none of them was ever sent."""
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            job.fail(JournalError(str(error)))
