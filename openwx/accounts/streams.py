"""What happens, for readers who follow it, each at his own pace: nothing that is still kept is missed or told twice.

Everybody reads the journal, where each upload that can be seen has a number (``store/sqlite/sequence.py``) that a
reader goes on after, also after a restart. Who is up to date shares what was read last with all others (the window);
who lags behind reads for himself, a piece at a time. So a slow reader costs one piece, however far behind he is.
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
from openwx.errors import CallerError, Code
from openwx.store.base import Journal
from openwx.store.records import MAX_STORED_BODY, PublishedReport, Report, ReportPage

MOST_STREAMS = 100
"""Streams of a process at once."""
_ROWS = 200
_PIECE_BYTES = 1024 * 1024
"""So much is read at once. An upload that is larger is read alone."""
_WINDOW_ROWS = 1000
_WINDOW_BYTES = 8 * 1024 * 1024
_LARGE_BYTES = 16 * 1024 * 1024

FORGOTTEN = "it is not kept any more"
TOO_LARGE = "it was too large to be kept"
UNKNOWN_ID = (
    "no event had this id yet, so it is of another journal; this one is told from its beginning"
)

_id_of = attrgetter("id")


class StreamEnded(Exception):
    """There is nothing more to come; its words say why."""


class Missed(msgspec.Struct, frozen=True):
    """Some of the events between two ids cannot be told. Those after ``upto`` are, and others that are still kept."""

    after: int
    upto: int
    why: str


class Slots:
    """How many streams there may be at once."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self.taken = 0
        self.media = asyncio.Semaphore(4)
        """Whoever has the contents of a medium in memory, to tell them at once, takes one."""

    @contextmanager
    def taking(self) -> Iterator[None]:
        """A place, for as long as this lasts. Raises ``CallerError`` (-7) where all are taken."""
        if self.taken >= self._most:
            words = f"there are {self._most} streams already, which is the most; close one first"
            raise CallerError(Code.QUEUE_FULL, words)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Stream:
    """One account's."""

    def __init__(self, account: str, journal: Journal) -> None:
        self.ended = ""
        """Why there is nothing more to come; empty while there may be."""
        self._account = account
        self._journal = journal
        self._readers: set[Reader] = set()
        self._reading = asyncio.Lock()
        self._news = True
        """Whether the journal may hold more than the window."""
        self._window: list[PublishedReport] = []
        """All that could be seen after ``_begin`` up to ``_end``."""
        self._begin = self._end = 0
        self._bytes = 0
        self._large: OrderedDict[str, bytes] = OrderedDict()
        """Bodies that the journal does not keep, newest last."""

    def put(self, upload: Report) -> None:
        """Something that everybody may see was written to the journal."""
        if len(upload.body) > MAX_STORED_BODY:
            self._keep_large(upload)
        self._wake()

    def end(self, why: str) -> None:
        """Readers come to an end, after all that is in the journal by now."""
        self.ended = self.ended or why
        self._wake()

    @asynccontextmanager
    async def read(
        self, after: int | None = None, wanted: EventFilter = EVERYTHING
    ) -> AsyncIterator["Reader"]:
        """A reader of what comes after an id (0: of all that is kept; None: from now on). Raises ``JournalError``."""
        newest = await self._journal.newest_published(self._account)
        if not self._readers:  # nobody has kept the window up to date
            self._start_window(newest)
        reader = Reader(self, newest if after is None else after, newest, wanted)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.remove(reader)

    async def piece(self, after: int) -> ReportPage:
        """Some of what can be seen after an id; nothing where there is nothing. Raises ``JournalError``."""
        async with self._reading:
            if self._news and after >= self._end:
                await self._fill_window()
            if after >= self._begin:
                start = bisect_right(self._window, after, key=_id_of)
                return ReportPage(self._window[start : start + _ROWS], pruned=0, more=False)
        return await self._read(after)

    async def _read(self, after: int) -> ReportPage:
        shown = await self._journal.published(self._account, after, rows=_ROWS, size=_PIECE_BYTES)
        whole = [self._whole(upload) for upload in shown.reports]
        return replace(shown, reports=whole)

    # -- the window --------------------------------------------------------------------------------------------

    def _start_window(self, at: int) -> None:
        self._window.clear()
        self._begin = self._end = at
        self._bytes = 0
        self._news = True

    async def _fill_window(self) -> None:
        """Put what is new into the window, and let the oldest go."""
        self._news = False
        try:
            shown = await self._read(self._end)
        except BaseException:
            self._news = True
            raise
        if shown.pruned > self._end:  # nobody has looked for very long: each reads for himself
            self._start_window(shown.reports[-1].id if shown.reports else shown.pruned)
            return
        self._news = self._news or shown.more
        for upload in shown.reports:
            self._window.append(upload)
            self._bytes += len(upload.body)
            self._end = upload.id
        gone = 0
        while len(self._window) - gone > _WINDOW_ROWS or self._bytes > _WINDOW_BYTES:
            self._bytes -= len(self._window[gone].body)
            self._begin = self._window[gone].id
            gone += 1
        del self._window[:gone]

    # -- what the journal does not keep --------------------------------------------------------------------------

    def _keep_large(self, upload: Report) -> None:
        self._large[upload.uid] = upload.body
        while sum(map(len, self._large.values())) > _LARGE_BYTES:
            self._large.popitem(last=False)

    def _whole(self, upload: PublishedReport) -> PublishedReport:
        body = upload.body or self._large.get(upload.uid, b"")
        return replace(upload, body=body) if body is not upload.body else upload

    def _wake(self) -> None:
        self._news = True
        for reader in self._readers:
            reader.wake.set()


class Reader:
    """One of those who follow a stream. Its own task calls ``more`` again and again."""

    def __init__(self, stream: Stream, after: int, newest: int, wanted: EventFilter) -> None:
        self.cursor = after
        """All up to this id was told, or was not wanted."""
        self.wake = asyncio.Event()
        self._stream = stream
        self._wanted = wanted
        self._forgotten = 0
        """What was missed up to this id was told."""
        self._missed: list[Missed] = []
        if after > newest:
            self._missed.append(Missed(after, 0, UNKNOWN_ID))
            self.cursor = 0

    async def more(self, timeout_s: float) -> list[PublishedReport | Missed]:
        """What comes next, as soon as there is something; nothing when the time is over.

        Raises ``StreamEnded`` once all is told, and ``JournalError``, after which it can be called again.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            self.wake.clear()
            ended = self._stream.ended
            shown = await self._stream.piece(self.cursor)
            if told := self._judge(shown):
                return told
            left_s = deadline - loop.time()
            if not shown.reports:
                if ended:
                    raise StreamEnded(ended)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self.wake.wait()
            if left_s <= 0:
                return []
            await asyncio.sleep(
                0
            )  # many that are not wanted are skipped without keeping others waiting

    def _judge(self, shown: ReportPage) -> list[PublishedReport | Missed]:
        told: list[PublishedReport | Missed] = [*self._missed]
        self._missed = []
        if shown.pruned > max(self.cursor, self._forgotten):
            told.append(Missed(self.cursor, shown.pruned, FORGOTTEN))
            self._forgotten = shown.pruned
        for upload in shown.reports:
            if self._wanted.takes(upload):
                told.append(upload if upload.body else Missed(upload.id - 1, upload.id, TOO_LARGE))
            self.cursor = upload.id
        return told
