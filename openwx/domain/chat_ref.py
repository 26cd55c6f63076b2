"""References to chats that stay valid after a new login."""

import hashlib
from typing import Any

import msgspec

from openwx.domain.contacts import SYSTEM_ACCOUNT, Chat, Friend, Group, Uid


class Target(msgspec.Struct, frozen=True, gc=False):
    """What it takes to find a chat again, and no other.

    ``fingerprint`` is a hash of what outlives a login, so that a namesake is never taken for the intended chat.
    """

    id: str
    uid: Uid
    group: bool
    displayname: str
    fingerprint: str


def target_of(chat: Chat) -> Target:
    is_group = isinstance(chat, Group)
    return Target(chat.id, chat.uid, is_group, chat.displayname, fingerprint_of(chat))


def fingerprint_of(chat: Chat) -> str:
    """Return a hash that is the same as long as nothing of a chat changes but its id and uid."""
    if isinstance(chat, Group):
        if not chat.fingerprint:
            # The owner's number may be known in one login and not in the next: where there is a name, it counts.
            owner = chat.members.get(chat.owner_id)
            by_name = (owner.name, owner.account) if owner else chat.owner_uid
            members = sorted((member.name, member.account) for member in chat.members.values())
            chat.fingerprint = _digest(chat.name, by_name, members)
        return chat.fingerprint
    return _digest(*_lasting(chat))


def _lasting(friend: Friend) -> tuple[Any, ...]:
    lasting_id = friend.id if friend.category == SYSTEM_ACCOUNT else ""
    named = (friend.account, friend.name, friend.markname)
    about = (friend.sex, friend.city, friend.signature, friend.province, friend.category)
    return lasting_id, named, *about


def _digest(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:24]
