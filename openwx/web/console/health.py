"""How an account is, at a glance: in which tone, in which words, and what to do."""

import hashlib
from typing import TYPE_CHECKING, Literal

import msgspec

from openwx.wechat.events import State

if TYPE_CHECKING:
    from openwx.gateway.account import Account

Tone = Literal["good", "busy", "bad", "idle"]


class Health(msgspec.Struct, frozen=True):
    """``headline`` and ``advice`` are sentences to be translated; ``reason`` is the account's own word."""

    tone: Tone
    headline: str
    advice: str
    reason: str
    qrcode: str = ""
    """A name for the QR code that wants to be scanned; another code has another name."""


def health_of(account: "Account", *, wanted: bool) -> Health:
    reason = account.state_reason
    match account.state:
        case State.RUNNING if account.is_running:
            return Health("good", "Running", "", "")
        case State.RUNNING:
            return Health("idle", "Stopping", "It stops in a moment; nothing is lost.", "")
        case State.SCANING:
            png = account.qrcode_png
            code = hashlib.sha256(png).hexdigest()[:16] if png else ""
            return Health("busy", "Scan the code with WeChat", "", reason, code)
        case State.CONFIRMING:
            advice = "WeChat on your phone asks whether to log in: tap the green button there."
            return Health("busy", "Confirm on your phone", advice, reason)
        case State.UPDATING if reason == "fetching contacts":
            advice = "The login worked. Contacts are being loaded; this takes some seconds."
            return Health("busy", "Loading contacts", advice, reason)
        case State.UPDATING:
            advice = "openwx goes on trying by itself. Messages that arrive meanwhile come as soon as WeChat answers."
            return Health("bad", "WeChat does not answer", advice, reason)
        case State.STOP if not wanted:
            advice = "Nothing is received or sent until it is started again."
            return Health("idle", "Stopped on request", advice, "")
        case State.STOP:
            advice = "Nothing is received or sent. Read the reason, then start the account again."
            return Health("bad", "Stopped", advice, reason)
        case _:
            return Health("busy", "Connecting to WeChat", "This takes a moment.", reason)
