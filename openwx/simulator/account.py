"""One WeChat account: its world, its timeline, its web sessions and what it sent."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from .people import Group, Member, Person, recall_content
from .phone import Phone
from .population import Size, populate
from .pulse import Pulse
from .session import Session
from .text import xml_on_wire
from .timeline import (
    Chat,
    ContactChanged,
    ContactGone,
    Event,
    Heard,
    Message,
    ProfileChanged,
)

if TYPE_CHECKING:
    from .world import World


class Account:
    """An account with everybody it knows. `owner` is the person, `phone` what the owner holds."""

    def __init__(self, world: World, number: int, name: str, size: Size) -> None:
        self.world = world
        self.number = number
        self.name = name
        self.random = random.Random(f"{world.seed}:{number}")
        self.pulse = Pulse()
        self.timeline: list[Event] = []
        self.acknowledged = 0
        """How far into the timeline a web client has acknowledged by SyncKey."""
        self.handed_out: list[str] = []
        """The MsgIds that webwxsync gave out at least once, in the order of their first time."""
        self._handed_out: set[str] = set()
        self.sent: list[Heard] = []
        """All that web clients of this account sent, oldest first."""
        self.by_client_msg_id: dict[str, Heard] = {}
        self.by_msg_id: dict[str, Heard] = {}
        self.read_chats: list[Chat] = []
        """The chats that the web client marked as read (webwxstatusnotify, Code 1)."""
        self.friends: list[Person] = []
        """Friends proper; public and system accounts are lists of their own."""
        self.public_accounts: list[Person] = []
        self.system_accounts: list[Person] = []
        self.groups: list[Group] = []
        self._last_key = 0
        self._last_number = 1_600_000_000_000_000_000 + number * 10**16
        self.owner: Person
        populate(self, size)
        self.uin = self.owner.uin
        self.phone = Phone(self)
        self.session: Session | None = None
        """The latest web session, also after it ended."""
        self.logins = 0
        self.refusal: tuple[int, str] | None = None
        self.desktop_only = False
        """The plain web login is refused with 1203: desktop mode is wanted."""
        self.allows_push_login = True

    def __repr__(self) -> str:
        return f"<Account {self.name} {self.owner.nickname}>"

    # Looking up

    def friend(self, nickname: str) -> Person:
        """The one friend, public or system account of this nickname or fixed id, or LookupError."""
        everybody = [*self.friends, *self.public_accounts, *self.system_accounts]
        found = [p for p in everybody if nickname in (p.nickname, p.system_name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} friends are called {nickname!r}")
        return found[0]

    def group(self, name: str) -> Group:
        """The one group with this name; else LookupError."""
        found = [g for g in self.groups if g.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} groups are called {name!r}")
        return found[0]

    @property
    def filehelper(self) -> Person:
        return self.friend("filehelper")

    @property
    def is_online(self) -> bool:
        """Whether a web session is alive."""
        return self.session is not None and self.session.ended is None

    # Building

    def next_key(self) -> int:
        self._last_key += 1
        return self._last_key

    def next_number(self) -> int:
        """A new message id: 64 bits, beyond 2**53, growing."""
        self._last_number += self.random.randrange(1, 1_000_003)
        return self._last_number

    def stranger(self, nickname: str) -> Person:
        """A new person who is no friend."""
        return Person(
            self, self.next_key(), nickname, uin=self.random.randrange(10**8, 2**31),
            sex=self.random.randrange(3), province="广东", city="深圳",
        )  # fmt: skip

    def add_friend(self, who: str | Person, **data: Any) -> Person:
        """A new friend: a person, or a nickname. The web client learns it by ModContactList."""
        person = self.stranger(who) if isinstance(who, str) else who
        for name, value in data.items():
            setattr(person, name, value)
        person.is_friend, person.has_dropped_me = True, False
        self.friends.append(person)
        self.contact_changed(person, added=True)
        return person

    def lose_friend(self, person: Person) -> None:
        """The owner deletes a friend: DelContactList."""
        person.is_friend = False
        self.friends.remove(person)
        self.happens(ContactGone(person))

    def add_group(
        self, name: str, people: list[Person | str], *,
        saved: bool = True, owner: Person | None = None,
    ) -> Group:  # fmt: skip
        """A new group with the owner and `people` in it."""
        group = Group(self, self.next_key(), name, owner or self.owner, saved=saved)
        group.uin = str(self.random.randrange(10**9, 10**10))
        for person in [self.owner, *people]:
            someone = self.stranger(person) if isinstance(person, str) else person
            group.members[someone.key] = Member(someone)
        self.groups.append(group)
        self.contact_changed(group, added=True)
        return group

    def lose_group(self, group: Group) -> None:
        """The account is no longer in a group: DelContactList."""
        self.groups.remove(group)
        self.happens(ContactGone(group))

    # What happens

    def happens(self, event: Event) -> None:
        self.timeline.append(event)
        self.pulse.beat()

    def receive(
        self, sender: Chat, receiver: Chat, content: str, *,
        msg_type: int = 1, member: Person | None = None, text: str = "",
        notify_about: tuple[Chat, ...] = (), fields: dict[str, Any] | None = None,
    ) -> Message:  # fmt: skip
        """Put a message on the timeline; every message the web client gets comes through here."""
        message = Message(
            self.next_number(), sender, receiver, content, msg_type, member, text, notify_about,
            fields or {},
        )  # fmt: skip
        self.happens(message)
        return message

    def receive_recall(self, chat: Chat, message: Message, who: str) -> Message:
        words = f'"{who}" 撤回了一条消息'
        return self.receive(
            chat, self.owner, recall_content(str(chat.uin or chat), message, words),
            msg_type=10002, member=message.member, text=words,
        )  # fmt: skip

    def receive_chat_list(self) -> Message:
        """MsgType 51: the recent chats; ids and Uins or account names in one order (reference)."""
        chats = (self.filehelper, *self.recent_chats())
        lasting = ",".join(chat.lasting_name for chat in chats)
        xml = f"<msg>\n<op id='4'>\n<username>{lasting}</username>\n</op>\n</msg>"
        return self.receive(
            self.owner, self.owner, xml_on_wire(xml), msg_type=51, notify_about=chats,
            fields={"StatusNotifyCode": 4},
        )  # fmt: skip

    def recent_chats(self) -> list[Chat]:
        """The groups, then friends: as many as the recent list of the phone holds."""
        chats: list[Chat] = [*self.groups, *self.friends]
        return chats[: self.world.settings.recent_chats]

    def contact_changed(self, chat: Chat, *, added: bool = False) -> None:
        self.happens(ContactChanged(chat, added))

    def profile_changed(self) -> None:
        self.happens(ProfileChanged())

    def hand_out(self, message: Message) -> None:
        if message.msg_id not in self._handed_out:
            self._handed_out.add(message.msg_id)
            self.handed_out.append(message.msg_id)
            self.pulse.beat()

    def send(
        self, to: Chat, text: str, client_msg_id: str, msg_type: int, msg: dict[str, Any]
    ) -> Heard:
        """The web client sends; once more with the same ClientMsgId changes nothing."""
        if client_msg_id and (earlier := self.by_client_msg_id.get(client_msg_id)):
            return earlier
        number = self.next_number()
        heard = Heard(text, client_msg_id, str(number), time.time(), to, msg_type, msg)
        self.sent.append(heard)
        self.by_msg_id[heard.msg_id] = heard
        if client_msg_id:
            self.by_client_msg_id[client_msg_id] = heard
        if isinstance(to, Person) and to.has_dropped_me:
            heard.bounced = True
            words = f"{to.nickname}开启了朋友验证，你还不是他（她）朋友。请先发送朋友验证请求。"
            self.receive(to, self.owner, words, msg_type=10000, text=words)
        else:
            to.inbox.append(heard)
        self.pulse.beat()
        return heard

    # Sessions

    def refuse_login(self, ret: int = 1203, message: str = "") -> None:
        """From now on the login is refused with this `ret`; `allow_login` takes it back."""
        self.refusal = (ret, message or "为了你的帐号安全，此微信号已不允许登录网页微信。")

    def allow_login(self) -> None:
        self.refusal = None

    def open_session(self) -> Session:
        """A scan or push login was confirmed: new ids, and the older session is over (1101)."""
        self.end_session(1101)
        self.logins += 1
        self.session = Session(self, self.logins)
        self.world.sessions[self.session.sid] = self.session
        self.pulse.beat()
        return self.session

    def end_session(self, ret: int) -> None:
        """All calls of the present session answer `ret` from now on, the held ones at once."""
        if self.session is not None and self.session.ended is None:
            self.session.ended = ret
            self.pulse.beat()

    async def comes_online(self, timeout_s: float = 10.0) -> Session:
        """Wait until a web client is logged in and has asked its first webwxsync or synccheck."""
        if not await self.pulse.until(lambda: self.is_online and self.session.polled, timeout_s):  # type: ignore[union-attr]
            raise TimeoutError(f"no web client of {self.name} came online within {timeout_s} s")
        assert self.session is not None
        return self.session

    async def hands_out(self, *messages: Message, timeout_s: float = 10.0) -> None:
        """Wait until webwxsync gave out all these messages."""
        wanted = {message.msg_id for message in messages}
        if not await self.pulse.until(lambda: wanted <= self._handed_out, timeout_s):
            missing = len(wanted - self._handed_out)
            raise TimeoutError(f"{missing} messages were not handed out within {timeout_s} s")

    async def acknowledges(self, timeout_s: float = 10.0) -> None:
        """Wait until the web client has acknowledged all that happened so far."""
        end = len(self.timeline)
        if not await self.pulse.until(lambda: self.acknowledged >= end, timeout_s):
            raise TimeoutError(
                f"{end - self.acknowledged} events unacknowledged after {timeout_s} s"
            )
