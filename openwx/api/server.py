"""The HTTP server beneath the routes: what aiohttp refuses is answered in our envelope, too."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp import hdrs, web

from openwx import metrics
from openwx.api import answers
from openwx.api.access import Access
from openwx.api.connection import Connection, Keeper
from openwx.api.handshake import Handshake
from openwx.errors import CallerError, Code

logger = logging.getLogger(__name__)

MAX_LINE = 64 * 1024
"""Bytes of a request line: a text of 16 KiB is three times as long when percent-encoded."""
KEEP_ALIVE_S = 75.0
MOST_HELD = 128 * 1024 * 1024
"""Bytes of requests that have come in part, of all callers together who have not shown the token."""
SHUTDOWN_S = 1.0
"""For callers who do not let go, once all accounts have stopped and answered theirs."""

_answered = metrics.OfRoute(metrics.OTHER).answered
"""Counts what reached no route."""

Handler = Callable[[Any], Awaitable[web.StreamResponse]]
Shortcuts = Mapping[tuple[str, str], Handler]
"""The handlers of an application that are asked the most, by method and path."""


class Server(Keeper):
    """Makes a ``Connection`` for each caller, and puts aiohttp's own refusals into the envelope.

    Beyond ``access.max_connections``, the caller who has owed something longest makes room: strangers first.
    """

    def __init__(
        self, app: web.Server, access: Access, shortcuts: Shortcuts, **options: Any
    ) -> None:
        handler = enveloped(_directly(shortcuts, app.request_handler), access)
        super().__init__(handler, request_factory=app.request_factory, **options)
        self._most = access.max_connections
        self._options = options
        self._handshakes: dict[Handshake, None] = {}
        self._held = 0

    def room(self) -> int:
        room = self._most - len(self._connections) - len(self._handshakes) - 1
        if room < 0 and self._make_room([*self._connections, *self._handshakes]):
            return 0
        return room

    def holds(self, more: int) -> None:
        self._held += more
        while self._held > MOST_HELD and self._make_room(
            one for one in self._connections if isinstance(one, Connection) and one.taken
        ):
            pass

    def _make_room(self, among: Iterable[web.RequestHandler | Handshake]) -> bool:
        """Close the connection of the caller who has owed something longest; False where nobody owes anything."""
        chosen: Connection | Handshake | None = None
        least = True, 0.0
        for one in among:
            if isinstance(one, Connection | Handshake) and (since := one.waits_since) is not None:
                rank = one.is_known, since
                if chosen is None or rank < least:
                    chosen, least = one, rank
        if chosen is None:
            return False
        chosen.make_room()
        return True

    def begins(self, handshake: Handshake) -> bool:
        """Whether there is room for one who wants to speak TLS; he counts until ``ends``."""
        has_room = self.room() >= 0
        self._handshakes[handshake] = None
        return has_room

    def ends(self, handshake: Handshake) -> None:
        self._handshakes.pop(handshake, None)

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=asyncio.get_running_loop(), **self._options)

    async def shutdown(self, timeout: float | None = None) -> None:
        for handshake in list(self._handshakes):
            handshake.make_room()
        await super().shutdown(timeout)


class TlsSite(web.BaseSite):
    """An address that is served over TLS."""

    def __init__(
        self, runner: web.BaseRunner, host: str, port: int, context: ssl.SSLContext
    ) -> None:
        super().__init__(runner)
        self._where = host, port
        self._context = context

    @property
    def name(self) -> str:
        return "https://{}:{}".format(*self._where)

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert isinstance(server, Server)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Handshake(server, self._context), *self._where
        )


class Runner(web.AppRunner):
    """Runs an application on a ``Server``."""

    def __init__(self, app: web.Application, access: Access, shortcuts: Shortcuts) -> None:
        super().__init__(app, shutdown_timeout=SHUTDOWN_S)
        self._access = access
        self._shortcuts = shortcuts

    @property
    def instance_id(self) -> str:
        """By which commands know this gateway from another."""
        return self._access.instance_id

    async def _make_server(self) -> web.Server:
        # The step that every runner of aiohttp fills in. The access log halves the rate: off.
        return Server(
            await super()._make_server(),
            self._access,
            self._shortcuts,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=MAX_LINE,
            auto_decompress=False,  # compressed.py does
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
        protocol = request.protocol
        if isinstance(protocol, Connection):
            protocol.begins(request)
            if protocol.is_one_too_many:
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
