"""What a request of the control API asks: its parameters, and the world they speak of."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

from .account import Account
from .media import Medium
from .people import Group, Person
from .samples import BY_NAME
from .timeline import Chat, Heard, Message
from .world import World

T = TypeVar("T")

_REQUIRED: Any = object()


class BadParameterError(Exception):
    """A parameter is missing or makes no sense; its words are the answer's."""


class Asked:
    """The parameters of a request, each by the type it should have."""

    def __init__(self, world: World, given: dict[str, Any]) -> None:
        self.world = world
        self.given = given

    def text(self, name: str, default: str = _REQUIRED) -> str:
        value = self.given.get(name, default)
        if value is _REQUIRED:
            raise BadParameterError(f"{name} is missing")
        return str(value)

    def number(self, name: str, default: float | None = _REQUIRED) -> float | None:
        value = self.given.get(name, default)
        if value is _REQUIRED:
            raise BadParameterError(f"{name} is missing")
        try:
            return None if value is None else float(value)
        except (TypeError, ValueError):
            raise BadParameterError(f"{name} should be a number, not {value!r}") from None

    def count(self, name: str, default: int | None = _REQUIRED) -> int | None:
        value = self.number(name, default)
        return None if value is None else int(value)

    def lines(self, name: str) -> list[str]:
        """A list, or text of several lines."""
        value = self.given.get(name)
        return (
            [str(line) for line in value]
            if isinstance(value, list)
            else (self.text(name).splitlines())
        )

    def medium(self, usual: str) -> Medium:
        """Of `data` (base64), of `size` and `seed`, or the `sample` with this name."""
        if "data" in self.given:
            try:
                return Medium(base64.b64decode(self.text("data"), validate=True))
            except binascii.Error:
                raise BadParameterError("data should be base64") from None
        if "size" in self.given:
            return Medium.generated(self.count("size") or 0, self.count("seed", 1) or 0)
        sample = self.text("sample", usual)
        if sample not in BY_NAME:
            raise BadParameterError(f"sample should be one of {', '.join(BY_NAME)}")
        return Medium(BY_NAME[sample])

    def person(self, name: str) -> Person:
        """Who is called so in the parameter `name`."""
        return self.person_called(self.text(name))

    def person_called(self, nickname: str) -> Person:
        """A friend by name or key; for a name that no friend has, a new stranger."""
        if isinstance(found := self._by_key(nickname), Person):
            return found
        try:
            return self.account.friend(nickname)
        except LookupError:
            return self.account.stranger(nickname)

    @property
    def message(self) -> Message:
        """What the account got, or the phone sent, by `msg_id`."""
        return _known(self.account.received, self.text("msg_id"))

    @property
    def sent(self) -> Message | Heard:
        """What the phone or the web client sent, by `msg_id`."""
        sent = self.account.by_msg_id.get(self.text("msg_id"))
        return sent or self.message

    @property
    def account(self) -> Account:
        return self.world.account(str(self.given.get("account", "0")))

    @property
    def friend(self) -> Person:
        name = self.text("friend")
        found = self._by_key(name)
        return found if isinstance(found, Person) else self.account.friend(name)

    @property
    def group(self) -> Group:
        name = self.text("group")
        found = self._by_key(name)
        return found if isinstance(found, Group) else self.account.group(name)

    @property
    def actor(self) -> Person | None:
        """The member of the group who does it (`by`); None for the group's owner."""
        return self.group.member(self.text("by")).person if self.text("by", "") else None

    @property
    def chat(self) -> Chat:
        if ("friend" in self.given) == ("group" in self.given):
            raise BadParameterError("friend or group is needed, and not both")
        return self.friend if "friend" in self.given else self.group

    def _by_key(self, key: str) -> Chat | None:
        account = self.account
        people = [*account.friends, *account.public_accounts, *account.system_accounts]
        everybody: list[Chat] = [*people, *account.groups]
        return next((chat for chat in everybody if str(chat.key) == key), None)


def _known(messages: dict[str, T], msg_id: str) -> T:
    if msg_id not in messages:
        raise LookupError(f"there is no message {msg_id!r}")
    return messages[msg_id]
