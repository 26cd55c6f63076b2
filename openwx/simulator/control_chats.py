"""The control API's view of the chats: the list of them, and what was said in one."""

from __future__ import annotations

import html
import re
from typing import Any

from .account import Account
from .asked import Asked, BadParameterError
from .avatars import hex_colour
from .control_views import medium_view
from .conversations import Conversation, Entry, is_own
from .people import Group, Person
from .timeline import Chat, Heard, Message

KINDS = {
    1: "text", 3: "image", 34: "voice", 37: "friend_request", 42: "card", 43: "video",
    47: "sticker", 48: "location", 50: "call", 62: "video", 10000: "notice",
}  # fmt: skip
SHARES = {
    0: "chat_record", 5: "link", 6: "file", 8: "sticker", 17: "live_location", 19: "chat_record",
    33: "mini_program", 2000: "transfer", 2001: "red_packet",
}  # fmt: skip
_TAG = re.compile(r"^\[\w+\]")
"""`[图片]` before what the phone would say of a message that is no text."""


def chats(asked: Asked) -> list[dict[str, Any]]:
    """The chats whose names hold `search`, at most `limit`."""
    account, wanted = asked.account, asked.text("search", "").casefold()
    found = [
        conversation
        for conversation in account.conversations.all()
        if wanted in name_of(conversation.chat).casefold()
    ]
    return [_summary(account, one) for one in found[: asked.count("limit", 200) or 200]]


def chat(asked: Asked) -> dict[str, Any]:
    """One chat with its last `limit` messages; `before` a `msg_id` those before it."""
    account = asked.account
    conversation = account.conversations.of(asked.chat)
    entries = conversation.entries
    if before := asked.text("before", ""):
        if not before.isdecimal():
            raise BadParameterError("before should be a msg_id")
        entries = [entry for entry in entries if entry.number < int(before)]
    limit = asked.count("limit", 60) or 60
    return {
        **_summary(account, conversation),
        "messages": [entry_view(account, entry) for entry in entries[-limit:]],
        "more": len(entries) > limit,
    }


def name_of(chat: Chat) -> str:
    """What the owner's phone calls a chat."""
    if isinstance(chat, Person):
        return chat.remark or chat.nickname
    return chat.name or "、".join(member.shown_name for member in chat.others[:4])


def _summary(account: Account, conversation: Conversation) -> dict[str, Any]:
    chat, last = conversation.chat, conversation.last
    about: dict[str, Any]
    if isinstance(chat, Group):
        invited = [_who(person) for person in chat.invited]
        about = {"type": "group", "members": len(chat.members), "invited": invited}
    else:
        about = {"type": "friend", "id": chat.system_name, "dropped_me": chat.has_dropped_me}
        about |= {"nickname": chat.nickname, "remark": chat.remark}
    return {
        **about,
        "key": chat.key,
        "name": name_of(chat),
        "pinned": chat.pinned,
        "colour": hex_colour(chat),
        "unread": conversation.unread,
        "last": entry_view(account, last) if last else None,
    }


def entry_view(account: Account, entry: Entry) -> dict[str, Any]:
    """A message as the phone shows it, of either direction."""
    own, kind = is_own(entry, account), kind_of(entry)
    speaker = _speaker(account, entry, kind)
    return {
        "msg_id": entry.msg_id,
        "kind": kind,
        "by": "web" if isinstance(entry, Heard) else "phone" if own else "other",
        "speaker": _who(speaker, entry) if speaker else None,
        "text": _words(entry, kind),
        "time": entry.time,
        "revoked": entry.revoked,
        "bounced": isinstance(entry, Heard) and entry.bounced,
        "taken": isinstance(entry, Message) and account.was_handed_out(entry),
        "medium": medium_view(entry.medium) if entry.medium else None,
        "file_name": _file_name(entry) if kind == "file" else "",
        "seconds": _seconds(entry),
        "url": html.unescape(str(_fields(entry).get("Url", ""))) if kind == "link" else "",
        "request": _request(account, entry) if kind == "friend_request" else None,
    }


def kind_of(entry: Entry) -> str:
    """What it is, in a word; of what was sent on, what it was."""
    if isinstance(entry, Heard) and entry.forwarded is not None:
        return kind_of(entry.forwarded)
    if entry.msg_type == 6:
        return "file"
    fields = _fields(entry)
    if entry.msg_type == 49:
        return SHARES.get(fields.get("AppMsgType", -1), "other")
    if entry.msg_type == 1 and fields.get("SubMsgType") == 48:
        return "location"
    return KINDS.get(entry.msg_type, "other")


def _speaker(account: Account, entry: Entry, kind: str) -> Person | None:
    if kind == "notice":
        return None
    if is_own(entry, account):
        return account.owner
    assert isinstance(entry, Message)
    return entry.sender if isinstance(entry.sender, Person) else entry.member


def _who(person: Person, entry: Entry | None = None) -> dict[str, Any]:
    name = person.remark or person.nickname
    if isinstance(entry, Message) and isinstance(entry.sender, Group):
        member = entry.sender.members.get(person.key)
        name = member.shown_name if member else name
    return {"key": person.key, "name": name, "colour": hex_colour(person)}


def _words(entry: Entry, kind: str) -> str:
    source = entry.forwarded if isinstance(entry, Heard) and entry.forwarded else entry
    return source.text if kind in ("text", "notice") else _TAG.sub("", source.text)


def _fields(entry: Entry) -> dict[str, Any]:
    source = entry.forwarded if isinstance(entry, Heard) else entry
    return source.fields if source else {}


def _file_name(entry: Entry) -> str:
    own = entry.file_name if isinstance(entry, Heard) else ""
    return own or (entry.medium.name if entry.medium else "") or entry.text


def _seconds(entry: Entry) -> float | None:
    fields = _fields(entry)
    milliseconds = fields.get("VoiceLength")
    return milliseconds / 1000 if milliseconds else fields.get("PlayLength")


def _request(account: Account, entry: Entry) -> dict[str, Any] | None:
    for request in account.friend_requests:
        if request.message is entry:
            return {"name": request.person.nickname, "accepted": request.accepted}
    return None
