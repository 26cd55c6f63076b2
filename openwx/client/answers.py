"""Answers of calls. Those without a difference to the gateway's own types are the same classes (``openwx.schemas``).

People and groups are immutable here; members that a newer gateway adds are ignored.
"""

import msgspec

from openwx import schemas
from openwx.schemas import (
    Budget,
    ClientInfo,
    ClientStarted,
    ClientStops,
    CodeAccepted,
    Count,
    Deliveries,
    Delivery,
    DeliveryShown,
    Done,
    GroupCreated,
    History,
    InExecution,
    Invited,
    MediaUploaded,
    MessageRevoked,
    MessageSent,
    RequestAccepted,
    SendingToAll,
)

__all__ = [
    "Budget",
    "ClientInfo",
    "ClientStarted",
    "ClientStops",
    "Clients",
    "CodeAccepted",
    "Consulted",
    "Count",
    "Deliveries",
    "Delivery",
    "DeliveryShown",
    "Done",
    "Friend",
    "Group",
    "GroupBasics",
    "GroupCreated",
    "History",
    "Image",
    "InExecution",
    "Invited",
    "ListedClient",
    "MediaUploaded",
    "Member",
    "MessageRevoked",
    "MessageSent",
    "Person",
    "RequestAccepted",
    "SendingToAll",
    "Uid",
    "User",
]

Uid = int | str
"""A lasting number, a name where WeChat sends a name, or ``""`` where it sends nothing."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What the user, a friend and a member have in common. ``id`` lasts for one login, ``uid`` and the names last."""

    account: str = ""
    name: str = ""
    markname: str = ""
    sex: str = "none"
    display: str = ""
    city: str = ""
    signature: str = ""
    province: str = ""
    id: str
    uid: Uid = ""
    displayname: str = ""


class User(Person, frozen=True, kw_only=True):
    """The account itself."""


class Friend(Person, frozen=True, kw_only=True):
    """A friend, a public account or a system account: ``category`` says which (好友, 公众号, 系统帐号)."""

    category: str = ""


class Member(Person, frozen=True, kw_only=True):
    """A member of a group; ``display`` is the name used there."""


class GroupBasics(msgspec.Struct, frozen=True, kw_only=True):
    """A group without its members."""

    name: str = ""
    id: str
    uid: Uid = ""
    owner_uid: Uid = ""
    displayname: str = ""
    member_count: int = 0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group with its members."""

    name: str = ""
    id: str
    uid: Uid = ""
    owner_uid: Uid = ""
    displayname: str = ""
    member: tuple[Member, ...] = ()


class Image(msgspec.Struct, frozen=True):
    """A picture."""

    data: bytes
    content_type: str


class ListedClient(schemas.ListedClient, frozen=True, kw_only=True):
    """One account. ``budget``: how much may be sent to whom; empty where the transport does not bound it."""

    budget: tuple[Budget, ...] = ()


class Clients(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts."""

    code: int = 0
    status: str = "success"
    client: list[ListedClient]


class Consulted(schemas.Consulted, frozen=True, kw_only=True):
    """A friend's answer; ``reply`` is None where none came in time. For media, ``media_path`` is set."""

    reply_status: str = ""
    media_path: str = ""
