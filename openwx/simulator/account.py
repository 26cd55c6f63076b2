"""One WeChat account: its world, its people, its web sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conversations import Conversations
from .friendship import FriendRequest, Invitation
from .kinds import friend_request
from .outgoing import Outgoing
from .people import Group, Member, Person
from .phone import Phone
from .population import Size, populate
from .pulse import PATIENCE_S
from .session import Session
from .timeline import Chat, Message

if TYPE_CHECKING:
    from .world import World


class Account(Outgoing):
    """An account with everybody it knows. `owner` is the person, `phone` what the owner holds."""

    def __init__(self, world: World, number: int, name: str, size: Size) -> None:
        super().__init__(world, number)
        self.name = name
        self.friends: list[Person] = []
        """Friends proper; public and system accounts are lists of their own."""
        self.public_accounts: list[Person] = []
        self.system_accounts: list[Person] = []
        self.groups: list[Group] = []
        self.friend_requests: list[FriendRequest] = []
        """Who asked to be a friend (MsgType 37)."""
        self.friend_requests_sent: list[Invitation] = []
        """Whom the web client asked (webwxverifyuser, Opcode 2)."""
        populate(self, size)
        self.uin = self.owner.uin
        self.phone = Phone(self)
        self.conversations = Conversations(self)
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

    def asks_to_be_friends(self, who: str | Person, words: str = "") -> FriendRequest:
        """Somebody asks to be a friend (MsgType 37): a person, or by nickname a stranger."""
        person = self.stranger(who) if isinstance(who, str) else who
        ticket = f"v2_{self.secret(120)}@stranger"
        draft = friend_request(person, words, ticket)
        message = self.deliver(self.friend("fmessage"), self.owner, draft)
        request = FriendRequest(person, words, ticket, message)
        self.friend_requests.append(request)
        return request

    def become_friends(self, person: Person) -> Message:
        """Both said yes: ModContactList, and a notice in the new chat."""
        if person.is_friend:
            person.has_dropped_me = False
            self.contact_changed(person)
        else:
            self.add_friend(person)
        return self.receive_notice(person, f"你已添加了{person.nickname}，现在可以开始聊天了。")

    def lose_friend(self, person: Person) -> None:
        """The owner deletes a friend: DelContactList."""
        person.is_friend = False
        self.friends.remove(person)
        self.contact_gone(person)

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
        self.contact_gone(group)

    def recent_chats(self) -> list[Chat]:
        """The groups, then friends: as many as the recent list of the phone holds."""
        chats: list[Chat] = [*self.groups, *self.friends]
        return chats[: self.world.settings.recent_chats]

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

    async def comes_online(self, timeout_s: float = PATIENCE_S) -> Session:
        """Wait until a web client is logged in and has asked its first webwxsync or synccheck."""
        if not await self.pulse.until(lambda: self.is_online and self.session.polled, timeout_s):  # type: ignore[union-attr]
            raise TimeoutError(f"no web client of {self.name} came online within {timeout_s} s")
        assert self.session is not None
        return self.session
