"""Friends and groups by what is known of them: by id through an index, else through a scan that narrows.

Where nobody has exactly the names that are asked for, those count who have them in another spelling.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from openwx.domain.contacts import Friend, Group, User
from openwx.domain.spelling import alike
from openwx.transports.web.session import number_or_name

ChatT = TypeVar("ChatT", Friend, Group, User)

# What few have in common stands first: the rest is compared for few. An attribute that is written out here is compared
# in half the time that it takes by its name.
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
"""Attributes that people write."""


def found_by(chats: dict[str, ChatT], attributes: dict[str, str]) -> list[ChatT]:
    """Those that have all of these attributes exactly, else those that have them in another spelling."""
    return matching(chats, attributes) or resembling(chats, attributes)


def resembling(chats: dict[str, ChatT], attributes: dict[str, str]) -> list[ChatT]:
    """Those that have all of these attributes, names and other texts in whatever spelling."""
    found = matching(chats, {k: v for k, v in attributes.items() if k not in _SPELT})
    for name in sorted(attributes.keys() & _SPELT, key=_ORDER.index):
        fits = alike(attributes[name])
        found = [chat for chat in found if fits(getattr(chat, name))]
    return found if attributes.keys() & _SPELT else []


def matching(chats: dict[str, ChatT], attributes: dict[str, str]) -> list[ChatT]:
    """Those of ``chats``, which are kept by their ids, that have all of these attributes exactly."""
    found: Iterable[ChatT] = chats.values()
    if (id := attributes.get("id")) is not None:
        found = [chats[id]] if id in chats else []
    for name in sorted(attributes.keys() - {"id"}, key=_ORDER.index):
        value = attributes[name]
        found = _HAVING[name](found, _either(value) if name.endswith("uid") else value)
    return list(found)


def _either(uid: str) -> tuple[int | str, ...]:
    """How a uid may be kept: as a number where it is one in the usual spelling."""
    number = number_or_name(uid)
    return (uid, number) if str(number) == uid else (uid,)
