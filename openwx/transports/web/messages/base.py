"""What every kind of message has."""

import re
from typing import ClassVar

import msgspec

from openwx.domain.contacts import Chat, Member, Person, User
from openwx.domain.text import plain
from openwx.transports.web import wire

_GROUP_SENDER = re.compile(r"^(@[^@:<>\s]+):(?:<br\s*/?>|\n)")


class Parties(msgspec.Struct, frozen=True, gc=False):
    """Between whom a message went. ``sender`` is None in a notice, ``receiver`` where one's own went to a group."""

    chat: Chat | User
    sender: Person | None
    receiver: Person | None
    mine: bool


class Message(msgspec.Struct, kw_only=True, frozen=True):
    """What every kind of message has. ``id`` is WeChat's MsgId, ``time`` is Unix time in seconds.

    ``parties.mine``: this account sent it, on the phone or with another client.
    """

    msg_types: ClassVar[tuple[int, ...]] = ()
    app_types: ClassVar[tuple[int, ...]] = ()
    """The AppMsgTypes of MsgType 49 that it claims."""
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

    def members(self) -> dict[str, str]:
        """What the upload of this kind tells besides (contract, section 3)."""
        return {}


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
