"""A caller who is to speak TLS, before that is settled: he counts as a connection, and has not long."""

import asyncio
import logging
import ssl
from typing import Protocol, cast

from aiohttp import web

logger = logging.getLogger(__name__)

HANDSHAKE_S = 10.0


class Counter(Protocol):
    """The server."""

    def begins(self, handshake: "Handshake") -> bool:
        """Whether there is room for it."""

    def ends(self, handshake: "Handshake") -> None: ...

    def __call__(self) -> web.RequestHandler: ...


class Handshake(asyncio.Protocol):
    """A connection over which nothing has been said yet."""

    is_known = False

    def __init__(self, server: Counter, context: ssl.SSLContext) -> None:
        self._server = server
        self._context = context
        self._loop = asyncio.get_running_loop()
        self.waits_since: float | None = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's
        if self._server.begins(self):
            self._task = self._loop.create_task(self._shake_hands(), name="TLS handshake")
        else:
            self.make_room()
            self._server.ends(self)

    def make_room(self) -> None:
        """Close it at once."""
        self.waits_since = None
        self._wire.abort()

    async def _shake_hands(self) -> None:
        early = _Early()
        try:
            transport = await self._loop.start_tls(
                self._wire,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except OSError as error:  # among them ssl.SSLError, and that he left or took too long
            logger.debug("no TLS with a caller: %s", error)
            return
        finally:
            self._server.ends(self)
        if transport is None or transport.is_closing():
            return
        connection = self._server()
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if early.data:
            connection.data_received(bytes(early.data))


class _Early(asyncio.Protocol):
    """Keeps what comes together with the end of the handshake."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data
