"""The journal: uploads, queued sends and account state in one SQLite file.

Only the modules around this one know SQLite (``schema``, ``tables``, ``queries``). One thread owns the
connection; all units that wait when it is free share one transaction and one fsync (WAL,
``synchronous=FULL``), and one that cannot be done does not touch the others. What ``write`` returned
is on the disk.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from openwx import metrics
from openwx.store.records import (
    Completed,
    Counts,
    DeliveryStatus,
    ListedReport,
    NewReport,
    NewSend,
    PublishedReport,
    Report,
    ReportPage,
    Send,
    Settled,
    StoredReport,
    WriteBatch,
    WriteResult,
)
from openwx.store.sqlite import queries
from openwx.store.sqlite.condition import Condition, size_of
from openwx.store.sqlite.executor import Writer
from openwx.store.sqlite.files import Files, Look
from openwx.store.sqlite.queries import Prune, PruneOld, Read, ReadShown, Vacuum
from openwx.store.sqlite.schema import BUSY_TIMEOUT_S, JournalError
from openwx.store.sqlite.tables import AT_ONCE, Tables

__all__ = [
    "Completed",
    "Counts",
    "DeliveryStatus",
    "Journal",
    "JournalError",
    "ListedReport",
    "NewReport",
    "NewSend",
    "PublishedReport",
    "Report",
    "ReportPage",
    "Send",
    "Settled",
    "StoredReport",
    "WriteBatch",
    "WriteResult",
]

log = logging.getLogger("openwx.report")
T = TypeVar("T")

LOOK_EVERY_S = 0.5
"""So often it is looked whether the files are there, and in trouble, whether they can be written again."""
HANGS_S = 20.0
"""A disk that takes longer is as good as none."""

_ABOVE_ALL = 2**63 - 1
"""Above every number."""


class Journal:
    """``async with Journal(path) as journal``. Leaving waits until what was begun is written.

    ``beside``: files that must stay in their places as the journal's own must, such as the lock of its folder.
    """

    def __init__(
        self, path: Path, *, beside: Sequence[Path] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._clock = clock
        self._files = Files(path, beside)
        self._condition = Condition()
        self._writer = Writer(Tables(path, clock, self._files), name="journal", at_once=AT_ONCE)
        self._is_open = False
        self._looking: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        await self._writer.start()
        self._is_open = True
        self._looking = asyncio.create_task(self._look(), name="journal: looks after its files")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_open = False
        self._looking.cancel()
        await self._writer.stop()

    # -- whether it can be written -----------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """Why nothing can be written now; empty where it can, as far as is known."""
        return self._condition.trouble

    def require_writable(self) -> None:
        """Raise ``JournalError`` where it is known that nothing can be written now."""
        self._condition.require()

    async def writable(self) -> bool:
        """Wait until it can be written, as far as is known; whether that took any time."""
        return await self._condition.until_it_works()

    async def fails(self) -> JournalError:
        """Wait until it cannot be written; why."""
        return await self._condition.until_it_fails()

    async def insist(
        self, work: Callable[[], Awaitable[T]], waits: Callable[[JournalError], object]
    ) -> T:
        """Do something with the journal, however long that takes; ``waits`` is called once, where it takes longer."""
        is_first = True
        while True:
            try:
                return await work()
            except JournalError as error:
                if is_first:
                    waits(error)
                is_first = False
            if self._condition.trouble:
                await self.writable()
            else:  # it was not written but read
                await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        """Look for ever whether the files are there, and in trouble, whether something can be written."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            condition = self._condition
            failed = condition.failed_bytes if condition.trouble else None
            try:
                async with asyncio.timeout(HANGS_S):
                    await self._order(Look(self._files, failed, BUSY_TIMEOUT_S))
            except JournalError as error:
                condition.failed(error)
            except TimeoutError:
                words = f"the journal failed: its disk has not answered for {HANGS_S:.0f} seconds"
                condition.failed(JournalError(words))
            else:
                if failed is not None:
                    condition.works()

    # -- what is in it -----------------------------------------------------------------------------

    async def write(self, unit: WriteBatch) -> WriteResult:
        """Do all of a unit, or (with ``JournalError``) nothing of it: at once while it is known to fail."""
        self._condition.require()
        try:
            return cast("WriteResult", await self._order(unit))
        except JournalError as error:
            if self._is_open:
                self._condition.failed(error, size_of(unit))
            raise

    async def pending(self, account: str) -> list[tuple[int, str]]:
        """Id and chat of every upload that can be delivered now, oldest first."""
        return cast("list[tuple[int, str]]", await self._read(queries.PENDING, account))

    async def held(self, account: str) -> list[Report]:
        """Uploads whose medium is still to be fetched, and those that wait behind them; oldest first."""
        return [queries.upload_of(row) for row in await self._read(queries.HELD, account)]

    async def upload(self, upload_id: int) -> Report | None:
        """A pending upload; None once it is settled."""
        rows = await self._read(queries.UPLOAD, upload_id)
        return queries.upload_of(rows[0]) if rows else None

    async def failed(self, account: str, *, limit: int = 100) -> list[ListedReport]:
        """The uploads that were given up, newest first. ``WriteBatch.again`` has them sent once more."""
        rows = await self._read(queries.FAILED, account, int(DeliveryStatus.FAILED), limit)
        return [queries.listed_upload_of(row) for row in rows]

    async def failures(self, account: str) -> int:
        """How many uploads were given up, and are kept."""
        count: int = (await self._read(queries.FAILURES, account, int(DeliveryStatus.FAILED)))[0][0]
        return count

    async def waiting(self, account: str, *, limit: int = 100) -> list[ListedReport]:
        """The uploads that are not delivered yet, oldest first."""
        rows = await self._read(queries.WAITING, account, limit)
        return [queries.listed_upload_of(row) for row in rows]

    async def listed(self, account: str, upload_id: int) -> tuple[ListedReport, bytes] | None:
        """One that was given up or that waits, and its body."""
        rows = await self._read(queries.LISTED, account, upload_id, int(DeliveryStatus.FAILED))
        return (queries.listed_upload_of(rows[0][:-1]), rows[0][-1]) if rows else None

    async def delivered(self, account: str, *, limit: int = 100) -> list[StoredReport]:
        """The uploads that were delivered, newest first, for as long as they are kept."""
        return await self._kept(queries.DELIVERED, account, limit)

    async def kept(self, account: str, upload_id: int) -> StoredReport | None:
        """One upload, however it ended."""
        return next(iter(await self._kept(queries.KEPT, account, upload_id)), None)

    async def kept_shown(self, account: str, seq: int) -> StoredReport | None:
        """One upload that can be seen, by its number."""
        return next(iter(await self._kept(queries.KEPT_SHOWN, account, seq)), None)

    async def bodies(self, account: str, ids: Sequence[int]) -> dict[int, bytes]:
        """The bodies of uploads, for as long as they are kept."""
        return dict(await self._read(queries.BODIES, account, json.dumps(ids)))

    async def chats(self, account: str, *, limit: int) -> list[StoredReport]:
        """The newest upload of each chat, those first where something happened last."""
        return await self._kept(queries.CHATS, account, limit)

    async def history(
        self, account: str, chat: str, *, before: int = _ABOVE_ALL, limit: int
    ) -> list[StoredReport]:
        """The uploads of one chat that can be seen, newest first: those with a number below ``before``."""
        return await self._kept(queries.HISTORY, account, chat, before, limit)

    async def told(
        self, account: str, *, before: int = _ABOVE_ALL, limit: int
    ) -> list[StoredReport]:
        """The uploads of an account that can be seen, newest first: those with a number below ``before``."""
        return await self._kept(queries.TOLD, account, before, limit)

    async def counts(self, account: str, *, within_s: float) -> Counts:
        """What an account did in the last seconds, so many."""
        since = self._clock() - within_s
        rows = await self._read(queries.COUNTS, account, since, queries.SENT)
        return queries.counts_of(rows[0])

    async def _kept(self, sql: str, *values: object) -> list[StoredReport]:
        return [queries.kept_upload_of(row) for row in await self._read(sql, *values)]

    async def body_of(self, account: str, dedupe: str) -> bytes | None:
        """The body of the upload with this ``dedupe``, for as long as its row is kept."""
        rows = await self._read(queries.BODY_OF, account, dedupe)
        return rows[0][0] if rows else None

    async def shown(self, account: str, after: int, *, rows: int, size: int) -> ReportPage:
        """What everybody may see after this id: up to ``rows`` uploads of ``size`` bytes in all, one at least."""
        return cast(
            "ReportPage", await self._order(ReadShown(account, after, rows=rows, size=size))
        )

    async def newest_shown(self, account: str) -> int:
        """The id of the newest upload that can be seen, 0 where there was never one."""
        newest: int = (await self._read(queries.NEWEST, account))[0][0]
        return newest

    async def waiting_sends(self, account: str) -> list[Send]:
        """The sends that are not finished, oldest first."""
        return [queries.send_of(row) for row in await self._read(queries.SENDS, account)]

    async def left(self, account: str) -> tuple[int, int]:
        """How many uploads and sends wait."""
        uploads, sends = (await self._read(queries.LEFT, account))[0]
        return uploads, sends

    async def state(self, account: str) -> dict[str, bytes]:
        """What the account wanted remembered."""
        return dict(await self._read(queries.STATE, account))

    async def medium(self, account: str, key: str) -> bytes | None:
        """What ``WriteBatch.media`` told of a medium, unless it is forgotten by now."""
        rows = await self._read(queries.MEDIUM, account, key)
        return rows[0][0] if rows else None

    async def key(self, account: str, key: str) -> bytes | None:
        """What ``WriteBatch.keys`` told of a call, unless it is forgotten by now."""
        rows = await self._read(queries.KEY, account, key)
        return rows[0][0] if rows else None

    async def keys_of(self, account: str, key: str) -> dict[str, bytes]:
        """Return the row of a key and those whose keys are ``<key> <anything>``, unless they are pruned by now."""
        return dict(await self._read(queries.KEYS_OF, account, key))

    async def files(self) -> set[str]:
        """The attachments of all that is not delivered or sent yet: not to be deleted."""
        return {path for (path,) in await self._read(queries.FILES)}

    async def prune(
        self, *, keep_s: float = 7 * 86400, keep: int = 10_000, keep_failed: int = 10_000
    ) -> int:
        """Forget delivered uploads that are older than ``keep_s`` or beyond ``keep`` of an account; the file shrinks.

        Failed ones stay, up to ``keep_failed``, and what is pending always. Answers how many rows went.
        """
        gone = 0
        before = self._clock() - keep_s
        account = ""
        while (account := (await self._read(queries.NEXT_ACCOUNT, account))[0][0]) is not None:
            gone += await self._prune(Prune(account, DeliveryStatus.DELIVERED, before, keep))
            gone += await self._prune(Prune(account, DeliveryStatus.DROPPED, before, keep))
            failed = await self._prune(Prune(account, DeliveryStatus.FAILED, 0.0, keep_failed))
            if failed:
                words = "%s: forgot the oldest %d of the failed uploads"
                metrics.dropped(log, "failed_delivery", words, account, failed, count=failed)
            gone += failed
        await self._prune(Vacuum())
        return gone

    async def prune_media(self, *, keep_s: float) -> None:
        """Forget what was known of media for longer than this."""
        await self._prune(PruneOld("media", self._clock() - keep_s))

    async def prune_keys(self, *, keep_s: float) -> None:
        """Forget calls with keys that are older than this."""
        await self._prune(PruneOld("keys", self._clock() - keep_s))

    def size(self) -> int:
        """Bytes on the disk, with what is not yet written back from the write-ahead log."""
        size = 0
        for file in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            with contextlib.suppress(FileNotFoundError):
                size += file.stat().st_size
        return size

    async def _prune(self, slices: Prune | PruneOld | Vacuum) -> int:
        gone = 0
        while count := await self._order(slices):  # units in between need not wait for all of it
            gone += count
        return gone

    async def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return cast("list[tuple[Any, ...]]", await self._order(Read(sql, *values)))

    async def _order(
        self, what: WriteBatch | Read | ReadShown | Prune | PruneOld | Vacuum | Look
    ) -> Any:
        if not self._is_open:
            raise JournalError("the journal is closed")
        return await self._writer.order(what)
