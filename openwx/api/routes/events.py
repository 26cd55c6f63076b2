"""Routes that report what happens. ``app`` serves them."""

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.accounts.check_event import Listed, encoded
from openwx.accounts.streams import Missed, Reader, StreamEnded
from openwx.api.answers import LAST_ID, MISSED
from openwx.api.callers import Scope
from openwx.api.routing import LongPoll, route
from openwx.api.stream_models import EventStream, Follow, FollowStream, Listing, Socket, body_of

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.api.visible import VisibleGateway

MAX_WAIT_S = 300
MOST_MEDIA = 32 * 1024 * 1024
"""Bytes of media in one answer; a single file may be larger."""


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


@route(
    "check_event", scope=Scope.SEND, reads_with="after", any_state=True, cancel_on_disconnect=True
)
async def check_event(account: "Account", call: CheckEvent) -> LongPoll[Listed] | Listing:
    """Return the reports since the last call, as soon as there are any; `[]` after the time.

    With `after=` an id: the reports after that one, for any number of callers, with the filters of `events`. The header
    `X-Openwx-Last-Id` is the `after` of the next call.
    """
    if call.after is None:
        buffer = account.buffer
        encode = partial(encoded, account.files)
        return LongPoll(buffer.wait, buffer.pop_all, encode, buffer.push_back, call.timeout)
    ended_before = bool(account.stream.ended)
    async with account.stream.read(call.begin, call.filter()) as reader:
        try:
            return await _next(reader, call.timeout)
        except StreamEnded:
            if ended_before:  # a caller in a loop must not ask without a pause
                await asyncio.sleep(call.timeout)
            return Listing([], {LAST_ID: str(reader.cursor)})


async def _next(reader: Reader, timeout_s: float) -> Listing:
    reports: list[bytes] = []
    missed: list[str] = []
    cursor, room = reader.cursor, MOST_MEDIA
    items = await reader.more(timeout_s)
    for item in items:
        if isinstance(item, Missed):
            missed.append(f"{item.after}-{item.upto}")
            continue
        report = await reader.with_file(item)
        size = await asyncio.to_thread(_size, report.attachment) if report.attachment else 0
        if size > room and reports:
            break
        room -= size
        reports.append(await body_of(report))
        cursor = item.id
    else:
        cursor = reader.cursor
    headers = {LAST_ID: str(cursor)}
    if missed:
        headers[MISSED] = ", ".join(missed)
    return Listing(reports, headers)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


@route("events", scope=Scope.READ, any_state=True)
async def events(gateway: "VisibleGateway", account: "Account", call: FollowStream) -> EventStream:
    """Stream messages and events as they happen, as Server-Sent Events.

    The stream begins now, or `after` the id of an event: reconnect with the last `id` to receive everything since.
    """
    begin, matching = call.begin, call.filter()
    return EventStream(account.stream, gateway.streams, begin, matching, call.media_data)


@route("ws", scope=Scope.READ, any_state=True)
async def ws(gateway: "VisibleGateway", account: "Account", call: FollowStream) -> Socket:
    """Open a WebSocket: the same events, and calls of any route over it.

    Its address is `ws://127.0.0.1:3000/openwx/ws`, or `wss:` where the server speaks https.
    """
    begin, matching = call.begin, call.filter()
    return Socket(account.stream, gateway.streams, begin, matching, call.media_data)
