"""Time limits and pauses, in seconds. All of them are here, so that a test can set other ones."""

import time
from collections.abc import Iterator

import msgspec

from openwx import backoff


class Timing(msgspec.Struct, frozen=True):
    """The time limits and pauses of a gateway, in seconds."""

    call_timeout_s: float = 30.0
    poll_timeout_s: float = 40.0
    """A long poll is held about 25 s by the service."""
    qrcode_lives_s: float = 300.0
    stalled_after_s: float = 90.0
    """An account without a successful sync round for so long is not running any more."""
    backoff_first_s: float = 1.0
    backoff_most_s: float = 60.0
    refused_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """After ``post_api`` refused a report for the first, second, third time …; then the last one."""
    silent_s: tuple[float, ...] = (2.0, 8.0, 30.0, 120.0)
    """The same after it took a report and did not answer."""
    gather_s: float = 1.0
    """A failed report that is sent again waits so long for older ones of its chat."""
    too_often_first_s: float = 60.0
    too_often_most_s: float = 600.0
    code_lives_at_least_s: float = 10.0
    """A QR code that is refused sooner was never valid."""
    held_at_least_s: float = 0.05
    """A long poll that returns sooner with nothing is not held by the service."""
    pairing_wait_s: float = 5.0
    """The longest wait of a login for the uids of its contacts, which WeChat sends in its own time."""
    send_wait_s: float = 120.0
    """The longest wait of a caller for the result of a send, and of a change for its turn."""
    medium_within_s: float = 120.0
    """The longest time for which a received file is tried and holds back its chat. A download that has begun may last
    longer."""
    medium_login_s: float = 600.0
    """The longest wait of a received file for a login before that."""
    settle_s: float = 10.0
    """The longest wait for the sync to show the effect of a call whose answer was lost and which is not repeated."""
    finish_s: float = 3.0
    """The longest wait of a stop for sends under way, and again for the last reports."""
    idle_first_s: float = 0.05
    idle_most_s: float = 2.0
    """Between sync rounds that returned at once but brought nothing."""

    def backoff(self) -> Iterator[float]:
        """Return the pauses after failures: doubling, with jitter, without end."""
        return backoff.doubling(self.backoff_first_s, self.backoff_most_s)

    def too_often(self) -> Iterator[float]:
        """Return the pauses after a 1205."""
        return backoff.doubling(self.too_often_first_s, self.too_often_most_s)

    def idle(self) -> Iterator[float]:
        """Return the pauses after announced rounds that brought nothing."""
        return backoff.doubling(self.idle_first_s, self.idle_most_s)


def now_ms() -> int:
    """Return the Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def inverted_ms() -> int:
    """Return ``~<ms>`` as a 32-bit signed number, which WeChat's own web client puts into many queries."""
    inverted = ~now_ms() & 0xFFFFFFFF
    return inverted - (1 << 32) if inverted >= 1 << 31 else inverted
