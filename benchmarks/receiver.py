"""A ``post_api`` on a bare ``asyncio.Protocol``: it answers every report with 200 and an empty body."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._got = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            length = 0
            for line in bytes(self._got[:end]).split(b"\r\n"):
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            if len(self._got) < end + 4 + length:
                return
            self._take(bytes(self._got[end + 4 : end + 4 + length]))
            del self._got[: end + 4 + length]
            self._transport.write(ANSWER)


class Receiver:
    """A server for reports: ``async with Receiver() as receiver``. ``on_report`` is called with each body."""

    def __init__(self, on_report: Callable[[bytes], None] | None = None) -> None:
        self.count = 0
        self.last = 0.0
        """The time of the last report (``time.perf_counter``)."""
        self.port = 0
        self._on_report = on_report
        self._received = asyncio.Event()
        self._server: asyncio.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/post_api"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._take), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()

    def _take(self, body: bytes) -> None:
        self.count += 1
        self.last = time.perf_counter()
        if self._on_report is not None:
            self._on_report(body)
        self._received.set()

    async def until(self, count: int, timeout_s: float = 120.0) -> None:
        """Wait until ``count`` reports have arrived since the start."""
        async with asyncio.timeout(timeout_s):
            while self.count < count:
                self._received.clear()
                await self._received.wait()
