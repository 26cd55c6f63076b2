"""The contacts of one login: made from records, looked up, compared.

Look-ups go by id through an index, and by everything else through a scan that narrows. A record that lacks a
field keeps the value it had.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from openwx.errors import CallerError, Code
from openwx.wechat import wire
from openwx.wechat.events import (
    ChatAdded,
    ChatLost,
    Event,
    MemberAdded,
    MemberLost,
    MemberPropertyChanged,
    PropertyChanged,
)
from openwx.wechat.model import (
    FRIEND,
    PUBLIC_ACCOUNT,
    SYSTEM_ACCOUNT,
    SYSTEM_ACCOUNTS,
    Chat,
    Friend,
    Group,
    Member,
    Person,
    Uid,
    User,
    friend_displayname,
    group_displayname,
)
from openwx.wechat.text import plain

_SEX = {1: "male", 2: "female"}
_FLAG_PUBLIC = 8

FILEHELPER = "filehelper"
"""Always a friend (contract, section 1)."""

FRIEND_ATTRIBUTES = Friend.__struct_fields__
GROUP_ATTRIBUTES = ("name", "id", "uid", "owner_uid", "displayname")
PersonT = TypeVar("PersonT", bound=Person)
ChatT = TypeVar("ChatT", Friend, Group)


class Target(msgspec.Struct, frozen=True, gc=False):
    """A chat as work keeps it that may outlive the login: enough to find it again, and nobody else.

    ``fingerprint`` is made of all that outlives a login, so that a namesake is never taken for who was meant.
    """

    id: str
    uid: Uid
    group: bool
    displayname: str
    fingerprint: str


def target_of(chat: Chat) -> Target:
    if isinstance(chat, Group):
        if not chat.fingerprint:
            members = sorted((member.name, member.account) for member in chat.members.values())
            chat.fingerprint = _digest(chat.name, chat.owner_uid, members)
        fingerprint = chat.fingerprint
    else:
        lasting_id = chat.id if chat.category == SYSTEM_ACCOUNT else ""
        named = (chat.account, chat.name, chat.markname)
        fingerprint = _digest(
            lasting_id, named, chat.sex, chat.city, chat.signature, chat.province, chat.category
        )
    return Target(chat.id, chat.uid, isinstance(chat, Group), chat.displayname, fingerprint)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:24]


def is_group(id: str) -> bool:
    return id.startswith("@@")


class Contacts:
    """The user, friends and groups of the present login. ``own`` changes come from WeChat's records alone."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.friends: dict[str, Friend] = {}
        self.groups: dict[str, Group] = {}
        self._uids: dict[str, Uid] = {}
        self.put_friend(wire.Contact(FILEHELPER, NickName="文件传输助手"))

    # -- records in ------------------------------------------------------------------------------------------

    def put_user(self, record: wire.Contact) -> list[Event]:
        old = self.user
        self.user = self._person(User, record, old)
        return list(_changes(old, self.user))

    def put_profile(self, profile: wire.Profile) -> list[Event]:
        """What the user changed about himself (``Profile`` with ``BitFlag`` 190)."""
        return self.put_user(
            wire.Contact(
                self.user.id,
                NickName=UNSET if profile.NickName is UNSET else profile.NickName.Buff,
                Alias=profile.Alias,
                Sex=profile.Sex,
                Signature=profile.Signature,
            )
        )

    def put_friend(self, record: wire.Contact) -> list[Event]:
        """A friend is new, or some of his properties are."""
        old = self.friends.get(record.UserName)
        friend = self.friends[record.UserName] = self._friend(record, old)
        return [ChatAdded(friend)] if old is None else list(_changes(old, friend))

    def put_group(self, record: wire.Contact) -> list[Event]:
        """A group and its members. Where the list of members is missing or not whole, former ones stay."""
        old = self.groups.get(record.UserName)
        before = old.members if old else {}
        listed = record.MemberList or []
        records, _ = wire.each(listed, wire.Contact)
        members = {r.UserName: self._member(r, before.get(r.UserName)) for r in records}
        if not records or len(records) < max(len(listed), record.MemberCount):
            members = {**before, **members}
        name = _text(record.NickName, old.name if old else "")
        owner = wire.lasting(record.OwnerUin)
        group = self.groups[record.UserName] = Group(
            name=name,
            id=record.UserName,
            uid=self._uid(record, old.uid if old else ""),
            owner_uid=owner if owner != "" or old is None else old.owner_uid,
            displayname=group_displayname(name, members, self.user.id),
            members=members,
        )
        return [ChatAdded(group)] if old is None else list(_group_changes(old, group))

    def lose(self, id: str) -> list[Event]:
        """Somebody is no friend any more, or the account is not in a group any more."""
        if id == FILEHELPER:
            return []
        chat = self.groups.pop(id, None) or self.friends.pop(id, None)
        return [ChatLost(chat)] if chat else []

    def pair_uids(self, uids: dict[str, Uid]) -> None:
        """Learn the lasting numbers that belong to ids of this login (protocol reference, section 3, ``Uin``)."""
        for id, uid in uids.items():
            self._uids[id] = uid
            if id == self.user.id:
                self.user.uid = uid
            elif group := self.groups.get(id):
                group.uid = uid
            elif friend := self.friends.get(id):
                friend.uid = uid
        for group in self.groups.values():
            for id in group.members.keys() & uids.keys():
                group.members[id].uid = uids[id]

    def stranger(self, record: wire.Contact) -> Friend:
        """Somebody who writes but is no friend; kept nowhere."""
        return self._friend(record, None)

    def strange_member(self, id: str) -> Member:
        """Somebody who writes in a group but is not in its list (any more)."""
        return self._member(wire.Contact(id), None)

    def _friend(self, record: wire.Contact, old: Friend | None) -> Friend:
        friend = self._person(Friend, record, old)
        if record.UserName in SYSTEM_ACCOUNTS:
            friend.category = SYSTEM_ACCOUNT
        elif record.VerifyFlag is UNSET:
            friend.category = old.category if old else FRIEND
        elif record.VerifyFlag & _FLAG_PUBLIC:
            friend.category = PUBLIC_ACCOUNT
        else:
            friend.category = FRIEND
        return friend

    def _member(self, record: wire.Contact, old: Member | None) -> Member:
        """Lists of members are abridged: what they leave empty is taken from before, or from the friend."""
        known: Person | None = old or self.friends.get(record.UserName)
        if known is None and record.UserName == self.user.id:
            known = self.user
        member = self._person(Member, record, None)
        if known is not None:
            for name in ("account", "markname", "sex", "city", "signature", "province", "uid"):
                if getattr(member, name) in ("", "none"):
                    setattr(member, name, getattr(known, name))
            if record.NickName is UNSET:
                member.name = known.name
            if record.DisplayName is UNSET and old is not None:
                member.display = old.display
        member.displayname = friend_displayname(member.display, member.markname, member.name)
        return member

    def _person(self, kind: type[PersonT], record: wire.Contact, old: PersonT | None) -> PersonT:
        person = kind(
            account=_text(record.Alias, old.account if old else ""),
            name=_text(record.NickName, old.name if old else ""),
            markname=_text(record.RemarkName, old.markname if old else ""),
            sex=(old.sex if old else "none")
            if record.Sex is UNSET
            else _SEX.get(record.Sex, "none"),
            display=_text(record.DisplayName, old.display if old else ""),
            city=_text(record.City, old.city if old else ""),
            signature=_text(record.Signature, old.signature if old else ""),
            province=_text(record.Province, old.province if old else ""),
            id=record.UserName,
            uid=self._uid(record, old.uid if old else ""),
        )
        person.displayname = friend_displayname(person.display, person.markname, person.name)
        return person

    def _uid(self, record: wire.Contact, old: Uid) -> Uid:
        told = wire.lasting(record.Uin)
        return told if told != "" else self._uids.get(record.UserName, old)

    # -- look-ups --------------------------------------------------------------------------------------------

    def chat(self, id: str) -> Chat | None:
        return self.groups.get(id) or self.friends.get(id)

    def find_friend(self, **selectors: str) -> Friend:
        """The one friend with all of these attributes. Raises ``CallerError``: none (100), several (102)."""
        return _only("friend", _matching(self.friends, selectors), selectors)

    def find_group(self, **selectors: str) -> Group:
        """The one group with all of these attributes. Raises ``CallerError``: none (100), several (102)."""
        return _only("group", _matching(self.groups, selectors), selectors)

    def search_friends(self, **attributes: str) -> list[Friend]:
        return list(_matching(self.friends, attributes))

    def search_groups(self, **attributes: str) -> list[Group]:
        return list(_matching(self.groups, attributes))

    def find_again(self, target: Target) -> Chat | None:
        """A chat of a former login: the one with its uid, else the one record that is otherwise unchanged."""
        chats: list[Chat] = [*(self.groups if target.group else self.friends).values()]
        if target.uid != "":
            same = [chat for chat in chats if chat.uid == target.uid]
            if same:
                return same[0] if len(same) == 1 else None
        same = [
            chat
            for chat in chats
            if "" in (chat.uid, target.uid) and target_of(chat).fingerprint == target.fingerprint
        ]
        return same[0] if len(same) == 1 else None


def _matching(chats: dict[str, ChatT], attributes: dict[str, str]) -> Iterator[ChatT]:
    found: Iterable[ChatT] = chats.values()
    if (id := attributes.get("id")) is not None:
        found = [chats[id]] if id in chats else []
    for name, value in attributes.items():
        if name == "uid" or name == "owner_uid":
            found = [chat for chat in found if str(getattr(chat, name)) == value]
        elif name != "id":
            found = [chat for chat in found if getattr(chat, name) == value]
    return iter(found)


def _only(what: str, found: Iterator[ChatT], selectors: dict[str, str]) -> ChatT:
    matches = list(found)
    if len(matches) == 1:
        return matches[0]
    asked = ", ".join(f"{name}={value}" for name, value in selectors.items())
    if not matches:
        raise CallerError(Code.NOT_FOUND, f"no {what} with {asked}")
    raise CallerError(
        Code.AMBIGUOUS,
        f"{len(matches)} {what}s with {asked}: nothing was done; name one by its id",
        candidates=[{"id": chat.id, "displayname": chat.displayname} for chat in matches],
    )


def _text(value: wire.Text, old: str) -> str:
    return old if value is UNSET else plain(value)


# -- differences ---------------------------------------------------------------------------------------------

_UNTOLD = frozenset({"id", "uid"})


def _changes(old: User | Friend, new: User | Friend) -> Iterator[Event]:
    for name, before, after in _differences(old, new):
        yield PropertyChanged(new, name, before, after)


def _differences(old: Any, new: Any) -> Iterator[tuple[str, str | int, str | int]]:
    for name in old.__struct_fields__:
        if name not in _UNTOLD:
            before, after = getattr(old, name), getattr(new, name)
            if before != after:
                yield name, before, after


def _group_changes(old: Group, new: Group) -> Iterator[Event]:
    for id, member in new.members.items():
        if id not in old.members:
            yield MemberAdded(member, new)
    for id, member in old.members.items():
        if id not in new.members:
            yield MemberLost(member, new)
        elif member is not new.members[id]:
            for name, before, after in _differences(member, new.members[id]):
                yield MemberPropertyChanged(new.members[id], new, name, before, after)
    for name in ("name", "owner_uid", "displayname"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield PropertyChanged(new, name, before, after)


def difference(old: Contacts, new: Contacts) -> list[Event]:
    """What became of the contacts between two loads within one login.

    A group that came without its members this time keeps the former ones: nobody has left.
    """
    events: list[Event] = list(_changes(old.user, new.user))
    for id, friend in new.friends.items():
        before = old.friends.get(id)
        events += [ChatAdded(friend)] if before is None else _changes(before, friend)
    for id, group in new.groups.items():
        former = old.groups.get(id)
        if former is not None and not group.members:
            group.members = former.members
            group.displayname = group_displayname(group.name, group.members, new.user.id)
        events += [ChatAdded(group)] if former is None else _group_changes(former, group)
    events += [ChatLost(friend) for id, friend in old.friends.items() if id not in new.friends]
    events += [ChatLost(group) for id, group in old.groups.items() if id not in new.groups]
    return events
