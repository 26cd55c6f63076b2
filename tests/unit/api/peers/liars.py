"""A program at the address of a node that answers what a node would not."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Liar:
    """Reads the head of a request, calls ``then``, and answers these bytes: None closes, b"" answers nothing."""

    def __init__(self, answer: bytes | None) -> None:
        self.heads: list[bytes] = []
        self.then: Callable[[], object] = lambda: None
        self.answer = answer
        self.repeats = b""
        """What follows for ever, or until ``most`` bytes."""
        self.most = math.inf
        self.repeated = 0
        """Bytes of it that were sent."""
        self.stays = False
        """Whether it leaves the connection open."""
        self.left = 0
        """How many callers have closed the connection that it left open."""
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    @asynccontextmanager
    async def started(cls, answer: bytes | None = None) -> AsyncIterator["Liar"]:
        liar = cls(answer)
        server = await asyncio.start_server(liar._serve, "127.0.0.1", 0)
        liar.port = server.sockets[0].getsockname()[1]
        try:
            yield liar
        finally:
            server.close()
            for writer in list(liar._open):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            self.then()
            if self.answer is None:
                return
            writer.write(self.answer)
            while self.repeats and self.repeated < self.most:
                writer.write(self.repeats)
                await writer.drain()
                self.repeated += len(self.repeats)
            if self.stays or not self.answer:
                await reader.read()
                self.left += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            self._open.discard(writer)
