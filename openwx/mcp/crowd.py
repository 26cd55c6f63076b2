"""The connections of ``openwx mcp --http``, of which only so many may wait for a request. ``http`` counts them.

uvicorn waits for a request for ever, and refuses new connections while there are too many. So a few that say nothing
would keep everybody out, although they know no token.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

Peer = tuple[str, int]


class Crowd:
    """An application that closes the connection that has waited longest, where more than ``most`` wait.

    A connection waits while it has no request, or not all of its body. ``protocol`` is for uvicorn's ``http``.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._open: dict[Peer, asyncio.BaseTransport] = {}
        self._waiting: dict[Peer, None] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        crowd = self

        class Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                crowd.enter(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                crowd.leave(self.transport)

        return Protocol

    def enter(self, transport: asyncio.BaseTransport) -> None:
        if peer := _peer(transport):
            self._open[peer] = transport
            self._wait(peer)
        else:  # it is gone already
            transport.close()

    def leave(self, transport: asyncio.BaseTransport) -> None:
        if peer := _peer(transport):
            self._open.pop(peer, None)
            self._waiting.pop(peer, None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope.get("client"):
            await self._app(scope, receive, send)
            return
        host, port = scope["client"]
        peer = host, port

        async def receive_all() -> Message:
            message = await receive()
            if not message.get("more_body", False):
                self._waiting.pop(peer, None)
            return message

        if scope["method"] != "POST":
            self._waiting.pop(peer, None)
        try:
            await self._app(scope, receive_all, send)
        finally:
            self._wait(peer)

    def _wait(self, peer: Peer) -> None:
        if peer in self._open:
            self._waiting.setdefault(peer)
        if len(self._waiting) > self._most:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            self._open[oldest].close()


def _peer(transport: asyncio.BaseTransport) -> Peer | None:
    address = transport.get_extra_info("peername")
    return (str(address[0]), int(address[1])) if address else None
