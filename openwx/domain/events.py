"""What a transport delivers besides messages. ``reporter/payload.py`` makes a report's payload of each."""

from enum import StrEnum

import msgspec

from openwx.domain.contacts import Chat, Friend, Group, Member, User
from openwx.reasons import Reason


class State(StrEnum):
    """Where an account stands, in the original's spelling (contract, section 3)."""

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
    """WeChat refused the login for good; the account stops."""

    reason: str


class Stopped(msgspec.Struct, frozen=True):
    """The account stopped; nothing comes after this."""


class StateChanged(msgspec.Struct, frozen=True):
    old: State
    new: State
    reason: Reason


class QRCodeShown(msgspec.Struct, frozen=True):
    """A QR code wants to be scanned. ``link`` is its content."""

    uuid: str
    link: str


class QRCodeExpired(msgspec.Struct, frozen=True):
    """The QR code that was shown last is of no use any more."""


class ChatAdded(msgspec.Struct, frozen=True):
    """A new friend, or a group that the account is in now."""

    chat: Chat


class ChatLost(msgspec.Struct, frozen=True):
    """A friend who is none any more, or a group that the account is not in any more."""

    chat: Chat


class MemberAdded(msgspec.Struct, frozen=True):
    member: Member
    group: Group


class MemberLost(msgspec.Struct, frozen=True):
    member: Member
    group: Group


class PropertyChanged(msgspec.Struct, frozen=True):
    """One property of the user, a friend or a group has another value now. ``owner`` is already the new one."""

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
    """Somebody asks to be a friend; ``words`` are his. It takes ``id`` and ``ticket`` to accept."""

    id: str
    displayname: str
    words: str
    ticket: str
    msg_id: str


class ContactsLoaded(msgspec.Struct, frozen=True):
    """All contacts were fetched afresh."""

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
