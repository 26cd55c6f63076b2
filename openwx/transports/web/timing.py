"""How long to wait for what. All delays of the client are here, so that a test can give it other ones."""

import time
from collections.abc import Iterator

import msgspec

from openwx import backoff


class Timing(msgspec.Struct, frozen=True):
    """All in seconds."""

    call_timeout_s: float = 30.0
    poll_timeout_s: float = 40.0
    """A long poll is held about 25 s by the service."""
    qrcode_lives_s: float = 300.0
    stalled_after_s: float = 90.0
    """Without a sync round that succeeded for so long, an account is not running any more."""
    backoff_first_s: float = 1.0
    backoff_most_s: float = 60.0
    refused_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """After ``post_api`` refused an upload for the first, second, third time …; then the last one."""
    silent_s: tuple[float, ...] = (2.0, 8.0, 30.0, 120.0)
    """The same after it took an upload and said nothing."""
    gather_s: float = 1.0
    """A failed upload that is sent again waits so long for older ones of its chat."""
    too_often_first_s: float = 60.0
    too_often_most_s: float = 600.0
    code_lives_at_least_s: float = 10.0
    """A QR code that is refused sooner was never good."""
    held_at_least_s: float = 0.05
    """A long poll that comes back sooner with nothing is not held by the service."""
    pairing_wait_s: float = 5.0
    """So long a login waits for the numbers of its contacts, which WeChat sends in its own time."""
    send_wait_s: float = 120.0
    """So long somebody who sends waits for the outcome."""
    medium_within_s: float = 120.0
    """So long a received medium is tried for, and holds up its chat; a download that goes on may last longer."""
    medium_login_s: float = 600.0
    """So long a received medium waits for a login before that."""
    settle_s: float = 10.0
    """So long the sync is waited for, where the answer to a call was lost that must not be repeated."""
    finish_s: float = 3.0
    """So long a stop waits for the send on its way, and so long for the last uploads."""
    idle_first_s: float = 0.05
    idle_most_s: float = 2.0
    """Between rounds that came at once but brought nothing."""

    def backoff(self) -> Iterator[float]:
        """Pauses after failures: doubling, with jitter, without end."""
        return backoff.doubling(self.backoff_first_s, self.backoff_most_s)

    def too_often(self) -> Iterator[float]:
        """Pauses after a 1205."""
        return backoff.doubling(self.too_often_first_s, self.too_often_most_s)

    def idle(self) -> Iterator[float]:
        """Pauses after announced rounds that brought nothing."""
        return backoff.doubling(self.idle_first_s, self.idle_most_s)


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def inverted_ms() -> int:
    """``~<ms>`` as a 32-bit signed number, which WeChat's own web client puts into many queries."""
    inverted = ~now_ms() & 0xFFFFFFFF
    return inverted - (1 << 32) if inverted >= 1 << 31 else inverted
