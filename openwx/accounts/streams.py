"""Streams of published reports, for readers of any speed: no report that is still stored is missed or repeated.
SSE, WebSockets and the console read them.

Every reader reads the journal, where each published report has a number, its ``seq``; a reader
continues after a number, also after a restart. Readers that are up to date share the newest reports (the window);
a reader that lags behind reads for itself, a page at a time. So a slow reader costs one page, however far it lags.
"""

import asyncio
import contextlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from openwx.accounts.event_filter import EVERYTHING, EventFilter
from openwx.accounts.media.files import AccountFiles
from openwx.errors import CallerError, Code
from openwx.reporter.payload import Payload
from openwx.store.base import Journal
from openwx.store.records import MAX_STORED_BODY, PublishedReport, Report, ReportPage

MOST_STREAMS = 100
"""Streams of a process at a time."""
_PAGE_ROWS = 200
_PAGE_BYTES = 1024 * 1024
"""Size of a page. A larger report is a page of its own."""
_WINDOW_ROWS = 1000
_WINDOW_BYTES = 8 * 1024 * 1024
_LARGE_BYTES = 16 * 1024 * 1024

FORGOTTEN = "it is no longer stored"
TOO_LARGE = "it was too large to be stored"
UNKNOWN_ID = (
    "no event has this id: it belongs to another journal; this one is sent from its beginning"
)

_id_of = attrgetter("id")


class StreamEnded(Exception):
    """Nothing more comes; the text says why."""


class Missed(msgspec.Struct, frozen=True):
    """Reports between two ids that are pruned. Those after ``upto`` follow, and others that are still stored."""

    after: int
    upto: int
    why: str


class Slots:
    """Limits the streams of a process."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self.taken = 0
        self.media = asyncio.Semaphore(4)
        """Held while the content of a file is in memory."""

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Hold a slot. Raises ``CallerError`` (-7) where all are taken."""
        if self.taken >= self._most:
            words = f"there are {self._most} streams already, which is the most; close one first"
            raise CallerError(Code.QUEUE_FULL, words)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Stream:
    """The stream of one account's reports. A subscriber."""

    def __init__(self, account: str, journal: Journal, files: AccountFiles) -> None:
        self.files = files
        """The files of its reports."""
        self.ended = ""
        """Why nothing more comes; empty until then."""
        self._account = account
        self._journal = journal
        self._readers: set[Reader] = set()
        self._reading = asyncio.Lock()
        self._news = True
        """Whether the journal may hold more than the window."""
        self._window: list[PublishedReport] = []
        """All reports that were published after ``_begin`` up to ``_end``."""
        self._begin = self._end = 0
        self._bytes = 0
        self._large: OrderedDict[str, bytes] = OrderedDict()
        """Bodies that the journal does not store, newest last."""

    def on_report(self, report: Report, _: Payload) -> None:
        if len(report.body) > MAX_STORED_BODY:
            self._add_large(report)
        self._wake()

    def end(self, why: str) -> None:
        """End the stream after all that is in the journal by now."""
        self.ended = self.ended or why
        self._wake()

    @asynccontextmanager
    async def read(
        self, after: int | None = None, event_filter: EventFilter = EVERYTHING
    ) -> AsyncIterator["Reader"]:
        """Read from after an id (0: all that is stored; None: from now on). Raises ``JournalError``."""
        newest = await self._journal.newest_published(self._account)
        if not self._readers:  # the window is out of date
            self._start_window(newest)
        reader = Reader(self, newest if after is None else after, newest, event_filter)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.remove(reader)

    async def page(self, after: int) -> ReportPage:
        """Read the next reports after an id, if there are any. Raises ``JournalError``."""
        async with self._reading:
            if self._news and after >= self._end:
                await self._fill_window()
            if after >= self._begin:
                start = bisect_right(self._window, after, key=_id_of)
                return ReportPage(self._window[start : start + _PAGE_ROWS], pruned=0, more=False)
        return await self._read(after)

    async def _read(self, after: int) -> ReportPage:
        page = await self._journal.published(
            self._account, after, rows=_PAGE_ROWS, size=_PAGE_BYTES
        )
        return replace(page, reports=[self._with_body(report) for report in page.reports])

    # -- the window --------------------------------------------------------------------------------------------

    def _start_window(self, at: int) -> None:
        self._window.clear()
        self._begin = self._end = at
        self._bytes = 0
        self._news = True

    async def _fill_window(self) -> None:
        """Add what is new to the window, and remove the oldest."""
        self._news = False
        try:
            page = await self._read(self._end)
        except BaseException:
            self._news = True
            raise
        if page.pruned > self._end:  # not read for very long: each reader reads for itself
            self._start_window(page.reports[-1].id if page.reports else page.pruned)
            return
        self._news = self._news or page.more
        for report in page.reports:
            self._window.append(report)
            self._bytes += len(report.body)
            self._end = report.id
        gone = 0
        while len(self._window) - gone > _WINDOW_ROWS or self._bytes > _WINDOW_BYTES:
            self._bytes -= len(self._window[gone].body)
            self._begin = self._window[gone].id
            gone += 1
        del self._window[:gone]

    # -- bodies that the journal does not store ------------------------------------------------------------------

    def _add_large(self, report: Report) -> None:
        self._large[report.uid] = report.body
        while sum(map(len, self._large.values())) > _LARGE_BYTES:
            self._large.popitem(last=False)

    def _with_body(self, report: PublishedReport) -> PublishedReport:
        body = report.body or self._large.get(report.uid, b"")
        return replace(report, body=body) if body is not report.body else report

    def _wake(self) -> None:
        self._news = True
        for reader in self._readers:
            reader.wake.set()


class Reader:
    """One reader of a stream. Its own task calls ``more`` again and again."""

    def __init__(self, stream: Stream, after: int, newest: int, event_filter: EventFilter) -> None:
        self.cursor = after
        """The highest id that was returned, or did not match."""
        self.wake = asyncio.Event()
        self._stream = stream
        self._filter = event_filter
        self._forgotten = 0
        """The highest id whose gap was returned."""
        self._missed: list[Missed] = []
        if after > newest:
            self._missed.append(Missed(after, 0, UNKNOWN_ID))
            self.cursor = 0

    async def with_file(self, report: PublishedReport) -> PublishedReport:
        """Return a report with the path of its file on this node as the attachment; empty where it is gone."""
        return await self._stream.files.at_hand(report)

    async def more(self, timeout_s: float) -> list[PublishedReport | Missed]:
        """Wait for the next reports; none when the time is over.

        Raises ``StreamEnded`` after the last one, and ``JournalError``, after which it can be called again.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            self.wake.clear()
            ended = self._stream.ended
            page = await self._stream.page(self.cursor)
            if found := self._select(page):
                return found
            left_s = deadline - loop.time()
            if not page.reports:
                if ended:
                    raise StreamEnded(ended)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self.wake.wait()
            if left_s <= 0:
                return []
            await asyncio.sleep(0)  # skipping many reports must not block other tasks

    def _select(self, page: ReportPage) -> list[PublishedReport | Missed]:
        found: list[PublishedReport | Missed] = [*self._missed]
        self._missed = []
        if page.pruned > max(self.cursor, self._forgotten):
            found.append(Missed(self.cursor, page.pruned, FORGOTTEN))
            self._forgotten = page.pruned
        for report in page.reports:
            if self._filter.matches(report):
                found.append(report if report.body else Missed(report.id - 1, report.id, TOO_LARGE))
            self.cursor = report.id
        return found
