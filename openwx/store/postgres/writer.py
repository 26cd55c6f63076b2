"""Takes what waits to the connection that writes: all batches that wait while it is busy are the next group.
``PostgresJournal`` runs it.
"""

import asyncio
import logging
from collections.abc import Callable

import asyncpg

from openwx.store.base import InDoubt, JournalError
from openwx.store.condition import PROBE_EVERY_S, Condition
from openwx.store.postgres.connections import Address
from openwx.store.postgres.group import BatchGroup, Entry
from openwx.store.postgres.settling import Settler, add
from openwx.store.postgres.terms import Terms
from openwx.store.postgres.waiting import Job, Statement, Waiting
from openwx.store.records import WriteBatch, WriteResult

log = logging.getLogger("openwx.report")

CLOSE_S = 10.0
"""How long closing waits for what is in doubt, in seconds."""


class Writer:
    """Writes batches in the order of the calls. ``patience_s``: how long an answer may take."""

    def __init__(
        self,
        address: Address,
        terms: Terms,
        condition: Condition,
        clock: Callable[[], float],
        *,
        patience_s: float,
    ) -> None:
        self._terms = terms
        self._condition = condition
        self._clock = clock
        self._waiting = Waiting()
        self._settler = Settler(
            address, terms, condition, clock, self._waiting, patience_s=patience_s
        )
        self._busy_since = 0.0
        self._running: asyncio.Task[None]

    async def open(self) -> None:
        """Connect. Raise one of ``Unreachable``."""
        await self._settler.open()

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to write."""
        self._running = tasks.create_task(self._run(), name="journal: writer")

    async def stop(self) -> None:
        """Write all that waits; what is in doubt, for as long as ``CLOSE_S``."""
        self._settler.ends_at = asyncio.get_running_loop().time() + CLOSE_S
        self._waiting.wake()
        await asyncio.wait({self._running})
        self._waiting.refuse(JournalError("the journal is closed"))

    async def close(self) -> None:
        """Disconnect."""
        await self._settler.close()

    def write(self, batch: WriteBatch) -> asyncio.Future[WriteResult]:
        """Enqueue a batch. Cancelling the future does not stop it. Raise ``LeaseLost`` for what is not owned."""
        term = self._terms.of(batch.account)
        entry = Entry(batch, term, asyncio.get_running_loop().create_future())
        self._waiting.put(entry)
        return entry.done

    def do(self, sql: str, *values: object) -> asyncio.Future[list[asyncpg.Record]]:
        """Enqueue a statement that may be repeated."""
        statement = Statement(sql, values)
        self._waiting.put(statement)
        return statement.done

    @property
    def waits_s(self) -> float:
        """How long the oldest write under way has waited, in seconds; 0 if there is none."""
        return asyncio.get_running_loop().time() - self._busy_since if self._busy_since else 0.0

    async def _run(self) -> None:
        try:
            await self._write_for_ever()
        except BaseException as error:
            why = self._condition.trouble or f"the journal's writer has ended: {error!r}"
            failed = JournalError(why)
            self._condition.failed(failed)
            self._waiting.refuse(failed)
            raise

    async def _write_for_ever(self) -> None:
        settler, waiting = self._settler, self._waiting
        while True:
            if waiting:
                self._busy_since = asyncio.get_running_loop().time()
                await self._do_next(waiting.first)
                self._busy_since = 0.0
            elif settler.ends_at is not None:
                return
            else:
                await waiting.until_changed(PROBE_EVERY_S)
                if not waiting and (self._condition.trouble or settler.is_lost):
                    await settler.probe()

    async def _do_next(self, first: Job) -> None:
        job = (
            first
            if isinstance(first, Statement)
            else BatchGroup(self._terms.incarnation, self._clock)
        )
        try:
            if isinstance(job, Statement):
                self._waiting.take()
                await self._settler.settle_statement(job)
            else:
                self._fill(job)
                if job.entries:
                    await self._settler.settle(job)
        except BaseException:
            job.fail(InDoubt("it is not known whether this was written: the journal has ended"))
            raise

    def _fill(self, group: BatchGroup) -> None:
        while self._waiting:
            entry = self._waiting.first
            if isinstance(entry, Statement) or not group.fits(entry.batch):
                break
            add(group, entry, self._terms)
            self._waiting.take()
