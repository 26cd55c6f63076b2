"""Events of reports: one class for each event, with a name for each of its ``params``.
``uploads`` decodes to them.
"""

from typing import Any, ClassVar

import msgspec

from openwx.client.answers import Friend, Group, Member, User


class Event(msgspec.Struct, frozen=True, array_like=True):
    """Something that happened to the account or its people. ``NAME`` is its name in reports."""

    NAME: ClassVar[str] = ""


class UnknownEvent(Event, frozen=True, array_like=True):
    """An event that this client does not know."""

    name: str
    params: list[Any]


class Login(Event, frozen=True, array_like=True):
    """``outcome``: 1 ids may have changed, 0 the session was resumed, -1 refused for this ``reason``: WeChat's code
    and words are ``ret`` and ``errmsg``."""

    NAME = "login"
    outcome: int
    reason: str = ""
    ret: int = 0
    errmsg: str = ""


class Stop(Event, frozen=True, array_like=True):
    """The account stops."""

    NAME = "stop"


class StateChange(Event, frozen=True, array_like=True):
    """From one state to another: init, loading, scaning, confirming, updating, running, stop."""

    NAME = "state_change"
    old: str
    new: str


class InputQrcode(Event, frozen=True, array_like=True):
    """A QR code is to be scanned: where the gateway keeps its image, and the image in base64."""

    NAME = "input_qrcode"
    path: str
    data: str


class QrcodeExpire(Event, frozen=True, array_like=True):
    """The QR code is no longer good."""

    NAME = "qrcode_expire"


class NewFriend(Event, frozen=True, array_like=True):
    """There is a new friend."""

    NAME = "new_friend"
    friend: Friend


class LoseFriend(Event, frozen=True, array_like=True):
    """A friend is gone."""

    NAME = "lose_friend"
    friend: Friend


class NewGroup(Event, frozen=True, array_like=True):
    """The account is in a new group."""

    NAME = "new_group"
    group: Group


class LoseGroup(Event, frozen=True, array_like=True):
    """The account is no longer in a group."""

    NAME = "lose_group"
    group: Group


class NewGroupMember(Event, frozen=True, array_like=True):
    """Somebody joined a group."""

    NAME = "new_group_member"
    member: Member
    group: Group


class LoseGroupMember(Event, frozen=True, array_like=True):
    """Somebody left a group."""

    NAME = "lose_group_member"
    member: Member
    group: Group


class GroupPropertyChange(Event, frozen=True, array_like=True):
    """A group has changed."""

    NAME = "group_property_change"
    group: Group
    property: str
    old: Any
    new: Any


class GroupMemberPropertyChange(Event, frozen=True, array_like=True):
    """A group's member has changed."""

    NAME = "group_member_property_change"
    member: Member
    property: str
    old: Any
    new: Any


class FriendPropertyChange(Event, frozen=True, array_like=True):
    """A friend has changed."""

    NAME = "friend_property_change"
    friend: Friend
    property: str
    old: Any
    new: Any


class UserPropertyChange(Event, frozen=True, array_like=True):
    """The account itself has changed."""

    NAME = "user_property_change"
    user: User
    property: str
    old: Any
    new: Any


class FriendRequest(Event, frozen=True, array_like=True):
    """A friend request with its text; ``accept_friend_request`` accepts it."""

    NAME = "friend_request"
    id: str
    displayname: str
    verify: str
    ticket: str


class UpdateUser(Event, frozen=True, array_like=True):
    """The account's own record was loaded anew."""

    NAME = "update_user"
    user: User


class UpdateFriend(Event, frozen=True):
    """All friends were loaded anew."""

    NAME = "update_friend"
    friends: list[Friend]


class UpdateGroup(Event, frozen=True):
    """All groups were loaded anew."""

    NAME = "update_group"
    groups: list[Group]


KINDS: dict[str, type[Event]] = {kind.NAME: kind for kind in Event.__subclasses__() if kind.NAME}
"""The classes by the names of their events."""
