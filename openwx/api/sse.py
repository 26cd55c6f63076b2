"""Writes a stream of an account's events as Server-Sent Events.
``endpoints`` calls it for ``GET /openwx/events``.

Each event has its ``id``, which a reader who reconnects names in ``Last-Event-ID``. Two events are about the stream
itself: ``missed`` (these are no longer available) and ``end`` (why the stream ends, and after which id to go on).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
from aiohttp import hdrs, web

from openwx import metrics, sse
from openwx.accounts.streams import Missed, Reader, StreamEnded
from openwx.api.disconnect import has_begun
from openwx.api.slow_client import SlowClient, SlowClientError
from openwx.api.stream_models import EventStream, missed_range
from openwx.reporter import attachment as attached
from openwx.store.base import JournalError
from openwx.store.records import PublishedReport

log = logging.getLogger("openwx.web")

HEARTBEAT_S = 15.0
RETRY_MS = 3000
LOOK_S = 0.5
"""Interval of looking whether the reader is still connected, in seconds."""
_MAX_CHUNK = 64 * 1024

_encode = msgspec.json.encode


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
        async with reply.stream.read(reply.after, reply.filter) as reader:
            response = web.StreamResponse(headers=sse.HEADERS | headers)
            if not await has_begun(response, request) or request.method == hdrs.METH_HEAD:
                return response
            writer = _Writer(request, response, reader, media_data=reply.media_data)
            await writer.run(why_ended)
    return response


class _Writer:
    """Writes one response."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        reader: Reader,
        *,
        media_data: bool,
    ) -> None:
        self._client = SlowClient(request)
        self._response = response
        self._reader = reader
        self._media_data = media_data
        self._last_id = -1
        self._wrote_at = 0.0

    async def run(self, why_ended: Callable[[str], str]) -> None:
        try:
            await self._write(sse.retry(RETRY_MS) + (self._cursor() or b"\n"))
            while not self._client.is_gone():
                items = await self._reader.more(LOOK_S)
                await self._write_all(items)
                if self._now() - self._wrote_at >= HEARTBEAT_S:
                    await self._write(sse.ALIVE + self._cursor())
        except StreamEnded as ended:
            await self._end(why_ended(str(ended)))
        except SlowClientError as slow:
            await self._end(str(slow))
        except JournalError as error:
            log.warning("a stream of events ends: %s", error)
            await self._end(str(error))
        except ConnectionError:
            log.debug("a reader of events has disconnected")
        except Exception:
            log.exception("a stream of events failed")
            await self._end("internal error; the log of openwx has the details")

    async def _write_all(self, items: list[PublishedReport | Missed]) -> None:
        """Write small events together, and stop only between events."""
        chunk = bytearray()
        for item in items:
            async for piece in self._pieces(item):
                chunk += piece
                if len(chunk) >= _MAX_CHUNK:
                    await self._write(bytes(chunk))
                    chunk.clear()
            if self._client.is_over:
                break
        if chunk:
            await self._write(bytes(chunk))
        self._client.check()

    async def _pieces(self, item: PublishedReport | Missed) -> AsyncIterator[bytes]:
        if isinstance(item, Missed):
            yield sse.event(_encode(missed_range(item)), name="missed")
            return
        yield sse.begin(item.kind)
        async for piece in self._data(item):
            yield piece
        yield sse.end(item.id)
        self._last_id = item.id

    async def _data(self, report: PublishedReport) -> AsyncIterator[bytes]:
        """Yield the report's JSON, which has no line breaks; media is read from its file meanwhile."""
        if self._media_data and report.attachment:
            report = await self._reader.with_file(report)
        if not (self._media_data and report.attachment):
            yield report.body
            return
        has_begun = False
        try:
            async for piece in attached.stream(report.body, report.attachment):
                has_begun = True
                yield piece
        except OSError as error:
            if has_begun:
                raise ConnectionError(str(error)) from error
            metrics.dropped(log, "media_data", "media_data is left out: %s", error)
            yield report.body

    def _cursor(self) -> bytes:
        """Encode where to go on, if what came last did not match the filter."""
        if self._last_id == self._reader.cursor:
            return b""
        self._last_id = self._reader.cursor
        return sse.cursor(self._last_id)

    async def _write(self, data: bytes) -> None:
        """Write to the response. Raises ``ConnectionError`` if the reader has disconnected."""
        with self._client.writing():
            await self._response.write(data)
        self._wrote_at = self._now()

    async def _end(self, why: str) -> None:
        """Write why the stream ends, and after which id to go on."""
        last = {"reason": why, "after": self._last_id}
        self._client.end()
        self._response.force_close()
        with suppress(ConnectionError):
            await self._response.write(sse.event(_encode(last), name="end"))
            await self._response.write_eof()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
