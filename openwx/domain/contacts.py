"""The account's user, friends, groups and their members, in openwx's words.
Transports make them; the API answers with them.

Ids of friends, groups and members change with each login; ``uid``, ``account`` and the names stay. All texts are
plain: emoji, entities and newlines are already decoded.
"""

import msgspec

UNKNOWN_FRIEND = "昵称未知"
UNKNOWN_GROUP = "群名未知"

FRIEND = "好友"
PUBLIC_ACCOUNT = "公众号"
SYSTEM_ACCOUNT = "系统帐号"

SYSTEM_ACCOUNTS = frozenset(
    {
        "filehelper", "fmessage", "newsapp", "weibo", "qqmail", "tmessage", "qmessage", "qqsync", "floatbottle",
        "lbsapp", "shakeapp", "medianote", "qqfriend", "readerapp", "blogapp", "facebookapp", "masssendapp",
        "meishiapp", "feedsapp", "voip", "blogappweixin", "weixin", "brandsessionholder", "weixinreminder",
        "officialaccounts", "notification_messages", "wxitil", "userexperience_alarm", "wxid_novlwrv3lqwv11",
        "gh_22b87fa7cb3c",
    }
)  # fmt: skip
"""Ids that are the same in every account (protocol reference, section 3)."""

Uid = int | str
"""A number that outlives logins, a name where WeChat sends one instead, or ``""`` where it sends neither."""


class Person(msgspec.Struct, kw_only=True, gc=False):
    """The properties that the user, friends and members share, in the order in which the API shows them."""

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
    displayname: str = UNKNOWN_FRIEND


class User(Person, kw_only=True, gc=False):
    """The user of the account."""


class Friend(Person, kw_only=True, gc=False):
    """A friend, a public account or a system account; ``category`` says which."""

    category: str = FRIEND


class Member(Person, kw_only=True, gc=False):
    """A member of a group; ``display`` is the member's name in that group."""


class GroupBasics(msgspec.Struct, kw_only=True, gc=False):
    """A group without its members."""

    name: str = ""
    id: str
    uid: Uid = ""
    owner_uid: Uid = ""
    displayname: str = UNKNOWN_GROUP
    member_count: int = 0


class GroupInfo(msgspec.Struct, kw_only=True, gc=False):
    """A group with its members, as the API shows it."""

    name: str
    id: str
    uid: Uid
    owner_uid: Uid
    displayname: str
    member: list[Member]


class Group(msgspec.Struct, kw_only=True):
    """A group with its members by their ids."""

    name: str = ""
    id: str
    uid: Uid = ""
    owner_uid: Uid = ""
    owner_id: str = ""
    """The owner's id, where WeChat sends one."""
    displayname: str = UNKNOWN_GROUP
    members: dict[str, Member] = {}
    fingerprint: str = ""
    """A hash of what outlives a login; computed when it is first needed."""
    room_id: str = ""
    """WeChat requires it in calls about members who are not friends."""

    def basics(self) -> GroupBasics:
        return GroupBasics(
            name=self.name,
            id=self.id,
            uid=self.uid,
            owner_uid=self.owner_uid,
            displayname=self.displayname,
            member_count=len(self.members),
        )

    def info(self) -> GroupInfo:
        return GroupInfo(
            name=self.name,
            id=self.id,
            uid=self.uid,
            owner_uid=self.owner_uid,
            displayname=self.displayname,
            member=list(self.members.values()),
        )


Chat = Friend | Group
"""Every kind of chat that a message can be sent to."""


def sex_of(number: int) -> str:
    """Return the API's word for WeChat's ``Sex``."""
    return {1: "male", 2: "female"}.get(number, "none")


def friend_displayname(display: str, markname: str, name: str) -> str:
    """Return the name to show for a friend or the user (contract, section 1)."""
    return display or markname or name or UNKNOWN_FRIEND


def group_displayname(name: str, members: dict[str, Member], own_id: str) -> str:
    """Return a group's name, or the names of up to three other members (contract, section 1)."""
    if name:
        return name
    others = [member.displayname for id, member in members.items() if id != own_id]
    return "、".join(others[:3]) or UNKNOWN_GROUP


def number_or_name(text: str) -> int | str:
    """Return a number where the text is one that a Uin can be, otherwise the text."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 19 else text
