"""A caller's connection: what is no HTTP is answered in JSON, and nobody holds a connection in vain.

A caller owes us something while his head or body is unfinished, while he does not read what we wrote, and while he asks
nothing at all. ``waits_since`` says since when; where room is needed, ``server.py`` takes it from who has owed longest,
and last of all from those who have shown the token. Whatever else happens, each of these comes to its end in time.
"""

import asyncio
import logging
import re
from typing import Any, cast

from aiohttp import StreamReader, web, web_protocol
from aiohttp.http_exceptions import InvalidURLError, LineTooLong

from openwx import metrics
from openwx.api import answers
from openwx.api.chunked_json import PIECE, in_pieces
from openwx.api.hosts import address_of
from openwx.errors import CallerError, Code

logger = logging.getLogger(__name__)

HEAD_S = 20.0
"""For the head of a request, from its first byte on; a new connection has as long for all of its first one."""
UNREAD_S = 75.0
"""So long a caller may read nothing of what we write. Streams notice it sooner, and say so (``patience.py``)."""
FLUSH_S = 10.0
"""So long what is still to be written to a connection that ends has to be read."""
MOST_OF_A_HEAD = 128 * 1024
"""Bytes; also of the first message of a WebSocket."""
MOST_AHEAD = 1024 * 1024
"""Bytes that come before the last request is answered. aiohttp stops earlier where they are the next one's body."""
PROGRESS = 64 * 1024
"""A body that has brought so many more bytes is not waited for in vain."""
COUNTED = 1024 * 1024
"""So many bytes of a request are counted as held; whatever is longer goes to the disk, or has shown the token."""
REFUSED_AT_ONCE = 64
"""So many connections beyond the limit get an answer that says so; more are only closed."""

# aiohttp keeps 32 requests ahead, each of up to 128 headers, for a caller who reads none of its answers.
web_protocol.MAX_MSG_QUEUE_SIZE = 2

_answered = metrics.OfRoute(metrics.OTHER).answered
"""Counts what reached no route."""
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_HTTP_1_1 = b" HTTP/1.1\r\n"
_HOST_OR_BROWSER = re.compile(
    rb"\r\n(?:host|origin|referer|cookie|purpose|sec-[a-z-]+|upgrade-insecure-requests)[ \t]*:",
    re.IGNORECASE,
)


class Keeper(web.Server):
    """What a connection needs of the server that keeps it."""

    def room(self) -> int:
        """How many connections may be beside those that there are and one more; makes room where it can."""
        raise NotImplementedError

    def holds(self, more: int) -> None:
        """So many more bytes are held for strangers; fewer, where it is negative. Makes room where it is too much."""
        raise NotImplementedError


class Connection(web.RequestHandler):
    """One connection. In its first request line, which is all that ``curl`` needs, Chinese text may stand as it is."""

    __slots__ = (
        "_ahead",
        "_content",
        "_end_timer",
        "_head",
        "_head_timer",
        "_in_first_line",
        "_keeper",
        "_owes_since",
        "_unread_since",
        "_unread_timer",
        "_wire",
        "is_known",
        "is_leaving",
        "is_one_too_many",
        "is_silent",
        "is_socket",
        "taken",
    )

    def __init__(self, keeper: Keeper, **options: Any) -> None:
        super().__init__(keeper, **options)
        self._keeper = keeper
        self._wire: asyncio.Transport | None = None
        """Ours until it is closed; aiohttp forgets its own as soon as it has asked for that."""
        self._content: StreamReader | None = None
        """The body of the request that is being answered."""
        self._head = b""
        """The beginning of a head that may need a Host."""
        self._in_first_line = True
        self._ahead = 0
        self._owes_since = self._loop.time()
        self._unread_since: float | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self.is_known = False
        """The token was seen here."""
        self.is_silent = False
        """A WebSocket whose token is still to come."""
        self.is_socket = False
        self.is_leaving = False
        self.is_one_too_many = False
        self.taken = 0
        """Bytes of a stranger since the last answer."""

    # -- its life ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        room = self._keeper.room()
        self.is_one_too_many = room < 0
        self._wire = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's
        self._wire.set_write_buffer_limits(high=PIECE)
        self._head_timer = self._loop.call_later(HEAD_S, self.force_close)
        super().connection_made(transport)
        if room < -REFUSED_AT_ONCE:
            self.make_room()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._wire = None
        for timer in (self._head_timer, self._unread_timer, self._end_timer):
            if timer is not None:
                timer.cancel()
        self._release()
        super().connection_lost(exc)
        body = self._content
        if body is not None and not body.is_eof() and body.exception() is None:
            # Its request is answered; aiohttp would wait for the rest of its body all the same.
            body.set_exception(web.RequestPayloadError("the connection is lost"))

    async def start(self) -> None:
        """Answer one request after the other."""
        try:
            await super().start()
        finally:
            self._end_in_time()

    def force_close(self) -> None:
        """Close it; what was written may still be read for a while."""
        super().force_close()
        self._end_in_time()

    def make_room(self) -> None:
        """Close it at once."""
        self.is_leaving = True
        self._release()
        self.force_close()
        self._abort()

    def _end_in_time(self) -> None:
        if self._wire is not None and self._end_timer is None:
            self._end_timer = self._loop.call_later(FLUSH_S, self._abort)

    def _abort(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    # -- who is waited for -------------------------------------------------------------------------------------

    @property
    def awaits_head(self) -> bool:
        """Whether no request is being answered: the next one's head has not come, or not all of it."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def waits_since(self) -> float | None:
        """Since when the caller owes us something; None where he waits for us, or is leaving."""
        if self.is_leaving:
            return None
        if self._unread_since is not None:
            return self._unread_since
        is_unfinished = self._content is not None and not self._content.is_eof()
        if self.awaits_head or is_unfinished or self.is_silent or self._end_timer is not None:
            return self._owes_since
        return None

    def recognise(self) -> None:
        """Note that this caller has the token."""
        self.is_known = True
        self.is_silent = False
        self._release()

    def becomes_socket(self, *, is_silent: bool) -> None:
        """What comes from now on are messages. A silent one has still to show the token."""
        self.is_socket = True
        self.is_silent = is_silent
        self._release()

    def _release(self) -> None:
        if self.taken:
            self._keeper.holds(-min(self.taken, COUNTED))
            self.taken = 0

    def _count(self, size: int) -> None:
        """Note what has come. A body that keeps coming is as good as a new one."""
        if self.is_known or (self.is_socket and not self.is_silent):
            return
        before = self.taken
        self.taken += size
        if before // PROGRESS != self.taken // PROGRESS:
            self._owes_since = self._loop.time()
        if before < COUNTED:
            self._keeper.holds(min(self.taken, COUNTED) - before)

    # -- what is written ---------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The caller does not read what was written."""
        super().pause_writing()
        self._unread_since = self._loop.time()
        self._unread_timer = self._loop.call_later(UNREAD_S, self.make_room)

    def resume_writing(self) -> None:
        """The caller has read most of it."""
        super().resume_writing()
        self._unread_since = None
        if self._unread_timer is not None:
            self._unread_timer.cancel()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the rest of an answer: no more of it at a time than is read."""
        try:
            return await super().finish_response(request, in_pieces(resp), start_time)
        finally:
            if request.content.is_eof():
                self._content = None
            self._owes_since = self._loop.time()
            self._release()
            if (broken := request.content.exception()) is not None:
                # Its frames hold the body until the garbage is collected.
                broken.__traceback__ = None

    # -- what is read ------------------------------------------------------------------------------------------

    def begins(self, request: web.BaseRequest) -> None:
        """The head of a request has come."""
        self._content = request.content
        self._owes_since = self._loop.time()
        self._ahead = 0

    def data_received(self, data: bytes) -> None:
        size = len(data)
        self._count(size)
        awaited_head = self.awaits_head
        if awaited_head:
            data = self._with_host(data)
        if self._in_first_line and data:
            data = self._mended(data)
        super().data_received(data)
        if not self.awaits_head:
            self._forget_head_timer()
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_S, self.force_close)
        self._bound_what_is_ahead(size, awaited_head=awaited_head)

    def _forget_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _mended(self, data: bytes) -> bytes:
        line, end, rest = data.partition(b"\n")
        self._in_first_line = not end
        if line.isascii():
            return data
        return _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), line) + end + rest

    def _with_host(self, data: bytes) -> bytes:
        """A head without a Host, from a program of this machine, with the name that it may leave out.

        aiohttp refuses such a head. It is held back until it is whole.
        """
        second = data.find(b"\r\n") + 2
        if not self._head and data[second : second + 5].lower() == b"host:":
            return data
        data, self._head = self._head + data, b""
        line, end, _ = data.partition(b"\r\n")
        if not (line + end).endswith(_HTTP_1_1) or not self._is_of_this_machine():
            return data
        head, whole, _ = data.partition(b"\r\n\r\n")
        if _HOST_OR_BROWSER.search(head + whole):
            return data
        if whole:
            return line + end + b"Host: " + self._own_name() + data[len(line) :]
        self._head = data
        return b""

    def _is_of_this_machine(self) -> bool:
        peer = self.peername
        address = address_of(peer[0]) if isinstance(peer, tuple) else None
        return address is not None and address.is_loopback

    def _own_name(self) -> bytes:
        name = self.sockname
        assert isinstance(name, tuple), "whoever came from an address came to one"
        host, port = name[:2]
        return f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()

    def _bound_what_is_ahead(self, size: int, *, awaited_head: bool) -> None:
        """Close where more came than a head is long, or than anybody asks before the last answer."""
        if awaited_head and not self.awaits_head:
            self._content = None
            self._ahead = 0
            return
        body = self._content
        if awaited_head or self.is_silent:
            self._ahead += size
            most = MOST_OF_A_HEAD
        elif body is not None and body.is_eof() and not self.is_socket:
            self._ahead += size
            most = MOST_AHEAD
        else:
            return
        if self._ahead > most:
            self.make_room()

    # -- what goes wrong ---------------------------------------------------------------------------------------

    def log_exception(self, *args: Any, **more: Any) -> None:
        """A body that is broken is the caller's affair, and was answered."""
        if isinstance(more.get("exc_info"), web.RequestPayloadError):
            logger.debug(*args, **more)
        else:
            super().log_exception(*args, **more)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a malformed request (400), or an error that came out of everything else (500)."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already; another cannot be sent")
        if status >= 500:
            logger.error("a request from %s failed", request.remote, exc_info=exc)
            answer = answers.internal_failure()
        elif isinstance(exc, LineTooLong):
            words = "the request line or a header is too long; a long text fits into a POST body"
            answer = answers.failure(CallerError(Code.BAD_PARAMETER, words, http_status=413))
        elif isinstance(exc, InvalidURLError):
            words = (
                "the address is not valid; Chinese text and spaces in it must be percent-encoded"
            )
            answer = answers.failure(CallerError(Code.BAD_PARAMETER, words))
        else:
            # Without its words: they repeat the request, and a token may be in it.
            logger.debug("a malformed request from %s: %s", request.remote, type(exc).__name__)
            answer = answers.failure(CallerError(Code.BAD_PARAMETER, "this is not valid HTTP"))
        _answered(answer.code)
        response = answer.response()
        response.force_close()
        return response


def recognise(request: web.BaseRequest) -> None:
    """Note that the sender has shown the token: the connection is closed after all others."""
    if isinstance(request.protocol, Connection):
        request.protocol.recognise()


def becomes_socket(request: web.BaseRequest, *, is_silent: bool) -> None:
    """What comes on this connection from now on are messages."""
    if isinstance(request.protocol, Connection):
        request.protocol.becomes_socket(is_silent=is_silent)
