"""The HTTP server beneath the routes: what aiohttp refuses is answered in our envelope, too."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import InvalidURLError, LineTooLong

from openwx import metrics
from openwx.errors import CallerError, Code
from openwx.web import answers
from openwx.web.access import Access

logger = logging.getLogger(__name__)

MAX_LINE = 64 * 1024
"""Bytes of a request line: a text of 16 KiB is three times as long when percent-encoded."""
KEEP_ALIVE_S = 75.0
HEAD_S = 20.0
"""For the head of a request, from its first byte on; a new connection has as long for all of its first one."""
REFUSED_AT_ONCE = 64
"""So many connections beyond what may be are told so; more are only closed."""
SHUTDOWN_S = 1.0
"""For callers who do not let go, once all accounts have stopped and answered theirs."""

_answered = metrics.OfRoute(metrics.OTHER).answered
"""Counts what reached no route."""
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")

Handler = Callable[[Any], Awaitable[web.StreamResponse]]
Shortcuts = Mapping[tuple[str, str], Handler]
"""The handlers of an application that are asked the most, by method and path."""


class Connection(web.RequestHandler):
    """A connection that answers in JSON what is no HTTP.

    In its first request line, which is all that ``curl`` needs, Chinese text may stand as it is.
    Whoever does not bring a request's head to its end in time is not waited for.
    """

    __slots__ = ("_head_timer", "_in_first_line", "is_one_too_many")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(self._manager, Server)
        room = self._manager.room()
        self._in_first_line = True
        self.is_one_too_many = room < 0
        self._head_timer: asyncio.TimerHandle | None = self._loop.call_later(
            HEAD_S, self.force_close
        )
        super().connection_made(transport)
        if room < -REFUSED_AT_ONCE:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    @property
    def awaits_head(self) -> bool:
        """Whether no request is being answered: the next one's head has not come, or not all of it."""
        return self._waiter is not None and not self._waiter.done()

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def data_received(self, data: bytes) -> None:
        if self._in_first_line:
            line, end, rest = data.partition(b"\n")
            self._in_first_line = not end
            if not line.isascii():
                data = _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), line) + end + rest
        super().data_received(data)
        if not self.awaits_head:
            self._forget_timer()
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_S, self.force_close)

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


class Server(web.Server):
    """Makes a ``Connection`` for each caller, and puts aiohttp's own refusals into the envelope.

    Beyond ``access.max_connections``, who has waited longest without asking anything makes room.
    """

    def __init__(
        self, app: web.Server, access: Access, shortcuts: Shortcuts, **options: Any
    ) -> None:
        handler = enveloped(_directly(shortcuts, app.request_handler), access)
        super().__init__(handler, request_factory=app.request_factory, **options)
        self._most = access.max_connections
        self._options = options

    def room(self) -> int:
        """How many connections may be beside those that there are and one more; makes room for it where it can."""
        room = self._most - len(self._connections) - 1
        if room < 0:
            for connection in self._connections:
                if isinstance(connection, Connection) and connection.awaits_head:
                    connection.force_close()
                    return 0
        return room

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=asyncio.get_running_loop(), **self._options)


class Runner(web.AppRunner):
    """Runs an application on a ``Server``."""

    def __init__(self, app: web.Application, access: Access, shortcuts: Shortcuts) -> None:
        super().__init__(app, shutdown_timeout=SHUTDOWN_S)
        self._access = access
        self._shortcuts = shortcuts

    async def _make_server(self) -> web.Server:
        # The step that every runner of aiohttp fills in. The access log halves the rate: off.
        return Server(
            await super()._make_server(),
            self._access,
            self._shortcuts,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=MAX_LINE,
        )


def _directly(shortcuts: Shortcuts, handler: Handler) -> Handler:
    """Ask one of ``shortcuts`` where a request is for one, and else ``handler``, the application, which can do more.

    The application's router, and what it notes of a match, take half as long as all else that a route does.
    """

    def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        endpoint = shortcuts.get((request.method, request.rel_url.path_safe))
        if endpoint is None or hdrs.EXPECT in request.headers:
            return handler(request)
        return endpoint(request)

    return handle


def enveloped(handler: Handler, access: Access) -> Handler:
    """The handler, with 404, 405 and the like answered in JSON, and readable for listed pages."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.protocol, Connection) and request.protocol.is_one_too_many:
            return _too_many()
        try:
            return await handler(request)
        except web.HTTPException as error:
            answer = answers.http_failure(error, request.path)
        origin = None
        try:
            origin = access.admit(request)
        except CallerError as refusal:
            answer = answers.failure(refusal)
        _answered(answer.code)
        return answer.response(origin=origin)

    return handle


def _too_many() -> web.StreamResponse:
    words = "too many connections: access.max_connections says how many may be; try later"
    response = answers.failure(CallerError(Code.QUEUE_FULL, words)).response()
    response.force_close()
    return response
