"""Writes a stream as Server-Sent Events (the ``text/event-stream`` of the HTML standard).

Each event has its ``id``, which a reader who comes back names in ``Last-Event-ID``. What is told besides has names of
its own: ``missed`` (these cannot be told) and ``end`` (why the stream ends, and after which id to go on).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
from aiohttp import hdrs, web

from openwx import metrics
from openwx.accounts.streams import Missed, Reader, StreamEnded
from openwx.api.slow_client import Patience, SlowReader
from openwx.api.stream_models import EventStream, told
from openwx.reporter import attachment as attached
from openwx.store.base import JournalError
from openwx.store.records import PublishedReport

log = logging.getLogger("openwx.web")

HEARTBEAT_S = 15.0
RETRY_MS = 3000
"""So long a browser waits before it comes back."""
LOOK_S = 0.5
"""So often it is seen whether the reader is still there."""
_AT_ONCE = 64 * 1024

_encode = msgspec.json.encode
HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # nginx passes on what comes, when it comes
    "X-Content-Type-Options": "nosniff",
}


async def stream_events(
    request: web.Request,
    reply: EventStream,
    headers: dict[str, str],
    why_ended: Callable[[str], str],
) -> web.StreamResponse:
    """Answer with a stream until one side ends it. ``why_ended`` words the end of the account's stream.

    Raises, before anything is sent: ``CallerError`` (-7), ``JournalError``.
    """
    with reply.slots.taking():
        async with reply.stream.read(reply.after, reply.wanted) as reader:
            response = web.StreamResponse(headers=HEADERS | headers)
            await response.prepare(request)
            if request.method == hdrs.METH_HEAD:
                return response
            telling = _Telling(request, response, reader, media_data=reply.media_data)
            await telling.run(why_ended)
    return response


class _Telling:
    """One response."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        reader: Reader,
        *,
        media_data: bool,
    ) -> None:
        self._patience = Patience(request)
        self._response = response
        self._reader = reader
        self._media_data = media_data
        self._id = -1
        """The last one that was told."""
        self._wrote_at = 0.0

    async def run(self, why_ended: Callable[[str], str]) -> None:
        try:
            await self._write(b"retry: %d\n" % RETRY_MS + self._cursor())
            while not self._patience.is_gone():
                items = await self._reader.more(LOOK_S)
                await self._tell(items)
                if self._now() - self._wrote_at >= HEARTBEAT_S:
                    await self._write(b":\n" + self._cursor())
        except StreamEnded as ended:
            await self._end(why_ended(str(ended)))
        except SlowReader as slow:
            await self._end(str(slow))
        except JournalError as error:
            log.warning("a stream of events ends: %s", error)
            await self._end(str(error))
        except ConnectionError:
            log.debug("a reader of events has gone")
        except Exception:
            log.exception("a stream of events failed")
            await self._end("internal error; the log of openwx tells more")

    async def _tell(self, items: list[PublishedReport | Missed]) -> None:
        """Write together what is small, and end nowhere but between events."""
        chunk = bytearray()
        for item in items:
            async for piece in self._pieces(item):
                chunk += piece
                if len(chunk) >= _AT_ONCE:
                    await self._write(bytes(chunk))
                    chunk.clear()
            if self._patience.is_over:
                break
        if chunk:
            await self._write(bytes(chunk))
        self._patience.check()

    async def _pieces(self, item: PublishedReport | Missed) -> AsyncIterator[bytes]:
        if isinstance(item, Missed):
            yield b"event: missed\ndata: " + _encode(told(item)) + b"\n\n"
            return
        yield b"event: %s\ndata: " % item.kind.encode()
        async for piece in self._data(item):
            yield piece
        yield b"\nid: %d\n\n" % item.id
        self._id = item.id

    async def _data(self, upload: PublishedReport) -> AsyncIterator[bytes]:
        """Its JSON, which has no line breaks; a medium is read from its file while it is told."""
        if not (self._media_data and upload.attachment):
            yield upload.body
            return
        has_begun = False
        try:
            async for piece in attached.stream(upload.body, upload.attachment):
                has_begun = True
                yield piece
        except OSError as error:
            if has_begun:
                raise ConnectionError(str(error)) from error
            metrics.dropped(log, "media_data", "media_data is left out: %s", error)
            yield upload.body

    def _cursor(self) -> bytes:
        """An id without an event: from where to go on, where what came last was not wanted."""
        if self._id == self._reader.cursor:
            return b"\n"
        self._id = self._reader.cursor
        return b"id: %d\n\n" % self._id

    async def _write(self, data: bytes) -> None:
        """Raises ``ConnectionError`` where nobody is there any more."""
        with self._patience.writing():
            await self._response.write(data)
        self._wrote_at = self._now()

    async def _end(self, why: str) -> None:
        """Say why, and from where to go on."""
        last = {"reason": why, "after": self._id}
        self._patience.end()
        self._response.force_close()
        with suppress(ConnectionError):
            await self._response.write(b"event: end\ndata: " + _encode(last) + b"\n\n")
            await self._response.write_eof()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
