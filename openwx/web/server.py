"""The HTTP server beneath the routes: what aiohttp refuses is answered in our envelope, too."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import InvalidURLError, LineTooLong

from openwx import metrics
from openwx.errors import CallerError, Code
from openwx.web import answers
from openwx.web.access import Access

logger = logging.getLogger(__name__)

MAX_LINE = 64 * 1024
"""Bytes of a request line: a text of 16 KiB is three times as long when percent-encoded."""
KEEP_ALIVE_S = 75.0
SHUTDOWN_S = 5.0

_answered = metrics.OfRoute(metrics.OTHER).answered
"""Counts what reached no route."""
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")

Handler = Callable[[Any], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """A connection that answers in JSON what is no HTTP.

    In its first request line, which is all that ``curl`` needs, Chinese text may stand as it is.
    """

    __slots__ = ("_in_first_line",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._in_first_line = True
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._in_first_line:
            line, end, rest = data.partition(b"\n")
            self._in_first_line = not end
            if not line.isascii():
                data = _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), line) + end + rest
        super().data_received(data)

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
            logger.debug("a malformed request from %s: %s", request.remote, exc)
            answer = answers.failure(CallerError(Code.BAD_PARAMETER, "this is not valid HTTP"))
        _answered(answer.code)
        response = answer.response()
        response.force_close()
        return response


class Server(web.Server):
    """Makes a ``Connection`` for each caller, and puts aiohttp's own refusals into the envelope."""

    def __init__(self, app: web.Server, access: Access, **options: Any) -> None:
        super().__init__(
            enveloped(app.request_handler, access), request_factory=app.request_factory, **options
        )
        self._options = options

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=asyncio.get_running_loop(), **self._options)


class Runner(web.AppRunner):
    """Runs an application on a ``Server``."""

    def __init__(self, app: web.Application, access: Access) -> None:
        super().__init__(app, shutdown_timeout=SHUTDOWN_S)
        self._access = access

    async def _make_server(self) -> web.Server:
        # The step that every runner of aiohttp fills in. The access log halves the rate: off.
        return Server(
            await super()._make_server(),
            self._access,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=MAX_LINE,
        )


def enveloped(handler: Handler, access: Access) -> Handler:
    """The handler, with 404, 405 and the like answered in JSON, and readable for listed pages."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            answer = answers.http_failure(error)
        origin = None
        try:
            origin = access.admit(request)
        except CallerError as refusal:
            answer = answers.failure(refusal)
        _answered(answer.code)
        return answer.response(origin=origin)

    return handle
