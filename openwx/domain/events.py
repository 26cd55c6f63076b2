"""What a transport delivers besides messages. ``reporter/payload.py`` makes a report's payload of each.
``EventRecorder`` gets them.
"""

from enum import StrEnum

import msgspec

from openwx.domain.contacts import Chat, Friend, Group, Member, User
from openwx.reasons import Reason


class State(StrEnum):
    """The states of an account, in the original's spelling (contract, section 3)."""

    INIT = "init"
    LOADING = "loading"
    SCANING = "scaning"
    CONFIRMING = "confirming"
    UPDATING = "updating"
    RUNNING = "running"
    STOP = "stop"


class LoggedIn(msgspec.Struct, frozen=True):
    """A login succeeded. ``ids_changed`` unless a saved session was resumed."""

    ids_changed: bool


class LoginFailed(msgspec.Struct, frozen=True):
    """WeChat refused the login for good, with its code and words; the account stops."""

    reason: str
    ret: int
    errmsg: str


class Stopped(msgspec.Struct, frozen=True):
    """The account stopped; nothing comes after this."""


class StateChanged(msgspec.Struct, frozen=True):
    old: State
    new: State
    reason: Reason


class QRCodeShown(msgspec.Struct, frozen=True):
    """A QR code is ready to scan. ``link`` is its content."""

    uuid: str
    link: str


class QRCodeExpired(msgspec.Struct, frozen=True):
    """The QR code that was shown last has expired."""


class ChatAdded(msgspec.Struct, frozen=True):
    """A new friend, or a group that the account is in now."""

    chat: Chat


class ChatLost(msgspec.Struct, frozen=True):
    """A friend was removed, or the account left a group."""

    chat: Chat


class MemberAdded(msgspec.Struct, frozen=True):
    member: Member
    group: Group


class MemberLost(msgspec.Struct, frozen=True):
    member: Member
    group: Group


class PropertyChanged(msgspec.Struct, frozen=True):
    """A property of the user, a friend or a group has changed. ``owner`` is the new record."""

    owner: User | Friend | Group
    name: str
    old: str | int
    new: str | int


class MemberPropertyChanged(msgspec.Struct, frozen=True):
    member: Member
    group: Group
    name: str
    old: str | int
    new: str | int


class FriendRequested(msgspec.Struct, frozen=True):
    """A friend request with the requester's ``words``. Accepting it takes ``id`` and ``ticket``."""

    id: str
    displayname: str
    words: str
    ticket: str
    msg_id: str


class ContactsLoaded(msgspec.Struct, frozen=True):
    """All contacts were fetched again."""

    user: User
    friends: list[Friend]
    groups: list[Group]


Event = (
    LoggedIn
    | LoginFailed
    | Stopped
    | StateChanged
    | QRCodeShown
    | QRCodeExpired
    | ChatAdded
    | ChatLost
    | MemberAdded
    | MemberLost
    | PropertyChanged
    | MemberPropertyChanged
    | FriendRequested
    | ContactsLoaded
)
