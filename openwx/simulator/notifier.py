"""Wait for a condition without polling: code that changes something calls `notify`.

Held calls, the phone page and tests wait so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
"""The default time limit of a scenario's waits, in seconds: long enough for a slow machine."""


class Notifier:
    """Wakes all tasks that wait for a condition. A notification is passed on to `outer`."""

    def __init__(self, outer: Notifier | None = None) -> None:
        self.count = 0
        """The number of notifications: it differs whenever something changed."""
        self._outer = outer
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Have all conditions checked again."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        if self._outer is not None:
            self._outer.notify()

    async def until(self, condition: Callable[[], T | None], timeout_s: float | None) -> T | None:
        """Return the value of `condition` as soon as it is true, or None after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := condition()):
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiters.discard(waiter)
                return found
        except TimeoutError:
            return None
