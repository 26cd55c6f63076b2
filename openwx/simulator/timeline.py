"""What happened to an account, in order: the one list that SyncKeys point into (reference, 4).

Messages hold people and groups, never ids: ids are written in when a message is handed out, since
they are those of the login that asks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .kinds import Recommendation
    from .media import Medium
    from .people import Group, Person

Chat: TypeAlias = "Person | Group"


@dataclass(slots=True, eq=False)
class Message:
    """A message on its way to the web client; `content` is as the service writes it."""

    number: int
    sender: Chat
    receiver: Chat
    content: str
    msg_type: int = 1
    member: Person | None = None
    """Who spoke in a group; None where the owner did, and for notices."""
    text: str = ""
    """What was typed, before it was written for the wire."""
    notify_about: tuple[Chat, ...] = ()
    """The chats of `StatusNotifyUserName` (MsgType 51)."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Further fields of the AddMsgList entry, laid over the usual ones."""
    time: int = field(default_factory=lambda: int(time.time()))
    medium: Medium | None = None
    """The picture, voice, film or file."""
    key: str = ""
    """What tells it when its XML is forwarded (`kinds.Draft.key`)."""
    recommends: Recommendation | None = None
    """Whom `RecommendInfo` tells of."""
    revoked: bool = False

    @property
    def msg_id(self) -> str:
        return str(self.number)

    @property
    def selector(self) -> int:
        return 7 if self.msg_type == 51 and self.fields.get("StatusNotifyCode") in (2, 5) else 2


@dataclass(slots=True, eq=False)
class ContactChanged:
    """A friend or group is new or other than before: an entry of ModContactList."""

    chat: Chat
    added: bool = False

    @property
    def selector(self) -> int:
        return 6 if self.added else 4


@dataclass(slots=True, eq=False)
class ContactGone:
    """A friend was deleted, or a group was left: an entry of DelContactList."""

    chat: Chat
    selector: int = 6


@dataclass(slots=True, eq=False)
class ProfileChanged:
    """The owner's own data changed: `Profile` with BitFlag 190."""

    selector: int = 4


Event: TypeAlias = "Message | ContactChanged | ContactGone | ProfileChanged"


@dataclass(slots=True, eq=False)
class Heard:
    """What the account sent to a chat by the web client."""

    text: str
    client_msg_id: str
    msg_id: str
    time: float
    to: Chat
    msg_type: int = 1
    msg: dict[str, Any] = field(default_factory=dict)
    """The whole `Msg` as it came."""
    revoked: bool = False
    bounced: bool = False
    """The receiver is no longer a friend: the service took it, nobody heard it."""
    medium: Medium | None = None
    """What was uploaded for it, or came with the message that it forwards."""
    forwarded: Message | None = None
    """The received message that it forwards."""
    file_name: str = ""

    @property
    def number(self) -> int:
        return int(self.msg_id)
