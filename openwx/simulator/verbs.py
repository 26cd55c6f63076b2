"""Verbs of the scenario as actions of the control API: a request has the parameters of the method.
`control` lists them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any, TypeAlias

from .control_request import ControlRequest
from .ilink.options import KeySpelling, QuoteForm, Repeat
from .phone import Phone

Action: TypeAlias = Callable[[ControlRequest], Any]
"""Returns an object with a `view`, JSON, or an awaitable of either."""

KINDS = [name for name, method in vars(Phone).items() if hasattr(method, "__signature__")]
"""The verbs that send a message of one kind: of people, of members and of phones."""

_SAMPLES = {
    "sends_voice": "mp3", "sends_video": "mp4", "sends_short_video": "mp4", "sends_file": "png",
    "sends_sticker": "gif", "sends_app_sticker": "gif",
}  # fmt: skip


def _choice(kind: type[StrEnum], request: ControlRequest, name: str, default: Any) -> Any:
    return request.choice(kind, name, default)


_READERS: dict[str, Callable[[ControlRequest, str, Any], Any]] = {
    "str": ControlRequest.text,
    "str | None": lambda request, name, _: request.text(name, "") or None,
    "int": ControlRequest.count,
    "int | None": ControlRequest.count,
    "float": ControlRequest.number,
    "float | None": ControlRequest.number,
    "float | str": ControlRequest.number,
    "Sequence[str]": lambda request, name, _: request.lines(name),
    "Sequence[AnyMember]": lambda request, name, _: request.lines(name),
    "Sequence[Article]": lambda request, name, _: request.articles(name),
    "bytes | Medium": lambda request, _, sample: request.medium(sample),
    "Chat": lambda request, *_: request.chat,
    "Fault": lambda request, *_: request.fault,
    "FriendRequest": lambda request, *_: request.friend_request,
    "GroupActor": lambda request, *_: request.group,
    "AnyMember": ControlRequest.text,
    "Message": lambda request, *_: request.message,
    "Written": lambda request, *_: request.written,
    "Said | None": lambda request, name, _: request.said(name),
    "bool": ControlRequest.flag,
    "QuoteForm | None": partial(_choice, QuoteForm),
    "KeySpelling | None": partial(_choice, KeySpelling),
    "Repeat | None": partial(_choice, Repeat),
    "Repeat": partial(_choice, Repeat),
    "Message | SentMessage": lambda request, *_: request.sent,
    "Person": lambda request, name, _: request.person(request.text(name)),
    "PersonActor": lambda request, *_: request.friend,
    "PersonActor | None": lambda request, *_: request.actor,
    "object | None": lambda request, *_: request.account if "account" in request.params else None,
    "str | PersonActor": lambda request, *_: request.text("name"),
}
"""Read a parameter by the annotation, the name and the default that a method gives it."""


def verb(subject: Action, kind: type, name: str, **defaults: Any) -> Action:
    """Make the action that calls a method of `kind` on the subject of a request."""
    method = getattr(kind, name)
    signature = inspect.signature(method)
    _, *parameters = signature.parameters.values()
    readers = [(p, _READERS[p.annotation]) for p in parameters if p.kind is not p.VAR_KEYWORD]

    def action(request: ControlRequest) -> Any:
        bound = signature.bind_partial(subject(request))
        for parameter, read in readers:
            default = defaults.get(parameter.name, parameter.default)
            bound.arguments[parameter.name] = read(request, parameter.name, default)
        return method(*bound.args, **bound.kwargs)

    return action


def verbs(path: str, subject: Action, kind: type, *names: str) -> dict[str, Action]:
    actions = {}
    for name in names:
        sample = _SAMPLES.get(name.removeprefix("member_"), "jpeg")
        actions[f"{path}/{name}"] = verb(subject, kind, name, data=sample)
    return actions
