"""The way from one node to PostgreSQL: a relay that can be cut or held up in either direction.
``network`` has one for each node.
"""

import asyncio
import contextlib
from enum import StrEnum

_PIECE = 64 * 1024


class Way(StrEnum):
    """What a wire does."""

    OPEN = "open"
    CLOSED = "closed"
    """Connections are reset, and refused."""
    STALLED = "stalled"
    """Nothing passes, in neither direction, and nobody is told."""
    NO_ANSWERS = "no answers"
    """What the node says arrives; what PostgreSQL answers does not."""
    LATE = "late"
    """Nothing passes, and all of it arrives in the end: also what was said on connections that are closed since."""


class Wire:
    """Relays to a port of this machine. What was held up arrives when it is open again."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._way = Way.OPEN
        self._opened = asyncio.Event()
        self._opened.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._listener.sockets[0].getsockname()
        return host, port

    async def start(self, host: str) -> None:
        self._listener = await asyncio.start_server(self._serve, host, 0)

    async def close(self) -> None:
        self._listener.close()
        self.be(Way.OPEN)
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def be(self, way: Way) -> None:
        """Change what it does, for connections that are open, too."""
        self._way = way
        if way is Way.OPEN:
            self._opened.set()
        else:
            self._opened.clear()
        if way is Way.CLOSED:
            for writer in self._writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._way is Way.CLOSED:
            writer.transport.abort()
            return
        answers, onward = await asyncio.open_connection("127.0.0.1", self._target)
        ends = {writer, onward}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pipe(reader, onward, (Way.STALLED, Way.LATE)))
                both.create_task(
                    self._pipe(answers, writer, (Way.STALLED, Way.NO_ANSWERS, Way.LATE))
                )
        except* OSError:
            pass  # the other end sees it by the abort below
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _pipe(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        held_up_by: tuple[Way, ...],
    ) -> None:
        while data := await reader.read(_PIECE):
            while self._way in held_up_by:
                await self._opened.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
