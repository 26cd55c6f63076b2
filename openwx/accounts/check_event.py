"""The reports that ``check_event`` returns: the newest since it was called last."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence

from openwx import metrics
from openwx.accounts.media.files import AccountFiles
from openwx.reporter import attachment as attached
from openwx.reporter.payload import Payload
from openwx.reporter.post import webhook_id_of
from openwx.store.records import PublishedReport, Report

log = logging.getLogger("openwx.account")

Listed = Report | PublishedReport
"""A report in the list; a ``PublishedReport`` was read from the journal."""


class EventBuffer:
    """Holds the newest ``size`` reports of one account. A subscriber.

    A report that is pushed out before it was returned is lost to the callers of ``check_event``, so it is counted; but
    not while there was never such a call. The log has the first one since the last call, and then their number.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.border: tuple[Listed | None, bool] = (None, True)
        """The report that was returned last, or (False) the first one that was put back; None before any."""
        self._reports: deque[Listed] = deque()
        self._some = asyncio.Event()
        self._was_called = False
        self._lost = 0
        """The number of reports that were pushed out since the last call."""

    def on_report(self, report: Report, _: Payload) -> None:
        self._reports.append(report)
        self._some.set()
        self._make_room()

    def fill(self, reports: Iterable[Listed]) -> None:
        """Add reports that were published before."""
        self._reports.extend(reports)
        self._make_room()
        if self._reports:
            self._some.set()

    async def wait(self, timeout_s: float) -> None:
        """Return as soon as there is a report, or when the time is over."""
        self._was_called = True
        if self._lost > 1:
            log.warning("%d reports fell out of check_event's list by now", self._lost)
        self._lost = 0
        try:
            async with asyncio.timeout(timeout_s):
                await self._some.wait()
        except TimeoutError:
            return

    def pop_all(self) -> list[Listed]:
        """Remove all reports, and return them."""
        popped = list(self._reports)
        if popped:
            self.border = popped[-1], True
        self._reports.clear()
        self._some.clear()
        return popped

    def push_back(self, popped: Sequence[Listed]) -> None:
        """Put reports back whose caller has left; there may be no room for the oldest."""
        if popped:
            self.border = popped[0], False
        self._reports.extendleft(reversed(popped))
        self._make_room()
        if self._reports:
            self._some.set()

    def close(self) -> None:
        """Count what is left: there will be no further call."""
        if self._was_called and self._reports:
            words = "%d reports that check_event never returned are dropped as the account ends"
            left = len(self._reports)
            metrics.dropped(log, "feed", words, left, count=left, level=logging.INFO)
        self._reports.clear()

    def _make_room(self) -> None:
        while len(self._reports) > self.size:
            oldest = self._reports.popleft()
            if self._was_called:
                self._lost += 1
                level = logging.WARNING if self._lost == 1 else logging.DEBUG
                words, name = "%s fell out of check_event's list unasked for", webhook_id_of(oldest)
                metrics.dropped(log, "feed", words, name, level=level)


async def encoded(files: AccountFiles, reports: Iterable[Listed]) -> list[bytes]:
    """Encode reports as JSON, with the contents of media where they belong to it."""
    return [await _encoded(await files.at_hand(report)) for report in reports]


async def _encoded(report: Listed) -> bytes:
    if not report.attachment:
        return report.body
    return await asyncio.to_thread(attached.whole, report.body, report.attachment)
