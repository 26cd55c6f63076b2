"""A circuit breaker for one target: during an outage, all chats share one back-off and one probe.
``Reporter`` tells it, ``DeliveryQueue`` asks it.

A backend is out if it cannot be connected to, or says "not now" (408, 429, 502, 503, 504) to several chats. A backend
that takes a report and does not answer is there: that counts as a try of this report, and delays no other chat.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

from openwx.coded import Coded
from openwx.reporter import delivery_error

log = logging.getLogger("openwx.report")

_FAILING_CHATS = 3
"""So many chats in a row that get "not now" are an outage; fewer may have bad reports."""


class CircuitBreaker:
    """Closed while the backend answers; open during an outage; half-open once the next probe may go."""

    def __init__(self, account: str, target: str, pauses: Callable[[], Iterator[float]]) -> None:
        self._account = account
        self._target = target
        self._new_pauses = pauses
        self._pauses = pauses()
        self._failing: set[str] = set()
        self._probe_at: float | None = None
        self.outage: Coded | None = None
        """The error of the last probe; None while closed."""
        self._wake = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Return whether reports are delivered as usual."""
        return self._probe_at is None

    @property
    def left_s(self) -> float:
        """Return the time until the next probe; 0 unless open."""
        if self._probe_at is None:
            return 0.0
        return max(0.0, self._probe_at - asyncio.get_running_loop().time())

    async def until_half_open(self) -> None:
        """Wait until the next probe may go. Return at once if closed."""
        while (left_s := self.left_s) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._wake.wait()

    def probe_now(self) -> None:
        """Let the next probe go at once."""
        if self._probe_at is not None:
            self._probe_at = 0.0
        self._wake.set()
        self._wake.clear()

    def answered(self) -> bool:
        """Note an answer of the backend. Return whether that ends an outage."""
        return self._close("answers again")

    def reached(self) -> bool:
        """Note a connection without an answer. Return whether that ends an outage."""
        return self._close("is there again, but gives no answer")

    def _close(self, words: str) -> bool:
        self._failing.clear()
        if self._probe_at is None:
            return False
        self._probe_at = None
        self.outage = None
        self._pauses = self._new_pauses()
        self.probe_now()
        log.warning("%s: %s %s", self._account, self._target, words)
        return True

    def failed(
        self, chat: str, error: Coded, *, down: bool, probe: bool, retry_after_s: float = 0.0
    ) -> None:
        """Note that a try failed because the backend is unavailable. ``down``: the report cannot be the cause."""
        self._failing.add(chat)
        now = asyncio.get_running_loop().time()
        if self._probe_at is None and (down or len(self._failing) >= _FAILING_CHATS):
            words = "%s: %s does not answer, reports wait: %s"
            log.warning(words, self._account, self._target, delivery_error.words(error))
        elif self._probe_at is None:
            return
        elif not probe:  # it was under way when the circuit opened
            self._probe_at = max(self._probe_at, now + retry_after_s)
            return
        self.outage = error
        self._probe_at = now + max(next(self._pauses), retry_after_s)
