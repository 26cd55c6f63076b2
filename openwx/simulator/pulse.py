"""Waiting for a condition without asking again and again: who changes something beats the pulse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a scenario waits for what must happen, unless it says otherwise: long enough for a slow machine."""


class Pulse:
    """Wakes all who wait for something to become true; `beat` is synchronous, and goes on to `outer`."""

    def __init__(self, outer: Pulse | None = None) -> None:
        self.beats = 0
        """How often it beat: a number that changes with whatever it stands for."""
        self._outer = outer
        self._waiters: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        self.beats += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        if self._outer is not None:
            self._outer.beat()

    async def until(self, condition: Callable[[], T | None], timeout_s: float | None) -> T | None:
        """What `condition` gives as soon as that is true, or None after `timeout_s` seconds."""
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
