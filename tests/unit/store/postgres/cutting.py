"""A proxy that cuts a connection before, within or after the request that carries a mark."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import StrEnum, auto
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Hook = Callable[[], Awaitable[object]]


class Cut(StrEnum):
    """Where the connection is cut; each mark once."""

    BEFORE = auto()
    """The server gets nothing of the request."""
    WITHIN = auto()
    """It gets a part."""
    AFTER = auto()
    """It gets all, and answers; the answer is lost."""
    LATE = auto()
    """It gets all only when ``CuttingProxy.late`` is set."""


AT_ONCE = (Cut.BEFORE, Cut.WITHIN, Cut.AFTER)


class CuttingProxy:
    """Stands before a server. ``cuts`` has the marks to come."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname, parts.port)
        self._given = url
        self.cuts: dict[bytes, Cut] = {}
        self.hooks: dict[bytes, Hook] = {}
        """What happens at a cut, before anybody notices it."""
        self.pause_s = 0.0
        """How long each piece of a request is held up, in seconds."""
        self.late = asyncio.Event()
        self.arrived = asyncio.Event()
        """Set when the server has answered what came late."""
        self.flows = asyncio.Event()
        """While it is not set, nothing goes through, and nobody is told."""
        self.flows.set()
        self.done: list[bytes] = []
        """The marks at which it has cut."""
        self._listener: asyncio.Server
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        host, port = self._server
        return self._given.replace(
            f"{host}:{port}", f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        )

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await Connection(self, reader, writer).pipe(*self._server)
        finally:
            self._tasks.discard(task)


class Connection:
    """One connection, in both directions."""

    def __init__(
        self, proxy: CuttingProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._from_client = reader
        self._to_client = writer
        self._cut_answer: bytes | None = None
        self._is_late = False

    async def pipe(self, host: str | None, port: int | None) -> None:
        with contextlib.suppress(OSError):
            from_server, to_server = await asyncio.open_connection(host, port)
            ways = [
                asyncio.create_task(self._requests(to_server)),
                asyncio.create_task(self._answers(from_server)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                to_server.close()
                self._to_client.transport.abort()

    async def _requests(self, to_server: asyncio.StreamWriter) -> None:
        while data := await self._from_client.read(2**20):
            await self._proxy.flows.wait()
            for mark, cut in list(self._proxy.cuts.items()):
                if mark not in data or self._cut_answer:
                    continue
                del self._proxy.cuts[mark]
                if cut is Cut.AFTER:
                    self._cut_answer = mark
                    continue
                if cut is Cut.LATE:
                    self._is_late = True
                    await self._cut(mark)
                    self._to_client.transport.abort()
                    await self._proxy.late.wait()
                    to_server.write(data)
                    await self._proxy.arrived.wait()
                    return
                if cut is Cut.WITHIN:
                    to_server.write(data[: data.index(mark) + len(mark) // 2])
                    await to_server.drain()
                await self._cut(mark)
                return
            await asyncio.sleep(self._proxy.pause_s)
            to_server.write(data)
            await to_server.drain()

    async def _answers(self, from_server: asyncio.StreamReader) -> None:
        while data := await from_server.read(2**20):
            # The server says that it is ready only after the commit; and after a statement is prepared.
            is_ready = data[-6:-1] == b"Z\x00\x00\x00\x05"
            is_prepared = data.startswith(b"1\x00\x00\x00\x04")
            if self._cut_answer and is_ready and not is_prepared:
                await self._cut(self._cut_answer)
                return
            if self._is_late and is_ready:
                self._proxy.arrived.set()
            await self._proxy.flows.wait()
            if (is_prepared or not self._cut_answer) and not self._is_late:
                self._to_client.write(data)
                await self._to_client.drain()

    async def _cut(self, mark: bytes) -> None:
        self._proxy.done.append(mark)
        if hook := self._proxy.hooks.get(mark):
            await hook()
