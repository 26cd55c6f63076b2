"""References to chats that stay valid after a new login. Sends and the media of reports keep them."""

import hashlib
from typing import Any

import msgspec

from openwx.domain.contacts import SYSTEM_ACCOUNT, Chat, Friend, Group, Uid


class Identity(msgspec.Struct, frozen=True):
    """One login of an account: the account's lasting number or name, and what tells its logins apart."""

    uin: str
    login_id: str


NOBODY = Identity("", "")
"""Before the first login."""


class ChatRef(msgspec.Struct, frozen=True, gc=False):
    """What it takes to find a chat again in another login, and no other chat.

    ``id`` is valid in ``login`` alone; ``uin`` is the account's. ``fingerprint`` is a hash of what outlives a login, so
    that a namesake is never taken for the intended chat. Stored with reports and messages.
    """

    id: str
    uid: Uid
    group: bool
    displayname: str
    fingerprint: str
    login: str = ""
    uin: str = ""


def ref_of(chat: Chat, identity: Identity | None) -> ChatRef:
    """Return a reference to a chat of this login."""
    identity = identity or NOBODY
    return ChatRef(
        id=chat.id,
        uid=chat.uid,
        group=isinstance(chat, Group),
        displayname=chat.displayname,
        fingerprint=fingerprint_of(chat),
        login=identity.login_id,
        uin=identity.uin,
    )


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
