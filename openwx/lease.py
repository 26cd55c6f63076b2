"""Whether this process may act for an account now: make a call to WeChat, or a request to its backends.

Where several processes share a store, one of them may, as long as its lease lasts. It stops in time before another one
may take its accounts. A process alone always may.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from openwx.errors import LeaseLost
from openwx.steady import steady


class Lease:
    """The time in which this process may act for its accounts. It never ends where nothing renews it."""

    def __init__(self, clock: Callable[[], float] = steady) -> None:
        self._clock = clock
        self._ends_at = math.inf
        self.is_endless = True
        """Whether nothing has renewed it, so that it never ends."""
        self._renewed = asyncio.Event()

    def renew(self, ends_at: float) -> None:
        """Set when it ends, in seconds of the clock."""
        self._ends_at, self.is_endless = ends_at, False
        self._renewed.set()
        self._renewed = asyncio.Event()

    @property
    def left_s(self) -> float:
        """Seconds until it ends, below 0 afterwards."""
        return self._ends_at - self._clock()

    @property
    def is_valid(self) -> bool:
        return self.is_endless or self._ends_at > self._clock()

    def until_renewed(self) -> Coroutine[Any, Any, object]:
        """Wait for the next ``renew`` after this call."""
        return self._renewed.wait()


class Gate:
    """What every call to WeChat and every request to a backend of one account passes, right before it is made."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._closed = asyncio.Event()
        self.is_closed = False
        """Whether nothing may pass any more."""

    @property
    def is_open(self) -> bool:
        """Whether this process may act for the account now."""
        # Every request of an account asks this, and several times: where nothing ends, no clock is read.
        return not self.is_closed and (self._lease.is_endless or self._lease.is_valid)

    @property
    def is_paused(self) -> bool:
        """Whether nothing may pass for now: the lease has ended, but nobody is known to have the account."""
        return not self.is_closed and not self._lease.is_valid

    @property
    def left_s(self) -> float:
        """Seconds for which it is open for certain, unless it is closed."""
        return self._lease.left_s

    def close(self) -> None:
        """Let nothing pass any more: the account belongs to another process, or to nobody."""
        self.is_closed = True
        self._closed.set()

    async def until_closed(self) -> None:
        """Wait for ``close``."""
        await self._closed.wait()

    def require_mine(self) -> None:
        """Raise ``LeaseLost`` once it is closed."""
        if self.is_closed:
            raise LeaseLost("another process has taken the account")

    async def passed(self, within_s: float | None = None) -> None:
        """Return at once while it is open; else wait until the lease is renewed.

        Raise ``LeaseLost`` once it is closed, and ``TimeoutError`` after ``within_s`` seconds.
        """
        self.require_mine()
        if self._lease.is_valid:
            return
        async with asyncio.timeout(within_s):
            await self._until_open()

    @contextlib.asynccontextmanager
    async def while_mine(self) -> AsyncIterator[None]:
        """Leave the block with ``LeaseLost`` as soon as it is closed, whatever that waits for."""
        self.require_mine()
        limit = asyncio.timeout(None)
        try:
            async with limit:
                watch = asyncio.create_task(self._end_when_closed(limit))
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError:
            if limit.expired():
                self.require_mine()
            raise

    async def _end_when_closed(self, limit: asyncio.Timeout) -> None:
        await self._closed.wait()
        limit.reschedule(asyncio.get_running_loop().time())

    async def _until_open(self) -> None:
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            while not self._lease.is_valid:
                renewed = asyncio.ensure_future(self._lease.until_renewed())
                try:
                    await asyncio.wait({closed, renewed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    renewed.cancel()
                self.require_mine()
        finally:
            closed.cancel()


def always_open() -> Gate:
    """Make the gate of an account whose process is alone."""
    return Gate(Lease())
