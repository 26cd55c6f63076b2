"""Deliveries to ``post_api`` that failed or wait: looked at, tried again, or dropped."""

import logging
from collections.abc import Sequence

from msgspec import structs

from openwx import metrics
from openwx.accounts import journal_guard
from openwx.errors import CallerError, Code
from openwx.reporter.reporter import Reporter
from openwx.store.base import Journal, JournalError
from openwx.store.records import ListedReport, StoredReport, WriteBatch, WriteResult

log = logging.getLogger("openwx.report")

MOST = 1000
"""Deliveries in one list."""


class Waits(ListedReport, kw_only=True, frozen=True):
    """A report that waits. ``tries``, ``http_status`` and ``error`` include tries that do not count against
    ``report.tries``."""

    next_try: float
    """Unix time; 0 where others of its chat are before it, or it is under way."""


class Outbox:
    """One account's. ``reporter`` delivers; None where nobody does now."""

    def __init__(self, account: str, journal: Journal, reporter: Reporter | None = None) -> None:
        self._account = account
        self._journal = journal
        self._reporter = reporter

    async def failed(self, limit: int = MOST) -> list[ListedReport]:
        """Those that were given up, newest first."""
        return await self._journal.failed(self._account, limit=limit)

    async def count_failed(self) -> int:
        """How many were given up, and are kept. Raises ``CallerError`` (-5) where the journal cannot be read."""
        try:
            return await self._journal.count_failed(self._account)
        except JournalError as error:
            raise journal_guard.not_kept(error, "not counted") from error

    async def waiting(self, limit: int = MOST) -> list[Waits]:
        """Those that are still tried, oldest first."""
        listed = await self._journal.waiting(self._account, limit=limit)
        return [self._waits(upload) for upload in listed]

    def _waits(self, upload: ListedReport) -> Waits:
        known = structs.asdict(upload)
        if self._reporter is None:
            return Waits(**known, next_try=0.0)
        progress = self._reporter.progress(upload.id, upload.chat)
        known["tries"] = max(upload.tries, progress.tries)
        if progress.error:
            known |= {"http_status": progress.http_status, "error": progress.error}
        return Waits(**known, next_try=progress.next_try)

    async def delivered(self, limit: int = MOST) -> list[StoredReport]:
        """Those that ``post_api`` took, newest first, for as long as they are kept."""
        return await self._journal.delivered(self._account, limit=limit)

    async def show(self, upload_id: int) -> tuple[ListedReport, bytes]:
        """One of either, and its body. Raises ``CallerError`` (100)."""
        found = await self._journal.delivery(self._account, upload_id)
        if found is None:
            raise _not_found(upload_id)
        upload, body = found
        return (upload if upload.ended else self._waits(upload)), body

    async def retry(self, ids: Sequence[int] | None) -> int:
        """Send failed ones again, as if they were made now, and try those that wait now. How many.

        Where no ids are given, all that failed. What is sent again goes in the order of its chat: oldest first, and
        before newer ones that wait. Raises ``CallerError``: 100 for one that is not there, 101 for one whose medium
        is still to be fetched, or whose account never ran, -5 where it cannot be kept.
        """
        failed: list[int] = []
        chats: list[str] = []
        if ids is None:
            failed = await self._all_failed()
        for upload_id in dict.fromkeys(ids or ()):
            upload, _ = await self.show(upload_id)
            if upload.ended:
                failed.append(upload_id)
                continue
            if self._reporter is not None and not self._reporter.has(upload_id, upload.chat):
                why = "its medium is still being fetched, or the account has stopped"
                raise CallerError(Code.NOT_POSSIBLE, f"delivery {upload_id} cannot be tried: {why}")
            chats.append(upload.chat)
        written = await self._write(WriteBatch(account=self._account, retried=sorted(failed)))
        words = "%s: %d failed deliveries are sent again, %d that wait are tried now"
        log.info(words, self._account, len(written.retried), len(chats))
        if self._reporter is not None:
            self._reporter.retry(written.retried)
            if chats:
                self._reporter.try_now(chats)
        return len(written.retried) + len(chats)

    async def drop(self, ids: Sequence[int] | None) -> int:
        """Forget failed ones; all of them where no ids are given. How many.

        Raises ``CallerError``: 100 for one that is not there, 101 for one that has not failed, -5 as ``retry``.
        """
        for upload_id in ids or ():
            upload, _ = await self.show(upload_id)
            if not upload.ended:
                raise CallerError(
                    Code.NOT_POSSIBLE, f"delivery {upload_id} has not failed: it is still tried"
                )
        chosen = await self._all_failed() if ids is None else list(dict.fromkeys(ids))
        written = await self._write(WriteBatch(account=self._account, dropped=chosen))
        for upload_id in written.dropped:
            words = "%s: the failed delivery %d was dropped on request"
            metrics.dropped(log, "dropped_delivery", words, self._account, upload_id)
        return len(written.dropped)

    async def _all_failed(self) -> list[int]:
        return [upload.id for upload in await self.failed(1_000_000)]

    async def _write(self, unit: WriteBatch) -> WriteResult:
        try:
            return await self._journal.write(unit)
        except JournalError as error:
            raise journal_guard.not_kept(error, "not done") from error


def _not_found(upload_id: int) -> CallerError:
    return CallerError(Code.NOT_FOUND, f"there is no delivery {upload_id} that failed or waits")
