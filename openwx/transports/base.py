"""The interface between accounts and transports, independent of the protocol.

``Account`` runs one ``Transport`` and is its ``Inbox``; the composition (``service.py``) chooses which. Nothing else
outside a transport's package, such as ``openwx.transports.web``, imports it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from openwx.config import AccountSettings
from openwx.domain.chat_ref import Identity
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Chat, Friend, Group, Member, User
from openwx.domain.events import Event
from openwx.domain.media import LocalMedia, MediaRef, RemoteMedia
from openwx.domain.messages import Message
from openwx.errors import CallerError, Code
from openwx.lease import Gate
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.standing import Standing

Write = Callable[[bytes], Awaitable[object]]
"""Takes the bytes of a download as they arrive."""


class Capability(StrEnum):
    """What a transport may be able to do (contract, section 5.3)."""

    CONTACTS = "contacts"
    GROUPS = "groups"
    MEMBERS = "members"
    AVATARS = "avatars"
    RECALL = "recall"
    CHANGES = "changes"
    FRIEND_REQUESTS = "friend_requests"
    SEND_TEXT = "send_text"
    SEND_MEDIA = "send_media"
    MARK_READ = "mark_read"
    REFRESH = "refresh"


class SendBudget(msgspec.Struct, frozen=True):
    """How much may still be sent to a chat before its person writes again.

    ``id`` is the chat's, ``sends_left`` a number of messages, ``until`` Unix time in seconds.
    """

    id: str
    sends_left: int
    until: float


class Batch(msgspec.Struct, frozen=True):
    """Events and messages, in order, and the state that the transport saves in the same transaction.

    ``state`` belongs to the transport: its own names, None where a value is to be deleted. ``identity`` is the login
    in which it happened.
    """

    events: Sequence[Event] = ()
    messages: Sequence[Message] = ()
    identity: Identity | None = None
    state: Mapping[str, bytes | None] = {}


class Inbox(Protocol):
    """Where a transport delivers what happens. ``Account`` is one."""

    async def deliver(self, batch: Batch) -> None:
        """Make a batch durable. The transport acknowledges it to WeChat when this has returned."""


class ChangeSink(Protocol):
    """Where ``ContactActions`` ask before a change, and report it afterwards."""

    def require_writable(self) -> None:
        """Raise ``CallerError`` where nothing may begin."""

    async def record(self, events: list[Event]) -> None:
        """Persist and publish the events of a change."""


class Joined(msgspec.Struct, frozen=True):
    """The result of adding people to a group. ``left_out``: the ids of those who must agree first."""

    group_id: str
    left_out: tuple[str, ...] = ()


class ContactActions(Protocol):
    """Changes of groups and contacts, recalls, and what is fetched anew. Arguments are objects of the present contacts.

    All raise ``CallerError`` where a change cannot be made or its outcome is unknown, and ``WeChatError``.
    """

    @property
    def pending(self) -> int:
        """The number of changes and recalls that are in progress or wait."""

    def contacts_changed(self) -> None:
        """Look again whether a change whose answer was lost shows its effect."""

    async def create_group(self, friends: Sequence[Friend], name: str) -> Joined: ...
    async def invite(self, group: Group, friends: Sequence[Friend]) -> Joined: ...
    async def kick(self, group: Group, members: Sequence[Member]) -> None: ...
    async def rename_group(self, group: Group, name: str) -> None: ...
    async def set_markname(self, person: Friend | Member, markname: str) -> None: ...
    async def stick(self, chat: Chat, *, on: bool) -> None: ...
    async def make_friend(self, member: Member, words: str) -> None: ...
    async def accept(self, id: str, ticket: str) -> None: ...
    async def recall(self, msg_id: str, chat_id: str) -> None: ...
    async def mark_read(self, chat: Chat) -> None:
        """Tell the phone that a chat is read."""

    async def refresh(self, chat: Chat) -> int:
        """Fetch the record of a chat anew, record how it differs as events, and return their number."""

    async def refresh_all(self) -> int:
        """Do what ``refresh`` does for the user, all friends and all groups."""


class Transport(Protocol):
    """One account's way to WeChat. Calls raise ``WeChatError``; ``NotLoggedIn`` while there is no session.

    Each passes the account's gate: ``NeverReached`` if it does not open in time, ``LeaseLost`` once it is closed.
    """

    @property
    def kind(self) -> str:
        """The value of the setting ``transport`` that chooses it."""

    @property
    def capabilities(self) -> frozenset[Capability]: ...
    @property
    def drops_repeats(self) -> bool:
        """Whether WeChat drops a message that is sent again with its ``send_id``.

        If not, a send whose answer was lost is never repeated.
        """

    @property
    def shares_uploads(self) -> bool:
        """Whether uploaded media can be sent again, and to any chat. If not, each send uploads its file anew."""

    @property
    def owner_id(self) -> str | None:
        """The chat with the account's own person, ``@owner`` of the API; None while it is not known."""

    @property
    def budgets(self) -> Sequence[SendBudget]:
        """What may be sent to each chat; empty where nothing bounds it."""

    async def until_sendable(self, chat_id: str) -> None:
        """Return when a message may be sent to a chat: its person has written again after ``BudgetSpent``."""

    async def verify_code(self, code: str) -> bool:
        """Hand in the digits that the phone shows. Return whether they were right.

        Raises ``CallerError`` (101) while none are wanted.
        """

    @property
    def standing(self) -> Standing: ...
    @property
    def identity(self) -> Identity | None:
        """The present login; None while there is none."""

    @property
    def contacts(self) -> ContactBook: ...
    @property
    def is_usable(self) -> bool:
        """Whether there is a session that WeChat has not ended."""

    @property
    def actions(self) -> ContactActions:
        """What ``Capability.CHANGES`` and ``RECALL`` mean. Its changes go to the ``ChangeSink`` of ``connect``."""

    def connect(self, changes: ChangeSink) -> None:
        """Set where the changes of ``actions`` go. Called once, before ``run``."""

    async def run(self, saved: Mapping[str, bytes], inbox: Inbox) -> None:
        """Log in and follow the account for ever. ``saved`` is the state of former batches.

        Returns when WeChat refuses the login; ``LoginFailed`` was delivered then.
        """

    def state_at_stop(self) -> Mapping[str, bytes | None]:
        """Return what the last batch has to save for the next start."""

    async def log_out(self, saved: Mapping[str, bytes]) -> Mapping[str, bytes | None]:
        """End a saved session at WeChat. Return the state to save; empty where there was no session.

        Not while it runs.
        """

    async def send_text(self, chat_id: str, text: str, send_id: str) -> str:
        """Send a text, whole or in parts, and return its MsgId, that of the first part.

        Raises ``BudgetSpent`` before anything was sent where the budget does not suffice.
        """

    async def send_media(self, chat_id: str, media: RemoteMedia | MediaRef, send_id: str) -> str:
        """Send uploaded media, or forward received media, and return its MsgId. Raises as ``send_text``."""

    def can_forward(self, ref: MediaRef) -> bool:
        """Return whether received media can be sent on without an upload."""

    async def upload(self, media: LocalMedia, chat_id: str | None) -> RemoteMedia:
        """Upload a file, for a chat where one is known. Raises ``OSError``, too."""

    async def download(self, ref: MediaRef, write: Write) -> None:
        """Pass the bytes of received media to ``write``. Raises what ``write`` raises, too."""

    async def download_avatar(
        self, person: User | Friend | Group | Member, room_id: str, write: Write
    ) -> None:
        """Pass the bytes of a picture to ``write``; none where there is no picture at the moment."""

    async def close(self) -> None:
        """Close the connections. Nothing is called afterwards."""


def no_code_wanted() -> CallerError:
    """Make the answer for digits that nobody asked for."""
    return CallerError(Code.NOT_POSSIBLE, "no verify code is wanted now")


class TransportFactory(Protocol):
    """Makes the transports of accounts. The composition has one; tests have their own."""

    def create(
        self,
        name: str,
        settings: AccountSettings,
        limiter: RateLimiter,
        *,
        is_guarded: bool,
        gate: Gate | None = None,
    ) -> Transport:
        """Make the transport of an account. ``is_guarded``: its address came from a caller.

        Every call to WeChat passes the ``gate`` right before it is made; None is one that is always open.
        """
