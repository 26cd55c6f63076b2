"""The pace of calls that change things: WeChat is quick to punish speed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec

from openwx.errors import CallerError, Code

SIZE = 1000
"""So many callers may wait."""


class _Turn(msgspec.Struct):
    """Of calls about one object. ``users`` have it or wait for it."""

    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    users: int = 0


class Lane:
    """Lets one call after the other begin, ``interval_s`` apart, in the order in which they came.

    Calls about different objects overlap: one that WeChat leaves without an answer holds up nobody else.
    """

    def __init__(
        self, interval_s: float, wait_s: float, too_often: Callable[[], Iterator[float]]
    ) -> None:
        self._interval_s = interval_s
        self._wait_s = wait_s
        self._too_often = too_often
        self._pauses = too_often()
        self._not_before = 0.0
        self._begin = asyncio.Lock()
        self._turns: dict[str, _Turn] = {}
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def turn(self, about: str) -> AsyncIterator[None]:
        """The turn of a call about the object ``about``.

        Raises ``CallerError``: too many wait (-7), or it did not come in time (-1, with HTTP 504).
        """
        if self._waiting >= SIZE:
            raise CallerError(Code.QUEUE_FULL, f"{SIZE} changes are waiting: try later")
        turn = self._turns.setdefault(about, _Turn())
        turn.users += 1
        try:
            await self._wait(turn.lock)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[about]

    async def again(self) -> bool:
        """Wait for a second call in the same turn. False: it must not begin within a reasonable time."""
        try:
            async with asyncio.timeout(self._wait_s), self._begin:
                await self._pause()
        except TimeoutError:
            return False
        return True

    def rest(self) -> None:
        """WeChat said "too often": the next call waits, longer each time."""
        self._not_before = time.monotonic() + next(self._pauses)

    def went_well(self) -> None:
        self._pauses = self._too_often()

    async def _wait(self, lock: asyncio.Lock) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await lock.acquire()
                try:
                    async with self._begin:
                        await self._pause()
                except BaseException:
                    lock.release()
                    raise
        except TimeoutError:
            status = f"its turn did not come within {self._wait_s:.0f} seconds: nothing was done"
            raise CallerError(Code.UNREACHABLE, status, http_status=504) from None
        finally:
            self._waiting -= 1

    async def _pause(self) -> None:
        while (pause_s := self._not_before - time.monotonic()) > 0:  # noqa: ASYNC110  a 1205 makes it longer
            await asyncio.sleep(pause_s)
        self._not_before = time.monotonic() + self._interval_s
