"""Compares two records of one contact and returns the changes as events. ``Contacts`` calls it.

Never reported: changes of ``id`` and ``uid``, and that a group's owner or members became known.
"""

from collections.abc import Iterator

from openwx.domain.contacts import Friend, Group, Member, Person, User
from openwx.domain.events import (
    Event,
    MemberAdded,
    MemberLost,
    MemberPropertyChanged,
    PropertyChanged,
)

_UNTOLD = frozenset({"id", "uid"})


def person_changes(old: User | Friend, new: User | Friend) -> Iterator[Event]:
    for name, before, after in _differences(old, new):
        yield PropertyChanged(new, name, before, after)


def member_changes(old: Member, new: Member, group: Group) -> Iterator[Event]:
    for name, before, after in _differences(old, new):
        yield MemberPropertyChanged(new, group, name, before, after)


def group_changes(old: Group, new: Group, *, was_whole: bool = True) -> Iterator[Event]:
    """Compare a group and its members within one login. ``was_whole``: whether the former member list was complete."""
    if was_whole:
        for id, member in new.members.items():
            if id not in old.members:
                yield MemberAdded(member, new)
    for id, member in old.members.items():
        if id not in new.members:
            yield MemberLost(member, new)
        else:
            yield from member_changes(member, new.members[id], new)
    yield from group_property_changes(old, new, displayname=bool(new.name) or was_whole)


def group_property_changes(old: Group, new: Group, *, displayname: bool) -> Iterator[Event]:
    """Compare a group's properties. ``displayname``: whether to include it; a nameless group's is made of its members,
    which must be known."""
    if old.name != new.name:
        yield PropertyChanged(new, "name", old.name, new.name)
    if old.owner_uid != new.owner_uid and "" not in (old.owner_uid, new.owner_uid):
        yield PropertyChanged(new, "owner_uid", old.owner_uid, new.owner_uid)
    if displayname and old.displayname != new.displayname:
        yield PropertyChanged(new, "displayname", old.displayname, new.displayname)


def _differences(old: Person, new: Person) -> Iterator[tuple[str, str | int, str | int]]:
    if old is new:
        return
    for name in old.__struct_fields__:
        if name not in _UNTOLD:
            before, after = getattr(old, name), getattr(new, name)
            if before != after:
                yield name, before, after
