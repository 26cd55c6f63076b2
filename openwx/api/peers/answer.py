"""The answer of an owner on its way to the caller: whole, in pieces, or as a stream.
``forwarding`` passes answers on with it.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import aiohttp
import msgspec
from aiohttp import hdrs, web

from openwx import sse
from openwx.api.disconnect import has_begun
from openwx.api.peers.client import READ_S, Lost
from openwx.api.peers.hop import TAKEN
from openwx.api.slow_client import SlowClient, SlowClientError
from openwx.neterrors import describe
from openwx.store.base import JournalError

log = logging.getLogger("openwx.web")

AT_ONCE = 1024 * 1024
"""Bytes of an answer that are read before the caller gets any, so that the call can be made again until then."""
SILENT_S = 60.0
"""Time for which a stream may send nothing, in seconds; it sends something every 15."""
LOOK_S = 0.5
"""Interval of looking whether the reader of a stream is still connected, in seconds."""

_OF_A_CONNECTION = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding"),
        *("upgrade", "content-length", "date", "server"),
    }
)
_ID = re.compile(rb"(?:\A|\n)id: ?([0-9]{1,18})\n")
_LONGEST_ID = 32


MayContinue = Callable[[], Awaitable[bool]]
"""Whether a stream may go on."""


async def for_ever() -> bool:
    """Return True: nothing but its two sides ends the stream."""
    return True


class Answered(msgspec.Struct, frozen=True):
    """An answer: all of it, or (``rest``) its beginning."""

    response: aiohttp.ClientResponse
    body: bytes
    rest: bool

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def is_stream(self) -> bool:
        return self.response.content_type == "text/event-stream"

    @property
    def taken(self) -> str:
        """The name under which what it contains can be given back; empty where it cannot."""
        return self.response.headers.get(TAKEN, "")

    async def whole(self, most: int) -> bytes:
        """Return all of the body. Raise ``Lost``, also where it has more bytes than these."""
        body = bytearray(self.body)
        if self.rest:
            async for piece in _pieces(self.response, READ_S):
                body += piece
                if len(body) > most:
                    raise Lost(f"its answer has more than {most} bytes")
        return bytes(body)

    def end(self) -> None:
        """Give the connection back, or close it where the answer has not ended."""
        if self.response.content.at_eof():
            self.response.release()
        else:
            self.response.close()

    def headers(self) -> dict[str, str]:
        """Return its headers but those of the connection."""
        return {
            name: value
            for name, value in self.response.headers.items()
            if name.lower() not in _OF_A_CONNECTION and name != TAKEN
        }


async def begin(response: aiohttp.ClientResponse) -> Answered:
    """Read an answer, a long one or a stream up to where the caller gets it in pieces. Raise ``Lost``."""
    answered = Answered(response, b"", rest=True)
    if answered.is_stream:
        return answered
    body = bytearray()
    async for piece in _pieces(response, READ_S):
        body += piece
        if len(body) > AT_ONCE:
            return Answered(response, bytes(body), rest=True)
    return Answered(response, bytes(body), rest=False)


async def _pieces(response: aiohttp.ClientResponse, within_s: float) -> AsyncIterator[bytes]:
    """Yield the body. Raise ``Lost`` where it breaks off, or nothing comes in this time."""
    try:
        while True:
            async with asyncio.timeout(within_s):
                piece = await response.content.readany()
            if not piece:
                return
            yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Lost(describe(error)) from error


async def pass_on(
    request: web.BaseRequest, answered: Answered, more: dict[str, str]
) -> web.StreamResponse:
    """Answer the caller as the owner did, with ``more`` headers. What breaks off there breaks off here."""
    headers = {**answered.headers(), **more}
    length = answered.response.headers.get(hdrs.CONTENT_LENGTH)
    if not answered.rest and request.method != hdrs.METH_HEAD:
        return web.Response(body=answered.body, status=answered.status, headers=headers)
    response = web.StreamResponse(status=answered.status, headers=headers)
    if length is not None:
        response.headers[hdrs.CONTENT_LENGTH] = length
    if not await has_begun(response, request) or not answered.rest:
        return response
    try:
        await response.write(answered.body)
        async for piece in _pieces(answered.response, READ_S):
            await response.write(piece)
    except ConnectionError:
        log.debug("the caller disconnected before the end of the answer")
    except Lost as error:
        log.warning("an answer of another node breaks off: %s", error)
        response.force_close()
        if request.transport is not None:
            request.transport.abort()
    return response


async def pass_on_stream(
    request: web.BaseRequest,
    answered: Answered,
    more: dict[str, str],
    why_ended: Callable[[], str],
    may_continue: MayContinue,
    *,
    says_why: bool,
) -> web.StreamResponse:
    """Send the owner's stream to the caller until one side ends it.

    ``says_why``: where the owner's side ends without a word, an event ``end`` says why, and after which id to go on.
    """
    client = SlowClient(request)
    response = web.StreamResponse(status=answered.status, headers={**answered.headers(), **more})
    if not await has_begun(response, request) or request.method == hdrs.METH_HEAD:
        return response
    tail = _Tail()
    closing = asyncio.ensure_future(_close_in_time(client, answered.response, may_continue))
    try:
        async for piece in _pieces(answered.response, SILENT_S):
            tail.add(piece)
            with client.writing():
                await response.write(piece)
            client.check()
        why = "" if tail.is_ended else why_ended()
    except Lost:
        why = why_ended()
    except SlowClientError as slow:
        why = str(slow)
    except ConnectionError:
        log.debug("a reader of events has disconnected")
        return response
    finally:
        closing.cancel()
    if why and says_why and tail.is_between_events:
        client.end()
        last = msgspec.json.encode({"reason": why, "after": tail.last_id})
        with suppress(ConnectionError):
            await response.write(sse.event(last, name="end"))
    response.force_close()
    return response


async def _close_in_time(
    client: SlowClient, response: aiohttp.ClientResponse, may_continue: MayContinue
) -> None:
    """Close the owner's side as soon as the reader has disconnected, or may not go on."""
    try:
        while not client.is_gone() and await may_continue():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(LOOK_S)
    except JournalError as error:
        log.info("a stream ends: whether its reader may go on is not known now: %s", error)
    response.close()


class _Tail:
    """The end of what was sent of a stream."""

    def __init__(self) -> None:
        self.last_id = -1
        self.is_ended = False
        """Whether the owner has said why it ends."""
        self._end = b"\n\n"

    def add(self, piece: bytes) -> None:
        """Note what is sent next."""
        seen = self._end + piece
        for found in _ID.finditer(seen):
            self.last_id = int(found[1])
        self.is_ended = self.is_ended or b"\nevent: end\n" in seen
        self._end = seen[-_LONGEST_ID:]

    @property
    def is_between_events(self) -> bool:
        return self._end.endswith(b"\n\n")
