"""The pace of an account's state-changing calls: sends, changes and recalls take their turns from one limiter.

WeChat punishes speed: a 1205 ("operating too often") to any call of the account holds back all of them.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Protocol, Self

log = logging.getLogger("openwx.wechat")


class Priority(IntEnum):
    """Which of the calls that could begin now goes first: the lowest number."""

    RECALL = 0
    """Possible for two minutes only."""
    WAITING_SEND = 1
    CHANGE = 2
    ACCEPTED_SEND = 3
    """Nobody waits for its outcome: ``async=1``, or a reply of ``post_api``."""
    BULK_SEND = 4
    """One of the messages to ``@all``."""

    @property
    def kind(self) -> str:
        """Calls of one kind keep the interval between each other."""
        return {Priority.RECALL: "recall", Priority.CHANGE: "change"}.get(self, "send")


class Alarm(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None: ...


class Timer(Protocol):
    """The clock of an event loop."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], object]) -> Alarm: ...


class Prioritized(Protocol):
    """What turns are for. Its priority may change while it waits, the kind of its calls does not."""

    @property
    def priority(self) -> Priority: ...


class Turn:
    """The right to make one call. Use it as a context manager around the call."""

    used = True
    """False: no call was made, so the next one of its kind need not keep the interval."""

    def __init__(self, limiter: "RateLimiter", whose: Prioritized) -> None:
        self.whose = whose
        self.kind = whose.priority.kind
        self.granted_at = math.inf
        self.granted: asyncio.Future[None] | None = None
        """Set while it waits."""
        self._limiter = limiter
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(succeeded=self.used and kind is None)

    def give_back(self, _: object = None) -> None:
        """End a turn without a call, unless it has ended. Can be the callback of a task."""
        if not self._is_over:
            self.used = False
            self._end(succeeded=False)

    def _end(self, *, succeeded: bool) -> None:
        self._is_over = True
        self._limiter.end(self, succeeded=succeeded)


class RateLimiter:
    """Grants turns to the calls of one account.

    With an interval, one call is made at a time, and a call begins at the earliest ``interval_s`` after the last one of
    its kind has ended. ``penalties`` yields the pauses after one 1205 after another; a success starts them afresh.
    """

    def __init__(
        self,
        interval_s: float,
        penalties: Callable[[], Iterator[float]],
        *,
        timer: Timer | None = None,
    ) -> None:
        self._interval_s = interval_s
        self._new_penalties = penalties
        self._penalties = penalties()
        self._timer: Timer = timer or asyncio.get_running_loop()
        self._is_penalized = False
        self._penalized_at = self._penalized_until = -math.inf
        self._not_before: dict[str, float] = {}
        self._waiting: list[Turn] = []
        """The waiting turns, the oldest first."""
        self._under_way = 0
        self._alarm: Alarm | None = None

    def time(self) -> float:
        """Return the time for ``penalize``."""
        return self._timer.time()

    async def turn(self, whose: Prioritized, *, within_s: float | None = None) -> Turn:
        """Wait for a turn. Raise ``TimeoutError`` if it does not come ``within_s``."""
        turn = Turn(self, whose)
        if not self._waiting and self._begins_at(turn.kind) <= self._timer.time():
            self._begin(turn)
            return turn
        turn.granted = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._grant()
        try:
            async with asyncio.timeout(within_s):
                await turn.granted
        except BaseException:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                turn.give_back()
            raise
        return turn

    async def interval(self) -> None:
        """Wait, within a turn, before the next call of one message: as long as the calls of two are apart."""
        await asyncio.sleep(max(self._interval_s, self._penalized_until - self._timer.time()))

    def end(self, turn: Turn, *, succeeded: bool) -> None:
        """Take a turn back, and grant the next one."""
        self._under_way -= 1
        if turn.used:
            self._delay(turn.kind, self._interval_s)
        if succeeded and self._is_penalized and turn.granted_at >= self._penalized_at:
            self._is_penalized = False
            self._penalties = self._new_penalties()
        self._grant()

    def delay(self, priority: Priority, pause_s: float) -> None:
        """Block calls of this kind for ``pause_s``."""
        self._delay(priority.kind, pause_s)

    def _delay(self, kind: str, pause_s: float) -> None:
        until = self._timer.time() + pause_s
        self._not_before[kind] = max(until, self._not_before.get(kind, -math.inf))

    def penalize(self, call: str, began: float) -> None:
        """Hold back all calls, because WeChat answered 1205 to a call that began at that time.

        Of calls that were under way together, the first 1205 counts.
        """
        now = self._timer.time()
        if began < self._penalized_at:
            return
        pause_s = next(self._penalties)
        self._is_penalized, self._penalized_at = True, now
        self._penalized_until = max(self._penalized_until, now + pause_s)
        log.warning(
            "%s: WeChat says that calls come too often; nothing is sent or changed for %.0f s",
            call,
            self._penalized_until - now,
        )

    def _begins_at(self, kind: str) -> float:
        """Return when a call of this kind may begin. Infinity: when the one under way has ended."""
        if self._interval_s and self._under_way:
            return math.inf
        return max(self._penalized_until, self._not_before.get(kind, -math.inf))

    def _begin(self, turn: Turn) -> None:
        self._under_way += 1
        turn.granted_at = self._timer.time()

    def _grant(self) -> None:
        """Grant all turns that may be taken now, and set the alarm for the next one."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._waiting:
            return
        now, next_at = self._timer.time(), math.inf
        for turn in sorted(self._waiting, key=lambda turn: turn.whose.priority):
            if turn.granted is None or turn.granted.done():
                continue  # cancelled a moment ago
            begins_at = self._begins_at(turn.kind)
            if begins_at <= now:
                self._waiting.remove(turn)
                self._begin(turn)
                turn.granted.set_result(None)
            else:
                next_at = min(next_at, begins_at)
        if next_at < math.inf:
            self._alarm = self._timer.call_at(next_at, self._grant)
