"""The state of the service without HTTP: the world, and its accounts.

Both are independent of the web service's calls, but for what an account's web client did.
"""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import replace
from typing import Any

from . import population
from .calls import Call
from .conversations import Conversations
from .faults import Faults
from .identifiers import Identifiers
from .ilink.clawbot import ClawBot
from .ilink.options import ILinkOptions
from .ilink.registry import Registry
from .media import Medium, Upload
from .model import (
    Chat,
    ContactChanged,
    ContactGone,
    Draft,
    Event,
    Message,
    Person,
    ProfileChanged,
    SentMessage,
    Settings,
    Size,
)
from .notifier import PATIENCE_S, Notifier
from .phone import LoginCodes, Phone
from .scenario import FriendRequest, GroupActor, Invitation, MemberActor, PersonActor, origin_of
from .session import Session
from .wire import contents


class Account:
    """A WeChat account: its people and groups, what happened to it, and its web sessions."""

    def __init__(self, world: World, number: int, name: str, size: Size) -> None:
        self.world = world
        self.number = number
        self.name = name
        self.ids = Identifiers(world.seed, number, world.settings.first_id)
        self.pulse = Notifier(world.pulse)
        self.owner: PersonActor = population.owner_of(self)
        self.uin = self.owner.uin
        self.system_accounts: list[PersonActor] = population.system_accounts(self)
        self.public_accounts: list[PersonActor] = population.public_accounts(self, size)
        self.friends: list[PersonActor] = population.friends(self, size)
        """Without public and system accounts."""
        self.groups: list[GroupActor] = population.groups(self, self.friends, size)
        self.friend_requests: list[FriendRequest] = []
        self.friend_requests_sent: list[Invitation] = []
        """The requests of the web client (webwxverifyuser, Opcode 2)."""
        self.phone: Phone = Phone(self, world.codes)
        self.clawbot: ClawBot = ClawBot(world.ilink, self, self.owner.nickname)
        """The owner's chat with an iLink bot, in which there is one after a login."""
        # What comes in
        self.timeline: list[Event] = []
        """All that happened, in order: SyncKeys point into it (reference, 4)."""
        self.acknowledged = 0
        """The position in the timeline that a web client has acknowledged by SyncKey."""
        self.handed_out: dict[str, None] = {}
        """The MsgIds that webwxsync returned at least once, in the order of their first time."""
        self.received: dict[str, Message] = {}
        """All messages on the timeline, by MsgId."""
        self.received_by_key: dict[str, Message] = {}
        """The messages that can be forwarded or downloaded by their content (`Draft.key`)."""
        # What the web client does
        self.sent: list[SentMessage] = []
        """All that web clients of this account sent, oldest first."""
        self.by_client_msg_id: dict[str, SentMessage] = {}
        self.by_msg_id: dict[str, SentMessage] = {}
        self.read_chats: list[Chat] = []
        """The chats that the web client marked as read (webwxstatusnotify, Code 1)."""
        self.media: dict[str, Medium] = {}
        """All finished uploads by MediaId, also those that the service no longer knows."""
        self.uploads: dict[str, Upload] = {}
        """By ClientMediaId, the finished ones too."""
        self.checked_uploads: dict[tuple[str, int], tuple[str, str]] = {}
        """AESKey and Signature of webwxcheckupload, by MD5 and size."""
        self.session: Session | None = None
        """The latest web session, also after its end."""
        self.logins = 0
        self.refusal: tuple[int, str] | None = None
        self.desktop_only = False
        """Refuse the plain web login with 1203: desktop mode is required."""
        self.allows_push_login = True
        self.conversations = Conversations(self.owner, self.timeline, self.sent, self.read_chats)

    def __repr__(self) -> str:
        return f"<Account {self.name} {self.owner.nickname}>"

    # Looking up

    @property
    def people(self) -> list[PersonActor]:
        """Friends, public and system accounts."""
        return [*self.friends, *self.public_accounts, *self.system_accounts]

    def friend(self, nickname: str) -> PersonActor:
        """Return the one friend, public or system account of this nickname or fixed id."""
        found = [p for p in self.people if nickname in (p.nickname, p.system_name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} friends are called {nickname!r}")
        return found[0]

    def group(self, name: str) -> GroupActor:
        """Return the one group with this name."""
        found = [g for g in self.groups if g.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} groups are called {name!r}")
        return found[0]

    @property
    def filehelper(self) -> PersonActor:
        return self.friend("filehelper")

    @property
    def is_online(self) -> bool:
        """Whether a web session is alive."""
        return self.session is not None and self.session.ended is None

    def recent_chats(self) -> list[PersonActor | GroupActor]:
        """Return the groups, then friends: as many as the recent list of the phone holds."""
        chats: list[PersonActor | GroupActor] = [*self.groups, *self.friends]
        return chats[: self.world.settings.recent_chats]

    # People and groups

    def stranger(self, nickname: str) -> PersonActor:
        """Make a person who is no friend."""
        draw = self.ids.random
        return PersonActor(
            self.ids.next_key(), nickname, account=self, uin=draw.randrange(10**8, 2**31),
            sex=draw.randrange(3), province="广东", city="深圳",
        )  # fmt: skip

    def add_friend(self, who: str | PersonActor, **data: Any) -> PersonActor:
        """Add a friend: a person, or by nickname a new one. The web client gets ModContactList."""
        person = self._person(who)
        for name, value in data.items():
            setattr(person, name, value)
        person.is_friend, person.has_dropped_me = True, False
        self.friends.append(person)
        self.contact_changed(person, added=True)
        return person

    def asks_to_be_friends(self, who: str | PersonActor, words: str = "") -> FriendRequest:
        """Let a person, or by nickname a stranger, ask to be a friend (MsgType 37)."""
        person = self._person(who)
        ticket = f"v2_{self.ids.secret(120)}@stranger"
        draft = contents.friend_request(origin_of(person, self), words, ticket)
        message = self.deliver(self.friend("fmessage"), self.owner, draft)
        request = FriendRequest(person, words, ticket, message)
        self.friend_requests.append(request)
        return request

    def become_friends(self, person: PersonActor) -> Message:
        """Make friends: ModContactList, and a notice in the new chat."""
        if person.is_friend:
            person.has_dropped_me = False
            self.contact_changed(person)
        else:
            self.add_friend(person)
        return self.receive_notice(person, f"你已添加了{person.nickname}，现在可以开始聊天了。")

    def lose_friend(self, person: PersonActor) -> None:
        """Delete a friend: DelContactList."""
        person.is_friend = False
        self.friends.remove(person)
        self.happens(ContactGone(person))

    def add_group(
        self, name: str, people: list[PersonActor | str], *,
        saved: bool = True, owner: PersonActor | None = None,
    ) -> GroupActor:  # fmt: skip
        """Add a group with the owner and `people` in it."""
        group = GroupActor(
            self.ids.next_key(), name, owner or self.owner, account=self, saved=saved,
            uin=str(self.ids.random.randrange(10**9, 10**10)),
        )  # fmt: skip
        for person in map(self._person, [self.owner, *people]):
            group.members[person.key] = MemberActor(person)
        self.groups.append(group)
        self.contact_changed(group, added=True)
        return group

    def lose_group(self, group: GroupActor) -> None:
        """Take the account out of a group: DelContactList."""
        self.groups.remove(group)
        self.happens(ContactGone(group))

    def _person(self, who: str | PersonActor) -> PersonActor:
        return self.stranger(who) if isinstance(who, str) else who

    # What comes in

    def happens(self, event: Event) -> None:
        """Put an event on the timeline."""
        self.timeline.append(event)
        self.pulse.notify()

    def deliver(
        self, sender: Chat, receiver: Chat, draft: Draft, *,
        member: Person | None = None, notify_about: tuple[Chat, ...] = (),
    ) -> Message:  # fmt: skip
        """Put a message on the timeline. All messages for the web client pass through here."""
        number = self.ids.next_number() if draft.number is None else draft.number
        message = Message(number, sender, receiver, draft, member, notify_about)
        self.received[message.msg_id] = message
        if draft.key:
            self.received_by_key[draft.key] = message
        self.happens(message)
        return message

    def receive(
        self, sender: Chat, receiver: Chat, content: str, *,
        msg_type: int = 1, member: Person | None = None, text: str = "",
        notify_about: tuple[Chat, ...] = (), fields: dict[str, Any] | None = None,
    ) -> Message:  # fmt: skip
        """Deliver a message of any kind: `content` and `fields` as the service writes them."""
        draft = Draft(msg_type, content, text, fields or {})
        return self.deliver(sender, receiver, draft, member=member, notify_about=notify_about)

    def receive_notice(self, chat: Chat, words: str) -> Message:
        """Deliver a system notice (MsgType 10000) in this chat."""
        return self.deliver(chat, self.owner, contents.notice(words))

    def receive_chat_list(self, chats: tuple[Chat, ...]) -> Message:
        """Deliver the recent chats (MsgType 51)."""
        return self.deliver(self.owner, self.owner, contents.chat_list(chats), notify_about=chats)

    def recall(
        self, sender: Chat, receiver: Chat, message: Message | SentMessage, words: str
    ) -> Message:
        """Revoke a message, and deliver its recall (MsgType 10002)."""
        message.revoked = True
        draft = contents.recall(receiver if sender is self.owner else sender, message, words)
        member = message.member if isinstance(message, Message) else None
        return self.deliver(sender, receiver, draft, member=member)

    def contact_changed(self, chat: Chat, *, added: bool = False) -> None:
        """Publish a friend or group: ModContactList."""
        self.happens(ContactChanged(chat, added))

    def profile_changed(self) -> None:
        """Publish the owner's data: `Profile` with BitFlag 190."""
        self.clawbot.name = self.owner.nickname
        self.happens(ProfileChanged())

    def hand_out(self, message: Message) -> None:
        """Note that webwxsync returned a message."""
        if message.msg_id not in self.handed_out:
            self.handed_out[message.msg_id] = None
            self.pulse.notify()

    async def hands_out(self, *messages: Message, timeout_s: float = PATIENCE_S) -> None:
        """Wait until webwxsync returned all these messages."""
        wanted = {message.msg_id for message in messages}
        if not await self.pulse.until(lambda: wanted <= self.handed_out.keys(), timeout_s):
            missing = len(wanted - self.handed_out.keys())
            raise TimeoutError(f"{missing} messages were not handed out within {timeout_s} s")

    async def acknowledges(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the web client has acknowledged all that happened so far."""
        end = len(self.timeline)
        if not await self.pulse.until(lambda: self.acknowledged >= end, timeout_s):
            missing = end - self.acknowledged
            raise TimeoutError(f"{missing} events unacknowledged after {timeout_s} s")

    # What the web client does

    def send(
        self, to: Chat, text: str, client_msg_id: str, msg_type: int, msg: dict[str, Any], *,
        medium: Medium | None = None, forwarded: Message | None = None, file_name: str = "",
    ) -> SentMessage:  # fmt: skip
        """Send a message. A repeated ClientMsgId changes nothing."""
        if client_msg_id and (earlier := self.by_client_msg_id.get(client_msg_id)):
            return earlier
        sent = SentMessage(
            text, client_msg_id, str(self.ids.next_number()), time.time(), to, msg_type, msg,
            medium=medium, forwarded=forwarded, file_name=file_name,
        )  # fmt: skip
        self.sent.append(sent)
        self.by_msg_id[sent.msg_id] = sent
        if client_msg_id:
            self.by_client_msg_id[client_msg_id] = sent
        if isinstance(to, Person) and to.has_dropped_me:
            sent.bounced = True
            words = f"{to.nickname}开启了朋友验证，你还不是他（她）朋友。请先发送朋友验证请求。"
            self.receive_notice(to, words)
        else:
            to.inbox.append(sent)
        self.pulse.notify()
        return sent

    def known_medium(self, media_id: str) -> Medium | None:
        """Return an upload, unless it is older than `settings.media_known_s`."""
        medium = self.media.get(media_id)
        if medium is None or time.time() - medium.since > self.world.settings.media_known_s:
            return None
        return medium

    def known_file(self, md5: str, size: int) -> Medium | None:
        """Return an earlier upload with these bytes (webwxcheckupload)."""
        for media_id, medium in reversed(self.media.items()):
            if (medium.md5, medium.size, medium.kind) == (md5, size, "doc"):
                return self.known_medium(media_id)
        return None

    # Sessions

    def refuse_login(self, ret: int = 1203, message: str = "") -> None:
        """Refuse logins with this `ret`, until `allow_login`."""
        self.refusal = (ret, message or "为了你的帐号安全，此微信号已不允许登录网页微信。")

    def allow_login(self) -> None:
        """Refuse no logins any more."""
        self.refusal = None

    def open_session(self) -> Session:
        """Open a session with new ids, and end the older one (1101)."""
        self.end_session(1101)
        self.logins += 1
        world = self.world
        begin = self.acknowledged if world.settings.keeps_unread else len(self.timeline)
        self.session = Session(world.seed, self.number, self.logins, self.owner, begin)
        world.web_sessions[self.session.sid] = self.session
        self.pulse.notify()
        return self.session

    def end_session(self, ret: int) -> None:
        """Answer all calls of the present session with `ret` from now on, the held ones at once."""
        if self.session is not None and self.session.ended is None:
            self.session.ended = ret
            self.pulse.notify()

    async def comes_online(self, timeout_s: float = PATIENCE_S) -> Session:
        """Wait until a web client is logged in and has made its first webwxsync or synccheck."""

        def polling() -> Session | None:
            session = self.session
            return session if session and session.ended is None and session.polled else None

        session = await self.pulse.until(polling, timeout_s)
        if session is None:
            raise TimeoutError(f"no web client of {self.name} came online within {timeout_s} s")
        return session


class World:
    """All accounts, web sessions, login codes, faults and recorded calls."""

    def __init__(
        self, seed: int, size: Size, settings: Settings, ilink: ILinkOptions | None = None
    ) -> None:
        self.seed = seed
        self.size = size
        self.settings = settings
        self.pulse = Notifier()
        """Notifies of everything: all other notifiers pass on to it."""
        self.control_pulse = Notifier(self.pulse)
        """Notifies of changes by the control API."""
        self.calls_pulse = Notifier(self.pulse)
        self.watchers = 0
        """The number of open phone pages: while somebody looks, the autopilot waits longer."""
        self.faults = Faults(seed)
        self.codes = LoginCodes(random.Random(f"{seed}:world"), settings, self.pulse)
        self.ilink = Registry(seed, ilink or ILinkOptions())
        """The iLink service, beside the web service."""
        self.calls: deque[Call] = deque(maxlen=100_000)
        """The recorded calls, oldest first, also those that a fault struck."""
        self.web_sessions: dict[str, Session] = {}
        """By wxsid, also those that ended."""
        self.accounts: list[Account] = []
        self.closing = False
        self.add_account("default")

    def add_account(self, name: str = "", **size: int) -> Account:
        """Add an account, with sizes of its own where given (`friends=5`, `groups=0`)."""
        number = len(self.accounts)
        account = Account(self, number, name or f"account{number + 1}", replace(self.size, **size))
        self.accounts.append(account)
        self.pulse.notify()
        return account

    def account(self, which: str | int = 0) -> Account:
        """Return the account with this number, name or Uin; the default is the first."""
        if isinstance(which, int):
            return self.accounts[which]
        found = [a for a in self.accounts if which in (a.name, str(a.number), str(a.uin))]
        if not found:
            raise LookupError(f"there is no account {which!r}")
        return found[0]

    def account_of_uin(self, uin: str) -> Account | None:
        number = int(uin) - self.accounts[0].uin if uin.isdigit() else -1
        return self.accounts[number] if 0 <= number < len(self.accounts) else None

    def record(self, call: Call) -> None:
        """Record a call."""
        self.calls.append(call)
        self.calls_pulse.notify()

    def calls_of(self, name: str) -> list[Call]:
        """Return the recorded calls with this name."""
        return [call for call in self.calls if call.name == name]

    async def gets_call(self, name: str, n: int = 1, timeout_s: float = PATIENCE_S) -> list[Call]:
        """Wait until `n` calls with this name have been recorded in all."""
        found = await self.calls_pulse.until(
            lambda: calls if len(calls := self.calls_of(name)) >= n else None, timeout_s
        )
        if found is None:
            came = len(self.calls_of(name))
            raise TimeoutError(f"{came} of {n} calls of {name} came within {timeout_s} s")
        return found

    def release_all(self) -> None:
        """Answer everything that is held at once: the service closes."""
        self.closing = True
        self.faults.clear()
        for notifier in (self.codes.pulse, self.calls_pulse, *(a.pulse for a in self.accounts)):
            notifier.notify()
