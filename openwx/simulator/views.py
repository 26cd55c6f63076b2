"""The JSON of the control API: accounts, people, messages, and chats as a phone shows them. `control` answers with it.

`control` passes all that it answers through `view`.
"""

from __future__ import annotations

import functools
import html
import re
from typing import Any

from .calls import Call
from .conversations import Conversation, Entry, is_own, kind_of
from .faults import Rule
from .media import Medium
from .model import Chat, Group, Message, Person, SentMessage
from .phone import LoginCode
from .scenario import FriendRequest, GroupActor, Invitation, MemberActor, PersonActor
from .state import Account
from .wire.avatars import hex_colour

_TAG = re.compile(r"^\[\w+\]")
"""`[图片]` before the description of a message that is no text."""


@functools.singledispatch
def view(value: Any) -> Any:
    """Return the JSON of an object; what has no view of its own is JSON already."""
    return value


@view.register
def _(values: list) -> list[Any]:  # type: ignore[type-arg]
    return [view(value) for value in values]


@view.register
def _(nothing: None) -> dict[str, Any]:
    return {"done": True}


@view.register
def _(account: Account) -> dict[str, Any]:
    prompt = account.phone.shows()
    return {
        "account": account.number, "name": account.name, "nickname": account.owner.nickname,
        "colour": hex_colour(account.owner), "uin": account.uin, "online": account.is_online,
        "logins": account.logins, "friends": len(account.friends),
        "groups": len(account.groups), "sent": len(account.sent),
        "phone_asks_for": prompt.uuid if prompt else None, "refusal": account.refusal,
        "prompt": view(prompt) if prompt else None, "bot": account.clawbot.is_bound,
    }  # fmt: skip


@view.register
def _(friend: PersonActor) -> dict[str, Any]:
    return {
        "key": friend.key, "id": friend.system_name, "nickname": friend.nickname,
        "remark": friend.remark, "alias": friend.alias, "uin": friend.uin,
        "pinned": friend.pinned, "heard": len(friend.inbox),
    }  # fmt: skip


@view.register
def _(group: GroupActor) -> dict[str, Any]:
    return {
        "key": group.key, "name": group.name, "uin": group.uin, "members": len(group.members),
        "saved": group.saved, "pinned": group.pinned,
        "invited": [person.nickname for person in group.invited], "heard": len(group.inbox),
    }  # fmt: skip


@view.register
def _(member: MemberActor) -> dict[str, Any]:
    return {
        "key": member.person.key, "nickname": member.nickname,
        "display_name": member.display_name, "is_friend": member.person.is_friend,
        "is_me": member.person is member.person.account.owner,
        "colour": hex_colour(member.person),
    }  # fmt: skip


@view.register
def _(message: Message) -> dict[str, Any]:
    return {"msg_id": message.msg_id}


@view.register
def _(sent: SentMessage) -> dict[str, Any]:
    return {
        "text": sent.text, "to": str(sent.to), "key": sent.to.key, "msg_id": sent.msg_id,
        "client_msg_id": sent.client_msg_id, "msg_type": sent.msg_type, "time": sent.time,
        "revoked": sent.revoked, "bounced": sent.bounced, "file_name": sent.file_name,
        "medium": view(sent.medium) if sent.medium else None,
        "forwarded": sent.forwarded.msg_id if sent.forwarded else None,
    }  # fmt: skip


@view.register
def _(medium: Medium) -> dict[str, Any]:
    return {
        "media_id": medium.media_id, "name": medium.name, "mime": medium.mime,
        "kind": medium.kind, "size": medium.size, "md5": medium.md5,
    }  # fmt: skip


@view.register
def _(request: FriendRequest) -> dict[str, Any]:
    return {
        "key": request.person.key, "nickname": request.person.nickname,
        "colour": hex_colour(request.person), "words": request.words, "ticket": request.ticket,
        "accepted": request.accepted, "msg_id": request.message.msg_id,
    }  # fmt: skip


@view.register
def _(invitation: Invitation) -> dict[str, Any]:
    return {
        "key": invitation.person.key, "nickname": invitation.person.nickname,
        "colour": hex_colour(invitation.person), "words": invitation.words,
        "accepted": invitation.accepted,
    }  # fmt: skip


@view.register
def _(code: LoginCode) -> dict[str, Any]:
    return {
        "uuid": code.uuid, "kind": code.kind, "digits": code.digits,
        "offers_confirm": code.offers_confirm,
    }  # fmt: skip


@view.register
def _(rule: Rule) -> dict[str, Any]:
    return {
        "call": rule.call, "fault": rule.fault.value, "times": rule.times,
        "probability": rule.probability, "hits": rule.hits,
    }  # fmt: skip


@view.register
def _(call: Call) -> dict[str, Any]:
    return {
        "name": call.name, "method": call.method, "time": call.time, "query": call.query,
        "body": call.body, "fault": call.fault,
    }  # fmt: skip


# Chats


def name_of(chat: Chat) -> str:
    """Return the name of a chat on the owner's phone."""
    if isinstance(chat, Person):
        return chat.remark or chat.nickname
    assert isinstance(chat, GroupActor)
    return chat.name or "、".join(member.shown_name for member in chat.others[:4])


def chat_view(account: Account, conversation: Conversation) -> dict[str, Any]:
    """Return the entry of a chat in the list of chats."""
    chat, last = conversation.chat, conversation.last
    about: dict[str, Any]
    if isinstance(chat, Group):
        invited = [_speaker_view(person) for person in chat.invited]
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
    """Return a message of either direction as a phone shows it."""
    own, kind = is_own(entry, account.owner), kind_of(entry)
    # A forwarded message shows what it forwards.
    source = entry.forwarded if isinstance(entry, SentMessage) and entry.forwarded else entry
    fields = source.fields if isinstance(source, Message) else {}
    milliseconds = fields.get("VoiceLength")
    speaker = _speaker(account, entry, kind)
    return {
        "msg_id": entry.msg_id,
        "kind": kind,
        "by": "web" if isinstance(entry, SentMessage) else "phone" if own else "other",
        "speaker": _speaker_view(speaker, entry) if speaker else None,
        "text": source.text if kind in ("text", "notice") else _TAG.sub("", source.text),
        "quotes": source.draft.quotes if isinstance(source, Message) else "",
        "time": entry.time,
        "revoked": entry.revoked,
        "bounced": isinstance(entry, SentMessage) and entry.bounced,
        "taken": isinstance(entry, Message) and entry.msg_id in account.handed_out,
        "medium": view(entry.medium) if entry.medium else None,
        "file_name": _file_name(entry) if kind == "file" else "",
        "seconds": milliseconds / 1000 if milliseconds else fields.get("PlayLength"),
        "url": html.unescape(str(fields.get("Url", ""))) if kind == "link" else "",
        "request": _request_view(account, entry) if kind == "friend_request" else None,
    }


def _speaker(account: Account, entry: Entry, kind: str) -> Person | None:
    if kind == "notice":
        return None
    if isinstance(entry, SentMessage) or entry.sender is account.owner:
        return account.owner
    return entry.sender if isinstance(entry.sender, Person) else entry.member


def _speaker_view(person: Person, entry: Entry | None = None) -> dict[str, Any]:
    name = person.remark or person.nickname
    if isinstance(entry, Message) and isinstance(entry.sender, Group):
        member = entry.sender.members.get(person.key)
        name = member.shown_name if member else name
    return {"key": person.key, "name": name, "colour": hex_colour(person)}


def _file_name(entry: Entry) -> str:
    own = entry.file_name if isinstance(entry, SentMessage) else ""
    return own or (entry.medium.name if entry.medium else "") or entry.text


def _request_view(account: Account, entry: Entry) -> dict[str, Any] | None:
    for request in account.friend_requests:
        if request.message is entry:
            return {"name": request.person.nickname, "accepted": request.accepted}
    return None
