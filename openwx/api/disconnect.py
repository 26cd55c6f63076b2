"""Ends calls that wait when their caller disconnects, or the server stops; begins answers that their handler writes.
``endpoints``, ``peers``, streams and the console call it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any

from aiohttp import web

from openwx.api.routing import LongPoll
from openwx.errors import CallerError, Code

log = logging.getLogger("openwx.web")

LOOK_S = 0.5
"""Interval of looking whether a caller is still connected, in seconds."""
FINISH_S = 0.5
"""Time for calls to finish once their account has stopped, in seconds."""


class PendingCalls:
    """All calls of one server that wait for something."""

    def __init__(self) -> None:
        self._polls: set[asyncio.Future[Any]] = set()
        self._calls: set[asyncio.Task[Any]] = set()

    async def stop(self) -> None:
        """End all calls, because the server stops. All accounts have stopped by now, so most end by themselves."""
        for poll in self._polls:
            poll.cancel()
        if self._calls:
            await asyncio.wait(set(self._calls), timeout=FINISH_S)
        for call in self._calls:
            call.cancel()

    async def run(self, request: web.Request, work: Coroutine[Any, Any, object]) -> object:
        """Run a call until it ends, its caller disconnects, or the server stops."""
        task = asyncio.create_task(work)
        self._calls.add(task)
        try:
            while not task.done() and not _is_gone(request):
                await asyncio.wait([task], timeout=LOOK_S)
            task.cancel()
            await asyncio.wait([task])
        finally:
            task.cancel()
            self._calls.discard(task)
        if task.cancelled():
            raise CallerError(Code.NOT_RUNNING, "the server stops")
        return task.result()

    async def poll(
        self, request: web.Request, poll: LongPoll[Any]
    ) -> tuple[list[bytes], list[Any]]:
        """Wait, and take what there is: return it encoded, and as it is.

        The caller cannot disconnect unnoticed between the last look and the write.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + poll.timeout_s
        while True:
            left = max(0.0, deadline - loop.time())
            if not await self._wait(request, poll.ready(left)):
                return [], []
            await asyncio.sleep(0)  # a disconnect that has arrived is noticed now
            if _is_gone(request):
                return [], []
            taken = poll.take()
            if taken or loop.time() >= deadline:
                encoded = await poll.encode(taken)
                if not _is_gone(request):
                    return encoded, taken
                poll.put_back(taken)
                return [], []

    async def _wait(self, request: web.Request, ready: Awaitable[None]) -> bool:
        """Return whether ``ready`` ended; False if the server stops, or the caller disconnects."""
        task = asyncio.ensure_future(ready)
        self._polls.add(task)
        try:
            while not task.done() and not _is_gone(request):
                await asyncio.wait([task], timeout=LOOK_S)
        finally:
            task.cancel()
            self._polls.discard(task)
        if not task.done() or task.cancelled():
            return False
        task.result()
        return True


async def has_begun(response: web.StreamResponse, request: web.BaseRequest) -> bool:
    """Send the head of an answer that its handler writes. False: its caller has disconnected."""
    try:
        await response.prepare(request)
    except ConnectionError:
        log.debug("the caller disconnected before the answer began")
        return False
    return True


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
