"""Compares the contacts of the last run with those just fetched, and returns the changes as events.
``WebClient`` asks for them.

Within one login, ids identify contacts; after a new login ``identity`` pairs them. Nothing uncertain is reported: no
change of ambiguous records, and no loss where a list was incomplete.
"""

import asyncio

import msgspec
from msgspec.structs import replace

from openwx.domain.contacts import (
    SYSTEM_ACCOUNTS,
    Friend,
    Group,
    Member,
    User,
    friend_displayname,
    group_displayname,
)
from openwx.domain.events import (
    ChatAdded,
    ChatLost,
    Event,
    MemberAdded,
    MemberLost,
    MemberPropertyChanged,
    PropertyChanged,
)
from openwx.errors import UNREADABLE
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.differences import group_property_changes, member_changes, person_changes
from openwx.transports.web.identity import pair_friends, pair_groups, pair_members
from openwx.transports.web.records import copy_details, fill

CHANGES = (ChatAdded, ChatLost, MemberAdded, MemberLost, PropertyChanged, MemberPropertyChanged)
"""The events that a comparison can return."""


class ContactsSnapshot(msgspec.Struct, frozen=True):
    """The contacts published so far and their account, saved for the next start."""

    uin: str
    contacts: WebContacts

    def to_bytes(self) -> bytes:
        contacts = self.contacts
        return msgspec.json.encode(
            _Kept(
                self.uin,
                contacts.user,
                list(contacts.friends.values()),
                list(contacts.groups.values()),
                contacts.friends_are_whole,
                contacts.saved,
                contacts.partial,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "ContactsSnapshot":
        """Decode saved contacts. Raises ``msgspec.DecodeError``."""
        try:
            snapshot = msgspec.json.decode(data, type=_Kept)
        except UNREADABLE as error:
            raise msgspec.DecodeError(str(error)) from None
        contacts = WebContacts(snapshot.user)
        contacts.friends = {friend.id: friend for friend in snapshot.friends}
        contacts.groups = {group.id: group for group in snapshot.groups}
        contacts.friends_are_whole = snapshot.friends_are_whole
        contacts.saved, contacts.partial = snapshot.saved, snapshot.partial
        return cls(snapshot.uin, contacts)


class _Kept(msgspec.Struct):
    uin: str
    user: User
    friends: list[Friend]
    groups: list[Group]
    friends_are_whole: bool
    saved: set[str]
    partial: set[str]


async def difference(old: WebContacts, new: WebContacts) -> list[Event]:
    """Return the changes from ``old`` to ``new`` with the new records; removed contacts have their last one.

    Copies to ``new`` what its records did not contain. Yields to other tasks after each group.
    """
    same_login = old.user.id == new.user.id
    _recall(new, old.user, new.user)
    events: list[Event] = [*person_changes(old.user, new.user)]
    lost: list[Event] = []

    same = {id: id for id in SYSTEM_ACCOUNTS}
    if same_login:
        same |= {id: id for id in old.friends.keys() | new.friends.keys()}
    friends = pair_friends(old.friends.values(), new.friends.values(), same)
    for friend, friend_now in friends.pairs:
        _recall(new, friend, friend_now)
        events += person_changes(friend, friend_now)
    if old.friends_are_whole:
        events += [ChatAdded(one) for one in friends.fresh]
    lost += [
        ChatLost(one) for one in friends.gone if new.friends_are_whole or one.id in new.no_contacts
    ]
    await asyncio.sleep(0)

    ids = old.groups.keys() | new.groups.keys() if same_login else ()
    groups = pair_groups(old.groups.values(), new.groups.values(), {id: id for id in ids})
    people = {before.id: now.id for before, now in friends.pairs} | {old.user.id: new.user.id}
    for group, group_now in groups.pairs:
        if same_login:
            people = {id: id for id in group.members.keys() | group_now.members.keys()}
        events += _group_changes(old, new, group, group_now, people)
        await asyncio.sleep(0)
    # A group that is not in the contact list may be silent, and one that is may come in an incomplete list.
    events += [ChatAdded(one) for one in groups.fresh if old.friends_are_whole]
    lost += [
        ChatLost(one)
        for one in groups.gone
        if same_login or (new.friends_are_whole and one.id in old.saved)
    ]
    return events + lost


def _recall(new: WebContacts, before: User | Friend, now: User | Friend) -> None:
    """Copy from the former record what no new record contained."""
    for name in new.unsaid.get(now.id, ()):
        if hasattr(before, name):
            setattr(now, name, getattr(before, name))
    now.displayname = friend_displayname(now.display, now.markname, now.name)


def _group_changes(
    old: WebContacts, new: WebContacts, before: Group, now: Group, people: dict[str, str]
) -> list[Event]:
    """Compare two groups. ``people`` maps old ids to new ones, where they are certain."""
    same_login = before.id == now.id
    was_whole = bool(before.members) and before.id not in old.partial
    is_whole = bool(now.members) and now.id not in new.partial
    members = pair_members(before, now, people)
    for member, member_now in members.pairs:
        _recall_member(new, member, member_now, whole=is_whole)
    if same_login and not is_whole:
        now.members = before.members | now.members
        if was_whole:
            new.partial.discard(now.id)
    now.name = now.name or ("" if is_whole else before.name)
    if now.owner_uid == "" and (same_login or not now.owner_id):
        now.owner_uid = before.owner_uid
    now.displayname = group_displayname(now.name, now.members, new.user.id)
    now.fingerprint = ""

    events: list[Event] = []
    for member, member_now in members.pairs:
        if _person(new, member_now.id) or _person(old, member.id):
            # A friend's details are reported for the friend.
            member = replace(member)  # noqa: PLW2901
            copy_details(member, member_now)
        events += member_changes(member, member_now, now)
    if was_whole:
        events += [MemberAdded(member, now) for member in members.fresh]
    if is_whole:
        events += [MemberLost(member, now) for member in members.gone]
    name_known = bool(now.name) or (was_whole and (is_whole or same_login))
    return events + list(group_property_changes(before, now, displayname=name_known))


def _recall_member(new: WebContacts, before: Member, now: Member, *, whole: bool) -> None:
    """Copy to an abridged record of a member what is missing, except for friends and the user, whose records are
    complete."""
    now.name = now.name or before.name
    if not whole:
        now.display = now.display or before.display
    fill(now, _person(new, now.id) or before)


def _person(contacts: WebContacts, id: str) -> User | Friend | None:
    return contacts.user if id == contacts.user.id else contacts.friends.get(id)
