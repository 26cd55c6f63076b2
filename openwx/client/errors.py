"""The errors of calls.

::

    CallFailed
    ├── NotConnected         the connection failed: certainly nothing was done
    ├── OutcomeUnknown       no answer, or the gateway does not know either (HTTP 504): it may have been done
    ├── NotOpenwx            another server answered: a wrong address, or a proxy
    └── Refusal              the gateway's answer has a code other than 0
        ├── NotFound         100
        ├── NotPossible      101   yourself, already a friend
        ├── Ambiguous        102   several match: ``candidates``; nothing was sent
        ├── EmptyList        200
        ├── RefusedByWeChat  201, and every ``Ret`` of a send: ``ret``, ``errmsg``
        ├── WeChatUnreachable -1
        ├── BadParameter     -2
        │   └── KeyReused        the idempotency key was used for a call with other parameters
        ├── MediaFailed      -3
        ├── NotRunning       -4    ``state``, ``state_reason``
        ├── GaveUp           -5
        ├── Unauthenticated  -6
        ├── QueueFull        -7    ``retry_after_s``
        ├── Forbidden        -8
        ├── NoRoute          -9
        └── NotSupported     -10   ``transport``, ``capability``
"""

from typing import Any

from openwx.errors import KEY_REUSED, Code, OpenwxError
from openwx.errors import UNREADABLE as UNREADABLE  # noqa: PLC0414 - used as errors.UNREADABLE


class CallFailed(OpenwxError):
    """A call that failed. ``route`` is what was called, ``status`` says in plain words what happened.

    ``code`` and ``http_status`` are those of the gateway's answer, None if there was none; ``extra`` are the
    answer's further members.
    """

    def __init__(
        self,
        route: str,
        status: str,
        *,
        code: int | None = None,
        http_status: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{route}: {status}" + ("" if code is None else f" (code {code})"))
        self.route = route
        self.status = status
        self.code = code
        self.http_status = http_status
        self.extra = extra or {}


class NotConnected(CallFailed):
    """The connection to the gateway failed, so nothing was done."""


class OutcomeUnknown(CallFailed):
    """No answer in time, a lost answer, or none from WeChat to the gateway: it may have been done.

    A send has an ``idempotency_key``: for 24 hours, the same call with it returns the outcome of this one.
    """

    idempotency_key: str | None = None


class NotOpenwx(CallFailed):
    """The answer is not of openwx: the address is wrong, or a proxy answered."""


class Refusal(CallFailed):
    """The gateway's answer has a code other than 0."""


class NotFound(Refusal):
    """100: there is no such friend, group, member, message, account or QR code."""


class NotPossible(Refusal):
    """101: impossible for this one: yourself, already a friend."""


class Ambiguous(Refusal):
    """102: several match, and nothing was sent. ``candidates`` are their ids and display names."""

    @property
    def candidates(self) -> list[dict[str, str]]:
        found = self.extra.get("candidates")
        if not isinstance(found, list):
            return []
        return [
            {str(name): str(value) for name, value in one.items()}
            for one in found
            if isinstance(one, dict)
        ]


class EmptyList(Refusal):
    """200: a list of ids is empty."""


class RefusedByWeChat(Refusal):
    """201, or of a send the ``ret`` itself: 1205 is "too often"."""

    @property
    def ret(self) -> int:
        """WeChat's own number."""
        ret = self.extra.get("ret", self.code)
        return ret if isinstance(ret, int) else self.code or 0

    @property
    def errmsg(self) -> str:
        """WeChat's own words, if any."""
        return str(self.extra.get("errmsg", ""))


class WeChatUnreachable(Refusal):
    """-1: WeChat could not be reached, or answered nonsense."""


class BadParameter(Refusal):
    """-2: a parameter is missing or wrong; ``status`` names it."""


class KeyReused(BadParameter):
    """-2: the idempotency key was used for a call with other parameters. That call may have sent something, this one
    did not. An id of another login is another parameter."""


class MediaFailed(Refusal):
    """-3: media that cannot be read, is not allowed, is too large, or whose URL failed."""


class NotRunning(Refusal):
    """-4: the account is not logged in now. ``state`` and ``state_reason`` say more."""

    @property
    def state(self) -> str:
        return str(self.extra.get("state", ""))

    @property
    def state_reason(self) -> str:
        return str(self.extra.get("state_reason", ""))


class GaveUp(Refusal):
    """-5: it failed after all attempts, or (HTTP 503) cannot be stored: the disk of the gateway is full."""


class Unauthenticated(Refusal):
    """-6: the token is missing or wrong."""


class QueueFull(Refusal):
    """-7: too much waits already. Try again after ``retry_after_s`` seconds."""

    @property
    def retry_after_s(self) -> float:
        after = self.extra.get("retry_after")
        return float(after) if isinstance(after, int | float) and 0 <= after <= _DAY_S else 5.0


class Forbidden(Refusal):
    """-8: the gateway's rules forbid it: a path, an address, a Host, the scope of the key."""


class NoRoute(Refusal):
    """-9: the gateway has no such route; it may be older than this client."""


class NotSupported(Refusal):
    """-10: the account's ``transport`` cannot do this: it lacks the ``capability``. See ``check_client``."""

    @property
    def transport(self) -> str:
        return str(self.extra.get("transport", ""))

    @property
    def capability(self) -> str:
        return str(self.extra.get("capability", ""))


OF_CODE: dict[int, type[Refusal]] = {
    Code.NOT_FOUND: NotFound,
    Code.NOT_POSSIBLE: NotPossible,
    Code.AMBIGUOUS: Ambiguous,
    Code.EMPTY_LIST: EmptyList,
    Code.REFUSED: RefusedByWeChat,
    Code.UNREACHABLE: WeChatUnreachable,
    Code.BAD_PARAMETER: BadParameter,
    Code.MEDIA: MediaFailed,
    Code.NOT_RUNNING: NotRunning,
    Code.GAVE_UP: GaveUp,
    Code.UNAUTHENTICATED: Unauthenticated,
    Code.QUEUE_FULL: QueueFull,
    Code.FORBIDDEN: Forbidden,
    Code.NO_ROUTE: NoRoute,
    Code.NOT_SUPPORTED: NotSupported,
}
_RET_FROM = 1000
"""Sends answer a ``Ret`` from here on as their code."""
_GATEWAY_TIMEOUT = 504
_DAY_S = 86_400


def failure(
    route: str, code: int, status: str, http_status: int, extra: dict[str, Any]
) -> CallFailed:
    """Make the error of the class for an answer."""
    kind: type[CallFailed] = OF_CODE.get(code, Refusal)
    if code == Code.BAD_PARAMETER and status == KEY_REUSED:
        kind = KeyReused
    if code >= _RET_FROM:
        kind = RefusedByWeChat
    if http_status == _GATEWAY_TIMEOUT:
        kind = OutcomeUnknown
    return kind(route, status, code=code, http_status=http_status, extra=extra)
