"""The vocabulary of scenarios: the people and groups of an account, with their actions as methods.

Each verb changes the world at once, and puts the consequences for the web client on the timeline.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

from .identifiers import Identifiers
from .ilink.clawbot import ClawBot
from .model import Chat, Contact, Draft, Group, Member, Message, Person, SentMessage
from .notifier import PATIENCE_S, Notifier
from .wire import contents, quotes, shares
from .wire.contents import Origin

P = ParamSpec("P")
Verb = TypeVar("Verb", bound=Callable[..., object])
AnyMember: TypeAlias = "MemberActor | PersonActor | str"
"""A member of a group: by name, nickname or key, too."""


class Host(Protocol):
    """The part of an account that its people and groups use."""

    number: int
    name: str
    owner: PersonActor
    groups: list[GroupActor]
    friend_requests_sent: list[Invitation]
    ids: Identifiers
    pulse: Notifier
    clawbot: ClawBot

    def deliver(
        self, sender: Chat, receiver: Chat, draft: Draft, *, member: Person | None = None,
        notify_about: tuple[Chat, ...] = (),
    ) -> Message: ...  # fmt: skip
    def recall(
        self, sender: Chat, receiver: Chat, message: Message | SentMessage, words: str
    ) -> Message: ...
    def contact_changed(self, chat: Chat, *, added: bool = False) -> None: ...
    def profile_changed(self) -> None: ...
    def stranger(self, nickname: str) -> PersonActor: ...
    def become_friends(self, person: PersonActor) -> Message: ...
    def lose_friend(self, person: PersonActor) -> None: ...
    def lose_group(self, group: GroupActor) -> None: ...
    def end_session(self, ret: int) -> None: ...


def origin_of(person: Person, account: Host) -> Origin:
    """Return the origin of a draft that this person sends."""
    return Origin(person, account.owner, account.ids)


def document_verb(verb: Verb, make: Callable[..., Draft]) -> Verb:
    """Give a verb the docstring and the parameters of the function that makes its draft."""
    own = inspect.signature(verb).parameters.values()
    _, *others = inspect.signature(make).parameters.values()
    both = [p for p in own if p.kind is p.POSITIONAL_ONLY] + others
    verb.__doc__ = make.__doc__
    verb.__signature__ = inspect.Signature(both)  # type: ignore[attr-defined]
    return verb


def _by_person(
    make: Callable[Concatenate[Origin, P], Draft],
) -> Callable[Concatenate[PersonActor, P], Message]:
    def verb(self: PersonActor, /, *args: P.args, **kwargs: P.kwargs) -> Message:
        draft = make(origin_of(self, self.account), *args, **kwargs)
        return self.account.deliver(self, self.account.owner, draft)

    return document_verb(verb, make)


def _by_member(
    make: Callable[Concatenate[Origin, P], Draft],
) -> Callable[Concatenate[GroupActor, AnyMember, P], Message]:
    def verb(
        self: GroupActor, member: AnyMember, /,
        *args: P.args, **kwargs: P.kwargs,
    ) -> Message:  # fmt: skip
        person = self.speaker(member)
        return self.member_delivers(person, make(origin_of(person, self.account), *args, **kwargs))

    return document_verb(verb, make)


class Recipient(Contact):
    """The common part of people and groups: tests wait for messages from the account."""

    __slots__ = ()
    account: Host

    @property
    def texts(self) -> list[str]:
        """The texts that the account sent to this chat by the web client, oldest first."""
        return [sent.text for sent in self.inbox]

    async def hears(self, n: int = 1, timeout_s: float = PATIENCE_S) -> list[SentMessage]:
        """Return the next `n` messages that no `hears` returned before, or raise TimeoutError."""
        begin = self.heard
        if not await self.account.pulse.until(lambda: len(self.inbox) >= begin + n, timeout_s):
            got = len(self.inbox) - begin
            raise TimeoutError(f"{self} heard {got} of {n} messages within {timeout_s} s")
        self.heard = begin + n
        return self.inbox[begin : begin + n]

    async def hears_text(self, timeout_s: float = PATIENCE_S) -> str:
        """Return the text of the next message."""
        return (await self.hears(1, timeout_s))[0].text


@dataclass(slots=True, eq=False)
class PersonActor(Person, Recipient):
    """A person who acts."""

    account: Host = field(repr=False, kw_only=True)

    def says(self, text: str) -> Message:
        """Write to the account."""
        return self.account.deliver(self, self.account.owner, contents.text(text))

    def sends(self, msg_type: int, content: str = "", *, text: str = "", **fields: Any) -> Message:
        """Send a message of any kind: `content` and `fields` as the service writes them."""
        draft = Draft(msg_type, content, text, fields)
        return self.account.deliver(self, self.account.owner, draft)

    sends_image = _by_person(contents.image)
    sends_voice = _by_person(contents.voice)
    sends_video = _by_person(contents.video)
    sends_short_video = _by_person(contents.short_video)
    sends_sticker = _by_person(contents.sticker)
    sends_shop_sticker = _by_person(contents.shop_sticker)
    sends_app_sticker = _by_person(shares.app_sticker)
    sends_file = _by_person(shares.file)
    sends_location = _by_person(contents.location)
    sends_location_48 = _by_person(contents.location_48)
    shares_live_location = _by_person(shares.live_location)
    quotes = _by_person(quotes.quote)
    sends_link = _by_person(shares.link)
    sends_articles = _by_person(shares.articles)
    sends_mini_program = _by_person(shares.mini_program)
    transfers = _by_person(shares.transfer)
    sends_red_packet = _by_person(shares.red_packet)
    sends_red_packet_notice = _by_person(contents.red_packet_notice)
    sends_chat_record = _by_person(shares.chat_record)
    sends_card = _by_person(contents.card)
    calls = _by_person(contents.call)

    def recalls(self, message: Message) -> Message:
        """Recall a message (MsgType 10002)."""
        words = _someone_recalled(self.nickname)
        return self.account.recall(self, self.account.owner, message, words)

    def renames(self, name: str) -> None:
        """Take another nickname."""
        self.nickname = name
        self._changed()

    def changes(self, **what: Any) -> None:
        """Change other data: `signature`, `sex`, `province`, `city`, `alias`."""
        for name, value in what.items():
            if name not in ("signature", "sex", "province", "city", "alias"):
                raise ValueError(f"a person has no {name} to change")
            setattr(self, name, value)
        self._changed()

    def changes_avatar(self) -> None:
        """Take another picture."""
        self.avatar_version += 1
        self._changed()

    def accepts_me(self) -> Message:
        """Accept the account's latest friend request: a notice appears in the new chat."""
        sent = self.account.friend_requests_sent
        invitation = next((i for i in reversed(sent) if i.person is self), None)
        if invitation is None:
            raise LookupError(f"the account did not ask {self} to be friends")
        invitation.accepted = True
        return self.account.become_friends(self)

    def unfriends_me(self) -> None:
        """Drop the account. As in the real service, it notices only when it writes."""
        self.has_dropped_me = True

    def _changed(self) -> None:
        """Publish the change: of a stranger by the records of the common groups."""
        if self is self.account.owner:
            self.account.profile_changed()
        elif self.is_friend:
            self.account.contact_changed(self)
        else:
            for group in self.account.groups:
                if self.key in group.members:
                    self.account.contact_changed(group)


@dataclass(slots=True, eq=False)
class MemberActor(Member):
    """A person who acts in a group."""

    person: PersonActor


@dataclass(slots=True, eq=False)
class GroupActor(Group, Recipient):
    """A group whose members act. The account's owner acts by `phone` instead."""

    owner: PersonActor
    members: dict[int, MemberActor] = field(default_factory=dict, repr=False)
    invited: list[PersonActor] = field(default_factory=list, repr=False)
    account: Host = field(repr=False, kw_only=True)

    def member(self, name: str) -> MemberActor:
        """Return the one member with this name in the group, nickname or key, or raise LookupError."""
        found = [m for m in self.members.values() if name in (m.display_name, m.nickname)]
        if not found and name.isdecimal() and int(name) in self.members:
            return self.members[int(name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} members of {self} are called {name!r}")
        return found[0]

    @property
    def others(self) -> list[MemberActor]:
        """All members but the account's owner."""
        return [m for m in self.members.values() if m.person is not self.account.owner]

    def member_says(self, member: AnyMember, text: str) -> Message:
        """Write in the group as a member."""
        return self.member_delivers(self.speaker(member), contents.text(text))

    def member_mentions(
        self, member: AnyMember, whom: Sequence[AnyMember], text: str = ""
    ) -> Message:
        """Mention members in a text; `所有人` is everybody."""
        return self.member_delivers(self.speaker(member), self.mentioning(whom, text))

    def mentioning(self, whom: Sequence[AnyMember], text: str) -> Draft:
        """Draft a text that mentions members."""
        names = (one if one == quotes.EVERYBODY else self._shown(self._person(one)) for one in whom)
        return quotes.mentioning(map(str, names), text)

    def member_announces(self, member: AnyMember, text: str) -> Message:
        """Publish an announcement of the group as a member (AppMsgType 87)."""
        person = self.speaker(member)
        draft = shares.announcement(origin_of(person, self.account), text)
        return self.member_delivers(person, draft)

    def member_sends(
        self, member: AnyMember, msg_type: int, content: str = "", *,
        text: str = "", **fields: Any,
    ) -> Message:  # fmt: skip
        """Send a message of any kind as a member."""
        draft = Draft(msg_type, content, text, fields)
        return self.account.deliver(self, self.account.owner, draft, member=self.speaker(member))

    member_sends_image = _by_member(contents.image)
    member_sends_voice = _by_member(contents.voice)
    member_sends_video = _by_member(contents.video)
    member_sends_short_video = _by_member(contents.short_video)
    member_sends_sticker = _by_member(contents.sticker)
    member_sends_shop_sticker = _by_member(contents.shop_sticker)
    member_sends_app_sticker = _by_member(shares.app_sticker)
    member_sends_file = _by_member(shares.file)
    member_sends_location = _by_member(contents.location)
    member_sends_location_48 = _by_member(contents.location_48)
    member_shares_live_location = _by_member(shares.live_location)
    member_quotes = _by_member(quotes.quote)
    member_sends_link = _by_member(shares.link)
    member_sends_articles = _by_member(shares.articles)
    member_sends_mini_program = _by_member(shares.mini_program)
    member_transfers = _by_member(shares.transfer)
    member_sends_red_packet = _by_member(shares.red_packet)
    member_sends_red_packet_notice = _by_member(contents.red_packet_notice)
    member_sends_chat_record = _by_member(shares.chat_record)
    member_sends_card = _by_member(contents.card)
    member_calls = _by_member(contents.call)

    def member_delivers(self, person: PersonActor, draft: Draft) -> Message:
        """Deliver a draft of a member. A system notice has no sender, in groups too."""
        member = None if draft.msg_type == 10000 else person
        return self.account.deliver(self, self.account.owner, draft, member=member)

    def member_recalls(self, message: Message) -> Message:
        """Recall a message as the member who wrote it (MsgType 10002)."""
        if message.member is None:
            raise LookupError(f"message {message.msg_id} was not written by a member")
        words = _someone_recalled(self._shown(message.member))
        return self.account.recall(self, self.account.owner, message, words)

    def member_renames(self, member: AnyMember, display_name: str) -> None:
        """Take another name for this group as a member."""
        self.members[self._person(member).key].display_name = display_name
        self.account.contact_changed(self)

    def add_member(
        self, who: PersonActor | str, display_name: str = "", *, by: PersonActor | None = None
    ) -> MemberActor:
        """Let a person join; for a nickname, a new stranger."""
        person = self.account.stranger(who) if isinstance(who, str) else who
        member = self.members[person.key] = MemberActor(person, display_name)
        self.notice(f'{self._actor(by)}邀请"{member.shown_name}"加入了群聊')
        self.account.contact_changed(self)
        return member

    def accepts_invitation(self, person: PersonActor) -> MemberActor:
        """Let a person join whom the web client invited."""
        if person not in self.invited:
            raise LookupError(f"{person} was not invited to {self}")
        self.invited.remove(person)
        return self.add_member(person, by=self.account.owner)

    def remove_member(self, member: AnyMember, *, by: PersonActor | None = None) -> None:
        """Remove a member. If it is the account's owner, the group is gone."""
        person = self._person(member)
        shown = self._shown(person)
        del self.members[person.key]
        if person is self.account.owner:
            self.notice(f'你被"{self._shown(self.owner)}"移出群聊')
            self.account.lose_group(self)
        else:
            self.notice(f'{self._actor(by)}将"{shown}"移出了群聊')
            self.account.contact_changed(self)

    def rename(self, name: str, *, by: PersonActor | None = None) -> None:
        """Change the name of the group."""
        self.name = name
        self.notice(f"{self._actor(by)}修改群名为“{name}”")
        self.account.contact_changed(self)

    def notice(self, text: str) -> Message:
        """Put a system notice into this group (MsgType 10000)."""
        return self.account.deliver(self, self.account.owner, contents.notice(text))

    def speaker(self, member: AnyMember) -> PersonActor:
        """Return the person who speaks. Raises ValueError for the account's owner."""
        person = self._person(member)
        if person is self.account.owner:
            raise ValueError("the owner writes with phone.says")
        return person

    def _shown(self, person: Person) -> str:
        member = self.members.get(person.key)
        return member.shown_name if member else person.nickname

    def _actor(self, by: PersonActor | None) -> str:
        """Name the person who did it, for a notice; the default is the group's owner."""
        return "你" if by is self.account.owner else f'"{self._shown(by or self.owner)}"'

    def _person(self, member: AnyMember) -> PersonActor:
        if isinstance(member, str):
            return self.member(member).person
        person = member.person if isinstance(member, MemberActor) else member
        if person.key not in self.members:
            raise LookupError(f"{person} is not in {self}")
        return person


def _someone_recalled(name: str) -> str:
    return f'"{name}" 撤回了一条消息'


@dataclass(slots=True, eq=False)
class FriendRequest:
    """A request of a person to be a friend (MsgType 37). The web client accepts with the ticket."""

    person: PersonActor
    words: str
    ticket: str
    message: Message = field(repr=False)
    accepted: bool = False


@dataclass(slots=True, eq=False)
class Invitation:
    """The account's request to be a friend (webwxverifyuser); `person.accepts_me()` accepts it."""

    person: PersonActor
    words: str
    accepted: bool = False
