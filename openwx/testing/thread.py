"""An event loop in a thread of its own, so that plain and ``async`` tests can use the same gateway."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """A thread with an event loop: ``with LoopThread() as thread: thread.run(work())``. Leaving cancels its tasks."""

    def __init__(self) -> None:
        self._begun: Future[asyncio.AbstractEventLoop] = Future()
        self._enough: asyncio.Event
        self._thread = threading.Thread(target=self._main, name="openwx.testing", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._begun.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.result().call_soon_threadsafe(self._enough.set)
        self._thread.join()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine in the thread, and return its future."""
        return asyncio.run_coroutine_threadsafe(work, self._begun.result())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread, and wait for its result."""
        return self.submit(work).result()

    def do(self, action: Callable[[], T]) -> T:
        """Call a plain function in the thread, and wait for its result."""

        async def call() -> T:
            return action()

        return self.run(call())

    def _main(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._enough = asyncio.Event()
        self._begun.set_result(asyncio.get_running_loop())
        await self._enough.wait()
