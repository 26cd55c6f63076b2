"""Decodes the JSON of a report to a message or an event, and encodes the reply.
``receiving``, streams and histories call it.
"""

from typing import Any

import msgspec

from openwx.client import errors, events, messages
from openwx.client.answers import Friend, Group
from openwx.client.events import Event
from openwx.client.messages import Message

Upload = Message | Event
"""What is POSTed to ``post_api``: one of the classes of ``messages`` and ``events``."""


class NotAnUploadError(ValueError):
    """A body that is no report of openwx."""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reply to the chat of a message: a text, a media file (a URL, or a path on the gateway's machine within its
    ``media.roots``), or both."""

    reply: str | None = None
    media: str | None = None


class _Head(msgspec.Struct):
    """The members that determine the class."""

    post_type: str
    format: str = ""
    event: str = ""
    params: msgspec.Raw = msgspec.Raw(b"[]")


# Reports have numbers as strings, as the original wrote them; here they are numbers.
_head = msgspec.json.Decoder(_Head)
_of_format: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(kind, strict=False)
    for name, kind in {"": Message, **messages.KINDS}.items()
}
_of_event: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(kind, strict=False)
    for name, kind in events.KINDS.items()
    if kind not in (events.UpdateFriend, events.UpdateGroup)
}
_friends = msgspec.json.Decoder(list[Friend])
_groups = msgspec.json.Decoder(list[Group])
_params = msgspec.json.Decoder(list[Any])


def decode(body: bytes) -> Upload:
    """Decode the body of a report. Raises ``NotAnUploadError``."""
    try:
        head = _head.decode(body)
        if head.post_type == "event":
            return _event(head.event, head.params)
        message: Message = _of_format.get(head.format, _of_format[""]).decode(body)
    except errors.UNREADABLE as error:
        raise NotAnUploadError(f"no upload of openwx: {error}") from error
    return message


def of_answer(route: str, body: bytes) -> Upload:
    """Decode a report within an answer. Raises ``NotOpenwx``."""
    try:
        return decode(body)
    except NotAnUploadError as error:
        raise errors.NotOpenwx(route, f"the answer cannot be understood: {error}") from error


def _event(name: str, params: msgspec.Raw) -> Event:
    if name == events.UpdateFriend.NAME:
        return events.UpdateFriend(_friends.decode(params))
    if name == events.UpdateGroup.NAME:
        return events.UpdateGroup(_groups.decode(params))
    if name in _of_event:
        event: Event = _of_event[name].decode(params)
        return event
    return events.UnknownEvent(name, _params.decode(params))
