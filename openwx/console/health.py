"""How an account is, at a glance: in which tone, in which words, and what to do.

Words are made of codes (the state, the class of an error, WeChat's Ret), never of other sentences.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

from openwx.domain.events import State
from openwx.errors import BadResponse, LoginRefused, Rejected, WeChatError

if TYPE_CHECKING:
    from openwx.accounts.account import Account

Tone = Literal["good", "busy", "bad", "idle"]
Translate = Callable[..., str]

MAY_NOT_LOG_IN = 1203
RET_WORDS = {
    1100: "it was logged out on the phone or by WeChat (1100)",
    1101: "another web client logged in with this account (1101)",
    1102: "the login has expired (1102)",
    MAY_NOT_LOG_IN: "this account may not use web WeChat (1203)",
    1204: "WeChat limits this account (1204)",
    1205: "operating too often (1205)",
}


class Health(msgspec.Struct, frozen=True):
    """Sentences in the language of the page. ``reason`` says why, ``quote`` is WeChat's own word, ``detail``
    helps to find the fault, and is in English."""

    tone: Tone
    headline: str
    advice: str = ""
    reason: str = ""
    quote: str = ""
    detail: str = ""
    helps: tuple[str, ...] = ()
    """What helps an account that WeChat refuses."""
    scans: bool = False
    """Whether a QR code wants to be scanned."""
    qrcode: str = ""
    """A name for that code, once it is there; another code has another name."""
    start: Literal["", "again", "another"] = ""
    """Whether it can be started again, perhaps to be scanned with another account."""


def health_of(account: "Account", t: Translate, *, wanted: bool, stopping: bool) -> Health:
    """``wanted``: whether it should run; ``stopping``: the whole server is about to stop."""
    if stopping:
        advice = "This page continues by itself as soon as openwx runs again."
        return Health("idle", t("openwx is stopping"), t(advice))
    match account.state:
        case State.RUNNING if account.is_running:
            return Health("good", t("Running"))
        case State.RUNNING:
            return Health("idle", t("Stopping"), t("It stops in a moment; nothing is lost."))
        case State.STOP:
            return _stopped(account, t, wanted=wanted)
        case _ if account.trouble is not None:
            return _troubled(account.trouble, t)
        case State.SCANING:
            png = account.qrcode_png
            code = hashlib.sha256(png).hexdigest()[:16] if png else ""
            headline, reason = t("Scan the code with WeChat"), _why_again(account, t)
            return Health("busy", headline, reason=reason, scans=True, qrcode=code)
        case State.CONFIRMING:
            advice = "WeChat on your phone asks whether to log in: tap the green button there."
            headline, reason = t("Confirm on your phone"), _why_again(account, t)
            return Health("busy", headline, t(advice), reason)
        case State.UPDATING:
            advice = "The login worked. Contacts are being loaded; this takes some seconds."
            return Health("busy", t("Loading contacts"), t(advice))
        case _:
            advice = t("This takes a moment.")
            return Health("busy", t("Connecting to WeChat"), advice, _why_again(account, t))


def _stopped(account: "Account", t: Translate, *, wanted: bool) -> Health:
    if not wanted or account.stop_requested:
        advice = "Nothing is received or sent until it is started again."
        return Health("idle", t("Stopped on request"), t(advice), start="again")
    if isinstance(account.trouble, LoginRefused):
        return _refused(account, account.trouble, t)
    advice = "openwx has a bug, and its log tells more. Nothing is received or sent until it is started again."
    return Health("bad", t("Stopped by an error"), t(advice), start="again")


def _refused(account: "Account", error: LoginRefused, t: Translate) -> Health:
    """WeChat does not let the account in. For 1203 nothing helps that is done with the same account again."""
    reason, quote = ret_words(error.ret, t), error.errmsg
    if error.ret != MAY_NOT_LOG_IN:
        advice = (
            "WeChat on the phone often says what it wants. Do that, then start the account again."
        )
        headline = t("Login refused")
        return Health("bad", headline, t(advice), reason, quote, start="again")
    advice = (
        "The scan worked, but WeChat does not let this account in. Scanning again does not help:"
        " WeChat decides this by account."
    )
    desktop_mode = (
        'Set login_mode = "desktop" for this account in config.toml and restart openwx:'
        " WeChat lets some accounts in that way which it refuses by web."
    )
    helps = (
        *([desktop_mode] if account.login_mode == "web" else []),
        "Use another WeChat account: show a new code, and scan it with that one.",
        "Use an official interface instead, such as WeCom or an Official Account.",
        "Who can log in, and what else web WeChat limits: docs/limits.md of openwx.",
    )
    return Health(
        "bad", t("Login refused"), t(advice), reason, quote, helps=tuple(map(t, helps)), start="another"
    )  # fmt: skip


def _troubled(trouble: WeChatError, t: Translate) -> Health:
    advice = "openwx goes on trying by itself. Messages that arrive meanwhile come as soon as WeChat answers."
    headline = (
        "WeChat refuses for now" if isinstance(trouble, Rejected) else "WeChat does not answer"
    )
    return Health("bad", t(headline), t(advice), error_words(trouble, t), detail=str(trouble))


def _why_again(account: "Account", t: Translate) -> str:
    end = account.session_end
    return "" if end is None else t("The former login ended: {why}.", why=ret_words(end.ret, t))


def ret_words(ret: int, t: Translate) -> str:
    """What a Ret of WeChat's says."""
    known = RET_WORDS.get(ret)
    return t(known) if known else t("WeChat answered with code {ret}", ret=ret)


def error_words(error: WeChatError, t: Translate) -> str:
    """What a call came to."""
    match error:
        case Rejected():
            return ret_words(error.ret, t)
        case BadResponse():
            return t("WeChat answered something that openwx does not understand")
        case _:
            return t("WeChat cannot be reached, or does not answer in time")
