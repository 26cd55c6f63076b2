"""What can come of one POST to ``post_api``, and the words for it."""

import asyncio
import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec

from openwx.reporter.answer import Answer

_MOST_RETRY_AFTER_S = 300.0


class Accepted(msgspec.Struct, frozen=True):
    """A 2xx. ``lost``: the answer's body broke off, so a reply may have been in it."""

    status: int
    answer: Answer | None = None
    lost: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The backend's own word: not this upload."""

    status: int
    error: str


class Silent(msgspec.Struct, frozen=True):
    """Somebody is there, and said nothing that is HTTP: it closed the connection, or took too long."""

    error: str
    status: int = 0


class NoAnswer(msgspec.Struct, frozen=True):
    """Nobody there, or not now. ``down``: whatever the upload is, another would fare no better."""

    error: str
    status: int = 0
    down: bool = False
    retry_after_s: float = 0.0


Outcome = Accepted | Refused | Silent | NoAnswer


def retry_after(value: str | None, now: float) -> float:
    """The seconds of a ``Retry-After`` (a number or a date), within reason; 0 without one."""
    if value is None:
        return 0.0
    try:
        pause_s = float(int(value))
    except OverflowError:
        pause_s = _MOST_RETRY_AFTER_S
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):  # a day or a year of twenty digits
            return 0.0
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        pause_s = (date - datetime.fromtimestamp(now, UTC)).total_seconds()
    return min(max(pause_s, 0.0), _MOST_RETRY_AFTER_S)


_REPEAT_THE_ADDRESS = (
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.TooManyRedirects,
    aiohttp.ConnectionTimeoutError,
)


def words(error: Exception) -> str:
    """What happened. Not in the words of errors that repeat the address, which may hold a password or a token."""
    if isinstance(error, _REPEAT_THE_ADDRESS):
        return type(error).__name__
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is no HTTP"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it does not fit"
        return (
            f"the certificate of {error.host}:{error.port} is not trusted: {why};"
            " report.ca names a file of certificates to trust, report.verify = false trusts any"
        )
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(
        error, aiohttp.ClientSSLError
    ):
        return f"cannot connect to {error.host}:{error.port}: {_cause(error)}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    if isinstance(error, aiohttp.ClientOSError) and not isinstance(error, aiohttp.ClientSSLError):
        why = f": {os.strerror(error.errno).lower()}" if error.errno else " while it was sent to"
        return f"the connection broke{why}"
    said = str(error) or ("timed out" if isinstance(error, asyncio.TimeoutError) else "")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _cause(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known (DNS)"
    number = error.os_error.errno
    return os.strerror(number).lower() if number else str(error.os_error)
