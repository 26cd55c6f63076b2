"""Matches the contacts of a former login with those of the present one, in which all ids are new.
``ContactsSnapshot`` asks.

A sign pairs two records where it is unique on both sides: the lasting number, the account, or, where neither is known,
everything that a record contains. Two different lasting numbers are two people, whatever else is equal.

Records left over on both sides that differ in one property only, or share a name, may be the same contact after a
change, or namesakes. They are ambiguous, as is a namesake of a contact that was paired without a sure sign, and appear
in none of the results.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from openwx.domain.chat_ref import fingerprint_of
from openwx.domain.contacts import Friend, Group, Member, Uid


class _Named(Protocol):
    id: str
    uid: Uid
    name: str


T = TypeVar("T", bound=_Named)


class Paired(msgspec.Struct, Generic[T], frozen=True):
    """The result: ``pairs`` of old and new records, ``gone`` old ones that match no new one, and ``fresh`` new ones."""

    pairs: list[tuple[T, T]]
    gone: list[T]
    fresh: list[T]


class _Sign(msgspec.Struct, Generic[T], frozen=True):
    """A property that can identify a record."""

    of: Callable[[T], Hashable]
    """The value; None where a record has none."""
    fits: Callable[[T, T], bool] = lambda before, now: _may_agree(before.uid, now.uid)
    """A further condition on a pair."""
    sure: bool = False
    """Whether no other contact can have the same value, not even a new one."""


class _Kind(msgspec.Struct, Generic[T], frozen=True):
    """The rules for records of one kind."""

    signs: tuple[_Sign[T], ...]
    """The signs, the most reliable first."""
    traces: Callable[[T], Iterator[Hashable]]
    """Values of which two records of one contact share at least one."""
    is_vague: Callable[[T], bool] = lambda _: False
    """Whether a record contains so little that it could be anybody's."""


def pair_friends(
    old: Collection[Friend], new: Collection[Friend], same: Mapping[str, str]
) -> Paired[Friend]:
    """Pair friends. ``same`` maps old ids to new ones where they are certain, including some of friends who were
    removed."""
    return _pair(_FRIENDS, old, new, same)


def pair_groups(
    old: Collection[Group], new: Collection[Group], same: Mapping[str, str]
) -> Paired[Group]:
    return _pair(_GROUPS, old, new, same)


def pair_members(old: Group, new: Group, same: Mapping[str, str]) -> Paired[Member]:
    return _pair(_MEMBERS, old.members.values(), new.members.values(), same)


def _pair(
    kind: _Kind[T], old: Collection[T], new: Collection[T], same: Mapping[str, str]
) -> Paired[T]:
    left_old = {one.id: one for one in old}
    left_new = {one.id: one for one in new}
    pairs: list[tuple[T, T]] = []
    alike: list[tuple[T, T]] = []

    def settle(before: T, now: T) -> None:
        pairs.append((before, now))
        del left_old[before.id], left_new[now.id]

    for before in old:
        if (id := same.get(before.id)) in left_new:
            settle(before, left_new[id])
    known_new = set(same.values())
    gone = [one for id, one in left_old.items() if id in same]
    fresh = [one for id, one in left_new.items() if id in known_new]
    for one in gone:
        del left_old[one.id]
    for one in fresh:
        del left_new[one.id]

    for sign in kind.signs:
        if not (left_old and left_new):
            break
        now_by_sign = _unique(new, sign)
        for key, before in _unique(old, sign).items():
            now = now_by_sign.get(key)
            if now is None or before.id not in left_old or now.id not in left_new:
                continue
            if sign.fits(before, now):
                settle(before, now)
                if not sign.sure:
                    alike.append((before, now))

    seen_old = _Seen(kind, left_old.values(), [before for before, _ in alike])
    seen_new = _Seen(kind, left_new.values(), [now for _, now in alike])
    gone += [one for one in left_old.values() if not seen_new.may_hold(one)]
    fresh += [one for one in left_new.values() if not seen_old.may_hold(one)]
    return Paired(pairs, gone, fresh)


def _unique(records: Iterable[T], sign: _Sign[T]) -> dict[Hashable, T]:
    found: dict[Hashable, T] = {}
    twice: set[Hashable] = set()
    for record in records:
        key = sign.of(record)
        if key is not None and found.setdefault(key, record) is not record:
            twice.add(key)
    return {key: record for key, record in found.items() if key not in twice}


def _uid(record: _Named) -> Hashable:
    return record.uid if record.uid != "" else None


def _may_agree(one: Uid, other: Uid) -> bool:
    """Return whether two uids can be the same: WeChat sends now the number, now the name."""
    return "" in (one, other) or type(one) is not type(other) or one == other


class _Seen(Generic[T]):
    """The records of one side that may match a record left over on the other side."""

    def __init__(self, kind: _Kind[T], left: Collection[T], alike: Collection[T]) -> None:
        """``alike`` are the records paired without a sure sign; a left-over record may be their namesake."""
        self._kind = kind
        self._all = {record.uid for record in left}
        self._vague = {record.uid for record in left if kind.is_vague(record)}
        self._uids: dict[Hashable, set[Uid]] = {}
        for record in left:
            for trace in kind.traces(record):
                self._uids.setdefault(trace, set()).add(record.uid)
        for record in alike:
            self._uids.setdefault(("name", record.name), set()).add(record.uid)

    def may_hold(self, record: T) -> bool:
        """Return whether one of these may be the given record."""
        if self._kind.is_vague(record):
            return _may_be_among(record.uid, self._all)
        return _may_be_among(record.uid, self._vague) or any(
            _may_be_among(record.uid, self._uids.get(trace, set()))
            for trace in self._kind.traces(record)
        )


def _may_be_among(uid: Uid, uids: set[Uid]) -> bool:
    if uid in uids or "" in uids:
        return True
    return bool(uids) and any(_may_agree(uid, other) for other in uids)


# -- friends ---------------------------------------------------------------------------------------------


def _account(person: Friend | Member) -> Hashable:
    return person.account or None


def _unchanged(friend: Friend) -> Hashable:
    return fingerprint_of(friend) if friend.name or friend.markname else None


def _traces_of_friend(friend: Friend) -> Iterator[Hashable]:
    """Yield values of which a friend who changed one property still has one."""
    yield "name", friend.name
    if friend.markname:
        yield "markname", friend.markname
    if friend.account:
        yield "account", friend.account
    about = (friend.sex, friend.province, friend.city, friend.signature, friend.category)
    yield "the rest", friend.account, friend.markname, *about


_FRIENDS: _Kind[Friend] = _Kind(
    (_Sign(_uid, sure=True), _Sign(_account, sure=True), _Sign(_unchanged)),
    _traces_of_friend,
)

# -- groups ----------------------------------------------------------------------------------------------


def _unchanged_group(group: Group) -> Hashable:
    return fingerprint_of(group) if len(group.members) > 1 else None


def _name(group: Group) -> Hashable:
    return group.name or None


def _names_of_members(group: Group) -> list[tuple[str, str]]:
    return sorted((member.name, member.account) for member in group.members.values())


def _have_members_in_common(old: Group, new: Group) -> bool:
    """Return whether two groups share three members and half of them at least. A name alone is no sure sign."""
    if not _may_agree(old.uid, new.uid):
        return False
    before, now = set(_names_of_members(old)), set(_names_of_members(new))
    common = len(before & now)
    return common >= 3 and 2 * common >= max(len(before), len(now))


def _traces_of_group(group: Group) -> Iterator[Hashable]:
    yield "name", group.name
    yield "members", tuple(_names_of_members(group))


_GROUPS: _Kind[Group] = _Kind(
    (_Sign(_uid, sure=True), _Sign(_unchanged_group), _Sign(_name, _have_members_in_common)),
    _traces_of_group,
    is_vague=lambda group: not group.members,
)

# -- members ---------------------------------------------------------------------------------------------


def _names_in_group(member: Member) -> Hashable:
    return (member.name, member.display, member.account) if member.name else None


def _traces_of_member(member: Member) -> Iterator[Hashable]:
    yield "name", member.name
    if member.display:
        yield "display", member.display
    if member.account:
        yield "account", member.account
    yield "the rest", member.account, member.display


_MEMBERS: _Kind[Member] = _Kind(
    (_Sign(_uid, sure=True), _Sign(_account, sure=True), _Sign(_names_in_group)), _traces_of_member
)
