"""The people and groups of one account's world, and what they do: the scenario vocabulary.

Each verb changes the world at once, and puts what the web client learns of it on the timeline.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .listening import Listener
from .text import text_on_wire
from .timeline import Message
from .verbs import GroupVerbs, PersonVerbs


@dataclass(slots=True, eq=False)
class Person(PersonVerbs, Listener):
    """Somebody: the owner, a friend, a public or system account, or a stranger met in a group."""

    nickname: str
    alias: str = ""
    uin: int = 0
    """The lasting number, told by MsgType 51 alone."""
    account_name: str = ""
    """Told there instead of the number, where given (`wxid_…`)."""
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
    pinned: bool = False
    avatar_version: int = 1

    def __str__(self) -> str:
        return self.nickname

    @property
    def lasting_name(self) -> str:
        """What MsgType 51 tells."""
        return self.system_name or self.account_name or str(self.uin)

    def says(self, text: str) -> Message:
        """Write to the account."""
        return self.sends(1, text_on_wire(text), text=text)

    def sends(self, msg_type: int, content: str = "", *, text: str = "", **fields: Any) -> Message:
        """Send a message of any kind: `content` and `fields` as the service writes them."""
        return self.account.receive(
            self, self.account.owner, content, msg_type=msg_type, text=text, fields=fields
        )

    def recalls(self, message: Message) -> Message:
        """Take a message back (MsgType 10002)."""
        return self.account.receive_recall(self, message, self.nickname)

    def renames(self, nickname: str) -> None:
        self.nickname = nickname
        self._changed()

    def changes(self, **what: Any) -> None:
        """Change other data: `signature`, `sex`, `province`, `city`, `alias`."""
        for name, value in what.items():
            if name not in ("signature", "sex", "province", "city", "alias"):
                raise ValueError(f"a person has no {name} to change")
            setattr(self, name, value)
        self._changed()

    def changes_avatar(self) -> None:
        self.avatar_version += 1
        self._changed()

    def accepts_me(self) -> Message:
        """Say yes to what the account asked last: now friends, and a notice says so."""
        asked = self.account.friend_requests_sent
        invitation = next((i for i in reversed(asked) if i.person is self), None)
        if invitation is None:
            raise LookupError(f"the account did not ask {self} to be friends")
        invitation.accepted = True
        return self.account.become_friends(self)

    def unfriends_me(self) -> None:
        """Drop the account. As in the real service nothing is told until the account writes."""
        self.has_dropped_me = True

    def _changed(self) -> None:
        """Told of a friend by its record; of a stranger by those of the groups we share."""
        if self is self.account.owner:
            self.account.profile_changed()
        elif self.is_friend:
            self.account.contact_changed(self)
        else:
            for group in self.account.groups:
                if self.key in group.members:
                    self.account.contact_changed(group)


@dataclass(slots=True, eq=False)
class Member:
    """Somebody in a group; `display_name` is the name taken for this group."""

    person: Person
    display_name: str = ""

    @property
    def nickname(self) -> str:
        return self.person.nickname

    @property
    def shown_name(self) -> str:
        return self.display_name or self.person.nickname


@dataclass(slots=True, eq=False)
class Group(GroupVerbs, Listener):
    """A group chat; `saved` ones are in the contact list, others only in ChatSet."""

    name: str
    owner: Person
    uin: str = ""
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    """By the key of the person, in order of joining; holds the account's owner too."""
    saved: bool = True
    pinned: bool = False
    avatar_version: int = 1
    invited: list[Person] = field(default_factory=list, repr=False)
    """Whom the web client invited and who did not join yet (`accepts_invitation`)."""

    def __str__(self) -> str:
        return self.name or "(a group without a name)"

    @property
    def lasting_name(self) -> str:
        """What MsgType 51 tells."""
        return self.uin

    def member(self, name: str) -> Member:
        """The one member with this name in the group, nickname or key, or LookupError."""
        found = [m for m in self.members.values() if name in (m.display_name, m.nickname)]
        if not found and name.isdecimal() and int(name) in self.members:
            return self.members[int(name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} members of {self} are called {name!r}")
        return found[0]

    @property
    def others(self) -> list[Member]:
        """All members but the account's owner."""
        return [m for m in self.members.values() if m.person is not self.account.owner]

    def member_says(self, member: Member | Person | str, text: str) -> Message:
        """A member writes in the group; the account's owner cannot be meant (`phone.says`)."""
        return self.member_sends(member, 1, text_on_wire(text), text=text)

    def member_sends(
        self, member: Member | Person | str, msg_type: int, content: str = "", *, text: str = "",
        **fields: Any,
    ) -> Message:  # fmt: skip
        """A member sends a message of any kind."""
        person = self.speaker(member)
        return self.account.receive(
            self, self.account.owner, content,
            msg_type=msg_type, member=person, text=text, fields=fields,
        )  # fmt: skip

    def member_recalls(self, message: Message) -> Message:
        """Who wrote `message` takes it back (MsgType 10002)."""
        if message.member is None:
            raise LookupError(f"message {message.msg_id} was not written by a member")
        return self.account.receive_recall(self, message, self._shown(message.member))

    def member_renames(self, member: Member | Person | str, display_name: str) -> None:
        """A member takes another name for this group."""
        self.members[self._person(member).key].display_name = display_name
        self.account.contact_changed(self)

    def add_member(
        self, who: Person | str, display_name: str = "", *, by: Person | None = None
    ) -> Member:
        """Somebody joins: a person, or by nickname a stranger made for this."""
        person = self.account.stranger(who) if isinstance(who, str) else who
        member = self.members[person.key] = Member(person, display_name)
        self.notice(f'{self._actor(by)}邀请"{member.shown_name}"加入了群聊')
        self.account.contact_changed(self)
        return member

    def accepts_invitation(self, person: Person) -> Member:
        """Somebody whom the web client invited joins."""
        if person not in self.invited:
            raise LookupError(f"{person} was not invited to {self}")
        self.invited.remove(person)
        return self.add_member(person, by=self.account.owner)

    def remove_member(self, member: Member | Person | str, *, by: Person | None = None) -> None:
        """Somebody is removed; the account's owner too (then the group is gone)."""
        person = self._person(member)
        shown = self._shown(person)
        del self.members[person.key]
        if person is self.account.owner:
            self.notice(f'你被"{self._shown(self.owner)}"移出群聊')
            self.account.lose_group(self)
        else:
            self.notice(f'{self._actor(by)}将"{shown}"移出了群聊')
            self.account.contact_changed(self)

    def rename(self, name: str, *, by: Person | None = None) -> None:
        self.name = name
        self.notice(f"{self._actor(by)}修改群名为“{name}”")
        self.account.contact_changed(self)

    def notice(self, text: str) -> Message:
        """A system notice in this group (MsgType 10000)."""
        return self.account.receive_notice(self, text)

    def speaker(self, member: Member | Person | str) -> Person:
        """Who speaks; ValueError for the owner of the account, who has a phone for that."""
        person = self._person(member)
        if person is self.account.owner:
            raise ValueError("the owner writes with phone.says")
        return person

    def _shown(self, person: Person) -> str:
        member = self.members.get(person.key)
        return member.shown_name if member else person.nickname

    def _actor(self, by: Person | None) -> str:
        """Who did it, as a notice tells it to the account; the group's owner unless told."""
        return "你" if by is self.account.owner else f'"{self._shown(by or self.owner)}"'

    def _person(self, member: Member | Person | str) -> Person:
        if isinstance(member, str):
            return self.member(member).person
        person = member.person if isinstance(member, Member) else member
        if person.key not in self.members:
            raise LookupError(f"{person} is not in {self}")
        return person
