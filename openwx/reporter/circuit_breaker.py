"""Whether the backend is there. While it is not, all chats share one back-off and one probe.

Not there is a backend that cannot be connected to, or says "not now" (408, 429, 502, 503, 504) to several chats. One
that takes an upload and says nothing is there: that counts as a try of this upload, and holds up no other chat.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

log = logging.getLogger("openwx.report")

_FAILING_CHATS = 3
"""So many chats in a row that hear "not now" are an outage; fewer may have bad uploads."""


class CircuitBreaker:
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

    @property
    def left_s(self) -> float:
        """So long until the next probe; 0 while the gate is open."""
        if self._opens_at is None:
            return 0.0
        return max(0.0, self._opens_at - asyncio.get_running_loop().time())

    async def wait(self) -> None:
        """Until the next probe may go, or the gate is open."""
        while (left_s := self.left_s) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._wake.wait()

    def hurry(self) -> None:
        """Let the next probe go now."""
        if self._opens_at is not None:
            self._opens_at = 0.0
        self._wake.set()
        self._wake.clear()

    def answered(self) -> bool:
        """The backend has its own word. Whether the gate was closed until now."""
        return self._open("post_api answers again")

    def reached(self) -> bool:
        """There is a backend, if one that says nothing. Whether the gate was closed until now."""
        return self._open("post_api is there again, but gives no answer")

    def _open(self, words: str) -> bool:
        self._failing.clear()
        if self._opens_at is None:
            return False
        self._opens_at = None
        self.outage = ""
        self._pauses = self._new_pauses()
        self.hurry()
        log.warning("%s: %s", self._account, words)
        return True

    def failed(
        self, chat: str, error: str, *, down: bool, probe: bool, retry_after_s: float = 0.0
    ) -> None:
        """Nobody there, or not now. ``down``: it cannot be the upload's fault."""
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
