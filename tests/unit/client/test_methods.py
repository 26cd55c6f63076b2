"""The client has every route, with every parameter and every member of its answer."""

import inspect
import types
import typing
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from openwx.api.app import routes
from openwx.api.models import RESERVED
from openwx.api.routing import ImageReply, Route
from openwx.api.stream_models import EventStream, Listing
from openwx.client import Client
from openwx.client.media import FilePart
from openwx.client.stream import Events

FURTHER_METHODS = {
    "check_event": ("check_event_after",),
    "send_friend_message": ("send_friend_message_later", "send_to_all_friends"),
    "send_group_message": ("send_group_message_later",),
}
"""What one method does for some of its parameters and answers only."""

CALLED = [row for row in routes() if row.name not in ("ws", "send_message")]
"""The client follows ``events`` without a WebSocket, and knows whether it sends to a friend or a group."""

SAID_OTHERWISE = {
    "media_data": "media: bytes, in a body that is a third smaller",
    "friend": "friends",
    "member": "members",
}
"""Parameters that no method gives, and what it gives instead."""

SAMPLES: dict[str, Any] = {
    "friends": ["@a", "@b"], "members": ["@a"], "media": b"x", "on": True, "limit": 5, "id": "1",
    "timeout": 3.0, "state": "waiting",
}  # fmt: skip
ATTRIBUTES = {"search_friend", "search_group", "start_client"}
"""Methods that take keywords of any name."""


@dataclass
class Asked:
    """What a method asks of its route."""

    parameters: set[str] = field(default_factory=set)
    answers: list[Any] = field(default_factory=list)


class Recorder(Client):
    """Asks nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, Asked] = {}

    def _note(self, route: str, answer: Any, parameters: dict[str, Any]) -> None:
        asked = self.asked.setdefault(route, Asked())
        asked.answers.append(answer)
        asked.parameters |= {name for name, value in parameters.items() if value is not None}
        media = parameters.get("media")
        assert media is None or isinstance(media, FilePart)

    async def _call(
        self, route: str, answer: Any, parameters: dict[str, Any], *, key: str | None = None, **_: Any
    ) -> Any:  # fmt: skip
        given = parameters if key is None else parameters | {"idempotency_key": key}
        self._note(route, answer, given)
        raise Enough

    async def _list(self, route: str, parameters: dict[str, Any], **_: Any) -> Any:
        self._note(route, list[msgspec.Raw], parameters)
        raise Enough

    def _stream(self, route: str, parameters: dict[str, Any]) -> Any:
        self._note(route, EventStream, parameters)
        raise Enough

    async def _image(self, route: str, parameters: dict[str, Any]) -> tuple[bytes, str]:
        self._note(route, ImageReply, parameters)
        return b"", "image/png"


class Enough(Exception):
    """The call was noted."""


@pytest.fixture
async def asked() -> dict[str, Asked]:
    """Record the requests of all methods, called with all of their parameters."""
    recorder = Recorder()
    for row in CALLED:
        for name in (row.name, *FURTHER_METHODS.get(row.name, ())):
            method = getattr(recorder, name)
            parameters = inspect.signature(method).parameters.values()
            named = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
            given = {one: SAMPLES.get(one, "x") for one in named}
            if name in ATTRIBUTES:
                given = dict.fromkeys(row.model.model_fields if row.model else (), "x")
            try:
                asking = method(**given)
                await (anext(asking) if isinstance(asking, Events) else asking)
            except Enough:
                continue
    return recorder.asked


def test_every_route_has_a_method_of_its_name(asked: dict[str, Asked]) -> None:
    assert set(asked) == {row.name for row in CALLED}
    for row in CALLED:
        assert inspect.getdoc(getattr(Client, row.name)), row.name


@pytest.mark.parametrize("row", CALLED, ids=lambda row: row.name)
def test_every_parameter_can_be_given(row: Route, asked: dict[str, Asked]) -> None:
    known = {} if row.model is None else row.model.model_fields
    names = set(() if row.model is None else row.model.names())
    given = asked[row.name].parameters
    assert names - given <= set(SAID_OTHERWISE), names - given
    assert given - names <= RESERVED, f"{given - names} is no parameter; they are {list(known)}"


@pytest.mark.parametrize("row", CALLED, ids=lambda row: row.name)
def test_every_answer_is_read_whole(row: Route, asked: dict[str, Asked]) -> None:
    answers = asked[row.name].answers
    if Listing in typing.get_args(row.reply):
        assert answers == [list[msgspec.Raw]] * 2
        return
    replies = [row.reply]
    if isinstance(row.reply, types.UnionType):
        replies = list(typing.get_args(row.reply))
    assert {_shape(answer) for answer in answers} == {_shape(reply) for reply in replies}


def _shape(kind: Any) -> Any:
    """Return the members of an answer with their types, without the names of its classes."""
    if typing.get_origin(kind) in (list, tuple, typing.get_origin(typing.Sequence[int])):
        return ("list", _shape(typing.get_args(kind)[0]))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return frozenset((name, _shape(hints[name])) for name in kind.__struct_fields__)
    if kind is msgspec.Raw or typing.get_origin(kind) is dict:
        return "json"
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        # What is left out where there is nothing to tell is empty here.
        kinds = [one for one in typing.get_args(kind) if one is not msgspec.UnsetType]
        return _shape(kinds[0]) if len(kinds) == 1 else frozenset(map(_shape, kinds))
    return kind
