"""Messages as people read them, made of the uploads that tell of them."""

import re

import msgspec

from openwx.console.health import Translate, ret_words
from openwx.errors import Code
from openwx.reporter.payload import Payload

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
SOUNDS = frozenset(
    {"audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/ogg", "audio/wav", "audio/x-wav"}
)
FILMS = frozenset({"video/mp4", "video/x-m4v", "video/webm", "video/ogg"})
INLINE = PICTURES | SOUNDS | FILMS
"""What is shown in the page; all else is a file to save."""


class Attached(msgspec.Struct, frozen=True):
    """A medium of a message. ``error`` says why there is no file, where one was wanted; ``path`` is where it lies."""

    kind: str
    name: str
    size: str
    mime: str
    path: str
    error: str

    @property
    def shown_as(self) -> str:
        """The element that shows it: ``img``, ``audio`` or ``video``; empty for a file to save."""
        for element, mimes in (("img", PICTURES), ("audio", SOUNDS), ("video", FILMS)):
            if self.mime in mimes:
                return element
        return ""


class Card(msgspec.Struct, frozen=True):
    """What a message is about, where it is neither text nor file: a label, what it says, and a picture's name."""

    icon: str
    label: str
    title: str
    more: str = ""
    source: str = ""
    """The app that it comes from."""


class Said(msgspec.Struct, frozen=True):
    """One message. ``chat`` is the name of its chat, ``who`` of its sender (empty for a notice)."""

    id: int
    """The number of its upload among all that can be seen."""
    uid: str
    mine: bool
    is_group: bool
    who: str
    who_id: str
    chat: str
    chat_id: str
    time: int
    format: str
    text: str
    code: int
    """Why it did not reach the chat: a ``Code``, or WeChat's Ret; 0 where it did."""
    info: str
    """The same in English, with all that is known."""
    outer: bool
    """The phone sent it."""
    attached: Attached | None
    card: Card | None
    link: str
    message_id: str
    """What a recall calls it."""
    recalls: str
    """The ``message_id`` of the message that this one takes back; empty for all else."""

    @property
    def is_note(self) -> bool:
        """Whether nobody says it: a notice, or a recall."""
        return self.format in ("notice", "revoke") or (self.is_group and not self.who)


def said(id: int, payload: Payload) -> Said:
    """The message of an upload."""
    mine = payload["class"] == "send"
    is_group = "group_id" in payload
    role = "group" if is_group else "receiver" if mine else "sender"
    kind = payload["format"]
    card = _card(kind, payload)
    text = "" if card or kind in ("media", "revoke") else str(payload["content"])
    time = str(payload.get("time", ""))
    return Said(
        id=id,
        uid=str(payload.get("uid", "")),
        mine=mine,
        is_group=is_group,
        who=payload.get("sender", ""),
        who_id=payload.get("sender_id", ""),
        chat=payload.get(role, ""),
        chat_id=payload.get(f"{role}_id", ""),
        time=int(time) if time.isdigit() else 0,
        format=kind,
        text=text,
        code=payload.get("code", 0),
        info=payload.get("info", ""),
        outer=payload.get("source") == "outer",
        attached=_attached(payload) if kind == "media" else None,
        card=card,
        link=str(payload.get("app_url", "") or payload.get("location_url", "")),
        message_id=str(payload.get("id", "")),
        recalls=str(payload.get("revoke_id", "")),
    )


_MONEY = re.compile(r"\[(转账|红包)\]\((.*)\)", re.DOTALL)
"""The contract's own writing of a payment."""


def _card(kind: str, payload: Payload) -> Card | None:
    content = str(payload["content"])
    match kind:
        case "payment":
            found = _MONEY.fullmatch(content)
            if found is None:
                return Card("coin", "Payment", content)
            label = "Transfer" if found[1] == "转账" else "Red packet"
            return Card("coin", label, found[2])
        case "card":
            place = (payload.get("card_province", ""), payload.get("card_city", ""))
            more = " · ".join(
                filter(None, (payload.get("card_account", ""), " ".join(place).strip()))
            )
            return Card("people", "Contact card", payload.get("card_name", ""), more)
        case "location":
            return Card("place", "Location", content)
        case "app":
            picture, label = ("link", "Link") if payload.get("app_url") else ("grid", "Shared")
            title, more = payload.get("app_title", ""), payload.get("app_desc", "")
            return Card(picture, label, title, more, payload.get("app_name", ""))
        case "unknown":
            return Card("grid", "Unknown message", "", content)
        case _:
            return None


def _attached(payload: Payload) -> Attached:
    return Attached(
        kind=payload.get("media_type", "file"),
        name=payload.get("media_name", ""),
        size=payload.get("media_size", ""),
        mime=payload.get("media_mime", ""),
        path=str(payload.get("media_path", "")),
        error=payload.get("media_error", ""),
    )


def summary(one: Said, t: Translate) -> str:
    """A message in one line."""
    if one.format == "revoke":
        return recall_words(one, t)
    if one.attached is not None:
        kind = t(KINDS.get(one.attached.kind, "File"))
        return f"[{kind}] {one.attached.name}" if one.attached.kind == "file" else f"[{kind}]"
    if one.card is not None:
        more = "" if one.format == "unknown" else one.card.title or one.card.more
        return f"[{t(one.card.label)}] {more}".rstrip()
    return one.text


FAILURES: dict[int, str] = {
    Code.NOT_FOUND: "the receiver is not found in this login",
    Code.REFUSED: "WeChat refused it",
    Code.UNREACHABLE: "WeChat cannot be reached, or does not answer in time",
    Code.MEDIA: "the file cannot be had, or cannot be sent",
    Code.NOT_RUNNING: "the account was not logged in",
    Code.GAVE_UP: "openwx gave it up",
}


def failure_words(one: Said, t: Translate) -> str:
    """Why a message was not sent."""
    known = FAILURES.get(one.code)
    return t(known) if known else ret_words(one.code, t)


def recall_words(one: Said, t: Translate) -> str:
    """That somebody took a message back."""
    if one.mine:
        return t("You recalled a message")
    return t("{name} recalled a message", name=one.who) if one.who else t("A message was recalled")


KINDS = {
    "image": "Picture",
    "voice": "Voice message",
    "video": "Video",
    "microvideo": "Video",
    "emoticon": "Sticker",
    "file": "File",
}
