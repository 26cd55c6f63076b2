"""One thread that does blocking work for an event loop: what waits when it is free goes together.

Those who were told together come back together, but not all at once: where fewer are there than the last time, the
others are waited for a moment. Who is alone never waits (PostgreSQL's ``commit_delay`` and ``commit_siblings``).
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

SIBLINGS_S = 0.001
"""So long is waited for those who were told together."""


class Job(NamedTuple):
    what: Any
    done: asyncio.Future[Any]


class JobResult(NamedTuple):
    """The result of an order, or its error."""

    done: asyncio.Future[Any]
    value: Any
    error: Exception | None


class BatchExecutor:
    """What the thread runs: opened, fed and closed in the thread, and nowhere else."""

    def open(self) -> None:
        raise NotImplementedError

    def handle(self, orders: list[Job]) -> Iterable[list[JobResult]]:
        """Do the orders. Each yielded list is told at once, with a single wake-up of the loop."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Writer:
    """Owns the thread. ``start`` and ``stop`` are called once each, on the loop that it serves."""

    def __init__(self, workshop: BatchExecutor, *, name: str, at_once: int) -> None:
        self._workshop = workshop
        self._name = name
        self._at_once = at_once
        self._orders: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._gathered: list[Job] = []
        self._siblings = 0
        """So many were done together the last time."""
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Future[None]

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        opened: asyncio.Future[None] = self._loop.create_future()
        # A daemon: where the loop dies without `stop`, the process may end all the same.
        threading.Thread(target=self._work, args=(opened,), name=self._name, daemon=True).start()
        await opened

    async def stop(self) -> None:
        """Do everything that was ordered, then end the thread."""
        self._hand_over()
        self._orders.put(None)
        await asyncio.shield(self._ended)

    async def order(self, what: Any) -> Any:
        """Have it done. A caller who is cancelled meanwhile does not stop it."""
        done: asyncio.Future[Any] = self._loop.create_future()
        if not self._gathered:
            # After all callers who can run now: those woken by one group go into the next together.
            self._loop.call_soon(self._hand_over)
        self._gathered.append(Job(what, done))
        return await done

    def _hand_over(self) -> None:
        if self._gathered:
            self._orders.put(self._gathered)
            self._gathered = []

    def _work(self, opened: asyncio.Future[None]) -> None:
        try:
            self._workshop.open()
        except Exception as error:  # noqa: BLE001 - told to whoever starts
            self._tell([JobResult(opened, None, error)])
            return
        self._tell([JobResult(opened, None, None)])
        while (orders := self._next()) is not None:
            try:
                for told in self._workshop.handle(orders):
                    self._tell(told)
            except Exception as error:  # noqa: BLE001 - a bug, told to everyone who waits (again: no effect)
                self._tell([JobResult(order.done, None, error) for order in orders])
        self._workshop.close()
        self._tell([JobResult(self._ended, None, None)])

    def _next(self) -> list[Job] | None:
        orders = self._orders.get()
        if orders is None:
            return None
        if len(orders) < self._siblings:
            time.sleep(SIBLINGS_S)
        while len(orders) < self._at_once:
            try:
                more = self._orders.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._orders.put(None)
                break
            orders = orders + more
        self._siblings = len(orders)
        return orders

    def _tell(self, results: list[JobResult]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, results)


def _resolve(results: list[JobResult]) -> None:
    for done, value, error in results:
        if done.done():
            continue
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)
