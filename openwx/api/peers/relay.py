"""The stream of an owner for a WebSocket at this node: its messages are sent on as they come.
``forwarding`` opens them; ``websocket`` reads them.

It looks like the stream of an account (``accounts/streams.py``). Calls over the WebSocket do not come here: each one is
made at the node that owns its account.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import msgspec

from openwx.accounts.event_filter import EVERYTHING, EventFilter
from openwx.accounts.streams import StreamEnded
from openwx.errors import UNREADABLE


class Relayed(msgspec.Struct, frozen=True):
    """A message of the owner, as it came. Everything up to the id ``cursor`` was sent with it."""

    text: str
    cursor: int


class _Head(msgspec.Struct):
    """What matters here of a message."""

    type: str = ""
    id: int = -1
    after: int = -1
    reason: str = ""


class PeerStream:
    """The stream of one account at its owner. ``connect`` opens the WebSocket to it; it raises ``CallerError``."""

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]],
        why_ended: Callable[[], str],
    ) -> None:
        self._connect = connect
        self._why_ended = why_ended

    @asynccontextmanager
    async def read(
        self, after: int | None = None, event_filter: EventFilter = EVERYTHING
    ) -> AsyncIterator["PeerReader"]:
        """Read it. Where it begins, and what it has, stands in the address that is opened. Raise ``CallerError``."""
        async with self._connect() as socket:
            yield PeerReader(socket, self._why_ended)


class PeerReader:
    """Reads a ``PeerStream``."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, why_ended: Callable[[], str]
    ) -> None:
        self._socket = socket
        self._why_ended = why_ended
        self.cursor = -1
        """Everything up to this id was read."""

    async def more(self, within_s: float) -> list[Relayed]:
        """Wait for a message. Raise ``StreamEnded``."""
        try:
            async with asyncio.timeout(within_s):
                message = await self._socket.receive()
        except TimeoutError:
            return []
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise StreamEnded(self._why_ended())
        try:
            head = msgspec.json.decode(message.data, type=_Head)
        except UNREADABLE as error:
            raise StreamEnded(f"the node that runs the account sent no event: {error}") from None
        match head.type:
            case "end":
                raise StreamEnded(head.reason)
            case "event":
                self.cursor = head.id
            case "cursor":
                self.cursor = head.after
        return [Relayed(message.data, self.cursor)]
