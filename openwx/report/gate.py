"""Whether the backend is there. While it is not, all chats share one back-off and one probe."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterator

log = logging.getLogger("openwx.report")

_FAILING_CHATS = 3
"""So many chats in a row without an answer are an outage; fewer may have bad uploads."""


def growing_pauses(first_s: float = 1.0, most_s: float = 60.0) -> Iterator[float]:
    """Seconds between tries: doubled each time, with jitter, for ever."""
    pause_s = first_s
    while True:
        yield pause_s * random.uniform(0.75, 1.0)
        pause_s = min(pause_s * 2, most_s)


class Gate:
    """Open while the backend answers."""

    def __init__(self, account: str, pauses: Callable[[], Iterator[float]]) -> None:
        self._account = account
        self._new_pauses = pauses
        self._pauses = pauses()
        self._failing: set[str] = set()
        self._opens_at: float | None = None
        self.outage = ""
        """What the last probe met; empty while the gate is open."""
        self._wake = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self._opens_at is not None

    async def wait(self) -> None:
        """Until the next probe may go, or the gate is open."""
        loop = asyncio.get_running_loop()
        while self._opens_at is not None and (left_s := self._opens_at - loop.time()) > 0:
            await self.pause(left_s)

    async def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of an outage, nor when there is a hurry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def hurry(self) -> None:
        """End the pauses of this moment, each once."""
        if self._opens_at is not None:
            self._opens_at = 0.0
        self._wake.set()
        self._wake.clear()

    def answered(self) -> None:
        self._failing.clear()
        if self._opens_at is not None:
            self._opens_at = None
            self.outage = ""
            self._pauses = self._new_pauses()
            self.hurry()
            log.warning("%s: post_api answers again", self._account)

    def failed(
        self, chat: str, error: str, *, down: bool, probe: bool, retry_after_s: float = 0.0
    ) -> None:
        """No answer. ``down``: it cannot be the upload's fault."""
        self._failing.add(chat)
        now = asyncio.get_running_loop().time()
        if self._opens_at is None and (down or len(self._failing) >= _FAILING_CHATS):
            log.warning("%s: post_api does not answer, uploads wait: %s", self._account, error)
        elif self._opens_at is None:
            return
        elif not probe:  # it was under way when the gate closed
            self._opens_at = max(self._opens_at, now + retry_after_s)
            return
        self.outage = error
        self._opens_at = now + max(next(self._pauses), retry_after_s)
