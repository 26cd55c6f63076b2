"""Messages and events as people read them, made of the uploads that tell of them."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from openwx.report.payload import Payload

Translate = Callable[..., str]

INLINE = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What is shown in the page; all else is a file to save."""


class Attached(msgspec.Struct, frozen=True):
    """A medium of a message. ``error`` says why there is no file, where one was wanted."""

    kind: str
    name: str
    size: str
    inline: bool
    there: bool
    error: str


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
    failed: str
    """Why it did not reach the chat; empty where it did."""
    outer: bool
    """The phone sent it."""
    attached: Attached | None
    title: str
    link: str


def said(id: int, payload: Payload) -> Said:
    """The message of an upload."""
    mine = payload["class"] == "send"
    is_group = "group_id" in payload
    role = "group" if is_group else "receiver" if mine else "sender"
    kind = payload["format"]
    title, link, text = "", "", str(payload["content"])
    if kind == "app":
        title, link = payload.get("app_title", ""), payload.get("app_url", "")
        text = payload.get("app_desc", "") if title else text
    elif kind == "location":
        link = payload.get("location_url", "")
    elif kind == "media":
        text = ""
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
        failed=(payload.get("info") or str(payload["code"])) if payload.get("code", 0) else "",
        outer=payload.get("source") == "outer",
        attached=_attached(payload) if kind == "media" else None,
        title=title,
        link=link,
    )


def _attached(payload: Payload) -> Attached:
    mime = payload.get("media_mime", "")
    return Attached(
        kind=payload.get("media_type", "file"),
        name=payload.get("media_name", ""),
        size=payload.get("media_size", ""),
        inline=mime in INLINE,
        there=bool(payload.get("media_path")),
        error=payload.get("media_error", ""),
    )


def summary(one: Said, t: Translate) -> str:
    """A message in one line."""
    if one.attached is not None:
        kind = t(KINDS.get(one.attached.kind, "File"))
        return f"[{kind}] {one.attached.name}" if one.attached.kind == "file" else f"[{kind}]"
    return one.title or one.text


KINDS = {
    "image": "Picture",
    "voice": "Voice message",
    "video": "Video",
    "microvideo": "Video",
    "emoticon": "Sticker",
    "file": "File",
}


def event_words(payload: Payload, t: Translate) -> str:  # noqa: C901  a table: one case an event
    """What happened, in a sentence."""
    params: list[Any] = payload["params"]
    match payload["event"], params:
        case "login", [-1, reason, *_]:
            return t("WeChat refused the login: {reason}", reason=reason)
        case "login", [0, *_]:
            return t("The saved login goes on")
        case "login", _:
            return t("Logged in")
        case "stop", _:
            return t("The account stopped")
        case "state_change", [old, new, *_]:
            return t("State: {old} → {new}", old=t(f"state {old}"), new=t(f"state {new}"))
        case "input_qrcode", _:
            return t("A QR code wants to be scanned")
        case "qrcode_expire", _:
            return t("The QR code expired")
        case "new_friend", [friend, *_]:
            return t("{name} is a friend now", name=_name(friend))
        case "lose_friend", [friend, *_]:
            return t("{name} is no friend any more", name=_name(friend))
        case "new_group", [group, *_]:
            return t("The account is in the group {name} now", name=_name(group))
        case "lose_group", [group, *_]:
            return t("The account is not in the group {name} any more", name=_name(group))
        case "new_group_member", [member, group, *_]:
            return t("{name} joined {group}", name=_name(member), group=_name(group))
        case "lose_group_member", [member, group, *_]:
            return t("{name} left {group}", name=_name(member), group=_name(group))
        case "friend_request", [_, name, words, *_]:
            return t("{name} asks to be a friend: {words}", name=name, words=words)
        case str(event), [owner, prop, old, new, *_] if event.endswith("_property_change"):
            return t(
                "{name}: {property} was {old}, and is {new}",
                name=_name(owner), property=prop, old=old or "—", new=new or "—",
            )  # fmt: skip
        case str(event), _ if event.startswith("update_"):
            return t("The contacts were fetched afresh")
        case event, _:
            return str(event)


def _name(thing: object) -> str:
    return str(thing.get("displayname", "")) if isinstance(thing, Mapping) else str(thing)
