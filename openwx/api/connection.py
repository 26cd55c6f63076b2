"""A caller's connection: what is no HTTP is answered in JSON, and no caller occupies a connection for nothing.
``server`` makes one for each caller.

The caller is due to act while a head or body is incomplete, while an answer is not read, and between requests.
``due_since`` says since when; where room is needed, ``server.py`` closes the connection that has been due longest,
those that have shown the token last. Independently of that, each of these states has a time-out.
"""

import asyncio
import logging
from typing import Any, Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import InvalidURLError

from openwx import metrics
from openwx.api import answers
from openwx.api.chunked_json import CHUNK, in_chunks
from openwx.api.lenient_head import LenientHead
from openwx.origins import address_of
from openwx.throttle import Throttle

logger = logging.getLogger(__name__)

HEAD_S = 20.0
"""Time for the head of a request, from its first byte; for the first head, from the connection."""
UNREAD_S = 75.0
"""Time for which a caller may read nothing of what is written. Streams end sooner (``slow_client.py``)."""
FLUSH_S = 10.0
"""Time for which a connection that ends may take to read what is still unsent."""
MAX_HEAD = 128 * 1024
"""Size of a head in bytes; also of the first message of a WebSocket."""
MAX_AHEAD = 1024 * 1024
"""Bytes received before the last request is answered. aiohttp stops reading earlier where they are a next body."""
PROGRESS = 64 * 1024
"""Bytes of a body that count as progress: the caller is due anew."""
MAX_COUNTED = 1024 * 1024
"""Bytes of a request that are counted as buffered; what is longer is on the disk, or its caller has shown the token."""
REFUSED_AT_ONCE = 64
"""Connections beyond the limit that are answered 429; more are closed without an answer."""

LOG_EVERY_S = 3600.0
"""How often it is logged that aiohttp's parser failed with an error of one kind."""

_failures = Throttle(LOG_EVERY_S)
_answered = metrics.REQUESTS.of(metrics.OTHER).answered


class ConnectionLimits(Protocol):
    """The limits that all connections of a server share."""

    def free_connections(self) -> int:
        """Return how many more connections may be opened after this one, having made room; negative for none."""

    def buffered(self, change: int) -> None:
        """Add to the bytes that are buffered for callers without the token, and make room where they are too many."""


class Connection(web.RequestHandler):
    """One connection, from its first byte to its last."""

    __slots__ = (
        "_ahead",
        "_content",
        "_due_since",
        "_end_timer",
        "_event_loop",
        "_head",
        "_head_timer",
        "_is_answering",
        "_limits",
        "_tcp",
        "_unread_since",
        "_unread_timer",
        "buffered",
        "has_token",
        "is_closing",
        "is_over_limit",
        "is_unauthenticated_socket",
        "is_websocket",
    )

    def __init__(self, server: web.Server, limits: ConnectionLimits, **options: Any) -> None:
        self._event_loop = asyncio.get_running_loop()
        super().__init__(server, loop=self._event_loop, **options)
        self._limits = limits
        self._tcp: asyncio.Transport | None = None
        """Stored until it is closed; aiohttp drops its own reference as soon as it requests the close."""
        self._head = LenientHead()
        self._content: StreamReader | None = None
        """The body of the last request, unless that was complete with its head."""
        self._is_answering = False
        self._ahead = 0
        self._due_since = self._event_loop.time()
        self._unread_since: float | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self.has_token = False
        """Whether the token was shown on this connection."""
        self.is_websocket = False
        self.is_unauthenticated_socket = False
        self.is_closing = False
        self.is_over_limit = False
        self.buffered = 0
        """Bytes received without the token since the last answer."""

    # -- life cycle --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        free = self._limits.free_connections()
        self.is_over_limit = free < 0
        self._tcp = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's
        self._tcp.set_write_buffer_limits(high=CHUNK)
        self._head_timer = self._event_loop.call_later(HEAD_S, self.force_close)
        super().connection_made(transport)
        self._head.host = self._own_host()
        if free < -REFUSED_AT_ONCE:
            self.close_now()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._tcp = None
        for timer in (self._head_timer, self._unread_timer, self._end_timer):
            if timer is not None:
                timer.cancel()
        self._uncount()
        super().connection_lost(exc)
        body = self._content
        if body is not None and not body.is_eof() and body.exception() is None:
            # The request is answered; aiohttp would wait for the rest of its body all the same.
            body.set_exception(web.RequestPayloadError("the connection is lost"))

    async def start(self) -> None:
        """Answer one request after the other."""
        try:
            await super().start()
        finally:
            self._limit_end()

    def force_close(self) -> None:
        """Close the connection; what was written may still be read for ``FLUSH_S``."""
        super().force_close()
        self._limit_end()

    def close_now(self) -> None:
        """Close the connection without waiting for anything."""
        self.is_closing = True
        self._uncount()
        self.force_close()
        self._abort()

    def _limit_end(self) -> None:
        if self._tcp is not None and self._end_timer is None:
            self._end_timer = self._event_loop.call_later(FLUSH_S, self._abort)

    def _abort(self) -> None:
        if self._tcp is not None:
            self._tcp.abort()

    def _own_host(self) -> bytes:
        """Return the address that a program on this machine connected to; empty for other callers."""
        peer, name = self.peername, self.sockname
        address = address_of(peer[0]) if isinstance(peer, tuple) else None
        if address is None or not address.is_loopback or not isinstance(name, tuple):
            return b""
        host, port = name[:2]
        return f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()

    # -- whose turn it is --------------------------------------------------------------------------------------

    @property
    def due_since(self) -> float | None:
        """Since when the caller is due to act; None while the caller waits for an answer, or is being closed."""
        if self.is_closing:
            return None
        if self._unread_since is not None:
            return self._unread_since
        is_due = not self._is_answering or self._has_open_body
        if is_due or self.is_unauthenticated_socket or self._end_timer is not None:
            return self._due_since
        return None

    @property
    def _has_open_body(self) -> bool:
        return self._content is not None and not self._content.is_eof()

    def authenticate(self) -> None:
        """Note that the token was shown."""
        self.has_token = True
        self.is_unauthenticated_socket = False
        self._uncount()

    def upgrade(self, *, is_authenticated: bool) -> None:
        """Become a WebSocket: what is received from now on are messages."""
        self.is_websocket = True
        self.is_unauthenticated_socket = not is_authenticated
        self._uncount()

    def _uncount(self) -> None:
        if self.buffered:
            self._limits.buffered(-min(self.buffered, MAX_COUNTED))
            self.buffered = 0

    def _count(self, size: int) -> None:
        if self.is_websocket and not self.is_unauthenticated_socket:
            return
        before = self.buffered
        self.buffered += size
        if before // PROGRESS != self.buffered // PROGRESS:
            self._due_since = self._event_loop.time()
        if before < MAX_COUNTED:
            self._limits.buffered(min(self.buffered, MAX_COUNTED) - before)

    # -- what is written ---------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Begin to wait for the caller to read."""
        super().pause_writing()
        self._unread_since = self._event_loop.time()
        self._unread_timer = self._event_loop.call_later(UNREAD_S, self.close_now)

    def resume_writing(self) -> None:
        """Go on: the caller has read most of it."""
        super().resume_writing()
        self._unread_since = None
        if self._unread_timer is not None:
            self._unread_timer.cancel()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the rest of an answer, no faster than it is read."""
        try:
            return await super().finish_response(request, in_chunks(resp), start_time)
        finally:
            self._is_answering = False
            self._due_since = self._event_loop.time()
            self._uncount()
            if self._content is not None and (broken := self._content.exception()) is not None:
                # Its frames hold the body until the garbage is collected.
                broken.__traceback__ = None

    # -- what is read ------------------------------------------------------------------------------------------

    def begin_request(self, content: StreamReader) -> None:
        """Note that the head of a request is complete, and its answer is due next."""
        self._is_answering = True
        self._content = None if content.is_eof() else content
        self._due_since = self._event_loop.time()
        self._ahead = 0
        self._head.is_complete = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def data_received(self, data: bytes) -> None:
        size = len(data)
        if not self.has_token:
            self._count(size)
        is_head = not self._is_answering and not self._has_open_body
        if is_head:
            data = self._head.feed(data)
        try:
            super().data_received(data)
        except (IndexError, ValueError) as error:
            self._refuse_address(error)
            return
        if is_head and self._head_timer is None and not self._head.is_complete:
            self._head_timer = self._event_loop.call_later(HEAD_S, self.force_close)
        if is_head or self.is_unauthenticated_socket:
            self._ahead += size
            if self._ahead > MAX_HEAD:
                # A complete head is known once aiohttp has taken its turn.
                self._event_loop.call_soon(self._close_if_ahead, MAX_HEAD)
        elif self._is_answering and not self._has_open_body and not self.is_websocket:
            self._ahead += size
            self._head.is_complete = True  # it may be; a pipelined request gets no help
            self._close_if_ahead(MAX_AHEAD)

    def _close_if_ahead(self, limit: int) -> None:
        if self._ahead > limit:
            self.close_now()

    # -- what goes wrong ---------------------------------------------------------------------------------------

    def _refuse_address(self, error: Exception) -> None:
        """Answer a request whose address, such as ``http://[]@``, made aiohttp's parser fail; or perhaps a bug did."""
        kind = type(error).__name__
        level = logging.WARNING if _failures.allows(kind) else logging.DEBUG
        words = "%s: the HTTP parser failed, as it does at a malformed address: %s: %s"
        logger.log(level, words, self.peername, kind, error)
        answer = answers.malformed(InvalidURLError("the address"))
        _answered(answer.code)
        if self._tcp is not None and not self._is_answering:
            head = (
                f"HTTP/1.1 {answer.status} Bad Request\r\nContent-Type: {answer.content_type}\r\n"
                f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
            )
            self._tcp.write(head.encode() + answer.body)
        self.force_close()

    def log_exception(self, *args: Any, **more: Any) -> None:
        """Log a bug; a broken body is the caller's fault, and was answered."""
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
        """Answer a malformed request (400), or an error that no handler caught (500)."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already; another cannot be sent")
        if status >= 500:
            logger.error("a request from %s failed", request.remote, exc_info=exc)
            answer = answers.internal_failure()
        else:
            # Without its words: they repeat the request, and a token may be in it.
            logger.debug("a malformed request from %s: %s", request.remote, type(exc).__name__)
            answer = answers.malformed(exc)
        _answered(answer.code)
        response = answer.response()
        response.force_close()
        return response


def authenticate(request: web.BaseRequest) -> None:
    """Note that the sender has shown the token: the connection is closed after all others."""
    connection = request.protocol
    if isinstance(connection, Connection):
        connection.authenticate()


def upgrade(request: web.BaseRequest, *, is_authenticated: bool) -> None:
    """Note that what is received on this connection from now on are messages of a WebSocket."""
    if isinstance(request.protocol, Connection):
        request.protocol.upgrade(is_authenticated=is_authenticated)
