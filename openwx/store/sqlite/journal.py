"""The journal in one SQLite file: reports, sends and the state of accounts. ``store.open`` makes it.

One thread owns the connection. All batches that wait while it is busy share its next transaction and fsync (WAL,
``synchronous=FULL``); the benchmark ``journal`` shows what that is worth.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from openwx.config.contract import POST_API
from openwx.store.base import MAX_SEQ, InDoubt, JournalError
from openwx.store.batches import MAX_BATCHES, require_short_names
from openwx.store.condition import PROBE_EVERY_S, ByCondition
from openwx.store.pruning import prune_account
from openwx.store.records import (
    SENT,
    AccountRecord,
    Counts,
    DeliveryStatus,
    ListedDelivery,
    MessagePage,
    Report,
    ReportPage,
    Send,
    StoredReport,
    WriteBatch,
    WriteResult,
)
from openwx.store.sqlite import queries
from openwx.store.sqlite.executor import Abandoned, Worker
from openwx.store.sqlite.files import DatabaseFiles
from openwx.store.sqlite.grouping import AccountChange, Write, size_of
from openwx.store.sqlite.queries import (
    Probe,
    Prune,
    PruneOld,
    Read,
    ReadMessages,
    ReadPublished,
    Vacuum,
)
from openwx.store.sqlite.schema import BUSY_TIMEOUT_S
from openwx.store.sqlite.transactions import Transactions

T = TypeVar("T")

log = logging.getLogger("openwx.report")

PROBE_TIMEOUT_S = 20.0
"""A disk that takes longer to answer is as good as none."""
_CLOSED = "the journal is closed"


class SQLiteJournal(ByCondition):
    """Implements ``openwx.store.base.Journal``. Use it as ``async with``; leaving completes all writes.

    If the disk does not answer meanwhile, they end as ``InDoubt``.
    """

    def __init__(
        self, path: Path, *, beside: Sequence[Path] = (), clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.ownership = None
        self.visits = None
        """One process uses it: the journal's folder is locked."""
        self._clock = clock
        self._files = DatabaseFiles(path, beside)
        self._transactions = Transactions(path, clock, self._files)
        self._worker = Worker(self._transactions, name="journal", max_batch=MAX_BATCHES)
        self._is_open = False
        self._probing: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        await self._worker.start()
        self._is_open = True
        self._probing = asyncio.create_task(self._probe(), name="journal: probe")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        self._probing.cancel()
        try:
            await self._worker.stop(within_s=PROBE_TIMEOUT_S)
        except TimeoutError:
            log.error("the journal is left while it is written: its disk does not answer")  # noqa: TRY400 - no bug

    # -- whether it can be written -----------------------------------------------------------------

    async def _probe(self) -> None:
        """Check for ever whether the files are in their places; in trouble, whether they can be written."""
        condition = self._condition
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            failed = condition.failed_bytes if condition.trouble else None
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    await self._do(Probe(self._files, failed, BUSY_TIMEOUT_S))
            except JournalError as error:
                condition.failed(error)
            except TimeoutError:
                words = f"the journal failed: its disk has not answered for {PROBE_TIMEOUT_S:.0f} seconds"
                condition.failed(JournalError(words))
            else:
                if failed is not None:
                    condition.works()

    # -- writing -----------------------------------------------------------------------------------

    async def write(self, batch: WriteBatch) -> WriteResult:
        require_short_names(batch)
        return cast("WriteResult", await self._write(batch))

    async def _write(self, what: Write) -> WriteResult | None:
        self._require_open()
        self._condition.require()
        try:
            return cast("WriteResult | None", await self._worker.do(what))
        except (JournalError, Abandoned) as error:
            raise self._failed(error, what) from error.__cause__

    def _failed(self, error: JournalError | Abandoned, what: Write) -> JournalError | InDoubt:
        """Note that something could not be written, and return what its caller is told."""
        if isinstance(error, Abandoned):
            return InDoubt("the journal was closed before its disk answered")
        if self._is_open:
            self._condition.failed(error, size_of(what))
        return error

    # -- reports that are not delivered --------------------------------------------------------------

    async def pending(self, account: str, target: str = POST_API) -> list[tuple[int, str]]:
        return cast("list[tuple[int, str]]", await self._read(queries.PENDING, account, target))

    async def pending_report(
        self, account: str, report_id: int, target: str = POST_API
    ) -> Report | None:
        rows = await self._read(queries.PENDING_REPORT, account, report_id, target)
        return queries.pending_report_of(rows[0], target) if rows else None

    async def targets_waited_for(self, account: str) -> list[str]:
        return [target for (target,) in await self._read(queries.TARGETS_WAITED_FOR, account)]

    async def held(self, account: str) -> list[Report]:
        return [queries.held_report_of(row) for row in await self._read(queries.HELD, account)]

    async def body_of(self, account: str, dedupe: str) -> bytes | None:
        return await self._value(queries.BODY_OF, account, dedupe)

    # -- all reports -------------------------------------------------------------------------------

    async def published(self, account: str, after: int, *, rows: int, size: int) -> ReportPage:
        page = await self._do(ReadPublished(account, after, rows=rows, size=size))
        return cast("ReportPage", page)

    async def newest_published(self, account: str) -> int:
        newest: int = (await self._read(queries.NEWEST, account))[0][0]
        return newest

    async def published_report(self, account: str, seq: int) -> StoredReport | None:
        return next(iter(await self._stored(queries.PUBLISHED_REPORT, account, seq)), None)

    async def report(self, account: str, report_id: int) -> StoredReport | None:
        return next(iter(await self._stored(queries.REPORT, account, report_id)), None)

    async def log(self, account: str, *, before: int = MAX_SEQ, limit: int) -> list[StoredReport]:
        return await self._stored(queries.LOG, account, before, limit)

    async def messages(
        self, account: str, chat: str | None, *, before: int = MAX_SEQ, rows: int, size: int
    ) -> MessagePage:
        page = await self._do(ReadMessages(account, chat, before, rows=rows, size=size))
        return cast("MessagePage", page)

    async def chats(self, account: str, *, limit: int) -> list[StoredReport]:
        return await self._stored(queries.CHATS, account, limit)

    async def bodies(self, account: str, ids: Sequence[int]) -> dict[int, bytes]:
        return dict(await self._read(queries.BODIES, account, json.dumps(ids)))

    async def counts(self, account: str, *, within_s: float) -> Counts:
        since = self._clock() - within_s
        rows = await self._read(queries.COUNTS, account, since, SENT)
        return queries.counts_of(rows[0])

    # -- deliveries --------------------------------------------------------------------------------

    async def failed(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        return await self._listed(queries.FAILED, account, target, limit)

    async def count_failed(self, account: str) -> int:
        rows = await self._read(queries.COUNT_FAILED, account, int(DeliveryStatus.FAILED))
        count: int = rows[0][0]
        return count

    async def waiting(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        return await self._listed(queries.WAITING, account, target, limit)

    async def delivered(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        return await self._listed(queries.DELIVERED, account, target, limit)

    async def deliveries(self, account: str, report_id: int) -> list[ListedDelivery]:
        return await self._listed(queries.DELIVERIES, account, report_id)

    # -- sends, state, media and keys --------------------------------------------------------------

    async def waiting_sends(self, account: str) -> list[Send]:
        return [queries.send_of(row) for row in await self._read(queries.SENDS, account)]

    async def state(self, account: str) -> dict[str, bytes]:
        return dict(await self._read(queries.STATE, account))

    async def media(self, account: str, key: str) -> bytes | None:
        return await self._value(queries.MEDIA, account, key)

    async def keys_of(self, account: str, key: str) -> dict[str, bytes]:
        return dict(await self._read(queries.KEYS_OF, account, key))

    # -- accounts ----------------------------------------------------------------------------------

    async def accounts(self) -> list[AccountRecord]:
        return [queries.account_of(row) for row in await self._read(queries.ACCOUNTS)]

    async def save_account(self, record: AccountRecord) -> None:
        await self._write(AccountChange(record.account, record))

    async def forget_account(self, account: str) -> None:
        await self._write(AccountChange(account, None))

    # -- maintenance -------------------------------------------------------------------------------

    async def prune(
        self, *, keep_s: float = 7 * 86400, keep: int = 10_000, keep_failed: int = 10_000
    ) -> int:
        count = 0
        before = self._clock() - keep_s
        account = ""
        while (account := (await self._read(queries.NEXT_ACCOUNT, account))[0][0]) is not None:
            count += await prune_account(
                self._prune, account, before=before, keep=keep, keep_failed=keep_failed
            )
        await self._in_slices(Vacuum())
        return count

    async def _prune(self, account: str, status: DeliveryStatus, before: float, keep: int) -> int:
        return await self._in_slices(Prune(account, status, before, keep))

    async def prune_media(self, *, keep_s: float) -> None:
        await self._in_slices(PruneOld("media", self._clock() - keep_s))

    async def prune_keys(self, *, keep_s: float) -> None:
        await self._in_slices(PruneOld("keys", self._clock() - keep_s))

    async def files(self, account: str) -> set[str]:
        return {path for (path,) in await self._read(queries.FILES, account)}

    async def unfinished(self, account: str) -> tuple[int, int]:
        reports, sends = (await self._read(queries.UNFINISHED, account))[0]
        return reports, sends

    async def size(self) -> int:
        return self._files.size()

    # -- the thread --------------------------------------------------------------------------------

    async def _in_slices(self, job: Prune | PruneOld | Vacuum) -> int:
        """Repeat a job until nothing is left for it. Other jobs run in between."""
        total = 0
        while count := await self._do(job):
            total += count
        return total

    async def _stored(self, sql: str, *values: object) -> list[StoredReport]:
        return [queries.stored_report_of(row) for row in await self._read(sql, *values)]

    async def _listed(self, sql: str, *values: object) -> list[ListedDelivery]:
        return [queries.listed_delivery_of(row) for row in await self._read(sql, *values)]

    async def _value(self, sql: str, *values: object) -> bytes | None:
        rows = await self._read(sql, *values)
        return rows[0][0] if rows else None

    async def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return cast("list[tuple[Any, ...]]", await self._do(Read(sql, *values)))

    async def _do(
        self,
        job: Read | ReadPublished | ReadMessages | Prune | PruneOld | Vacuum | Probe,
    ) -> Any:
        self._require_open()
        try:
            return await self._worker.do(job)
        except Abandoned:
            raise JournalError(_CLOSED) from None

    def _require_open(self) -> None:
        if not self._is_open:
            raise JournalError(_CLOSED)
