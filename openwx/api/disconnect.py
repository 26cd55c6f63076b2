"""Callers who wait: for as long as they are there, and until the server stops."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from aiohttp import web

from openwx.api.routing import LongPoll
from openwx.errors import CallerError, Code

LOOK_S = 0.5
"""So often it is seen whether somebody who waits is still there."""
FINISH_S = 0.5
"""So long what waits for an account that has stopped has to come to its end."""


class Waiting:
    """All who wait at one server."""

    def __init__(self) -> None:
        self._polls: set[asyncio.Future[Any]] = set()
        """What long polls wait for: it would go on."""
        self._attended: set[asyncio.Task[Any]] = set()

    async def stop(self) -> None:
        """Answer all who wait, because the server stops. All accounts have stopped by now, so that what waits for one
        comes to its own end at once."""
        for poll in self._polls:
            poll.cancel()
        if self._attended:
            await asyncio.wait(set(self._attended), timeout=FINISH_S)
        for task in self._attended:
            task.cancel()

    async def attend(self, request: web.Request, work: Coroutine[Any, Any, object]) -> object:
        """Do what waits, for as long as the caller is there and the server runs."""
        task = asyncio.create_task(work)
        self._attended.add(task)
        try:
            while not task.done() and not _has_gone(request):
                await asyncio.wait([task], timeout=LOOK_S)
            task.cancel()
            await asyncio.wait([task])
        finally:
            task.cancel()
            self._attended.discard(task)
        if task.cancelled():
            raise CallerError(Code.NOT_RUNNING, "the server stops")
        return task.result()

    async def poll(self, request: web.Request, poll: LongPoll[Any]) -> list[bytes]:
        """Wait and take. From the last look to the socket the caller cannot go away unseen."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + poll.timeout_s
        while True:
            left = max(0.0, deadline - loop.time())
            if not await self._wait(request, poll.ready(left)):
                return []
            await asyncio.sleep(0)  # a caller's farewell that has arrived is noticed now
            if _has_gone(request):
                return []
            taken = poll.take()
            if taken or loop.time() >= deadline:
                encoded = await poll.encode(taken)
                if not _has_gone(request):
                    return encoded
                poll.put_back(taken)
                return []

    async def _wait(self, request: web.Request, ready: Awaitable[None]) -> bool:
        """Whether it came to its end; False where the server stops, or nobody waits any more."""
        task = asyncio.ensure_future(ready)
        self._polls.add(task)
        try:
            while not task.done() and not _has_gone(request):
                await asyncio.wait([task], timeout=LOOK_S)
        finally:
            task.cancel()
            self._polls.discard(task)
        if not task.done() or task.cancelled():
            return False
        task.result()
        return True


def _has_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
