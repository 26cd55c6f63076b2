"""Converts WeChat's contact records. A field that a record lacks keeps its former value.
``Contacts`` and the loader call it.
"""

from typing import TypeVar

from msgspec import UNSET

from openwx.domain.contacts import (
    FRIEND,
    PUBLIC_ACCOUNT,
    SYSTEM_ACCOUNT,
    SYSTEM_ACCOUNTS,
    Friend,
    Member,
    Person,
    Uid,
    friend_displayname,
    sex_of,
)
from openwx.domain.text import plain
from openwx.transports.web import wire

_FLAG_PUBLIC = 8
_FLAG_CONTACT = 1
"""A bit of ``ContactFlag``; other bits mean starred, pinned, muted, blocked."""
_FIELDS = {
    "account": "Alias",
    "name": "NickName",
    "markname": "RemarkName",
    "sex": "Sex",
    "display": "DisplayName",
    "city": "City",
    "signature": "Signature",
    "province": "Province",
    "category": "VerifyFlag",
}
PROPERTIES = frozenset(_FIELDS)
DETAILS = ("account", "markname", "sex", "city", "signature", "province")
"""Properties that lists of members leave empty, whether or not there is a value."""

PersonT = TypeVar("PersonT", bound=Person)


def person_of(kind: type[PersonT], record: wire.Contact, old: PersonT | None, uid: Uid) -> PersonT:
    person = kind(
        account=text(record.Alias, old.account if old else ""),
        name=text(record.NickName, old.name if old else ""),
        markname=text(record.RemarkName, old.markname if old else ""),
        sex=(old.sex if old else "none") if record.Sex is UNSET else sex_of(record.Sex),
        display=text(record.DisplayName, old.display if old else ""),
        city=text(record.City, old.city if old else ""),
        signature=text(record.Signature, old.signature if old else ""),
        province=text(record.Province, old.province if old else ""),
        id=record.UserName,
        uid=uid,
    )
    person.displayname = friend_displayname(person.display, person.markname, person.name)
    return person


def is_contact(record: wire.Contact) -> bool:
    """Return whether a record says that it is in the contact list."""
    return record.ContactFlag is not UNSET and bool(record.ContactFlag & _FLAG_CONTACT)


def is_no_contact(record: wire.Contact) -> bool:
    """Return whether a record says that it is not in the contact list. For system accounts the flag means nothing."""
    flagged = record.ContactFlag is not UNSET and not record.ContactFlag & _FLAG_CONTACT
    return flagged and record.UserName not in SYSTEM_ACCOUNTS


def friend_of(record: wire.Contact, old: Friend | None, uid: Uid) -> Friend:
    friend = person_of(Friend, record, old, uid)
    if record.UserName in SYSTEM_ACCOUNTS:
        friend.category = SYSTEM_ACCOUNT
    elif record.VerifyFlag is UNSET:
        friend.category = old.category if old else FRIEND
    elif record.VerifyFlag & _FLAG_PUBLIC:
        friend.category = PUBLIC_ACCOUNT
    else:
        friend.category = FRIEND
    return friend


def member_of(
    record: wire.Contact, old: Member | None, acquainted: Person | None, uid: Uid
) -> Member:
    """Convert a record of a list of members. What it leaves empty is copied from ``acquainted``, the friend or user
    who is this member, or else from the former record."""
    member = person_of(Member, record, None, uid)
    known = acquainted or old
    if known is not None:
        if member.uid == "":
            member.uid = known.uid
        if record.NickName is UNSET:
            member.name = known.name
        if record.DisplayName is UNSET and old is not None:
            member.display = old.display
        fill(member, known)
    return member


def fill(member: Member, known: Person) -> None:
    """Copy the details that a list of members left empty from what is known of that person."""
    for name in DETAILS:
        if getattr(member, name) in ("", "none"):
            setattr(member, name, getattr(known, name))
    member.displayname = friend_displayname(member.display, member.markname, member.name)


def copy_details(member: Member, known: Person) -> None:
    for name in DETAILS:
        setattr(member, name, getattr(known, name))
    member.displayname = friend_displayname(member.display, member.markname, member.name)


def unsaid_in(record: wire.Contact) -> set[str]:
    """Return the properties that a record does not contain."""
    return {name for name, field in _FIELDS.items() if getattr(record, field) is UNSET}


def text(value: wire.Text, old: str) -> str:
    if value == "":  # in lists of members, most of them
        return ""
    return old if value is UNSET else plain(value)
