"""Why an account is in its state: stable codes with parameters, and their wording in English.
Transports and accounts give a ``Reason``; programs compare its code. It is worded at the edge: ``Reason.text`` for the
API (``state_reason``) and the log, the console in the language of its reader.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Union

import msgspec

from openwx.coded import joined, names_in
from openwx.errors import (
    PROXY_WORDS,
    BadResponse,
    LoginRefused,
    ProxyFailed,
    ProxyTrouble,
    Rejected,
    SessionEnded,
    WeChatError,
)


class ReasonCode(StrEnum):
    """All codes. ``PARAMETERS`` names the parameters of each."""

    # states of an account
    STARTING = "starting"
    FETCHING_CONTACTS = "fetching_contacts"
    LOGGED_IN = "logged_in"
    IN_SYNC = "in_sync"
    STALLED = "stalled"
    WAITING_FOR_SCAN = "waiting_for_scan"
    WAITING_FOR_PHONE = "waiting_for_phone"
    SCANNED = "scanned"
    QRCODE_EXPIRED = "qrcode_expired"
    NEED_VERIFY_CODE = "need_verify_code"
    VERIFY_CODE_BLOCKED = "verify_code_blocked"
    SCANNED_BY_ANOTHER = "scanned_by_another"
    ANNOUNCING = "announcing"
    TOKEN_DOUBTED = "token_doubted"  # noqa: S105 - a code, and no secret
    SECOND_POLLER = "second_poller"
    LOGIN_FAILED = "login_failed"
    LOGIN_REFUSED = "login_refused"
    SESSION_ENDED = "session_ended"
    PAUSED = "paused"
    ABANDONED = "abandoned"
    HANDED_OVER = "handed_over"
    ON_ANOTHER_NODE = "on_another_node"
    NODE_SILENT = "node_silent"
    NODE_OTHER_SECRET = "node_other_secret"  # noqa: S105 - a code, and no secret
    NODE_OTHER_VERSION = "node_other_version"
    NODE_OTHER_ADDRESS = "node_other_address"
    ON_NO_NODE = "on_no_node"
    STOPPED_BY_REQUEST = "stopped_by_request"
    STOPPED_BY_STOP_CLIENT = "stopped_by_stop_client"
    BUG = "bug"
    # what WeChat said, also as a parameter of the above
    LOGGED_OUT = "logged_out"
    LOGGED_IN_ELSEWHERE = "logged_in_elsewhere"
    LOGIN_EXPIRED = "login_expired"
    TOKEN_STALE = "token_stale"  # noqa: S105 - a code, and no secret
    MAY_NOT_LOG_IN = "may_not_log_in"
    TOO_OFTEN = "too_often"
    OTHER_RET = "other_ret"
    # failed calls, also as a parameter of the above
    REJECTED = "rejected"
    BAD_RESPONSE = "bad_response"
    UNREACHABLE = "unreachable"
    PROXY_UNREACHABLE = "proxy_unreachable"
    PROXY_AUTH = "proxy_auth"
    PROXY_CANNOT_REACH = "proxy_cannot_reach"
    PROXY_BROKEN = "proxy_broken"


Param = Union[str, int, "Reason"]

ENGLISH: dict[ReasonCode, tuple[str, ...]] = {
    ReasonCode.STARTING: ("starting",),
    ReasonCode.FETCHING_CONTACTS: ("fetching contacts",),
    ReasonCode.LOGGED_IN: ("logged in",),
    ReasonCode.IN_SYNC: ("in sync",),
    ReasonCode.STALLED: ("no sync round has succeeded for {seconds} seconds: {error}",),
    ReasonCode.WAITING_FOR_SCAN: ("waiting for the QR code to be scanned",),
    ReasonCode.WAITING_FOR_PHONE: ("waiting for the login to be confirmed on the phone",),
    ReasonCode.SCANNED: ("scanned; waiting for the confirmation",),
    ReasonCode.QRCODE_EXPIRED: ("the QR code expired; fetching another one",),
    ReasonCode.NEED_VERIFY_CODE: ("scanned; the digits that the phone shows are wanted",),
    ReasonCode.VERIFY_CODE_BLOCKED: ("too many wrong digits; another QR code must be scanned",),
    ReasonCode.SCANNED_BY_ANOTHER: (
        "scanned by another person; this account is that of {person}, who must scan the QR code",
    ),
    ReasonCode.ANNOUNCING: ("telling WeChat that the bot is on-line",),
    ReasonCode.TOKEN_DOUBTED: ("WeChat does not know the bot's token ({ret}); asking once more",),
    ReasonCode.SECOND_POLLER: (
        "another program reads the messages of this bot (HTTP 403); looking again in {seconds} seconds",
    ),
    ReasonCode.LOGIN_FAILED: ("login failed, trying again: {error}",),
    ReasonCode.LOGIN_REFUSED: ("WeChat refused the login: {why}", " {message}"),
    ReasonCode.SESSION_ENDED: ("{why}",),
    ReasonCode.PAUSED: (
        "this process has no lease now; until it has one, nothing is sent, received or reported",
    ),
    ReasonCode.ABANDONED: ("another process may run the account now; this one has ended it",),
    ReasonCode.HANDED_OVER: ("handed over to another process",),
    ReasonCode.ON_ANOTHER_NODE: ("the node {node} has it",),
    ReasonCode.NODE_SILENT: ("its node {node} does not answer",),
    ReasonCode.NODE_OTHER_SECRET: ("its node {node} has another cluster.secret",),
    ReasonCode.NODE_OTHER_VERSION: ("its node {node} has another version of openwx",),
    ReasonCode.NODE_OTHER_ADDRESS: (
        "the cluster.advertise of its node {node} is an address for callers, and not that of a cluster.listen",
    ),
    ReasonCode.ON_NO_NODE: ("no node runs it now",),
    ReasonCode.STOPPED_BY_REQUEST: ("stopped on request",),
    ReasonCode.STOPPED_BY_STOP_CLIENT: ("stopped by stop_client; start_client starts it",),
    ReasonCode.BUG: ("a bug in openwx; its log has the details",),
    ReasonCode.LOGGED_OUT: ("logged out on the phone or elsewhere ({ret})",),
    ReasonCode.LOGGED_IN_ELSEWHERE: ("logged in on another web client ({ret})",),
    ReasonCode.LOGIN_EXPIRED: ("the cookies are no longer valid ({ret})",),
    ReasonCode.TOKEN_STALE: (
        "WeChat does not know the bot's token any more: it was bound elsewhere, or expired ({ret})",
    ),
    ReasonCode.MAY_NOT_LOG_IN: ("this account may not log in here ({ret})",),
    ReasonCode.TOO_OFTEN: ("operating too often ({ret})",),
    ReasonCode.OTHER_RET: ("({ret})",),
    ReasonCode.REJECTED: ("{call}: WeChat answered {ret}", " ({message})"),
    ReasonCode.BAD_RESPONSE: ("{call}: {detail}",),
    ReasonCode.UNREACHABLE: ("{call}: {detail}",),
    **{ReasonCode(f"proxy_{one}"): (f"{{call}}: {PROXY_WORDS[one]}",) for one in ProxyTrouble},
}
"""The wording, in pieces. A piece whose parameter is empty is left out."""

WITH_CAUSE = "{reason}; WeChat ended the last session: {cause}"

PARAMETERS: dict[ReasonCode, frozenset[str]] = {
    code: names_in(pieces) for code, pieces in ENGLISH.items()
}
"""The parameters of each code. ``why`` and ``error`` are reasons themselves; ``ret`` is WeChat's number, ``message``
its own text; ``detail`` is English, for a log."""

REASON_OF_RET: dict[int, ReasonCode] = {
    -14: ReasonCode.TOKEN_STALE,
    1100: ReasonCode.LOGGED_OUT,
    1101: ReasonCode.LOGGED_IN_ELSEWHERE,
    1102: ReasonCode.LOGIN_EXPIRED,
    1203: ReasonCode.MAY_NOT_LOG_IN,
    1205: ReasonCode.TOO_OFTEN,
}


class Reason(msgspec.Struct, frozen=True):
    """Why an account is in its state. ``cause``: why WeChat ended the last session, until the account runs again."""

    code: ReasonCode
    params: Mapping[str, Param] = {}
    cause: "Reason | None" = None

    @property
    def text(self) -> str:
        """The English wording."""
        values = {
            name: value.text if isinstance(value, Reason) else value
            for name, value in self.params.items()
        }
        words = joined(ENGLISH[self.code], values)
        if self.cause is None:
            return words
        return WITH_CAUSE.format(reason=words, cause=self.cause.text)

    @property
    def ret(self) -> int:
        """WeChat's number, of a session that it ended or a login that it refused."""
        why = self.params["why"]
        assert isinstance(why, Reason)
        return int(str(why.params["ret"]))


def reason(code: ReasonCode, **params: Param) -> Reason:
    """Make a reason. Raises ``TypeError`` where the parameters are not those of the code."""
    if params.keys() != PARAMETERS[code]:
        raise TypeError(f"{code} takes {sorted(PARAMETERS[code])}, not {sorted(params)}")
    return Reason(code, params)


def of_error(error: WeChatError) -> Reason:
    """Word a failed call as ``str(error)`` does."""
    detail = error.message
    match error:
        case Rejected():
            return reason(ReasonCode.REJECTED, call=error.call, ret=error.ret, message=error.errmsg)
        case BadResponse():
            return reason(ReasonCode.BAD_RESPONSE, call=error.call, detail=detail)
        case ProxyFailed():
            code = ReasonCode(f"proxy_{error.trouble}")
            return reason(code, call=error.call, proxy=error.proxy, detail=error.detail)
        case _:
            return reason(ReasonCode.UNREACHABLE, call=error.call, detail=detail)


def of_failed_login(error: WeChatError) -> Reason:
    """Why a login failed. Where the proxy is to blame, its code says so."""
    why = of_error(error)
    return why if isinstance(error, ProxyFailed) else reason(ReasonCode.LOGIN_FAILED, error=why)


def of_stall(error: WeChatError, seconds: float) -> Reason:
    """Why no sync round has succeeded for so long. Where the proxy is to blame, its code says so."""
    if isinstance(error, ProxyFailed):
        return of_error(error)
    return reason(ReasonCode.STALLED, seconds=f"{seconds:.0f}", error=of_error(error))


def of_session_end(error: SessionEnded) -> Reason:
    """Why WeChat ended a session."""
    why = _of_ret(error.ret) if error.ret in REASON_OF_RET else of_error(error)
    return reason(ReasonCode.SESSION_ENDED, why=why)


def of_refusal(error: LoginRefused) -> Reason:
    """Why WeChat refused a login."""
    return reason(ReasonCode.LOGIN_REFUSED, why=_of_ret(error.ret), message=error.errmsg)


def refusal_text(error: LoginRefused) -> str:
    """Word a refused login for its ``login`` event."""
    return " ".join(filter(None, [_of_ret(error.ret).text, error.errmsg]))


def _of_ret(ret: int) -> Reason:
    return reason(REASON_OF_RET.get(ret, ReasonCode.OTHER_RET), ret=ret)
