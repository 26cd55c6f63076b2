"""A minimal durable log: a file, a thread, one ``fdatasync`` for all waiting lines. Baseline of the row ``journal``."""

import asyncio
import contextlib
import os
import queue
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_Append = tuple[bytes, asyncio.Future[None]]


class Lines:
    """``async with Lines(path) as lines``. When ``append`` returns, the line is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._work, daemon=True)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def append(self, line: bytes) -> None:
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((line, done))
        await done

    def _work(self) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            while (first := self._queue.get()) is not None:
                together = [first]
                with contextlib.suppress(queue.Empty):
                    while (more := self._queue.get_nowait()) is not None:
                        together.append(more)
                    self._queue.put(None)
                os.write(file, b"".join(line for line, _ in together))
                os.fdatasync(file)
                self._loop.call_soon_threadsafe(_done, [done for _, done in together])
        finally:
            os.close(file)


def _done(waiting: list[asyncio.Future[None]]) -> None:
    for done in waiting:
        done.set_result(None)
