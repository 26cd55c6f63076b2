"""`GET changes`: Server-Sent Events that tell what is other than before, never what it is now."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web

from ..world import World

_AT_MOST_EVERY_S = 0.1
_STILL_HERE_S = 15.0


def changes(world: World) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Each event has a number for each thing that can change; the reader asks for those that did.

    So nothing is missed by who comes late, is slow, or comes again.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        # Who has gone is told by the next write; the stream then ends as it would at its close.
        with contextlib.suppress(ConnectionResetError), _watching(world):
            await response.prepare(request)
            await _tell(world, response)
        return response

    return handle


async def _tell(world: World, response: web.StreamResponse) -> None:
    told: dict[str, Any] = {}
    while not world.closing:
        now = _numbers(world)
        event = b": still here\n\n" if now == told else f"data: {json.dumps(now)}\n\n".encode()
        await response.write(event)
        told = now
        await asyncio.sleep(_AT_MOST_EVERY_S)
        await world.pulse.until(lambda: world.closing or _numbers(world) != told, _STILL_HERE_S)  # noqa: B023


@contextlib.contextmanager
def _watching(world: World) -> Iterator[None]:
    world.watchers += 1
    world.pulse.beat()
    try:
        yield
    finally:
        world.watchers -= 1
        world.pulse.beat()


def _numbers(world: World) -> dict[str, Any]:
    return {
        "world": world.control_pulse.beats,
        "login": world.codes.pulse.beats,
        "calls": world.calls_pulse.beats,
        "accounts": [account.pulse.beats for account in world.accounts],
    }
