"""The state of an account at a glance: a tone, sentences, and what to do. The overview and ``nodes`` show it."""

import hashlib
from typing import TYPE_CHECKING, Literal

import msgspec

from openwx.api.elsewhere import Whereabouts
from openwx.console.translation import Translator
from openwx.console.wording import (
    MAY_NOT_LOG_IN,
    Explanation,
    ret_words,
    state_words,
    trouble_reason,
)
from openwx.domain.events import State
from openwx.errors import LoginRefused, ProxyFailed, Rejected, WeChatError
from openwx.reasons import ReasonCode
from openwx.schemas import ListedClient

if TYPE_CHECKING:
    from openwx.accounts.account import Account

Tone = Literal["good", "busy", "bad", "idle"]


class StatusView(msgspec.Struct, frozen=True):
    """Sentences in the language of the page. ``quote`` is WeChat's own text."""

    tone: Tone
    headline: str
    advice: str = ""
    reason: Explanation | None = None
    quote: str = ""
    helps: tuple[str, ...] = ()
    """What helps an account that WeChat refuses."""
    scans: bool = False
    """Whether the page shows a QR code to scan."""
    digits: bool = False
    """Whether the page asks for the digits that the phone shows."""
    ilink: bool = False
    """Whether iLink is offered instead of web WeChat."""
    qrcode: str = ""
    """A name of the code's content, so that browsers load each new code; empty until there is one."""
    start: Literal["", "again", "another"] = ""
    """Whether the account can be started again, perhaps to be scanned with another one."""


def health_of(account: "Account", t: Translator, *, wanted: bool, stopping: bool) -> StatusView:
    """Judge an account. ``wanted``: it should run. ``stopping``: the whole server is about to stop."""
    if stopping:
        return _health("idle", "health.server_stopping", t)
    if account.reason.code is ReasonCode.PAUSED:
        return _health("busy", "health.paused", t)
    match account.state:
        case State.RUNNING if account.is_running:
            return StatusView("good", t("health.running"))
        case State.RUNNING:
            return _health("idle", "health.stopping", t)
        case State.STOP:
            return _stopped(account, t, wanted=wanted)
        case State.CONFIRMING if account.reason.code is ReasonCode.NEED_VERIFY_CODE:
            return StatusView("busy", t("health.digits"), t("health.digits.advice"), digits=True)
        case _ if account.trouble is not None:
            return _troubled(account.trouble, t, state_words(account.reason, t))
        case State.SCANING:
            png = account.qrcode_png
            code = hashlib.sha256(png).hexdigest()[:16] if png else ""
            reason = state_words(account.reason, t) or _session_end(account, t)
            return StatusView("busy", t("health.scan"), reason=reason, scans=True, qrcode=code)
        case State.CONFIRMING:
            return _health("busy", "health.confirm", t, _session_end(account, t))
        case State.UPDATING:
            return _health("busy", "health.loading", t)
        case _:
            return _health("busy", "health.connecting", t, _session_end(account, t))


_SILENCES: dict[ReasonCode, str] = {
    ReasonCode.NODE_OTHER_SECRET: "nodes.other_secret",
    ReasonCode.NODE_OTHER_VERSION: "nodes.other_version",
    ReasonCode.NODE_OTHER_ADDRESS: "nodes.other_address",
}


def health_elsewhere(
    where: Whereabouts, listed: ListedClient | ReasonCode | None, t: Translator
) -> StatusView:
    """Judge an account that does not run here. ``listed``: what its node says of it, or why that says nothing."""
    if where.state is State.STOP:
        return _health("idle", "health.stopped", t)
    if not where.node:
        return _health("busy", "nodes.nobody", t)
    if listed is None:
        return StatusView("busy", t("nodes.at", node=where.node))
    if not isinstance(listed, ListedClient):
        return StatusView("bad", t(_SILENCES.get(listed, "nodes.silent")))
    match listed.state:
        case State.RUNNING:
            return StatusView("good", t("health.running"))
        case State.STOP:
            return _health("idle", "health.stopped", t)
        case State.SCANING:
            return StatusView("busy", t("health.scan"))
        case State.CONFIRMING:
            return _health("busy", "health.confirm", t)
        case State.UPDATING:
            return _health("busy", "health.loading", t)
        case _:
            return _health("busy", "health.connecting", t)


def _health(tone: Tone, id: str, t: Translator, reason: Explanation | None = None) -> StatusView:
    return StatusView(tone, t(id), t(f"{id}.advice"), reason)


def _stopped(account: "Account", t: Translator, *, wanted: bool) -> StatusView:
    if account.reason.code in (ReasonCode.ABANDONED, ReasonCode.HANDED_OVER):
        return _health("idle", "health.elsewhere", t)
    if not wanted or account.stop_requested:
        return StatusView("idle", t("health.stopped"), t("health.stopped.advice"), start="again")
    if isinstance(account.trouble, LoginRefused):
        return _refused(account, account.trouble, t)
    return StatusView("bad", t("health.bug"), t("health.bug.advice"), start="again")


def _refused(account: "Account", error: LoginRefused, t: Translator) -> StatusView:
    """Explain that WeChat does not let the account in. After 1203, no new login of the same account helps."""
    is_final = error.ret == MAY_NOT_LOG_IN
    helps: tuple[str, ...] = ()
    if is_final:
        desktop = ("help.desktop",) if account.login_mode == "web" else ()
        helps = (*desktop, "help.another", "help.official", "help.read")
    return StatusView(
        "bad",
        t("health.refused"),
        t("health.banned.advice" if is_final else "health.refused.advice"),
        Explanation(ret_words(error.ret, t)),
        error.errmsg,
        helps=tuple(map(t, helps)),
        start="another" if is_final else "again",
        ilink=account.transport_kind == "web",
    )


def _troubled(trouble: WeChatError, t: Translator, reason: Explanation | None) -> StatusView:
    match trouble:
        case Rejected():
            headline = "health.rejected"
        case ProxyFailed():
            headline = "health.proxy"
        case _:
            headline = "health.no_answer"
    advice = t("health.trouble.advice")
    return StatusView("bad", t(headline), advice, reason or trouble_reason(trouble, t))


def _session_end(account: "Account", t: Translator) -> Explanation | None:
    end = account.session_end
    return None if end is None else Explanation(t("health.ended", why=ret_words(end.ret, t)))
