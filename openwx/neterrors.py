"""Network errors in words, for all who call over HTTP; and exceptions of callers, which are no network errors.

Addresses are left out of the words: their paths and queries may hold passwords and tokens.
"""

import contextlib
import os
import ssl
from collections.abc import Iterator

import aiohttp


def describe(error: BaseException) -> str:
    """Say what happened, in the system's words where there are some; never in words that repeat a URL."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            why = getattr(error.certificate_error, "verify_message", "") or "it does not fit"
            return f"the certificate of {error.host}:{error.port} is not trusted: {why}"
        case aiohttp.ClientConnectorDNSError():
            return f"cannot connect to {error.host}:{error.port}: its name is not known (DNS)"
        case aiohttp.ClientConnectorError():  # TLS errors, too
            return f"cannot connect to {error.host}:{error.port}: {cause(error.os_error)}"
        case aiohttp.ConnectionTimeoutError():
            return "cannot connect in time"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without an answer"
        case aiohttp.ClientPayloadError():
            return "the connection was closed in the middle of the answer"
        case aiohttp.TooManyRedirects():
            return "too many redirects"
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP"
        case TimeoutError():  # aiohttp's time-outs, too
            return "no answer in time"
        case aiohttp.ClientOSError():
            why = f": {os.strerror(error.errno).lower()}" if error.errno else ""
            return f"the connection broke{why}"
        case OSError():
            return cause(error)
        case _:
            return type(error).__name__


def cause(error: OSError) -> str:
    """Say why something of the system failed, in its words."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    return os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__


class OfCallerError(Exception):
    """Carries an exception of a caller's function past the conversion of network errors."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@contextlib.contextmanager
def of_caller() -> Iterator[None]:
    """Wrap exceptions of a caller's function that look like network errors: only ``OSError`` does."""
    try:
        yield
    except OSError as error:
        raise OfCallerError(error) from None
