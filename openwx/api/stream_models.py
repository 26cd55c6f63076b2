"""What streams have in common: how they are asked for, and what they tell besides events."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from pydantic import Field

from openwx.accounts.event_filter import MESSAGES, EventFilter
from openwx.accounts.streams import Missed, Slots, Stream
from openwx.api.models import Call, Flag
from openwx.config import EVENTS
from openwx.domain.messages import FORMATS
from openwx.errors import CallerError, Code
from openwx.reporter import attachment as attached
from openwx.store.records import PublishedReport

KINDS = (*MESSAGES, "event", *EVENTS)
TOLD_BESIDES = ("missed", "end")
"""Events of a stream that are no uploads."""


class Follow(Call):
    """Where to begin, and what is wanted."""

    after: Annotated[
        str | None,
        Field(
            pattern=r"^(now|[0-9]{1,18})$",
            description="the id of an event, 0 for all that is kept, or now",
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
        Field(
            description="the id, uid or name of a friend or group, whose messages alone are told"
        ),
    ] = None
    format: Annotated[
        str | None,
        Field(description=f"formats of messages with commas between them: {', '.join(FORMATS)}"),
    ] = None

    @property
    def begin(self) -> int | None:
        """The id to begin after; None is now."""
        return None if self.after in (None, "now") else int(self.after or 0)

    def wanted(self) -> EventFilter:
        """CallerError -2 where a type or format is unknown."""
        return EventFilter(
            kinds=_listed("type", self.type, KINDS),
            chat=self.chat or "",
            formats=_listed("format", self.format, FORMATS),
        )


def _listed(parameter: str, given: str | None, known: Iterable[str]) -> frozenset[str]:
    names = [name.strip() for name in (given or "").split(",")]
    for name in names:
        if name and name not in known:
            words = f"{parameter} must be of: {', '.join(known)}; not {name[:40]!a}"
            raise CallerError(Code.BAD_PARAMETER, words)
    return frozenset(names) - {""}


class FollowStream(Follow):
    """A stream: where to begin, what is wanted, and how much of it."""

    media_data: Annotated[
        Flag, Field(description="1 (tell the contents of media, too, as media_data) or 0")
    ] = False


class Following(msgspec.Struct, frozen=True):
    """What a stream is made of. ``after``: an id, or None for now."""

    stream: Stream
    slots: Slots
    after: int | None
    wanted: EventFilter
    media_data: bool


class EventStream(Following, frozen=True):
    """A reply that goes on: Server-Sent Events."""


class Socket(Following, frozen=True):
    """A reply that goes on: a WebSocket, over which routes can be called, too."""


class Listing(msgspec.Struct, frozen=True):
    """A reply that is a list of uploads, each encoded, with headers."""

    uploads: list[bytes]
    headers: dict[str, str]


async def body_of(upload: PublishedReport, *, media_data: bool) -> bytes:
    """The upload's JSON, with the contents of its medium where they are wanted."""
    if media_data and upload.attachment:
        return await asyncio.to_thread(attached.whole, upload.body, upload.attachment)
    return upload.body


def told(missed: Missed) -> dict[str, Any]:
    """What is told of events that cannot be."""
    return {"after": missed.after, "upto": missed.upto, "reason": missed.why}
