"""Ids of requests, by which WeChat recognises repetitions."""

import random

from openwx.transports.web.clock import now_ms


class Ids:
    """A generator of numbers that begin with the time in milliseconds, as those of WeChat's own client do, and end
    with random ``digits``. Within a process, every number is larger than the one before, whatever the clock does:
    neither the clock nor random digits alone would rule out duplicates."""

    def __init__(self, digits: int) -> None:
        self._choices = 10**digits
        self._last = 0

    def new(self) -> int:
        drawn = now_ms() * self._choices + random.randrange(self._choices)
        self._last = max(drawn, self._last + 1)
        return self._last


_client_msg_ids = Ids(4)
_client_media_ids = Ids(
    3
)  # WeChat's own client sends a JavaScript number, which is exact up to 2^53.


def new_client_msg_id() -> str:
    """Return a ``ClientMsgId`` and ``LocalID``: the server drops a second message with the same one."""
    return str(_client_msg_ids.new())


def new_client_media_id() -> int:
    """Return a ``ClientMediaId``: the server takes chunks with the same one for one file."""
    return _client_media_ids.new()
