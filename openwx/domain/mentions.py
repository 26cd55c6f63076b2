"""Who is mentioned in a text of a group. Routes add them, ``reporter/payload.py`` reads them.

No field of a message says it: a mention is ``@``, the name that the group shows, and U+2005 (protocol reference,
section 5). So it is read from the text, and compared with the members. What somebody types by hand has no U+2005, and
is no mention for WeChat either.
"""

import re
from collections.abc import Iterator

import msgspec

from openwx.domain.contacts import Group, Person, Uid

END = "\u2005"
"""Ends the name in a mention."""
EVERYBODY = "所有人"
"""The name by which phones mention everybody."""
LONGEST_NAME = 200
"""Characters of a name. WeChat takes far shorter ones; longer names are not looked for."""
_MOST_INNER_ENDS = 3
"""How often a name may contain U+2005 itself."""
_ALL = re.compile(rf"@(?:{EVERYBODY}[{END}\n]|all{END})", re.IGNORECASE)
"""An announcement begins with ``@所有人`` and a newline."""


class Mention(msgspec.Struct, frozen=True):
    """A member who is mentioned. Where several have the name, ``id`` and ``uid`` are empty.

    ``me``: it is the account's own user, or may be.
    """

    id: str
    uid: Uid
    displayname: str
    me: bool


class Mentions(msgspec.Struct, frozen=True):
    """The mentions of a text, each person once, in the order of the text. ``all``: everybody is mentioned."""

    people: tuple[Mention, ...] = ()
    all: bool = False

    @property
    def me(self) -> bool:
        return any(one.me for one in self.people)


def mention(name: str) -> str:
    """Return the text that mentions somebody."""
    return f"@{name}{END}"


def shown_name(person: Person) -> str:
    """Return the name that a group shows to everybody: never the name that only this account gave."""
    return person.display or person.name


def mentions_in(text: str, group: Group, user: Person) -> Mentions:
    """Find whom a text of a group mentions. ``user`` is the account's own, whose name in the group may be unknown."""
    if "@" not in text:
        return Mentions()
    if END not in text:
        return Mentions(all=bool(_ALL.search(text)))
    named = _named(group, user)
    found = {name: named[name] for name in _names_in(text, named)}
    people = {
        one.id or one.displayname: one for one in (_mention(*it, user) for it in found.items())
    }
    return Mentions(tuple(people.values()), bool(_ALL.search(text)))


def _mention(name: str, people: dict[str, Person], user: Person) -> Mention:
    me = user.id in people
    if len(people) > 1:
        return Mention("", "", name, me)
    [person] = people.values()
    return Mention(person.id, person.uid, person.displayname, me)


def _named(group: Group, user: Person) -> dict[str, dict[str, Person]]:
    """Return the people by name, and by id for each. Names that the group does not show count where nobody is shown
    with them: a mention may be older than a name."""
    shown: dict[str, dict[str, Person]] = {}
    other: dict[str, dict[str, Person]] = {}
    members = {user.id: user, **group.members}
    for person in members.values():
        shown.setdefault(shown_name(person), {})[person.id] = person
        for name in (person.name, person.markname):
            other.setdefault(name, {})[person.id] = person
    other.setdefault(user.name, {})[user.id] = members[user.id]
    named = {**other, **shown}
    return {name: named[name] for name in named if 0 < len(name) <= LONGEST_NAME}


def _names_in(text: str, names: dict[str, dict[str, Person]]) -> Iterator[str]:
    """Find the mentioned names from left to right, the longest that is possible at each ``@``."""
    inner_ends = min(max(name.count(END) for name in names), _MOST_INNER_ENDS) if names else 0
    at = text.find("@")
    while at >= 0:
        start, name = at + 1, ""
        end = start - 1
        for _ in range(inner_ends + 1):
            end = text.find(END, end + 1, start + LONGEST_NAME + 1)
            if end < 0:
                break
            if text[start:end] in names:
                name = text[start:end]
        if name:
            yield name
        at = text.find("@", start + len(name))
