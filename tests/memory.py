"""A transport in memory, which logs in at once to a ``MemoryAccount`` of the test's process.

It proves that accounts need nothing but ``openwx.transports.base``, and serves the tests of accounts, reports and API
that need no WeChat.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import TypeVar

from msgspec.structs import replace

from openwx.config import AccountSettings
from openwx.domain.chat_ref import Identity
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Friend, Group, Member, User
from openwx.domain.events import (
    ChatAdded,
    ContactsLoaded,
    Event,
    LoggedIn,
    LoginFailed,
    PropertyChanged,
    State,
)
from openwx.domain.media import LocalMedia, MediaRef, RemoteMedia
from openwx.domain.messages import Message
from openwx.errors import LoginRefused, NeverReached, NotLoggedIn, RateLimited, SessionEnded
from openwx.lease import Gate, always_open
from openwx.reasons import Reason, ReasonCode, of_refusal, reason, refusal_text
from openwx.transports.base import (
    Batch,
    Capability,
    ChangeSink,
    ContactActions,
    Inbox,
    Joined,
    SendBudget,
    Write,
    no_code_wanted,
)
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.standing import Standing
from tests.memory_wechat import Chat, MemoryAccount, Said

T = TypeVar("T")
CALL_TIMEOUT_S = 30.0
BATCH = 50
"""At most so many messages are delivered at once."""


class MemoryTransport:
    """Logs in at once, and delivers what happens to its ``MemoryAccount``. Implements ``Transport``."""

    def __init__(
        self, account: MemoryAccount, limiter: RateLimiter, kind: str, gate: Gate | None = None
    ) -> None:
        self.account = account
        self.kind = kind
        self.gate = gate or always_open()
        self.standing = Standing(90.0, self.gate)
        self.identity: Identity | None = None
        self.contacts = ContactBook(account.user)
        self._limiter = limiter
        self._read = 0
        """How much of the timeline was delivered."""

    @property
    def is_usable(self) -> bool:
        return self.identity is not None and self.account.session_end is None

    @property
    def actions(self) -> ContactActions:
        return self._actions

    def connect(self, changes: ChangeSink) -> None:
        self._actions: ContactActions = MemoryActions(self, changes)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.account.capabilities

    @property
    def drops_repeats(self) -> bool:
        return self.account.drops_repeats

    @property
    def shares_uploads(self) -> bool:
        return self.account.shares_uploads

    @property
    def owner_id(self) -> str | None:
        return self.account.owner_id

    @property
    def budgets(self) -> Sequence[SendBudget]:
        return self.account.budgets

    async def until_sendable(self, chat_id: str) -> None:
        chat = self.account.by_id(chat_id)
        await self.account.until(lambda: self.account.left.get(chat, 1) > 0, None)

    async def verify_code(self, code: str) -> bool:
        if self.account.wanted_code is None:
            raise no_code_wanted()
        return self.account.types(code)

    # Its life

    async def run(self, saved: Mapping[str, bytes], inbox: Inbox) -> None:
        login_id = saved.get("login", b"").decode()
        self._read = int(saved.get("read", b"0"))
        try:
            while True:
                is_new = not (login_id and self.account.is_logged_in)
                if is_new:
                    await self._confirm(inbox)
                    self.account.log_in()
                    login_id = str(self.account.logins)
                self.identity = Identity(str(self.account.user.uid), login_id)
                await self._follow(inbox, ids_changed=is_new)
                await self._leave(inbox)
        except LoginRefused as error:
            self.standing.trouble = error
            await inbox.deliver(Batch([LoginFailed(refusal_text(error), error.ret, error.errmsg)]))
            await self._enter(inbox, State.STOP, of_refusal(error))

    async def _confirm(self, inbox: Inbox) -> None:
        """Wait until the digits are typed, if any are wanted."""
        if self.account.wanted_code is not None:
            await self._enter(inbox, State.CONFIRMING, reason(ReasonCode.SCANNED))
            self.standing.note(reason(ReasonCode.NEED_VERIFY_CODE), None)  # later than its state
            await self.account.until(lambda: self.account.wanted_code is None, None)

    async def _follow(self, inbox: Inbox, *, ids_changed: bool) -> None:
        """Deliver what happens until the session ends."""
        account = self.account
        await self._enter(inbox, State.UPDATING, reason(ReasonCode.FETCHING_CONTACTS))
        self.contacts = book = account.contacts()
        friends, groups = list(book.friends.values()), list(book.groups.values())
        loaded = ContactsLoaded(account.user, friends, groups), LoggedIn(ids_changed)
        assert self.identity is not None
        state = {"login": self.identity.login_id.encode()}
        why = reason(ReasonCode.LOGGED_IN)
        await self._enter(inbox, State.RUNNING, why, *loaded, saves=state)
        while account.session_end is None:
            await self.standing.may_call()
            self.standing.heard()
            news = account.timeline[self._read : self._read + BATCH]
            if not news:
                await account.until(self._has_news, None)
            elif isinstance(news[0], Said):
                said = takewhile(lambda one: isinstance(one, Said), news)
                messages = [account.message(one) for one in said if isinstance(one, Said)]
                await self._deliver(inbox, messages=messages)
            else:
                event = news[0]()
                if isinstance(event, ChatAdded):
                    account.put(self.contacts, event.chat)
                await self._deliver(inbox, events=[event])

    async def _deliver(
        self, inbox: Inbox, events: Sequence[Event] = (), messages: Sequence[Message] = ()
    ) -> None:
        """Deliver a part of the timeline; only then is it acknowledged."""
        read = self._read + len(events) + len(messages)
        self.account.handed_out = read
        self.account.note()
        await inbox.deliver(Batch(events, messages, self.identity, {"read": str(read).encode()}))
        self._read = self.account.acknowledged = read
        self.account.note()

    def _has_news(self) -> bool:
        return self.account.session_end is not None or len(self.account.timeline) > self._read

    async def _leave(self, inbox: Inbox) -> None:
        error = self.account.session_end
        assert error is not None
        self.identity = None
        self.account.session_end, self.account.is_logged_in = None, False
        await self._enter(inbox, State.LOADING, self.standing.end(error), saves={"login": None})

    async def _enter(
        self,
        inbox: Inbox,
        state: State,
        why: Reason,
        *events: Event,
        saves: Mapping[str, bytes | None] | None = None,
    ) -> None:
        change = self.standing.change(state, why)
        happened = [*events] if change is None else [*events, change]
        await inbox.deliver(Batch(happened, identity=self.identity, state=saves or {}))

    def state_at_stop(self) -> Mapping[str, bytes | None]:
        return {}

    async def log_out(self, saved: Mapping[str, bytes]) -> Mapping[str, bytes | None]:
        if "login" not in saved:
            return {}
        self.account.is_logged_in = False
        return {"login": None}

    async def close(self) -> None:
        """There is no connection."""

    # Its calls

    async def call(self, name: str, effect: Callable[[], T]) -> T:
        """Do a call in the present login, with the fault that a test gave it."""
        if not self.is_usable:
            raise NotLoggedIn
        try:
            await self.gate.passed(CALL_TIMEOUT_S)
        except TimeoutError:
            raise NeverReached(name, "not called: there was no lease in time") from None
        began = self._limiter.time()
        fault = self.account.fault(name)
        try:
            if fault and not fault.lost:
                await fault.strike()
            result = effect()
            if fault and fault.lost:
                await fault.strike()
        except SessionEnded as error:
            self.account.end_session(error)
            raise
        except RateLimited:
            self._limiter.penalize(name, began)
            raise
        return result

    async def send_text(self, chat_id: str, text: str, send_id: str) -> str:
        send = self.account.send
        return await self.call("send_text", lambda: send(chat_id, text, None, send_id))

    async def send_media(self, chat_id: str, media: RemoteMedia | MediaRef, send_id: str) -> str:
        send = self.account.send
        return await self.call("send_media", lambda: send(chat_id, "", media, send_id))

    def can_forward(self, ref: MediaRef) -> bool:
        return self.account.shares_uploads and ref.kind == "image"

    async def upload(self, media: LocalMedia, chat_id: str | None) -> RemoteMedia:
        source = await self.call("upload", lambda: self.account.takes(media, chat_id))
        kind = "image" if self.kind != "memory" and media.kind == "emoticon" else media.kind
        return RemoteMedia(
            kind=kind,
            media_id="" if source else media.md5,
            name=media.name,
            size=media.size,
            ext=media.ext,
            source=source,
        )

    async def download(self, ref: MediaRef, write: Write) -> None:
        await write(await self.call("download", lambda: self.account.pictures[ref.msg_id]))

    async def download_avatar(
        self, person: User | Friend | Group | Member, room_id: str, write: Write
    ) -> None:
        await self.call("download_avatar", lambda: None)  # there are no pictures


class MemoryActions:
    """Changes that are noted at the account, and take effect where tests look. Implements ``ContactActions``."""

    pending = 0

    def __init__(self, transport: MemoryTransport, sink: ChangeSink) -> None:
        self._transport = transport
        self._sink = sink

    def contacts_changed(self) -> None:
        """No answer of a change is ever lost."""

    async def _change(self, name: str, *what: str, events: Sequence[Event] = ()) -> None:
        self._sink.require_writable()
        changes = self._transport.account.changes
        await self._transport.call(name, lambda: changes.append((name, *what)))
        await self._sink.record([*events])

    async def create_group(self, friends: Sequence[Friend], name: str) -> Joined:
        account = self._transport.account
        group = Group(id=f"@@{name}", name=name, displayname=name)
        await self._change("create_group", name, *(friend.id for friend in friends))
        account.chats.append(Chat(account, group))
        account.put(self._transport.contacts, group)
        await self._sink.record([ChatAdded(group)])
        return Joined(group_id=group.id)

    async def invite(self, group: Group, friends: Sequence[Friend]) -> Joined:
        await self._change("invite", group.id, *(friend.id for friend in friends))
        return Joined(group_id=group.id)

    async def kick(self, group: Group, members: Sequence[Member]) -> None:
        await self._change("kick", group.id, *(member.id for member in members))

    async def rename_group(self, group: Group, name: str) -> None:
        old, new = group.name, replace(group, name=name, displayname=name)
        event = PropertyChanged(owner=new, name="name", old=old, new=name)
        await self._change("rename_group", group.id, name, events=[event])
        self._transport.account.by_id(group.id).record = new
        self._transport.account.put(self._transport.contacts, new)

    async def set_markname(self, person: Friend | Member, markname: str) -> None:
        await self._change("set_markname", person.id, markname)

    async def stick(self, chat: Friend | Group, *, on: bool) -> None:
        await self._change("stick", chat.id, str(on))

    async def make_friend(self, member: Member, words: str) -> None:
        await self._change("make_friend", member.id, words)

    async def accept(self, id: str, ticket: str) -> None:
        await self._change("accept", id, ticket)

    async def mark_read(self, chat: Friend | Group) -> None:
        await self._change("mark_read", chat.id)

    async def refresh(self, chat: Friend | Group) -> int:
        await self._change("refresh", chat.id)
        return 0

    async def refresh_all(self) -> int:
        await self._change("refresh_all")
        return 0

    async def recall(self, msg_id: str, chat_id: str) -> None:
        await self._change("recall", msg_id, chat_id)


class MemoryTransports:
    """Makes them, each for the account of its name. Implements ``TransportFactory``."""

    def __init__(self, kind: str = "memory") -> None:
        self.kind = kind
        self.accounts: dict[str, MemoryAccount] = {}
        self.transports: dict[str, MemoryTransport] = {}
        """The newest of each account."""
        self.settings: dict[str, AccountSettings] = {}
        """The settings of each of them."""

    def account(self, name: str = "default") -> MemoryAccount:
        if name not in self.accounts:
            of_kind = "" if self.kind == "memory" else f" by {self.kind}"
            self.accounts[name] = MemoryAccount(name + of_kind)
        return self.accounts[name]

    def create(
        self,
        name: str,
        settings: AccountSettings,
        limiter: RateLimiter,
        *,
        is_guarded: bool,
        gate: Gate | None = None,
    ) -> MemoryTransport:
        transport = MemoryTransport(self.account(name), limiter, self.kind, gate)
        self.transports[name], self.settings[name] = transport, settings
        return transport
