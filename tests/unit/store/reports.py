"""Reports and a clock for tests."""

import itertools
from typing import Any

import msgspec

from openwx.reporter import clock
from openwx.store.records import NewReport

_numbers = itertools.count(1)


class Clock(clock.Clock):
    """Both clocks stand still, unless a test advances or sets them."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self._up = 1000.0
        super().__init__(lambda: self.now, lambda: self._up, boot="one")

    def goes_on(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds
        self._up += seconds

    def is_set(self, seconds: float) -> None:
        """Set the wall clock ahead, or back."""
        self.now += seconds


def a_message(n: int = 0, chat: str = "c", **more: Any) -> NewReport:
    """Make a report of a message, with a uid of its own."""
    body = msgspec.json.encode({"n": n, "post_type": "receive_message", **more.pop("with_", {})})
    more.setdefault("uid", f"u{next(_numbers)}")
    more.setdefault("reply_to", b"to")
    return NewReport(chat=chat, kind=more.pop("kind", "receive_message"), body=body, **more)
