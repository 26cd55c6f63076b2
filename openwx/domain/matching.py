"""Finds friends and groups by their properties: by id through an index, otherwise by a scan. ``ContactBook`` calls it.

Where no name matches exactly, names in another spelling count.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from openwx.domain.contacts import Friend, Group, Member, User, number_or_name
from openwx.domain.spelling import alike, has_part

ChatT = TypeVar("ChatT", Friend, Group, User)
NamedT = TypeVar("NamedT", bound=Friend | Group | Member)

# The attributes that single out a chat best come first, so that the others are compared for few chats. Reading an
# attribute written out here takes half the time of ``getattr``.
_HAVING: dict[str, Callable[[Iterable[Any], Any], list[Any]]] = {
    "uid": lambda chats, either: [chat for chat in chats if chat.uid in either],
    "account": lambda chats, value: [chat for chat in chats if chat.account == value],
    "displayname": lambda chats, value: [chat for chat in chats if chat.displayname == value],
    "name": lambda chats, value: [chat for chat in chats if chat.name == value],
    "markname": lambda chats, value: [chat for chat in chats if chat.markname == value],
    "owner_uid": lambda chats, either: [chat for chat in chats if chat.owner_uid in either],
    "signature": lambda chats, value: [chat for chat in chats if chat.signature == value],
    "city": lambda chats, value: [chat for chat in chats if chat.city == value],
    "province": lambda chats, value: [chat for chat in chats if chat.province == value],
    "sex": lambda chats, value: [chat for chat in chats if chat.sex == value],
    "category": lambda chats, value: [chat for chat in chats if chat.category == value],
    "display": lambda chats, value: [chat for chat in chats if chat.display == value],
}
_ORDER = tuple(_HAVING)


_SPELT = frozenset({"displayname", "name", "markname", "display", "signature", "city", "province"})
"""Attributes that people type."""


def found_by(chats: dict[str, ChatT], attributes: dict[str, str]) -> list[ChatT]:
    """Return the chats with exactly these attributes, or else those with them in another spelling."""
    return matching(chats, attributes) or resembling(chats, attributes)


def called(everybody: Iterable[NamedT], part: str) -> list[NamedT]:
    """Return those one of whose names has this part, in any case and width; all where it is empty."""
    if not part.strip():
        return list(everybody)
    fits = has_part(part)
    return [one for one in everybody if any(map(fits, _names(one)))]


def _names(one: Friend | Group | Member) -> tuple[str, ...]:
    if isinstance(one, Group):
        return (one.displayname, one.name)
    return (one.displayname, one.name, one.markname, one.account, one.display)


def resembling(chats: dict[str, ChatT], attributes: dict[str, str]) -> list[ChatT]:
    """Return the chats with these attributes, in any spelling."""
    found = matching(chats, {k: v for k, v in attributes.items() if k not in _SPELT})
    for name in sorted(attributes.keys() & _SPELT, key=_ORDER.index):
        fits = alike(attributes[name])
        found = [chat for chat in found if fits(getattr(chat, name))]
    return found if attributes.keys() & _SPELT else []


def matching(chats: dict[str, ChatT], attributes: dict[str, str]) -> list[ChatT]:
    """Return the chats with exactly these attributes; ``chats`` is keyed by id."""
    found: Iterable[ChatT] = chats.values()
    if (id := attributes.get("id")) is not None:
        found = [chats[id]] if id in chats else []
    for name in sorted(attributes.keys() - {"id"}, key=_ORDER.index):
        value = attributes[name]
        found = _HAVING[name](found, _either(value) if name.endswith("uid") else value)
    return list(found)


def _either(uid: str) -> tuple[int | str, ...]:
    """Return both forms in which a uid may be stored: the text, and the number where it is one."""
    number = number_or_name(uid)
    return (uid, number) if str(number) == uid else (uid,)
