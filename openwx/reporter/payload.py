"""The JSON of reports (contract, section 3): messages, sends and events, as in the original document.
``EventRecorder`` makes it; streams and the console read it.

Numbers that the original wrote as strings are strings. To add an event, add a ``case`` to ``_parameters``.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from openwx.domain import events
from openwx.domain.contacts import Chat, Friend, Group, Person, User
from openwx.domain.mentions import mentions_in
from openwx.domain.messages import Message, Notice, Parties, Quote, Text
from openwx.store.decoding import decode_row

SENT = "发送成功"
NOT_SENT = "发送失败"

Payload = dict[str, Any]


def payload_in(body: bytes | None) -> Payload:
    """Decode the body of a report in the journal; empty where it is pruned, or cannot be read."""
    return decode_row(body, Payload, "a report") or {} if body else {}


def received(message: Message, uid: str) -> Payload:
    """Return the report of a message from WeChat; it is a ``send_message`` if the phone sent it."""
    parties = message.parties
    payload = _message(message.content, parties, message.time, uid)
    if parties.mine:
        receiver = parties.chat.id
        outcome = {"code": 0, "msg": SENT, "info": ""}
        payload |= {"id": f"{message.id}:{receiver}", "source": "outer", **outcome}
    else:
        payload["id"] = message.id
    is_group_notice = isinstance(message, Notice) and isinstance(parties.chat, Group)
    payload["format"] = "text" if is_group_notice else message.format
    payload |= message.details()
    if isinstance(message, Text):
        payload |= _mentions(message.content, parties)
    if message.quote is not None:
        payload["quote"] = _quote(message.quote)
    return payload


def _mentions(content: str, parties: Parties) -> Payload:
    """Return whom a text of a group mentions."""
    user = parties.sender if parties.mine else parties.receiver
    if not isinstance(parties.chat, Group) or user is None:
        return {}
    found = mentions_in(content, parties.chat, user)
    return {
        "mentions": [msgspec.to_builtins(one) for one in found.people],
        "mentions_me": found.me,
        "mentions_all": found.all,
    }


def _quote(quote: Quote) -> Payload:
    """Return what is known of a quoted message."""
    known = {
        "id": quote.id,
        "sender": quote.sender,
        "content": (quote.content or "").replace("\u2005", " "),
        "format": quote.format,
    }
    return {name: value for name, value in known.items() if value or name in ("sender", "content")}


def may_be_replied_to(payload: Payload) -> bool:
    """Return whether a reply is allowed: not to own messages, nor to notices, since both could loop."""
    return bool(
        payload["post_type"] == "receive_message"
        and payload["type"] != "group_notice"
        and payload["format"] != "notice"
    )


def with_media(
    payload: Payload, *, path: str, mime: str, ext: str, name: str, size: int, mtime: int
) -> Payload:
    """Return the report of media that was downloaded."""
    return payload | {
        "content": f"[media]({path})",
        "media_path": path,
        "media_mime": mime,
        "media_name": name,
        "media_size": str(size),
        "media_mtime": str(mtime),
        "media_ext": ext,
    }


def with_path(body: bytes, path: str) -> bytes:
    """Return the report of a file that is at another path now. It is the same report where it is not."""
    payload = payload_in(body)
    former = payload.get("media_path")
    if former in (None, path):
        return body
    if payload.get("content") == f"[media]({former})":
        payload["content"] = f"[media]({path})"
    payload["media_path"] = path
    return msgspec.json.encode(payload)


def without_media(payload: Payload, error: str) -> Payload:
    """Return the report of media that could not be downloaded."""
    return payload | {"content": "[media]()", "media_error": error}


def sent(
    content: str,
    chat: Chat,
    user: User,
    *,
    uid: str,
    msg_id: str,
    code: int,
    info: str,
    media: Mapping[str, str] | None = None,
) -> Payload:
    """Return the report of a text or media that openwx sent, or failed to (``code`` is not 0, ``info`` says why)."""
    receiver = None if isinstance(chat, Group) else chat
    parties = Parties(chat=chat, sender=user, receiver=receiver, mine=True)
    mentions = _mentions(content, parties) if media is None else {}
    if media is not None:
        content = f"[media]({media.get('media_path', '')})"
    payload = _message(content, parties, int(time.time()), uid)
    payload |= {
        "id": f"{msg_id}:{chat.id}" if msg_id else "",
        "format": "text" if media is None else "media",
        "source": "local",
        "code": code,
        "msg": SENT if code == 0 else NOT_SENT,
        "info": info,
        **(media or {}),
    }
    return payload | mentions


def event(happened: events.Event, *, qrcode: tuple[str, str] = ("", "")) -> tuple[str, Payload]:
    """Return the name and the report of an event. ``qrcode`` is the image's path and base64."""
    name, params = _parameters(happened, qrcode)
    return name, {"post_type": "event", "event": name, "params": params}


def _parameters(  # noqa: C901  a table: one case for each event
    happened: events.Event, qrcode: tuple[str, str]
) -> tuple[str, list[Any]]:
    match happened:
        case events.LoggedIn(ids_changed):
            return "login", [1 if ids_changed else 0]
        case events.LoginFailed(reason, ret, errmsg):
            return "login", [-1, reason, ret, errmsg]
        case events.Stopped():
            return "stop", []
        case events.StateChanged(old, new):
            return "state_change", [old.value, new.value]
        case events.QRCodeShown():
            return "input_qrcode", list(qrcode)
        case events.QRCodeExpired():
            return "qrcode_expire", []
        case events.ChatAdded(chat):
            return f"new_{_kind(chat)}", [_contact(chat)]
        case events.ChatLost(chat):
            return f"lose_{_kind(chat)}", [_contact(chat)]
        case events.MemberAdded(member, group):
            return "new_group_member", [member, group.info()]
        case events.MemberLost(member, group):
            return "lose_group_member", [member, group.info()]
        case events.MemberPropertyChanged(member, group, name, old_value, new_value):
            # Without the group, as in the original.
            return "group_member_property_change", [member, name, old_value, new_value]
        case events.PropertyChanged(owner, name, old_value, new_value):
            return f"{_kind(owner)}_property_change", [_contact(owner), name, old_value, new_value]
        case events.FriendRequested(id, displayname, words, ticket):
            return "friend_request", [id, displayname, words, ticket]
        case events.ContactsLoaded():
            raise AssertionError("is reported as update_user, update_friend and update_group")


def updates(loaded: events.ContactsLoaded) -> list[tuple[str, Payload]]:
    """Return the three events which report that all contacts were loaded."""
    params: dict[str, list[Any]] = {
        "update_user": [loaded.user],
        "update_friend": list(loaded.friends),
        "update_group": [group.info() for group in loaded.groups],
    }
    return [
        (name, {"post_type": "event", "event": name, "params": value})
        for name, value in params.items()
    ]


def _kind(owner: User | Friend | Group) -> str:
    return {User: "user", Friend: "friend", Group: "group"}[type(owner)]


def _contact(owner: User | Friend | Group) -> Any:
    return owner.info() if isinstance(owner, Group) else owner


def _message(content: str, parties: Parties, seconds: int, uid: str) -> Payload:
    mine = parties.mine
    payload: Payload = {
        "post_type": "send_message" if mine else "receive_message",
        "type": _type(parties),
        "class": "send" if mine else "recv",
        "uid": uid,
        "time": str(seconds),
        "content": content.replace("\u2005", " "),
    }
    if parties.sender is not None:
        payload |= _person("sender", parties.sender)
    if parties.receiver is not None:
        payload |= _person("receiver", parties.receiver)
    if isinstance(parties.chat, Group):
        payload |= {
            "group": parties.chat.displayname,
            "group_id": parties.chat.id,
            "group_uid": parties.chat.uid,
            "group_name": parties.chat.name,
        }
    return payload


def _type(parties: Parties) -> str:
    if not isinstance(parties.chat, Group):
        return "friend_message"
    return "group_message" if parties.sender is not None else "group_notice"


def _person(role: str, person: Person) -> Payload:
    """Return the members that describe the sender or the receiver."""
    return {
        role: person.displayname,
        f"{role}_id": person.id,
        f"{role}_uid": person.uid,
        f"{role}_name": person.name,
        f"{role}_account": person.account,
        f"{role}_markname": person.markname,
        f"{role}_category": person.category if isinstance(person, Friend) else "",
    }
