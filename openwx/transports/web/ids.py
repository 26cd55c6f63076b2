"""Ids that this client draws, by which WeChat tells one request from another."""

import random

from openwx.transports.web.timing import now_ms


class Ids:
    """Numbers that begin with the time, in milliseconds, as those of WeChat's own client do, and end with random
    ``digits``. The clock alone would make one of two that are drawn at once, and random digits alone would now and
    then: in a process no number comes twice, and each is larger than the one before, whatever the clock does."""

    def __init__(self, digits: int) -> None:
        self._choices = 10**digits
        self._last = 0

    def new(self) -> int:
        drawn = now_ms() * self._choices + random.randrange(self._choices)
        self._last = max(drawn, self._last + 1)
        return self._last


_client_msg_ids = Ids(4)
_client_media_ids = Ids(3)  # WeChat's own client has a number here, and its numbers end at 2^53


def new_client_msg_id() -> str:
    """For ``ClientMsgId`` and ``LocalID``: the server drops a second message with the same one."""
    return str(_client_msg_ids.new())


def new_client_media_id() -> int:
    """For ``ClientMediaId``: the server takes chunks with the same one for one file."""
    return _client_media_ids.new()
