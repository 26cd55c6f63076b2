"""Why an attempt to deliver a report failed, as a code with parameters. The reporter makes them.

The journal has them as JSON in a column of text, where former versions wrote sentences; ``read`` takes both. The API
and commands word them in English, the console in either language.
"""

from enum import StrEnum

import msgspec

from openwx import neterrors
from openwx.coded import Coded, Param, Pieces, names_in, worded
from openwx.errors import UNREADABLE
from openwx.neterrors import NetworkErrorCode, cause_words


class DeliveryErrorCode(StrEnum):
    """The codes beside those of ``NetworkErrorCode``."""

    HTTP_STATUS = "http_status"
    NOT_CONNECTED_WITHIN = "not_connected_within"
    NOT_ANSWERED_WITHIN = "not_answered_within"
    REDIRECT = "redirect"
    REDIRECT_TO_NO_ADDRESS = "redirect_to_no_address"
    REDIRECT_TO_NO_HTTP = "redirect_to_no_http"
    REDIRECT_TO_OTHER_HOST = "redirect_to_other_host"
    REDIRECT_FROM_HTTPS = "redirect_from_https"
    REDIRECT_ONCE_MORE = "redirect_once_more"
    TOO_OLD = "too_old"
    TOO_LATE = "too_late"
    NO_SUCH_TARGET = "no_such_target"
    AS_WRITTEN = "as_written"


_ADVICE = "; report.ca names a file of certificates to trust, report.verify = false trusts any"
_NOT_FOLLOWED = "which is not followed: {location}"

ENGLISH: dict[str, Pieces] = {
    **neterrors.ENGLISH,
    NetworkErrorCode.NOT_TRUSTED: (*neterrors.ENGLISH[NetworkErrorCode.NOT_TRUSTED], _ADVICE),
    DeliveryErrorCode.HTTP_STATUS: ("HTTP {status}",),
    DeliveryErrorCode.NOT_CONNECTED_WITHIN: ("no connection within {seconds} s",),
    DeliveryErrorCode.NOT_ANSWERED_WITHIN: ("no answer within {seconds} s",),
    DeliveryErrorCode.REDIRECT: ("HTTP {status} to {location}, which is not followed",),
    DeliveryErrorCode.REDIRECT_TO_NO_ADDRESS: (f"HTTP {{status}} to no address, {_NOT_FOLLOWED}",),
    DeliveryErrorCode.REDIRECT_TO_NO_HTTP: (
        f"HTTP {{status}} to no http address, {_NOT_FOLLOWED}",
    ),
    DeliveryErrorCode.REDIRECT_TO_OTHER_HOST: (
        f"HTTP {{status}} to another host, {_NOT_FOLLOWED}",
    ),
    DeliveryErrorCode.REDIRECT_FROM_HTTPS: (
        f"HTTP {{status}} from https to http, {_NOT_FOLLOWED}",
    ),
    DeliveryErrorCode.REDIRECT_ONCE_MORE: (
        f"HTTP {{status}} once more, after {{most}} redirects, {_NOT_FOLLOWED}",
    ),
    DeliveryErrorCode.TOO_OLD: ("older than max_age", ": {error}"),
    DeliveryErrorCode.TOO_LATE: ("too late",),
    DeliveryErrorCode.NO_SUCH_TARGET: (
        "the configuration does not name the target {target} any more",
    ),
    DeliveryErrorCode.AS_WRITTEN: ("{text}",),
}
"""The wording. ``error`` is the error of the last attempt; ``text`` is what a former version wrote."""

DEEPEST = 3
"""How many errors may be one in the other. This version makes two at most."""

_BESIDE: dict[str, frozenset[str]] = {NetworkErrorCode.NOT_TRUSTED: frozenset({"cause"})}
"""What only the Chinese wording names."""

_decode = msgspec.json.Decoder(Coded).decode


def names_of(code: str) -> frozenset[str]:
    """Name the parameters of a code, with those of its Chinese wording."""
    return names_in(ENGLISH[code]) | _BESIDE.get(code, frozenset())


def made(code: DeliveryErrorCode, **params: Param) -> Coded:
    """Make an error. Raise ``TypeError`` where the parameters are not those of the code."""
    if params.keys() != names_of(code):
        raise TypeError(f"{code} takes {sorted(names_of(code))}, not {sorted(params)}")
    return Coded(code, params)


def of_network(error: Exception) -> Coded:
    """Return a network error. Its parameters hold no address but host and port."""
    return neterrors.coded(error)


def words_of(text: str) -> str:
    """Word an error of the journal in English; empty without one."""
    error = read(text)
    return "" if error is None else words(error)


def code_of(text: str) -> str:
    """Return the code of an error of the journal; empty without one, and for a text of a former version."""
    error = read(text)
    return "" if error is None or error.code == DeliveryErrorCode.AS_WRITTEN else error.code


def too_old(last: Coded | None) -> Coded:
    """Return the error of a delivery that is given up for its age, after this error of the last attempt."""
    return made(DeliveryErrorCode.TOO_OLD, error="" if last is None else last)


def words(error: Coded) -> str:
    """Word an error in English."""
    return worded(error, ENGLISH, cause_words)


def words_of_network(error: Exception) -> str:
    """Word a network error of a backend in English, with advice if a certificate is not trusted."""
    return words(of_network(error))


def written(error: Coded | None) -> str:
    """Return an error as the journal has it; empty without one."""
    return "" if error is None else msgspec.json.encode(error).decode()


def read(text: str) -> Coded | None:
    """Read an error of the journal; None if it is empty. A text of a former version is ``AS_WRITTEN``."""
    if not text:
        return None
    try:
        error = _decode(text)
    except (*UNREADABLE, UnicodeError):
        return made(DeliveryErrorCode.AS_WRITTEN, text=text)
    return error if _is_known(error) else made(DeliveryErrorCode.AS_WRITTEN, text=text)


def _is_known(error: Coded, depth: int = 1) -> bool:
    """Return whether this version can word an error: a later one may have written it."""
    if error.code not in ENGLISH or not names_of(error.code) <= error.params.keys():
        return False
    causes = [one for one in error.params.values() if isinstance(one, Coded)]
    return not causes or (depth < DEEPEST and all(_is_known(one, depth + 1) for one in causes))
