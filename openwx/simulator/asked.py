"""What a request of the control API asks: its parameters, and the world they speak of."""

from __future__ import annotations

from typing import Any

from .account import Account
from .people import Group, Person
from .timeline import Chat
from .world import World

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
    def chat(self) -> Chat:
        if ("friend" in self.given) == ("group" in self.given):
            raise BadParameterError("friend or group is needed, and not both")
        return self.friend if "friend" in self.given else self.group

    def _by_key(self, key: str) -> Chat | None:
        account = self.account
        everybody: list[Chat] = [*account.friends, *account.public_accounts, *account.groups]
        return next((chat for chat in everybody if str(chat.key) == key), None)
