"""Network errors as codes and in words, for all who call over HTTP; and exceptions of callers, which are none.

Addresses are left out of the words: their paths and queries may hold passwords and tokens.
"""

import contextlib
import errno
import os
import ssl
from collections.abc import Iterator
from enum import StrEnum

import aiohttp

from openwx.coded import Coded, Param, Pieces, worded


class NetworkErrorCode(StrEnum):
    """All codes. ``ENGLISH`` has the wording of each, with its parameters."""

    NOT_TRUSTED = "not_trusted"
    UNKNOWN_NAME = "unknown_name"
    NOT_CONNECTED = "not_connected"
    PRIVATE_ADDRESS = "private_address"
    NOT_CONNECTED_IN_TIME = "not_connected_in_time"
    CLOSED_BEFORE_ANSWER = "closed_before_answer"
    CLOSED_IN_ANSWER = "closed_in_answer"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    NOT_HTTP = "not_http"
    NOT_ANSWERED_IN_TIME = "not_answered_in_time"
    CONNECTION_BROKE = "connection_broke"
    SYSTEM_ERROR = "system_error"
    OTHER_ERROR = "other_error"


PRIVATE_ADDRESS = (
    "leads to a loopback, private or link-local address, and a caller gave it: media.private_hosts can list its host,"
    " or access.allow_private_targets = true allow all"
)

ENGLISH: dict[str, Pieces] = {
    NetworkErrorCode.NOT_TRUSTED: ("the certificate of {host}:{port} is not trusted: {verdict}",),
    NetworkErrorCode.UNKNOWN_NAME: (
        "cannot connect to {host}:{port}: its name is not known (DNS)",
    ),
    NetworkErrorCode.NOT_CONNECTED: (
        "cannot connect to {host}:{port}: {cause}",
    ),  # TLS errors, too
    NetworkErrorCode.PRIVATE_ADDRESS: (
        f"cannot connect to {{host}}:{{port}}: it {PRIVATE_ADDRESS}",
    ),
    NetworkErrorCode.NOT_CONNECTED_IN_TIME: ("cannot connect in time",),
    NetworkErrorCode.CLOSED_BEFORE_ANSWER: ("the connection was closed without an answer",),
    NetworkErrorCode.CLOSED_IN_ANSWER: ("the connection was closed in the middle of the answer",),
    NetworkErrorCode.TOO_MANY_REDIRECTS: ("too many redirects",),
    NetworkErrorCode.NOT_HTTP: ("the answer is not HTTP",),
    NetworkErrorCode.NOT_ANSWERED_IN_TIME: ("no answer in time",),
    NetworkErrorCode.CONNECTION_BROKE: ("the connection broke", ": {cause}"),
    NetworkErrorCode.SYSTEM_ERROR: ("{cause}",),
    NetworkErrorCode.OTHER_ERROR: ("{name}",),
}
"""The wording. ``cause`` is a symbol such as ``ECONNREFUSED``; ``verdict`` is what OpenSSL says of a
certificate, whose ``cause`` is its number for that."""


class PrivateAddressError(OSError):
    """A connection to a private address that a caller gave."""


def coded(error: BaseException) -> Coded:
    """Say what happened as a code of ``NetworkErrorCode``; never with a URL."""
    code = NetworkErrorCode
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorError():
            return _of_connecting(error)
        case aiohttp.ConnectionTimeoutError():
            return _coded(code.NOT_CONNECTED_IN_TIME)
        case aiohttp.ServerDisconnectedError():
            return _coded(code.CLOSED_BEFORE_ANSWER)
        case aiohttp.ClientPayloadError():
            return _coded(code.CLOSED_IN_ANSWER)
        case aiohttp.TooManyRedirects():
            return _coded(code.TOO_MANY_REDIRECTS)
        case aiohttp.ClientResponseError():
            return _coded(code.NOT_HTTP)
        case TimeoutError():  # aiohttp's time-outs, too
            return _coded(code.NOT_ANSWERED_IN_TIME)
        case aiohttp.ClientOSError():
            return _coded(code.CONNECTION_BROKE, cause=_symbol(error) if error.errno else "")
        case OSError():
            return _coded(code.SYSTEM_ERROR, cause=_symbol(error))
        case _:
            return _coded(code.OTHER_ERROR, name=type(error).__name__)


def _coded(code: NetworkErrorCode, **params: Param) -> Coded:
    return Coded(code, params)


def _of_connecting(
    error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorError,
) -> Coded:
    code = NetworkErrorCode
    where: dict[str, Param] = {"host": error.host, "port": error.port or 0}
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=refused):
            verdict = getattr(refused, "verify_message", "") or "it does not fit"
            symbol = f"X509_V_ERR_{getattr(refused, 'verify_code', 0)}"
            return _coded(code.NOT_TRUSTED, **where, verdict=verdict, cause=symbol)
        case aiohttp.ClientConnectorDNSError():
            return _coded(code.UNKNOWN_NAME, **where)
        case aiohttp.ClientConnectorError(os_error=PrivateAddressError()):
            return _coded(code.PRIVATE_ADDRESS, **where)
        case _:
            return _coded(code.NOT_CONNECTED, **where, cause=_symbol(error.os_error))


def describe(error: BaseException) -> str:
    """Say what happened, in the system's words where there are some; never in words that repeat a URL."""
    return worded(coded(error), ENGLISH, cause_words)


def cause(error: OSError) -> str:
    """Say why something of the system failed, in its words."""
    return cause_words(_symbol(error))


def _symbol(error: OSError) -> str:
    """Name an error of the system or of TLS by its symbol; one without a symbol by its text."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS_FAILED"
    if error.errno:
        return errno.errorcode.get(error.errno) or os.strerror(error.errno).lower()
    return str(error) or type(error).__name__


def cause_words(symbol: str) -> str:
    """Word the symbol of an error, in the system's words; those of TLS are words already."""
    number = _ERRNO_OF.get(symbol)
    if number is not None:
        return os.strerror(number).lower()
    is_symbol = symbol.isascii() and symbol.replace("_", "").isalnum() and symbol.isupper()
    return symbol.replace("_", " ").lower() if is_symbol else symbol


_ERRNO_OF = {symbol: number for number, symbol in errno.errorcode.items()}


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
