"""A TLS handshake: it counts as a connection, and has a time-out of its own.
``server`` makes one for each connection with TLS.
"""

import asyncio
import logging
import ssl
from typing import Protocol, cast

from aiohttp import web

logger = logging.getLogger(__name__)

HANDSHAKE_S = 10.0


class Counter(Protocol):
    """The server, which counts handshakes and makes connections."""

    def begin_handshake(self, handshake: "Handshake") -> bool:
        """Count it; False where there is no room."""

    def end_handshake(self, handshake: "Handshake") -> None: ...

    def __call__(self) -> web.RequestHandler: ...


class Handshake(asyncio.Protocol):
    """A connection whose TLS is not set up yet."""

    has_token = False

    def __init__(self, server: Counter, context: ssl.SSLContext) -> None:
        self._server = server
        self._context = context
        self._loop = asyncio.get_running_loop()
        self.due_since: float | None = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's
        if self._server.begin_handshake(self):
            self._task = self._loop.create_task(self._shake_hands(), name="TLS handshake")
        else:
            self.close_now()
            self._server.end_handshake(self)

    def close_now(self) -> None:
        """Close it without waiting for anything."""
        self.due_since = None
        self._tcp.abort()

    async def _shake_hands(self) -> None:
        early = _Early()
        try:
            transport = await self._loop.start_tls(
                self._tcp,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except OSError as error:  # including ssl.SSLError, a lost connection and the time-out
            logger.debug("a TLS handshake failed: %s", error)
            return
        finally:
            self._server.end_handshake(self)
        if transport is None or transport.is_closing():
            return
        connection = self._server()
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if early.data:
            connection.data_received(bytes(early.data))


class _Early(asyncio.Protocol):
    """Buffers what is received together with the end of the handshake."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data
