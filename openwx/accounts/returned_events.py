"""What ``check_event`` has returned, for the process that has the account next: it fills its list with what came since.
``Account`` keeps it.

Where no other process shares the journal, nothing of this is done: the list ends with the process.
"""

import logging

import msgspec

from openwx.accounts.check_event import EventBuffer
from openwx.store.base import Journal
from openwx.store.decoding import decode_row
from openwx.store.records import PublishedReport

log = logging.getLogger("openwx.account")

STATE = "account.check_event"
"""The name of what is saved. No transport saves a name that begins so."""
_PAGE_ROWS = 200
_PAGE_BYTES = 1024 * 1024


class _Mark(msgspec.Struct, frozen=True):
    """The report up to which all was returned, by its id or its sequence number; or that before which all was."""

    report_id: int = 0
    seq: int = 0
    is_returned: bool = True


class ReturnedEvents:
    """The mark of one account. It is saved with its next batch, so a killed process has some returned once more."""

    def __init__(self, account: str, journal: Journal, buffer: EventBuffer) -> None:
        self._account = account
        self._journal = journal
        self._buffer = buffer
        self._saved: _Mark | None = None

    def state(self) -> dict[str, bytes]:
        """Return what is to be saved: nothing where that is saved already, or where no process would read it."""
        report, is_returned = self._buffer.border
        if report is None or self._journal.ownership is None:
            return {}
        if isinstance(report, PublishedReport):
            mark = _Mark(seq=report.id, is_returned=is_returned)
        else:
            mark = _Mark(report_id=report.id, is_returned=is_returned)
        if mark == self._saved:
            return {}
        self._saved = mark
        return {STATE: msgspec.json.encode(mark)}

    async def unreturned(self, saved: bytes | None) -> list[PublishedReport]:
        """Return the reports that were published after what is saved: those for which the list has room.

        Raise ``JournalError``.
        """
        if saved is None or self._journal.ownership is None:
            return []
        mark = decode_row(saved, _Mark, f"{self._account}: what check_event has returned")
        if mark is None:
            return []
        after = await self._seq_of(mark)
        newest = await self._journal.newest_published(self._account)
        after = max(after, newest - self._buffer.size)
        found: list[PublishedReport] = []
        while True:
            page = await self._journal.published(
                self._account, after, rows=_PAGE_ROWS, size=_PAGE_BYTES
            )
            found += [report for report in page.reports if report.body]
            if not page.more or not page.reports:
                return found
            after = page.reports[-1].id

    async def _seq_of(self, mark: _Mark) -> int:
        """Return the sequence number after which nothing was returned; 0 where the report is not stored any more."""
        seq = mark.seq
        if mark.report_id:
            stored = await self._journal.report(self._account, mark.report_id)
            seq = 0 if stored is None else stored.seq
        return seq if mark.is_returned else seq - 1
