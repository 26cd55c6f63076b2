"""Parameters and replies of the routes that follow events. ``routes/events.py`` declares them."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from pydantic import Field

from openwx.accounts.event_filter import MESSAGES, EventFilter
from openwx.accounts.streams import Missed, Slots, Stream
from openwx.api.models import Flag, RequestModel
from openwx.api.peers.relay import PeerStream
from openwx.config import EVENTS
from openwx.domain.messages import FORMATS
from openwx.errors import CallerError, Code
from openwx.reporter import attachment as attached
from openwx.store.records import PublishedReport

KINDS = (*MESSAGES, "event", *EVENTS)
STREAM_EVENTS = ("missed", "end")
"""Events about the stream itself."""


class Follow(RequestModel):
    """Where to begin, and which events."""

    after: Annotated[
        str | None,
        Field(
            pattern=r"^(now|[0-9]{1,18})$",
            description="the id of an event, 0 for all that is stored, or now",
        ),
    ] = None
    type: Annotated[
        str | None,
        Field(
            description="receive_message, send_message, event or names of events, with commas between them"
        ),
    ] = None
    chat: Annotated[
        str | None,
        Field(description="the id, uid or name of a friend or group; only its messages are sent"),
    ] = None
    format: Annotated[
        str | None,
        Field(description=f"formats of messages with commas between them: {', '.join(FORMATS)}"),
    ] = None

    @property
    def begin(self) -> int | None:
        """The id to begin after; None for now."""
        return None if self.after in (None, "now") else int(self.after or 0)

    def filter(self) -> EventFilter:
        """Return which events match. CallerError -2 where a type or format is unknown."""
        return EventFilter(
            kinds=_names("type", self.type, KINDS),
            chat=self.chat or "",
            formats=_names("format", self.format, FORMATS),
        )


def _names(parameter: str, text: str | None, known: Iterable[str]) -> frozenset[str]:
    names = [name.strip() for name in (text or "").split(",")]
    for name in names:
        if name and name not in known:
            words = f"{parameter} must be of: {', '.join(known)}; not {name[:40]!a}"
            raise CallerError(Code.BAD_PARAMETER, words)
    return frozenset(names) - {""}


class FollowStream(Follow):
    """Where to begin, which events, and whether with the contents of media."""

    media_data: Annotated[
        Flag, Field(description="1 (with the contents of media, as media_data) or 0")
    ] = False


class EventStream(msgspec.Struct, frozen=True):
    """A reply that goes on, from the id ``after``, or from now if it is None: Server-Sent Events."""

    stream: Stream
    slots: Slots
    after: int | None
    filter: EventFilter
    media_data: bool


class Socket(msgspec.Struct, frozen=True):
    """A reply that goes on: a WebSocket, over which routes can be called, too."""

    stream: Stream | PeerStream
    slots: Slots
    after: int | None
    filter: EventFilter
    media_data: bool


class Listing(msgspec.Struct, frozen=True):
    """A reply that is a list of encoded reports, with headers."""

    reports: list[bytes]
    headers: dict[str, str]


async def body_of(report: PublishedReport) -> bytes:
    """Return the report's JSON, with the contents of its file: ``Reader.with_file`` has found it."""
    if report.attachment:
        return await asyncio.to_thread(attached.whole, report.body, report.attachment)
    return report.body


def missed_range(missed: Missed) -> dict[str, Any]:
    """Return what the event ``missed`` says."""
    return {"after": missed.after, "upto": missed.upto, "reason": missed.why}
