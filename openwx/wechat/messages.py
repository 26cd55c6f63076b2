"""Messages: one class a kind, made from WeChat's entries (protocol reference, section 5).

Adding a kind is adding a class here: its ``msg_types`` claim entries, and ``from_wire`` reads one. An entry of a
kind that nobody claims becomes ``Unknown`` with its raw content, and is never lost.
"""

import re
from typing import ClassVar

import msgspec

from openwx.wechat import wire
from openwx.wechat.mediaref import MediaRef
from openwx.wechat.model import Chat, Member, Person, User
from openwx.wechat.text import plain

STATUS_NOTIFY = 51
IGNORED_TYPES = frozenset({40, 50, 52, 53, STATUS_NOTIFY})
"""Possible friends, calls and status notifies: shown to nobody, as in every client."""

_GROUP_SENDER = re.compile(r"^(@[^@:<>\s]+):(?:<br\s*/?>|\n)")


class Parties(msgspec.Struct, frozen=True, gc=False):
    """Between whom a message went. ``sender`` is None in a notice, ``receiver`` where one's own went to a group."""

    chat: Chat | User
    sender: Person | None
    receiver: Person | None
    mine: bool


class Message(msgspec.Struct, kw_only=True, frozen=True):
    """What every kind of message has. ``id`` is WeChat's MsgId, ``time`` is Unix time in seconds.

    ``mine``: this account sent it, on the phone or with another client.
    """

    msg_types: ClassVar[tuple[int, ...]] = ()
    format: ClassVar[str] = "unknown"

    id: str
    time: int
    content: str
    parties: Parties

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> "Message":
        """``content`` is the entry's, without the sender that a group's messages begin with."""
        return cls(
            id=str(entry.MsgId), time=entry.CreateTime, content=plain(content), parties=parties
        )


class Text(Message, frozen=True):
    msg_types = (1,)
    format = "text"


class Notice(Message, frozen=True):
    """A system notice: somebody joined, a red packet came, "you are not friends yet"."""

    msg_types = (9999, 10000)
    format = "notice"


class MediaMessage(Message, kw_only=True, frozen=True):
    """A medium: fetched later, by its ``ref``."""

    format = "media"

    ref: MediaRef


class Unknown(Message, frozen=True):
    """A kind that openwx does not know; ``content`` is raw, and so may be the whole entry."""

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> "Message":
        return cls(id=str(entry.MsgId), time=entry.CreateTime, content=content, parties=parties)


_KINDS: dict[int, type[Message]] = {
    msg_type: kind for kind in Message.__subclasses__() for msg_type in kind.msg_types
}


def kind_of(entry: wire.Message) -> type[Message]:
    return _KINDS.get(entry.MsgType, Unknown)


def split_sender(entry: wire.Message, own_id: str) -> tuple[str, str]:
    """The id of a group message's sender (empty where it has none) and the content without it."""
    if entry.FromUserName == own_id or not entry.FromUserName.startswith("@@"):
        return "", entry.Content
    found = _GROUP_SENDER.match(entry.Content)
    return (found[1], entry.Content[found.end() :]) if found else ("", entry.Content)


def chat_id(entry: wire.Message, own_id: str) -> str:
    """The other side: whom an answer would go to."""
    return entry.ToUserName if entry.FromUserName == own_id else entry.FromUserName


def parties_in_group(group: Chat, member: Member | None, user: User, *, mine: bool) -> Parties:
    """A group's message: my own has no receiver, a notice no sender."""
    if mine:
        return Parties(chat=group, sender=user, receiver=None, mine=True)
    return Parties(chat=group, sender=member, receiver=user, mine=False)
