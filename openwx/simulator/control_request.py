"""A request to the control API: its parameters, and the accounts, people and messages that they name.

`control` makes one for each request, and the page one for each attachment.
"""

from __future__ import annotations

import base64
import binascii
import inspect
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

from .faults import Fault
from .ilink.chat import Chat as ClawBotChat
from .ilink.model import BotMessage, Said, Written
from .media import Medium
from .model import Message, SentMessage
from .samples import BY_NAME
from .scenario import FriendRequest, GroupActor, PersonActor
from .settings import OFF
from .state import Account, World
from .wire.shares import Article

REQUIRED: Any = inspect.Parameter.empty
Choice = TypeVar("Choice", bound=StrEnum)


class BadParameterError(Exception):
    """A parameter is missing or invalid; the text is the answer's."""


class ControlRequest:
    """The parameters of a request, read by the type that each should have."""

    def __init__(self, world: World, params: dict[str, Any]) -> None:
        self.world = world
        self.params = params

    # Values

    def text(self, name: str, default: str = REQUIRED) -> str:
        return str(self._value(name, default))

    def number(self, name: str, default: float | None = REQUIRED) -> float | None:
        value = self._value(name, default)
        try:
            return None if value is None else float(value)
        except (TypeError, ValueError):
            raise BadParameterError(f"{name} should be a number, not {value!r}") from None

    def count(self, name: str, default: int | None = REQUIRED) -> int | None:
        value = self.number(name, default)
        return None if value is None else int(value)

    def flag(self, name: str, default: bool = REQUIRED) -> bool:
        """Read yes or no. From a query all values are words: "false" is not true."""
        value = self._value(name, default)
        return bool(value) and str(value).lower() not in OFF

    def choice(self, kind: type[Choice], name: str, default: Choice | None) -> Choice | None:
        """Read one of the values of an enumeration."""
        value = self._value(name, default)
        try:
            return None if value is None else kind(value)
        except ValueError:
            allowed = ", ".join(repr(str(one)) for one in kind)
            raise BadParameterError(f"{name} should be one of {allowed}") from None

    def lines(self, name: str) -> list[str]:
        """Read a list, or a text of several lines."""
        value = self.params.get(name)
        if isinstance(value, list):
            return [str(line) for line in value]
        return self.text(name).splitlines()

    def articles(self, name: str) -> list[Article]:
        """Read the articles of a push: a list of titles and of objects, or a text with a title in each line."""
        value = self.params.get(name)
        given = value if isinstance(value, list) else self.lines(name)
        try:
            return [Article(**one) if isinstance(one, dict) else Article(str(one)) for one in given]
        except TypeError:
            words = f"{name} should be titles, or objects with title, desc, url and cover"
            raise BadParameterError(words) from None

    def medium(self, default: str) -> Medium:
        """Read `data` (base64), `size` and `seed`, or the name of a `sample`."""
        if "data" in self.params:
            try:
                return Medium(base64.b64decode(self.text("data"), validate=True))
            except binascii.Error:
                raise BadParameterError("data should be base64") from None
        if "size" in self.params:
            return Medium.generated(self.count("size") or 0, self.count("seed", 1) or 0)
        sample = self.text("sample", default)
        if sample not in BY_NAME:
            raise BadParameterError(f"sample should be one of {', '.join(BY_NAME)}")
        return Medium(BY_NAME[sample])

    @property
    def fault(self) -> Fault:
        try:
            return Fault(self.text("fault"))
        except ValueError:
            names = ", ".join(fault.value for fault in Fault)
            raise BadParameterError(f"fault should be one of {names}") from None

    def _value(self, name: str, default: Any) -> Any:
        value = self.params.get(name)
        if value is None and default is REQUIRED:
            raise BadParameterError(f"{name} is missing")
        return default if value is None else value

    # Accounts, people and groups

    @property
    def account(self) -> Account:
        return self.world.account(str(self.params.get("account", "0")))

    @property
    def friend(self) -> PersonActor:
        name = self.text("friend")
        return self._person_by_key(name) or self.account.friend(name)

    @property
    def group(self) -> GroupActor:
        name, groups = self.text("group"), self.account.groups
        by_key = next((group for group in groups if str(group.key) == name), None)
        return by_key or self.account.group(name)

    @property
    def chat(self) -> PersonActor | GroupActor:
        if ("friend" in self.params) == ("group" in self.params):
            raise BadParameterError("friend or group is needed, and not both")
        return self.friend if "friend" in self.params else self.group

    @property
    def actor(self) -> PersonActor | None:
        """The member of the group who does it (`by`); None for the group's owner."""
        return self.group.member(self.text("by")).person if self.text("by", "") else None

    def person(self, name: str) -> PersonActor:
        """Return a friend by name or key, or a new stranger of that name."""
        if by_key := self._person_by_key(name):
            return by_key
        try:
            return self.account.friend(name)
        except LookupError:
            return self.account.stranger(name)

    def _person_by_key(self, key: str) -> PersonActor | None:
        return next((person for person in self.account.people if str(person.key) == key), None)

    # Messages

    @property
    def message(self) -> Message:
        """The message to the account, or from the phone, with this `msg_id`."""
        msg_id = self.text("msg_id")
        if msg_id not in self.account.received:
            raise LookupError(f"there is no message {msg_id!r}")
        return self.account.received[msg_id]

    @property
    def sent(self) -> Message | SentMessage:
        """The message from the phone or the web client with this `msg_id`."""
        return self.account.by_msg_id.get(self.text("msg_id")) or self.message

    async def inbox_of(
        self, chat: PersonActor | GroupActor | ClawBotChat
    ) -> Sequence[SentMessage | BotMessage]:
        """Wait until a chat has heard `n` messages, and return all of them."""
        wanted, timeout_s = self.count("n", 0) or 0, self.number("timeout_s", 10)
        await self.account.pulse.until(lambda: len(chat.inbox) >= wanted, timeout_s)
        if len(chat.inbox) < wanted:
            raise TimeoutError(f"{chat} heard {len(chat.inbox)} of {wanted} messages")
        return chat.inbox

    # The chat with a bot

    @property
    def clawbot(self) -> ClawBotChat:
        """The owner's chat with the account's bot, or that of another `person`, who may be new."""
        return self._known_clawbot or self.account.clawbot.other(self.text("person"))

    @property
    def known_clawbot(self) -> ClawBotChat:
        """The same, of somebody who has written before."""
        chat = self._known_clawbot
        if chat is None:
            raise LookupError(f"nobody called {self.text('person')!r} has written to a bot")
        return chat

    @property
    def _known_clawbot(self) -> ClawBotChat | None:
        clawbot, person = self.account.clawbot, self.text("person", "")
        return clawbot if not person else clawbot.others.get(person) or clawbot.chat_of(person)

    def said(self, name: str) -> Said | None:
        """Return the message of either side with the id that this parameter gives; None without one."""
        msg_id = self.text(name, "")
        if not msg_id:
            return None
        found = self.account.clawbot.find(msg_id)
        if found is None:
            raise LookupError(f"there is no message {msg_id!r} with a bot")
        return found

    @property
    def written(self) -> Written:
        """The message from a person to a bot with this `msg_id`."""
        found = self.said("msg_id")
        if not isinstance(found, Written):
            raise BadParameterError("msg_id should name a message from a person to a bot")
        return found

    @property
    def shown(self) -> Message | SentMessage | Said:
        """The message with this `msg_id` in any chat of the phone."""
        return self.account.clawbot.find(self.text("msg_id")) or self.sent

    # Requests

    @property
    def friend_request(self) -> FriendRequest:
        """The latest friend request of this `name`, which is not accepted yet."""
        name = self.text("name")
        found = [
            request
            for request in self.account.friend_requests
            if name in (request.person.nickname, str(request.person.key), request.message.msg_id)
        ]
        if not found or found[-1].accepted:
            raise LookupError(f"{name!r} did not ask to be friends, or was accepted already")
        return found[-1]
