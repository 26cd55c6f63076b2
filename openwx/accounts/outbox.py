"""Lists deliveries to ``post_api`` that failed or wait, tries them again, and drops them."""

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

LISTED = 1000
"""Deliveries in one list at most."""


class WaitingReport(ListedReport, kw_only=True, frozen=True, gc=False):
    """A report that waits for its delivery. ``tries``, ``status`` and ``error`` are those until now, with tries that do
    not count against ``report.tries``."""

    next_try: float
    """Unix time; 0 if others of its chat go before it, or it is under way."""


class Outbox:
    """One account's outbox. ``reporter`` is None if no gateway runs."""

    def __init__(self, account: str, journal: Journal, reporter: Reporter | None = None) -> None:
        self._account = account
        self._journal = journal
        self._reporter = reporter

    async def failed(self, limit: int = LISTED) -> list[ListedReport]:
        """List deliveries that were given up, newest first."""
        return await self._journal.failed(self._account, limit=limit)

    async def count_failed(self) -> int:
        """Count deliveries that were given up. Raise ``CallerError`` (-5) if the journal cannot be read."""
        try:
            return await self._journal.count_failed(self._account)
        except JournalError as error:
            raise journal_guard.not_kept(error, "not counted") from error

    async def waiting(self, limit: int = LISTED) -> list[WaitingReport]:
        """List deliveries that are still tried, oldest first."""
        listed = await self._journal.waiting(self._account, limit=limit)
        return [self._waiting(report) for report in listed]

    def _waiting(self, report: ListedReport) -> WaitingReport:
        known = structs.asdict(report)
        if self._reporter is None:
            return WaitingReport(**known, next_try=0.0)
        progress = self._reporter.progress(report.id, report.chat)
        known["tries"] = max(report.tries, progress.tries)
        if progress.error:
            known |= {"http_status": progress.http_status, "error": progress.error}
        return WaitingReport(**known, next_try=progress.next_try)

    async def delivered(self, limit: int = LISTED) -> list[StoredReport]:
        """List deliveries that ``post_api`` accepted, newest first, as long as the journal has them."""
        return await self._journal.delivered(self._account, limit=limit)

    async def show(self, id: int) -> tuple[ListedReport, bytes]:
        """Return a delivery that failed or waits, and its body. Raise ``CallerError`` (100)."""
        found = await self._journal.delivery(self._account, id)
        if found is None:
            raise CallerError(Code.NOT_FOUND, f"there is no delivery {id} that failed or waits")
        report, body = found
        return (report if report.ended else self._waiting(report)), body

    async def retry(self, ids: Sequence[int] | None) -> int:
        """Send failed reports again, as if they were made now, and try waiting ones now. Return how many.

        Without ids, send all that failed. Reports of one chat are sent oldest first, and before newer ones that wait.
        Raise ``CallerError``: 100 for one that is not there, 101 for one whose file is still to be fetched, or whose
        account never ran, -5 if the journal cannot be written.
        """
        failed: list[int] = []
        chats: list[str] = []
        if ids is None:
            failed = await self._all_failed()
        for id in dict.fromkeys(ids or ()):
            report, _ = await self.show(id)
            if report.ended:
                failed.append(id)
                continue
            if self._reporter is not None and not self._reporter.has(id, report.chat):
                why = "its media is still being downloaded, or the account has stopped"
                raise CallerError(Code.NOT_POSSIBLE, f"delivery {id} cannot be tried: {why}")
            chats.append(report.chat)
        written = await self._write(WriteBatch(account=self._account, retried=sorted(failed)))
        words = "%s: %d failed deliveries are sent again, %d that wait are tried now"
        log.info(words, self._account, len(written.retried), len(chats))
        if self._reporter is not None:
            self._reporter.retry(written.retried)
            if chats:
                self._reporter.try_now(chats)
        return len(written.retried) + len(chats)

    async def drop(self, ids: Sequence[int] | None) -> int:
        """Drop failed reports: all of them without ids. Return how many.

        Raise ``CallerError``: 100 for one that is not there, 101 for one that has not failed, -5 as ``retry``.
        """
        for id in ids or ():
            report, _ = await self.show(id)
            if not report.ended:
                raise CallerError(
                    Code.NOT_POSSIBLE, f"delivery {id} has not failed: it is still tried"
                )
        chosen = await self._all_failed() if ids is None else list(dict.fromkeys(ids))
        written = await self._write(WriteBatch(account=self._account, dropped=chosen))
        for id in written.dropped:
            words = "%s: the failed delivery %d was dropped on request"
            metrics.dropped(log, "dropped_delivery", words, self._account, id)
        return len(written.dropped)

    async def _all_failed(self) -> list[int]:
        return [report.id for report in await self.failed(1_000_000)]

    async def _write(self, batch: WriteBatch) -> WriteResult:
        try:
            return await self._journal.write(batch)
        except JournalError as error:
            raise journal_guard.not_kept(error, "not done") from error
