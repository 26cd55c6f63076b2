"""The chat, sender and parties of an entry of ``AddMsgList`` (protocol reference, section 5). ``SyncParser`` asks."""

import re

from openwx.domain.contacts import Chat, Member, User
from openwx.domain.messages import Parties
from openwx.transports.web import wire

_GROUP_SENDER = re.compile(r"^(@[^@:<>\s]+):(?:<br\s*/?>|\n)")


def split_sender(entry: wire.Message, own_id: str) -> tuple[str, str]:
    """Return the id of a group message's sender (empty where it has none) and the content without it."""
    if entry.FromUserName == own_id or not entry.FromUserName.startswith("@@"):
        return "", entry.Content
    found = _GROUP_SENDER.match(entry.Content)
    return (found[1], entry.Content[found.end() :]) if found else ("", entry.Content)


def chat_id(entry: wire.Message, own_id: str) -> str:
    """Return the id of the other side, to which an answer would go."""
    return entry.ToUserName if entry.FromUserName == own_id else entry.FromUserName


def parties_in_group(group: Chat, member: Member | None, user: User, *, mine: bool) -> Parties:
    """Return the parties of a group's message: an own one has no receiver, a notice no sender."""
    if mine:
        return Parties(chat=group, sender=user, receiver=None, mine=True)
    return Parties(chat=group, sender=member, receiver=user, mine=False)
