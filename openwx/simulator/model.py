"""The data of the simulated world: people, groups, messages, events, settings.

No behaviour and no ids of a service: `wire` writes them for the login that asks, `scenario` lets people act.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .media import Medium

Chat: TypeAlias = "Person | Group"


@dataclass(slots=True, eq=False)
class Contact:
    """The common part of people and groups."""

    key: int
    """Identifies it within the account, over all logins."""
    inbox: list[SentMessage] = field(default_factory=list, repr=False, kw_only=True)
    """The messages from the account's web client, oldest first."""
    heard: int = field(default=0, repr=False, kw_only=True)
    """The number of these that a scenario has waited for."""
    pinned: bool = field(default=False, kw_only=True)
    avatar_version: int = field(default=1, kw_only=True)


@dataclass(slots=True, eq=False)
class Person(Contact):
    """The owner, a friend, a public or system account, or a stranger met in a group."""

    nickname: str
    alias: str = ""
    uin: int = 0
    """The lasting number. Web clients see it in MsgType 51 alone."""
    account_name: str = ""
    """`wxid_…`: where given, MsgType 51 shows it instead of the number."""
    sex: int = 0
    province: str = ""
    city: str = ""
    signature: str = ""
    remark: str = ""
    verify_flag: int = 0
    system_name: str = ""
    """The fixed id of a system account, such as `filehelper`."""
    is_friend: bool = False
    has_dropped_me: bool = False
    starred: bool = False

    def __str__(self) -> str:
        return self.nickname

    @property
    def lasting_name(self) -> str:
        """The name in MsgType 51."""
        return self.system_name or self.account_name or str(self.uin)


@dataclass(slots=True, eq=False)
class Member:
    """A person in a group. `display_name` is the name chosen for this group."""

    person: Person
    display_name: str = ""

    @property
    def nickname(self) -> str:
        return self.person.nickname

    @property
    def shown_name(self) -> str:
        return self.display_name or self.person.nickname


@dataclass(slots=True, eq=False)
class Group(Contact):
    """A group chat. Saved ones are in the contact list, others in ChatSet alone."""

    name: str
    owner: Person
    uin: str = ""
    members: Mapping[int, Member] = field(default_factory=dict, repr=False)
    """By the key of the person, in order of joining, with the account's owner."""
    saved: bool = True
    invited: Sequence[Person] = field(default_factory=list, repr=False)
    """Those whom the web client invited and who have not joined yet."""

    def __str__(self) -> str:
        return self.name or "(a group without a name)"

    @property
    def lasting_name(self) -> str:
        """The name in MsgType 51."""
        return self.uin


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The content of `RecommendInfo`: a card, or a friend request."""

    person: Person
    words: str = ""
    ticket: str = ""
    scene: int = 17


@dataclass(slots=True)
class Draft:
    """A message without sender, receiver and place on the timeline."""

    msg_type: int
    content: str
    """As the service writes it."""
    text: str = ""
    """The same in words, as a phone shows it."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Further fields of the AddMsgList entry, laid over the usual ones."""
    medium: Medium | None = None
    key: str = ""
    """Identifies the message when its XML is forwarded: aeskey, MD5 or MediaId."""
    recommends: Recommendation | None = None
    quotes: str = ""
    """The message that it quotes, as a phone shows it."""
    number: int | None = None
    """The MsgId, where the content contains it."""


@dataclass(slots=True, eq=False)
class Message:
    """A message to the web client, or one that the owner wrote on the phone."""

    number: int
    sender: Chat
    receiver: Chat
    draft: Draft = field(repr=False)
    member: Person | None = None
    """The member who spoke in a group; None for the owner, and for notices."""
    notify_about: tuple[Chat, ...] = ()
    """The chats of `StatusNotifyUserName` (MsgType 51)."""
    time: int = field(default_factory=lambda: int(time.time()))
    revoked: bool = False

    @property
    def msg_id(self) -> str:
        return str(self.number)

    @property
    def msg_type(self) -> int:
        return self.draft.msg_type

    @property
    def text(self) -> str:
        return self.draft.text

    @property
    def fields(self) -> dict[str, Any]:
        return self.draft.fields

    @property
    def medium(self) -> Medium | None:
        return self.draft.medium


@dataclass(slots=True, eq=False)
class ContactChanged:
    """A friend or group is new or has changed."""

    chat: Chat
    added: bool = False


@dataclass(slots=True, eq=False)
class ContactGone:
    """A friend was deleted, or a group was left."""

    chat: Chat


@dataclass(slots=True, eq=False)
class ProfileChanged:
    """The owner's own data changed."""


Event: TypeAlias = "Message | ContactChanged | ContactGone | ProfileChanged"


@dataclass(slots=True, eq=False)
class SentMessage:
    """A message that the account sent by the web client."""

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
    """The receiver is no longer a friend: the service accepted it but did not deliver it."""
    medium: Medium | None = None
    """The upload that it sends, or the medium of the message that it forwards."""
    forwarded: Message | None = None
    """The received message that it forwards."""
    file_name: str = ""

    @property
    def number(self) -> int:
        return int(self.msg_id)


@dataclass(frozen=True, slots=True)
class Size:
    """The size of an account. `biggest_group` counts all members of the second (or only) group."""

    friends: int = 30
    groups: int = 6
    biggest_group: int = 500
    group_members: int = 25
    """The limit for the other groups."""
    public_accounts: int = 4


@dataclass(slots=True)
class Settings:
    """The behaviour of the service; may be changed while it runs."""

    first_id: int = 1_600_000_000_000_000_000
    """Where the message ids of a new account begin. A client takes an id that it has recorded for a repetition."""
    hold_s: float = 25.0
    """The time that `login` and `synccheck` are held, in seconds."""
    uuid_expiry_s: float = 300.0
    contact_page_size: int = 1000
    sync_batch_size: int = 50
    recent_chats: int = 200
    """The number of chats in MsgType 51 besides filehelper: groups first, then friends."""
    init_chats: int = 8
    """The number of recent chats in webwxinit that come with a record."""
    keeps_unread: bool = True
    """A new login receives what no earlier one acknowledged; else its SyncKey begins at now."""
    empty_keys: bool = False
    """Answers without news carry a SyncKey and SyncCheckKey of Count 0, which mean nothing."""
    revoke_within_s: float = 120.0
    media_known_s: float = 3 * 24 * 3600.0
    """The time that a MediaId can be sent after its upload, over new logins too, in seconds (assumed)."""
    names_files: bool = True
    """Whether the download of a file names it (Content-Disposition)."""
    keep_media: bool = True
    """Whether the bytes of uploads are kept; else only size and MD5 are."""
    invite_start_count: int = 40
    """With so many members or more, others can only be invited (`InviteStartCount`)."""
    auto_scan: bool = False
    """Phones scan and confirm by themselves, that of the first account first."""
    one_account: bool = False
    """The first account's phone scans every code, even where that ends a session; else each client gets an account."""
    scan_delay_s: float = 1.0
    person_s: float = 30.0
    """While a phone page is open, a person there may scan or confirm first, for so many seconds."""
