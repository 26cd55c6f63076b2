"""What the client tells the rest besides messages. ``report/payload.py`` says how each is uploaded."""

from dataclasses import dataclass
from enum import StrEnum

from openwx.wechat.model import Chat, Friend, Group, Member, User


class State(StrEnum):
    """Where an account stands, in the original's spelling (contract, section 3)."""

    INIT = "init"
    LOADING = "loading"
    SCANING = "scaning"
    CONFIRMING = "confirming"
    UPDATING = "updating"
    RUNNING = "running"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login succeeded. ``ids_changed`` unless a saved session was resumed."""

    ids_changed: bool


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """WeChat refused the login for good; the account stops."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The account stopped; nothing comes after this."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    old: State
    new: State
    reason: str


@dataclass(frozen=True, slots=True)
class QRCodeShown:
    """A QR code wants to be scanned. ``link`` is its content."""

    uuid: str
    link: str


@dataclass(frozen=True, slots=True)
class QRCodeExpired:
    """The QR code that was shown last is of no use any more."""


@dataclass(frozen=True, slots=True)
class ChatAdded:
    """A new friend, or a group that the account is in now."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class ChatLost:
    """A friend who is none any more, or a group that the account is not in any more."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class MemberAdded:
    member: Member
    group: Group


@dataclass(frozen=True, slots=True)
class MemberLost:
    member: Member
    group: Group


@dataclass(frozen=True, slots=True)
class PropertyChanged:
    """One property of the user, a friend or a group has another value now. ``owner`` is already the new one."""

    owner: User | Friend | Group
    name: str
    old: str | int
    new: str | int


@dataclass(frozen=True, slots=True)
class MemberPropertyChanged:
    member: Member
    group: Group
    name: str
    old: str | int
    new: str | int


@dataclass(frozen=True, slots=True)
class FriendRequested:
    """Somebody asks to be a friend; ``words`` are his. It takes ``id`` and ``ticket`` to accept."""

    id: str
    displayname: str
    words: str
    ticket: str
    msg_id: str


@dataclass(frozen=True, slots=True)
class ContactsLoaded:
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
