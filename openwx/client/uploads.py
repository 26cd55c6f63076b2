"""From the JSON of an upload to a message or an event, and back to what answers it."""

from typing import Any

import msgspec

from openwx.client import events, messages
from openwx.client.answers import Friend, Group
from openwx.client.events import Event
from openwx.client.messages import Message

Upload = Message | Event
"""What ``post_api`` gets: one of the classes of ``messages`` and ``events``."""


class NotAnUploadError(ValueError):
    """JSON that is no upload of openwx, or none at all."""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes to the chat that a message came from: a text, a medium (a URL, or a path on the gateway's machine
    within its ``media.roots``), or both."""

    reply: str | None = None
    media: str | None = None


class _Head(msgspec.Struct):
    """What tells the kinds apart."""

    post_type: str
    format: str = ""
    event: str = ""
    params: msgspec.Raw = msgspec.Raw(b"[]")


# Uploads have numbers as strings, as the original wrote them; here they are numbers.
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
    """The message or event in the body of an upload. Raises ``NotAnUploadError``."""
    try:
        head = _head.decode(body)
        if head.post_type == "event":
            return _event(head.event, head.params)
        message: Message = _of_format.get(head.format, _of_format[""]).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotAnUploadError(f"no upload of openwx: {error}") from error
    return message


def _event(name: str, params: msgspec.Raw) -> Event:
    if name == events.UpdateFriend.NAME:
        return events.UpdateFriend(_friends.decode(params))
    if name == events.UpdateGroup.NAME:
        return events.UpdateGroup(_groups.decode(params))
    if name in _of_event:
        event: Event = _of_event[name].decode(params)
        return event
    return events.UnknownEvent(name, _params.decode(params))
