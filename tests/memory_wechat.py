"""The people and chats of an account whose WeChat is a few objects in the test's process. They act as those of the
simulator do, in its words; ``tests/memory.py`` is the transport to them.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import (
    SYSTEM_ACCOUNT,
    Friend,
    Group,
    Member,
    User,
    friend_displayname,
)
from openwx.domain.events import ChatAdded, Event, MemberAdded
from openwx.domain.media import Kind, LocalMedia, MediaRef, RemoteMedia
from openwx.domain.messages import MediaMessage, Message, Notice, Parties, Quote, Text
from openwx.errors import BudgetSpent, LoginRefused, Rejected, SessionEnded, WeChatError
from openwx.transports.base import Capability, SendBudget
from tests.patience import PATIENCE_S

FRIENDS = (
    {"name": "小灰", "account": "xiaohui2016", "sex": "male", "province": "广东", "city": "深圳"},
    {"name": "阳光😄宝贝", "account": "sunny_baby", "sex": "female"},
    {"name": "Tom & Jerry <猫和老鼠>", "account": "tomjerry", "sex": "male"},
    {"name": "张伟", "account": "zhangwei88"},
    {"name": "张伟"},
    {"name": "momo", "account": "momo_0717", "markname": "李老师（数学）"},
    *({"name": f"朋友{number}", "account": f"friend_{number}"} for number in range(6)),
)
GROUPS = ("PERL学习交流", "项目组")
FILEHELPER = "filehelper"


@dataclass(frozen=True)
class Sent:
    """What the account sent to a chat."""

    to: "Chat"
    text: str
    media: RemoteMedia | MediaRef | None
    msg_id: str
    time: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class Said:
    """A message to the account, or a notice."""

    chat: "Chat"
    text: str = ""
    member: Member | None = None
    is_notice: bool = False
    picture: bytes | None = None
    voice_text: str | None = None
    """Makes ``picture`` a voice message with this transcript."""
    quote: Quote | None = None
    msg_id: str = ""


@dataclass(eq=False)
class Chat:
    """A friend or group that acts. ``record`` is that of the present login."""

    account: "MemoryAccount"
    record: Friend | Group
    heard: int = 0

    @property
    def nickname(self) -> str:
        return self.record.name

    @property
    def group(self) -> Group:
        assert isinstance(self.record, Group)
        return self.record

    @property
    def others(self) -> list[Member]:
        return [*self.group.members.values()]

    @property
    def inbox(self) -> list[Sent]:
        return [sent for sent in self.account.sent if sent.to is self]

    @property
    def texts(self) -> list[str]:
        return [sent.text for sent in self.inbox]

    async def hears(self, n: int = 1) -> list[Sent]:
        """Return the next ``n`` messages that no ``hears`` returned before."""
        begin, self.heard = self.heard, self.heard + n
        await self.account.until(lambda: len(self.inbox) >= self.heard)
        return self.inbox[begin : self.heard]

    async def hears_text(self) -> str:
        return (await self.hears())[0].text

    def says(self, text: str, quote: Quote | None = None) -> Said:
        return self.account.happens(Said(self, text, quote=quote))

    def member_says(self, member: Member, text: str) -> Said:
        return self.account.happens(Said(self, text, member))

    def notice(self, text: str) -> Said:
        return self.account.happens(Said(self, text, is_notice=True))

    def sends_image(self, picture: bytes) -> Said:
        return self.account.happens(Said(self, picture=picture))

    def sends_voice(self, sound: bytes, text: str) -> Said:
        return self.account.happens(Said(self, picture=sound, voice_text=text))

    def add_member(self, name: str) -> Member:
        member = self.account.new_member(name)
        self.group.members[member.id] = member
        self.account.happens_to_contacts(lambda: MemberAdded(member, self.group))
        return member


@dataclass(eq=False)
class Fault:
    """A call that fails, before or (``lost``) after it took effect; without an ``error`` it hangs until ``release``."""

    error: WeChatError | None
    times: float
    lost: bool
    hits: int = 0
    _struck: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def strikes(self) -> None:
        """Wait until a call met it."""
        async with asyncio.timeout(PATIENCE_S):
            await self._struck.wait()

    def release(self) -> None:
        self.times = 0
        self._released.set()

    async def strike(self) -> None:
        self.hits += 1
        self.times -= 1
        self._struck.set()
        if self.error is not None:
            raise self.error
        await self._released.wait()


class MemoryAccount:
    """WeChat's side of one account. It outlives its transports, as WeChat outlives a gateway."""

    def __init__(self, name: str) -> None:
        self.user = User(id="@user", uid=f"uin of {name}", name="我", displayname="我")
        self.chats: list[Chat] = []
        self.sent: list[Sent] = []
        self.changes: list[tuple[str, ...]] = []
        """The changes that ``actions`` made, by name."""
        self.logins = 0
        self.refusal: LoginRefused | None = None
        """Why the next login is refused."""
        self.is_logged_in = False
        self.timeline: list[Said | Callable[[], Event]] = []
        self.handed_out = self.acknowledged = 0
        """How much of the timeline was read, and how much the inbox took."""
        self.session_end: SessionEnded | None = None
        self._faults: dict[str, Fault] = {}
        self.pictures: dict[str, bytes] = {}
        self.uploads: list[LocalMedia] = []
        self.capabilities = frozenset(Capability) - {
            Capability.AVATARS,
            Capability.FRIEND_REQUESTS,
        }
        self.drops_repeats = self.shares_uploads = True
        self.owner_id: str | None = None
        self.wanted_code: str | None = None
        """The digits that the phone shows at a login."""
        self.left: dict[Chat, int] = {}
        """How many messages may still be sent to some chats."""
        self.per_message = 10
        """How many may be sent after a message of theirs."""
        self.ids_last = False
        """Whether chats keep their ids over a new login."""
        self.tells_budgets = True
        """Whether the transport knows what is left, or learns it by a refusal."""
        self._uploads_for: dict[str, str | None] = {}
        """The chats that uploads are for, where each serves for one message."""
        self._waiters: list[tuple[Callable[[], object], asyncio.Event]] = []
        self._ids = 0
        for details in FRIENDS:
            self._add(Friend(id=self._id(), uid=self._ids, **details))
        self._add(Friend(id=FILEHELPER, name="文件传输助手", category=SYSTEM_ACCOUNT))
        for title in GROUPS:
            people = [self.new_member(f"{title}{number}") for number in range(4)]
            members = {person.id: person for person in people}
            room = Group(id=self._id(), uid=self._ids, name=title, displayname=title)
            self.chats.append(Chat(self, replace(room, members=members)))

    # What a test looks for

    @property
    def friends(self) -> list[Chat]:
        return [chat for chat in self.chats if isinstance(chat.record, Friend) and chat.record.uid]

    @property
    def filehelper(self) -> Chat:
        return self.by_id(FILEHELPER)

    def friend(self, name: str) -> Chat:
        return next(chat for chat in self.friends if chat.nickname == name)

    def group(self, name: str) -> Chat:
        groups = (chat for chat in self.chats if isinstance(chat.record, Group))
        return next(chat for chat in groups if chat.nickname == name)

    def by_id(self, id: str) -> Chat:
        return next(chat for chat in self.chats if chat.record.id == id)

    async def until(
        self, condition: Callable[[], object], timeout_s: float | None = PATIENCE_S
    ) -> None:
        """Wait for a condition on what is here."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                waiter = condition, asyncio.Event()
                self._waiters.append(waiter)
                await waiter[1].wait()

    def note(self) -> None:
        """Say that something has changed."""
        for waiter in [waiter for waiter in self._waiters if waiter[0]()]:
            self._waiters.remove(waiter)
            waiter[1].set()

    # What a test does

    def add_friend(self, name: str, **details: str) -> Chat:
        chat = self._add(Friend(id=self._id(), uid=self._ids, name=name, **details))
        self.happens_to_contacts(lambda: ChatAdded(chat.record))
        return chat

    def new_member(self, name: str) -> Member:
        return Member(id=self._id(), uid=self._ids, name=name, displayname=name)

    def happens(self, said: Said) -> Said:
        said.msg_id = f"in{len(self.timeline)}"
        if said.picture is not None:
            self.pictures[said.msg_id] = said.picture
        if said.chat in self.left:
            self.left[said.chat] = self.per_message
        self.timeline.append(said)
        self.note()
        return said

    def happens_to_contacts(self, event: Callable[[], Event]) -> None:
        self.timeline.append(event)
        self.note()

    async def hands_out(self, *messages: Said) -> None:
        """Wait until the transport has read these messages, which need not be acknowledged yet."""
        wanted = max(self.timeline.index(message) for message in messages)
        await self.until(lambda: self.handed_out > wanted)

    async def acknowledges(self) -> None:
        """Wait until all that happened so far is acknowledged."""
        end = len(self.timeline)
        await self.until(lambda: self.acknowledged >= end)

    def fails(
        self, call: str, error: WeChatError, *, times: float = float("inf"), lost: bool = False
    ) -> Fault:
        """Fail the next ``times`` calls of a transport's method, after they took effect where ``lost``."""
        fault = self._faults[call] = Fault(error, times, lost)
        return fault

    def hangs(self, call: str) -> Fault:
        """Hold calls of a transport's method until ``release``."""
        fault = self._faults[call] = Fault(None, float("inf"), lost=False)
        return fault

    def end_session(self, error: SessionEnded) -> None:
        self.session_end = error
        self.note()

    # What the transport does

    def fault(self, call: str) -> Fault | None:
        """Return the fault that the next call of a method meets."""
        fault = self._faults.get(call)
        return fault if fault and fault.times > 0 else None

    def log_in(self) -> None:
        """Begin a login: all ids are new."""
        if self.refusal is not None:
            raise self.refusal
        self.logins += 1
        self.is_logged_in = True
        for chat in self.chats:
            if chat.record.id != FILEHELPER and not self.ids_last:
                chat.record = replace(chat.record, id=self._id())

    def send(
        self, chat_id: str, text: str, media: RemoteMedia | MediaRef | None, send_id: str
    ) -> str:
        msg_id = f"9{send_id}" if self.drops_repeats else f"9{len(self.sent):018}"
        if all(sent.msg_id != msg_id for sent in self.sent):
            chat = self.by_id(chat_id)
            if self.left.get(chat, 1) <= 0:
                raise BudgetSpent("send", -2, "prepare failed")
            upload = media.source if isinstance(media, RemoteMedia) else ""
            if upload and self._uploads_for.pop(upload, None) != chat_id:
                raise Rejected("send", -2, "invalid arguments")
            if chat in self.left:
                self.left[chat] -= 1
            self.sent.append(Sent(chat, text, media, msg_id))
            self.note()
        return msg_id

    @property
    def budgets(self) -> list[SendBudget]:
        if not self.tells_budgets:
            return []
        until = time.time() + 86_400
        return [SendBudget(chat.record.id, left, until) for chat, left in self.left.items()]

    def takes(self, media: LocalMedia, chat_id: str | None) -> str:
        """Take an upload, and return its name where it serves for one message to one chat."""
        self.uploads.append(media)
        if self.shares_uploads:
            return ""
        name = f"upload {len(self.uploads)}"
        self._uploads_for[name] = chat_id
        return name

    def types(self, code: str) -> bool:
        """Type the digits, and return whether they are right."""
        is_right = code == self.wanted_code
        if is_right:
            self.wanted_code = None
            self.note()
        return is_right

    def contacts(self) -> ContactBook:
        book = ContactBook(self.user)
        for chat in self.chats:
            self.put(book, chat.record)
        return book

    @staticmethod
    def put(book: ContactBook, record: Friend | Group) -> None:
        if isinstance(record, Group):
            book.groups[record.id] = record
        else:
            book.friends[record.id] = record

    def message(self, said: Said) -> Message:
        record = said.chat.record
        sender = said.member or (record if isinstance(record, Friend) else None)
        parties = Parties(
            chat=record,
            sender=None if said.is_notice else sender,
            receiver=None if said.is_notice else self.user,
            mine=False,
        )
        id, now = said.msg_id, int(time.time())
        if said.picture is None:
            kind = Notice if said.is_notice else Text
            return kind(id=id, time=now, content=said.text, parties=parties, quote=said.quote)
        media_kind: Kind = "image" if said.voice_text is None else "voice"
        return MediaMessage(
            id=id,
            time=now,
            content="",
            parties=parties,
            ref=MediaRef(kind=media_kind, msg_id=id, sender=record.id),
            voice_text=said.voice_text or "",
        )

    def _add(self, friend: Friend) -> Chat:
        friend.displayname = friend_displayname("", friend.markname, friend.name)
        self.chats.append(Chat(self, friend))
        return self.chats[-1]

    def _id(self) -> str:
        self._ids += 1
        return f"@{self._ids:032}"
