"""The routes that tell what happens."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.accounts.check_event import encoded
from openwx.accounts.streams import Missed, Reader, StreamEnded
from openwx.api.answers import LAST_ID, MISSED
from openwx.api.routing import LongPoll, route
from openwx.api.stream_models import EventStream, Follow, FollowStream, Listing, Socket, body_of
from openwx.store.records import Report

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.accounts.manager import AccountManager

MAX_WAIT_S = 300
MOST_MEDIA = 32 * 1024 * 1024
"""Bytes of media in one answer; one medium may be larger."""


class CheckEvent(Follow):
    timeout: Annotated[
        float,
        Field(
            ge=0,
            le=MAX_WAIT_S,
            allow_inf_nan=False,
            description=f"a number of seconds from 0 to {MAX_WAIT_S}",
        ),
    ] = 30


@route("check_event", any_state=True, attended=True)
async def check_event(account: "Account", call: CheckEvent) -> LongPoll[Report] | Listing:
    """The uploads since the last call, as soon as there are any; `[]` after the time.

    With `after=` an id: what comes after that one, for any number of callers, with the filters of `events`. The header
    `X-Openwx-Last-Id` says what to give as `after` the next time.
    """
    if call.after is None:
        buffer = account.buffer
        return LongPoll(buffer.wait, buffer.pop_all, encoded, buffer.push_back, call.timeout)
    ended_before = bool(account.stream.ended)
    async with account.stream.read(call.begin, call.wanted()) as reader:
        try:
            return await _next(reader, call.timeout)
        except StreamEnded:
            if ended_before:  # nothing comes; a caller in a loop is not to ask without a pause
                await asyncio.sleep(call.timeout)
            return Listing([], {LAST_ID: str(reader.cursor)})


async def _next(reader: Reader, timeout_s: float) -> Listing:
    uploads: list[bytes] = []
    missed: list[str] = []
    cursor, room = reader.cursor, MOST_MEDIA
    items = await reader.more(timeout_s)
    for item in items:
        if isinstance(item, Missed):
            missed.append(f"{item.after}-{item.upto}")
            continue
        size = await asyncio.to_thread(_size, item.attachment) if item.attachment else 0
        if size > room and uploads:
            break
        room -= size
        uploads.append(await body_of(item, media_data=True))
        cursor = item.id
    else:
        cursor = reader.cursor
    headers = {LAST_ID: str(cursor)}
    if missed:
        headers[MISSED] = ", ".join(missed)
    return Listing(uploads, headers)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


@route("events", any_state=True, reads=True)
async def events(gateway: "AccountManager", account: "Account", call: FollowStream) -> EventStream:
    """Messages and events as they happen: Server-Sent Events.

    It begins now, or `after` the id of an event: who comes back with the last one misses nothing that is still kept.
    """
    begin, wanted = call.begin, call.wanted()
    return EventStream(account.stream, gateway.streams, begin, wanted, call.media_data)


@route("ws", any_state=True, reads=True)
async def ws(gateway: "AccountManager", account: "Account", call: FollowStream) -> Socket:
    """A WebSocket: the same events, and calls of any route over it.

    Its address is `ws://127.0.0.1:3000/openwx/ws`, or `wss:` where the server speaks https.
    """
    begin, wanted = call.begin, call.wanted()
    return Socket(account.stream, gateway.streams, begin, wanted, call.media_data)
