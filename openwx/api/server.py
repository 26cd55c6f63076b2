"""The HTTP server beneath the routes: connection limits, TLS, and errors of aiohttp's own as JSON.
``app`` runs it.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import StreamReader, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from openwx import metrics
from openwx.api import answers
from openwx.api.access import Access
from openwx.api.connection import Connection
from openwx.api.handshake import Handshake
from openwx.api.hardening import limit_pipelining
from openwx.errors import CallerError, Code

MAX_LINE = 64 * 1024
"""Bytes of a request line: a text of 16 KiB is three times as long when percent-encoded."""
KEEP_ALIVE_S = 75.0
MAX_BUFFERED = 128 * 1024 * 1024
"""Bytes of incomplete requests, of all callers together who have not shown the token."""
SHUTDOWN_S = 1.0
"""Time for callers to finish, once all accounts have stopped and answered theirs."""

_answered = metrics.REQUESTS.of(metrics.OTHER).answered

Handler = Callable[[Any], Awaitable[web.StreamResponse]]
Handlers = dict[str, dict[str, Handler]]
"""The handlers of routes by path and method."""
_NONE: dict[str, Handler] = {}


class Server(web.Server):
    """Makes a ``Connection`` for each caller. Implements ``connection.Limits``.

    Beyond ``access.max_connections``, the connection whose caller has been due longest is closed: strangers' first.
    """

    def __init__(self, access: Access, handlers: Handlers) -> None:
        super().__init__(self._handle, request_factory=self._begin_request)
        self._app: web.Server | None = None
        self._access = access
        self._handlers = handlers
        self._max = access.max_connections
        self._handshakes: dict[Handshake, None] = {}
        self._buffered = 0

    def serve(self, app: web.Server | None) -> None:
        """Have this server of an application answer the requests."""
        assert app is not None, "an application is set up before it is served"
        self._app = app

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; 404, 405 and the like in JSON, readable for the listed origins."""
        protocol = request.protocol
        if isinstance(protocol, Connection) and protocol.is_over_limit:
            return _too_many()
        try:
            # Benchmark row `routes`: a tenth of get_user_info. aiohttp answers `Expect` before it calls a handler.
            handler = self._handlers.get(request.rel_url.path_safe, _NONE).get(request.method)
            if handler is not None and hdrs.EXPECT not in request.headers:
                return await handler(request)
            assert self._app is not None
            return await self._app.request_handler(request)
        except web.HTTPException as error:
            answer = answers.http_failure(error, request.path)
        origin = None
        try:
            origin = self._access.admit(request)
        except CallerError as refusal:
            answer = answers.failure(refusal)
        _answered(answer.code)
        return answer.response(origin=origin)

    def _begin_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if isinstance(protocol, Connection):
            protocol.begin_request(payload)
        assert self._app is not None
        return self._app.request_factory(message, payload, protocol, writer, task)

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self,
            self,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=MAX_LINE,
            auto_decompress=False,  # compressed.py does
        )

    # -- limits ------------------------------------------------------------------------------------------------

    def free_connections(self) -> int:
        connections = self.connections
        free = self._max - len(connections) - len(self._handshakes) - 1
        if free < 0 and self._make_room([*connections, *self._handshakes]):
            return 0
        return free

    def buffered(self, change: int) -> None:
        self._buffered += change
        while self._buffered > MAX_BUFFERED and self._make_room(
            one for one in self.connections if isinstance(one, Connection) and one.buffered
        ):
            pass

    def _make_room(self, among: Iterable[web.RequestHandler | Handshake]) -> bool:
        """Close the connection whose caller has been due longest; False if none is due."""
        due = [
            (one.has_token, since, one)
            for one in among
            if isinstance(one, Connection | Handshake) and (since := one.due_since) is not None
        ]
        if not due:
            return False
        _, _, chosen = min(due, key=lambda one: one[:2])
        chosen.close_now()
        return True

    def begin_handshake(self, handshake: Handshake) -> bool:
        """Count a TLS handshake until ``end_handshake``; False where there is no room for it."""
        has_room = self.free_connections() >= 0
        self._handshakes[handshake] = None
        return has_room

    def end_handshake(self, handshake: Handshake) -> None:
        self._handshakes.pop(handshake, None)

    async def shutdown(self, timeout: float | None = None) -> None:
        for handshake in list(self._handshakes):
            handshake.close_now()
        await super().shutdown(timeout)


class Runner(web.ServerRunner):
    """Runs an application on a ``Server``. ``stop`` is awaited before the connections are closed."""

    def __init__(
        self,
        app: web.Application,
        access: Access,
        handlers: Handlers,
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        limit_pipelining()
        self._app = web.AppRunner(app)
        self._http = Server(access, handlers)
        super().__init__(self._http, shutdown_timeout=SHUTDOWN_S)
        self._tls: list[asyncio.Server] = []
        self._stop = stop
        self.instance_id = access.instance_id
        """The id by which commands recognise this gateway."""

    async def setup(self) -> None:
        await self._app.setup()
        self._http.serve(self._app.server)
        await super().setup()

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen on an address and return its port. Raises ``OSError``."""
        if tls is None:
            await web.TCPSite(self, host, port).start()
            return int(self.addresses[-1][1])
        server = await asyncio.get_running_loop().create_server(
            lambda: Handshake(self._http, tls), host, port
        )
        self._tls.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def shutdown(self) -> None:
        await self._stop()

    async def cleanup(self) -> None:
        for server in self._tls:
            server.close()
        await super().cleanup()
        await self._app.cleanup()


def _too_many() -> web.StreamResponse:
    words = "too many connections: access.max_connections is the limit; try again later"
    response = answers.failure(CallerError(Code.QUEUE_FULL, words)).response()
    response.force_close()
    return response
