"""The errors of openwx. The class of an error decides what happens next.
Whoever repeats, refuses or answers decides by it.

::

    OpenwxError
    ├── ConfigError            a setting is wrong           -> one line, exit 2
    │   └── NotNowError        the disk is full             -> one line, exit 1
    ├── CallerError            an API call cannot be done   -> the answer's envelope
    ├── LeaseLost              another process has the account -> nothing more is done for it here
    └── WeChatError            WeChat did not do what was asked
        ├── Unreachable        no answer                    -> try again, with back-off
        │   └── NeverReached   no connection even           -> the same; for certain nothing took effect
        │       └── ProxyFailed   because of the proxy  -> the same, and the reason says so
        ├── NotLoggedIn        there is no session          -> wait for the login
        ├── BadResponse        an unknown answer            -> log it, back off
        └── Rejected           a `Ret` other than 0         -> reported to the caller
            ├── SessionEnded   1100, 1101, 1102             -> log in anew
            ├── RateLimited    1205                         -> wait, then go on
            ├── SystemBusy     -1                           -> try again, with back-off
            ├── BudgetSpent    the person must write first  -> nothing was sent; later, when they have written
            └── LoginRefused   the login itself was refused -> reported once, the account stops

Anything else is a bug and surfaces.
"""

from enum import IntEnum, StrEnum
from typing import Any

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON of the wanted type: no UTF-8, or nested too deeply."""


class OpenwxError(Exception):
    """The base of every exception that openwx raises on purpose."""


class ConfigError(OpenwxError):
    """A setting is unknown, has the wrong type or is impossible. The text is one line for a person."""


class NotNowError(ConfigError):
    """A setting cannot be used now but perhaps later: the disk is full. A supervisor may retry."""


class Code(IntEnum):
    """The `code` of an answer (contract, section 1)."""

    DONE = 0
    NOT_FOUND = 100
    NOT_POSSIBLE = 101
    AMBIGUOUS = 102
    EMPTY_LIST = 200
    REFUSED = 201
    UNREACHABLE = -1
    BAD_PARAMETER = -2
    MEDIA = -3
    NOT_RUNNING = -4
    GAVE_UP = -5
    UNAUTHENTICATED = -6
    QUEUE_FULL = -7
    FORBIDDEN = -8
    NO_ROUTE = -9
    NOT_SUPPORTED = -10


KEY_REUSED = "idempotency_key must be a new one: it was used for a call with other parameters"
"""The ``status`` of a -2 by which callers know that a key was used before."""


class CallerError(OpenwxError):
    """An API call that cannot be done.

    ``code`` goes into the answer (a ``Code``, or the ``Ret`` of a refused send), ``status`` is a sentence for people,
    ``extra`` are further members of the answer; ``http_status`` is given only where the code alone does not decide it.
    """

    def __init__(
        self, code: int, status: str, *, http_status: int | None = None, **extra: Any
    ) -> None:
        super().__init__(status)
        self.code = code
        self.status = status
        self.http_status = http_status
        self.extra = extra


class LeaseLost(OpenwxError):
    """Nothing was done, and this process may do nothing for the account any more: another one runs it now.

    Nobody repeats what raised it, or waits for it to end.
    """


class WeChatError(OpenwxError):
    """WeChat did not do what was requested.

    ``call`` is the call's name, such as ``webwxsync``, and ``message`` what happened, without it.
    """

    def __init__(self, call: str, message: str) -> None:
        super().__init__(f"{call}: {message}")
        self.call = call
        self.message = message


class Unreachable(WeChatError):
    """No answer: refused, closed, timed out, or an HTTP 5xx. It is unknown whether the call took effect."""


class NeverReached(Unreachable):
    """No connection was established, so the call did not take effect."""


class ProxyTrouble(StrEnum):
    """How a proxy fails."""

    UNREACHABLE = "unreachable"
    AUTH = "auth"
    CANNOT_REACH = "cannot_reach"
    BROKEN = "broken"


PROXY_WORDS = {
    ProxyTrouble.UNREACHABLE: "the proxy {proxy} cannot be reached: {detail}",
    ProxyTrouble.AUTH: "the proxy {proxy} wants a user and password, or rejects those it got: {detail}",
    ProxyTrouble.CANNOT_REACH: "the proxy {proxy} does not connect to WeChat: {detail}",
    ProxyTrouble.BROKEN: "the proxy {proxy} does not work: {detail}",
}


class ProxyFailed(NeverReached):
    """The proxy on the way to WeChat failed. ``proxy`` is its address without user and password."""

    def __init__(self, call: str, trouble: ProxyTrouble, proxy: str, detail: str) -> None:
        super().__init__(call, PROXY_WORDS[trouble].format(proxy=proxy, detail=detail))
        self.trouble = trouble
        self.proxy = proxy
        self.detail = detail


class NotLoggedIn(WeChatError):
    """A login is going on, so nothing was asked of WeChat."""

    def __init__(self, call: str = "session") -> None:
        super().__init__(call, "a new login is going on, so WeChat was not asked")


class BadResponse(WeChatError):
    """The answer cannot be understood."""


class Rejected(WeChatError):
    """WeChat answered with a ``Ret`` other than 0 (protocol reference, section 8)."""

    def __init__(self, call: str, ret: int, errmsg: str = "") -> None:
        super().__init__(call, f"WeChat answered {ret}" + (f" ({errmsg})" if errmsg else ""))
        self.ret = ret
        self.errmsg = errmsg


class SessionEnded(Rejected):
    """The session has ended: 1100 logged out, 1101 logged in elsewhere, 1102 cookies no longer valid."""


class RateLimited(Rejected):
    """1205, too many requests. The session lives on; wait before going on."""


class SystemBusy(Rejected):
    """-1, a system error of WeChat's; retry later."""


class BudgetSpent(Rejected):
    """Nothing more may be sent to a person until they write again. Nothing was asked of WeChat, or it said so."""


class LoginRefused(Rejected):
    """This account may not log in here; ``errmsg`` is the server's own message."""


_CLASS_OF_RET: dict[int, type[Rejected]] = {
    -1: SystemBusy,
    1100: SessionEnded,
    1101: SessionEnded,
    1102: SessionEnded,
    1205: RateLimited,
}


def refused(call: str, ret: int, errmsg: str = "") -> Rejected:
    """Return an error of the class that a ``Ret`` belongs to."""
    return _CLASS_OF_RET.get(ret, Rejected)(call, ret, errmsg)
