"""Every delay and time-out of an account in one place, so that a test can shorten them.
Transports, accounts and ``reporter`` read it.
"""

from collections.abc import Iterator

import msgspec

from openwx import backoff


class Timing(msgspec.Struct, frozen=True):
    """Delays and time-outs, all in seconds."""

    call_timeout_s: float = 30.0
    poll_timeout_s: float = 40.0
    """The service holds a long poll for about 25 s."""
    poll_grace_s: float = 10.0
    """How much longer than the service says that it holds a poll of iLink an answer may take."""
    qrcode_lives_s: float = 300.0
    stalled_after_s: float = 90.0
    """Without a successful sync round for this long, an account is no longer running."""
    backoff_first_s: float = 1.0
    backoff_most_s: float = 60.0
    refused_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """The pauses after ``post_api`` rejected a report for the first, second, third time …; the last one repeats."""
    silent_s: tuple[float, ...] = (2.0, 8.0, 30.0, 120.0)
    """The pauses after it accepted a connection but did not answer."""
    gather_s: float = 1.0
    """A failed report that is retried waits this long for older ones of its chat."""
    too_often_first_s: float = 60.0
    too_often_most_s: float = 600.0
    code_lives_at_least_s: float = 10.0
    """A QR code that is refused sooner was never valid."""
    push_every_s: float = 600.0
    """The phone is asked at most so often to confirm a login without a scan."""
    held_at_least_s: float = 0.05
    """The service did not hold a long poll that returns sooner with nothing."""
    pairing_wait_s: float = 5.0
    """How long a login waits for the lasting numbers of its contacts, which WeChat sends later."""
    send_wait_s: float = 120.0
    """How long a caller waits for the outcome of a send."""
    medium_within_s: float = 120.0
    """How long received media is retried, and holds up its chat; a running download may last longer."""
    medium_login_s: float = 600.0
    """How long received media waits for a login before that."""
    refresh_every_s: float = 60.0
    """How long after a refresh of all contacts the next one may begin."""
    settle_s: float = 10.0
    """How long to wait for the sync where the answer to a call that must not be repeated was lost."""
    finish_s: float = 3.0
    """How long a stop waits for the send under way, and again for the last reports."""
    idle_first_s: float = 0.05
    idle_most_s: float = 2.0
    """Between rounds that returned at once with nothing."""

    def backoff(self) -> Iterator[float]:
        """Return endless pauses after failures: doubling, with jitter."""
        return backoff.doubling(self.backoff_first_s, self.backoff_most_s)

    def too_often(self) -> Iterator[float]:
        """Return the pauses after a 1205."""
        return backoff.doubling(self.too_often_first_s, self.too_often_most_s)

    def idle(self) -> Iterator[float]:
        """Return the pauses after announced rounds that returned nothing."""
        return backoff.doubling(self.idle_first_s, self.idle_most_s)
