"""Ids that openwx draws for its messages, by which WeChat recognises repetitions.
``OutgoingMessage`` and web WeChat draw them.
"""

import random
import time


class Ids:
    """A generator of numbers that begin with the time in milliseconds, as those of WeChat's own client do, and end
    with random ``digits``. Within a process, every number is larger than the one before, whatever the clock does:
    neither the clock nor random digits alone would rule out duplicates."""

    def __init__(self, digits: int) -> None:
        self._choices = 10**digits
        self._last = 0

    def new(self) -> int:
        drawn = time.time_ns() // 1_000_000 * self._choices + random.randrange(self._choices)
        self._last = max(drawn, self._last + 1)
        return self._last


_send_ids = Ids(4)


def new_send_id() -> str:
    """Return the id of a message, which all attempts at sending it carry."""
    return str(_send_ids.new())
