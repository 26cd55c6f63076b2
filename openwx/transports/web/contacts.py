"""The contacts of one login, built from WeChat's records. A field that a record lacks keeps its value.
``SyncParser`` and the loader fill them.
"""

from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import (
    Friend,
    Group,
    Member,
    Uid,
    User,
    friend_displayname,
    group_displayname,
)
from openwx.domain.events import ChatAdded, ChatLost, Event
from openwx.transports.web import wire
from openwx.transports.web.differences import group_changes, person_changes
from openwx.transports.web.records import (
    PROPERTIES,
    copy_details,
    friend_of,
    member_of,
    person_of,
    text,
    unsaid_in,
)

FILEHELPER = "filehelper"
"""Always listed as a friend (contract, section 1)."""


def is_group(id: str) -> bool:
    return id.startswith("@@")


class WebContacts(ContactBook):
    """The contacts of one login, kept up to date from WeChat's records."""

    def __init__(self, user: User) -> None:
        super().__init__(user)
        self.friends_are_whole = True
        """Whether the fetched list of friends was complete."""
        self.no_contacts: set[str] = set()
        """Ids in the fetched list whose record says that they are not contacts."""
        self.saved: set[str] = set()
        """Ids of groups saved to the contact list; other groups appear when something happens in them."""
        self.partial: set[str] = set()
        """Ids of groups whose member list may be incomplete."""
        self.unsaid: dict[str, set[str]] = {user.id: set(PROPERTIES)}
        """Properties of the user and of friends that no record contained so far."""
        self._uids: dict[str, Uid] = {}
        self.put_friend(wire.Contact(FILEHELPER, NickName="文件传输助手"))

    def put_user(self, record: wire.Contact) -> list[Event]:
        old = self.user
        self.user = person_of(User, record, old, self._uid(record, old.uid))
        self._note_unsaid(record, known=True)
        self._update_members(self.user)
        return list(person_changes(old, self.user))

    def put_profile(self, profile: wire.Profile) -> list[Event]:
        """Apply a change of the user's own profile (``Profile`` with ``BitFlag`` 190)."""
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
        """Add or update a friend."""
        old = self.friends.get(record.UserName)
        friend = self.friends[record.UserName] = friend_of(
            record, old, self._uid(record, old.uid if old else "")
        )
        self._note_unsaid(record, known=old is not None)
        self._update_members(friend)
        return [ChatAdded(friend)] if old is None else list(person_changes(old, friend))

    def put_group(self, record: wire.Contact) -> list[Event]:
        """Add or update a group. Where the list of members is missing or incomplete, former members stay."""
        old = self.groups.get(record.UserName)
        before = old.members if old else {}
        listed = record.MemberList or []
        records, _ = wire.each(listed, wire.Contact)
        members = {r.UserName: self._member(r, before.get(r.UserName)) for r in records}
        was_whole = record.UserName not in self.partial
        if records and len(records) >= max(len(listed), record.MemberCount):
            self.partial.discard(record.UserName)
        else:
            members = {**before, **members}
            if not before:
                self.partial.add(record.UserName)
        name = text(record.NickName, old.name if old else "")
        group = self.groups[record.UserName] = Group(
            name=name,
            id=record.UserName,
            uid=self._uid(record, old.uid if old else ""),
            owner_uid=wire.lasting(record.OwnerUin),
            owner_id=text(record.ChatRoomOwner, old.owner_id if old else ""),
            displayname=group_displayname(name, members, self.user.id),
            members=members,
            room_id=record.EncryChatRoomId or (old.room_id if old else ""),
        )
        if group.owner_uid == "":
            same_owner = old is not None and group.owner_id in ("", old.owner_id)
            former = old.owner_uid if old and same_owner else ""
            group.owner_uid = former if former != "" else self._owner_uid(group)
        if old is None:
            return [ChatAdded(group)]
        return list(group_changes(old, group, was_whole=was_whole))

    def remove_members(self, group_id: str, ids: Iterable[str]) -> list[Event]:
        """Remove members from a group. Ids that are not in it are ignored."""
        old = self.groups.get(group_id)
        if old is None:
            return []
        gone = set(ids)
        members = {id: member for id, member in old.members.items() if id not in gone}
        group = self.groups[group_id] = replace(
            old,
            members=members,
            displayname=group_displayname(old.name, members, self.user.id),
            fingerprint="",
        )
        return list(group_changes(old, group))

    def put_markname(self, id: str, markname: str) -> list[Event]:
        """Set a remark name on a friend and on that person's memberships."""
        events: list[Event] = []
        if (friend := self.friends.get(id)) is not None:
            shown = friend_displayname(friend.display, markname, friend.name)
            self.friends[id] = replace(friend, markname=markname, displayname=shown)
            events += person_changes(friend, self.friends[id])
        for group in [group for group in self.groups.values() if id in group.members]:
            member = group.members[id]
            shown = friend_displayname(member.display, markname, member.name)
            member = replace(member, markname=markname, displayname=shown)
            members = {**group.members, id: member}
            shown = group_displayname(group.name, members, self.user.id)
            self.groups[group.id] = replace(group, members=members, displayname=shown)
            events += group_changes(group, self.groups[group.id])
        return events

    def lose(self, id: str) -> list[Event]:
        """Remove a friend, or a group that the account has left."""
        if id == FILEHELPER:
            return []
        chat = self.groups.pop(id, None) or self.friends.pop(id, None)
        self.unsaid.pop(id, None)
        self.partial.discard(id)
        self.saved.discard(id)
        return [ChatLost(chat)] if chat else []

    def pair_uids(self, uids: dict[str, Uid]) -> None:
        """Assign lasting numbers to ids of this login (protocol reference, section 3, ``Uin``)."""
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
            if group.owner_uid == "":
                group.owner_uid = self._owner_uid(group)

    def stranger(self, record: wire.Contact) -> Friend:
        """Return a sender who is not a friend, without storing it."""
        return friend_of(record, None, self._uid(record, ""))

    def strange_member(self, id: str) -> Member:
        """Return a sender in a group who is not, or no longer, in its member list."""
        return self._member(wire.Contact(id), None)

    def _member(self, record: wire.Contact, old: Member | None) -> Member:
        is_user = record.UserName == self.user.id
        acquainted = self.user if is_user else self.friends.get(record.UserName)
        return member_of(record, old, acquainted, self._uid(record, old.uid if old else ""))

    def _update_members(self, person: User | Friend) -> None:
        """Copy a friend's details to that person's memberships; the change is reported for the friend alone."""
        for group in self.groups.values():
            if member := group.members.get(person.id):
                copy_details(member, person)

    def _uid(self, record: wire.Contact, old: Uid) -> Uid:
        uid = wire.lasting(record.Uin)
        return uid if uid != "" else self._uids.get(record.UserName, old)

    def _owner_uid(self, group: Group) -> Uid:
        """Return the lasting number of a group's owner, if it is known, where WeChat sends only an id."""
        if not group.owner_id:
            return ""
        if group.owner_id == self.user.id:
            return self.user.uid
        member = group.members.get(group.owner_id)
        return self._uids.get(group.owner_id, member.uid if member else "")

    def _note_unsaid(self, record: wire.Contact, *, known: bool) -> None:
        unsaid = unsaid_in(record)
        if known:
            unsaid &= self.unsaid.get(record.UserName, set())
        if unsaid:
            self.unsaid[record.UserName] = unsaid
        else:
            self.unsaid.pop(record.UserName, None)
