"""What one POST to ``post_api`` can come to. ``Poster`` returns it, and ``Reporter`` decides by it."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from openwx.coded import Coded
from openwx.reporter.answer import BackendAnswer

_MAX_RETRY_AFTER_S = 300.0


class Accepted(msgspec.Struct, frozen=True):
    """A 2xx. ``lost`` says how the answer's body broke off, in which a reply may have been."""

    http_status: int
    answer: BackendAnswer | None = None
    lost: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The backend does not accept this report."""

    http_status: int
    error: Coded


class Silent(msgspec.Struct, frozen=True):
    """Connected, but without an HTTP answer: the connection was closed, or it took too long."""

    error: Coded
    http_status: int = 0


class Unavailable(msgspec.Struct, frozen=True):
    """No connection, or "not now". ``down``: the report cannot be the cause."""

    error: Coded
    http_status: int = 0
    down: bool = False
    retry_after_s: float = 0.0


PostResult = Accepted | Refused | Silent | Unavailable


def retry_after(value: str | None, now: float) -> float:
    """Return the seconds of a ``Retry-After`` (a number or a date), within reason; 0 without one."""
    if value is None:
        return 0.0
    try:
        pause_s = float(int(value))
    except OverflowError:
        pause_s = _MAX_RETRY_AFTER_S
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):  # a day or a year of twenty digits
            return 0.0
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        pause_s = (date - datetime.fromtimestamp(now, UTC)).total_seconds()
    return min(max(pause_s, 0.0), _MAX_RETRY_AFTER_S)
