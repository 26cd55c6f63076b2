"""Limits how often the same thing is logged. Whatever may log often asks it."""

import time
from collections import OrderedDict
from collections.abc import Callable


class Throttle:
    """Allows each key once in ``period_s`` seconds, and no more than ``max_keys`` keys in that time."""

    def __init__(
        self, period_s: float, *, max_keys: int = 100, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._period_s = period_s
        self._max_keys = max_keys
        self._clock = clock
        self._allowed: OrderedDict[object, float] = OrderedDict()
        """When each key was allowed, the oldest first."""

    def allows(self, key: object = None) -> bool:
        """Return whether ``key`` may be logged now; if so, not again for ``period_s``."""
        now = self._clock()
        while self._allowed and next(iter(self._allowed.values())) <= now - self._period_s:
            self._allowed.popitem(last=False)
        if key in self._allowed or len(self._allowed) >= self._max_keys:
            return False
        self._allowed[key] = now
        return True
