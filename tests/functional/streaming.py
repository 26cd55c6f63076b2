"""Readers of streams, as a browser's EventSource and as a program with a WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from tests.patience import PATIENCE_S

from .world import Api, Json


@dataclass(frozen=True)
class Event:
    """One event of a stream; ``id`` is what was the last id by then."""

    id: str
    name: str
    json: Json

    @property
    def content(self) -> Any:
        return self.json.get("content", self.json.get("event"))


class EventSource:
    """Reads ``GET /openwx/events`` as the HTML standard says."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.last_id = ""
        self.retry = 0

    async def next(self, timeout_s: float = PATIENCE_S) -> Event | None:
        """Return the next event; None when the stream has ended."""
        name = ""
        data: list[str] = []
        async with asyncio.timeout(timeout_s):
            while line := await self._line():
                text = line.decode().removesuffix("\n")
                field, _, value = text.partition(": ")
                match field:
                    case "":
                        if data:
                            return Event(self.last_id, name, msgspec.json.decode("\n".join(data)))
                        name = ""
                    case "id":
                        self.last_id = value
                    case "event":
                        name = value
                    case "data":
                        data.append(value)
                    case "retry":
                        self.retry = int(value)
                    case _:
                        assert text.startswith(":"), text
        return None

    async def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            try:
                line += await self.response.content.readuntil(b"\n")
            except ValueError:  # longer than aiohttp likes
                line += await self.response.content.readany()
            if not line:
                break
        return line

    async def until(self, content: str) -> list[Event]:
        """All events up to the one that says this."""
        found: list[Event] = []
        while not found or found[-1].content != content:
            event = await self.next()
            assert event is not None, f"it ended after {found[-5:]}"
            found.append(event)
        return found

    async def texts(self, n: int) -> list[Any]:
        """Return the texts of the next ``n`` messages; any other event is an error."""
        found: list[Any] = []
        while len(found) < n:
            event = await self.next()
            assert event is not None, f"it ended after {found[-5:]}"
            assert event.name in ("receive_message", "send_message"), event
            found.append(event.content)
        return found

    async def begun(self) -> str:
        """Wait until it has begun: the id from which it goes on."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.last_id:
                field, _, value = (await self._line()).decode().strip().partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "retry":
                    self.retry = int(value)
        return self.last_id


@asynccontextmanager
async def event_source(
    gateway: Api, *, last_id: str = "", **params: str
) -> AsyncIterator[EventSource]:
    """Open a stream, and wait until it has begun."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
    url = f"{gateway.url}/openwx/events"
    timeout = aiohttp.ClientTimeout(total=None)
    async with gateway._http.get(url, params=params, headers=headers, timeout=timeout) as response:
        assert response.status == 200, await response.text()
        source = EventSource(response)
        await source.begun()
        yield source


class Socket:
    """A WebSocket to ``/openwx/ws``."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.cursor = 0
        self._kept: list[Json] = []

    async def next(self, timeout_s: float = PATIENCE_S) -> Json | None:
        """Return the next message; None when the socket is closed."""
        async with asyncio.timeout(timeout_s):
            message = await self.ws.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return None
        found: Json = msgspec.json.decode(message.data)
        if found["type"] == "cursor":
            self.cursor = found["after"]
        return found

    async def next_of(self, kind: str, **fields: Any) -> Json:
        """Return the next message of a type; later calls get those of other types."""
        wanted = {"type": kind, **fields}
        for kept in self._kept:
            if wanted.items() <= kept.items():
                self._kept.remove(kept)
                return kept
        while (found := await self.next()) is not None:
            if wanted.items() <= found.items():
                return found
            self._kept.append(found)
        raise AssertionError(f"no {wanted}; closed with {self.ws.close_code}: {self._kept[-5:]}")

    async def texts(self, n: int) -> list[Any]:
        """Return the texts of the next ``n`` messages."""
        return [(await self.next_of("event"))["event"].get("content") for _ in range(n)]

    async def call(self, name: str, /, **params: Any) -> Json:
        """Call a route, and wait for its answer."""
        id_ = f"{name}-{id(params)}"
        await self.ws.send_json({"id": id_, "call": name, "params": params})
        return await self.next_of("answer", id=id_)


@asynccontextmanager
async def socket(
    gateway: Api, *, headers: dict[str, str] | None = None, **params: str
) -> AsyncIterator[Socket]:
    """Open a socket, and wait for its first cursor."""
    url = f"{gateway.url}/openwx/ws"
    async with gateway._http.ws_connect(url, params=params, headers=headers) as ws:
        found = Socket(ws)
        await found.next_of("cursor")
        yield found
