"""A backend of the test: a program that records every report, replies to some, and has moods.
``services`` starts it.

``python -m openwx.crashtest.receiver SEED`` prints the addresses of its hook and of its control API:
``POST /mood`` with a ``Mood``, and ``GET /arrivals?after=N&timeout_s=S``, which returns the arrivals from number N on
and waits until there is one.
"""

import asyncio
import contextlib
import enum
import itertools
import json
import random
import sys
from typing import Any

from aiohttp import web

TROUBLE = 0.02
"""The share of reports that fail in every mood but ``CALM``; half of them fail after they were recorded."""


class Mood(enum.StrEnum):
    CALM = "calm"
    """Everything works. All other moods also fail now and then."""
    WELL = "well"
    SLOW = "slow"
    FAILING = "failing"
    GARBAGE = "garbage"
    CLOSING = "closing"
    DOWN = "down"


def wants_reply(text: str) -> bool:
    """Check whether a message gets a reply: every fourth does."""
    kind, _, number = text.partition(" ")
    return kind == "message" and number.isdecimal() and int(number) % 4 == 0


class Backend:
    """The hook and its control API. Each delivery of a message gets a different reply, so that duplicates show."""

    def __init__(self, seed: str) -> None:
        self._mood = Mood.WELL
        self._arrivals: list[dict[str, Any]] = []
        self._came = asyncio.Condition()
        self._draw = random.Random(seed)
        self._numbers = itertools.count(1)
        self._site: web.TCPSite | None = None
        self._hook: web.AppRunner
        self._port = 0

    async def serve(self) -> None:
        """Serve until cancelled."""
        control = web.Application()
        control.router.add_post("/mood", self._set_mood)
        control.router.add_get("/arrivals", self._list_arrivals)
        controls = web.AppRunner(control, access_log=None, shutdown_timeout=0.1)
        hook = web.Application(client_max_size=64 * 2**20)
        hook.router.add_post("/hook", self._receive)
        self._hook = web.AppRunner(hook, access_log=None, shutdown_timeout=0.1)
        await controls.setup()
        await self._hook.setup()
        try:
            await web.TCPSite(controls, "127.0.0.1", 0).start()
            await self._listen()
            self._port = self._hook.addresses[0][1]
            addresses = {
                "control": f"http://127.0.0.1:{controls.addresses[0][1]}",
                "hook": f"http://127.0.0.1:{self._port}/hook",
            }
            print(json.dumps(addresses), flush=True)
            await asyncio.Event().wait()
        finally:
            await controls.cleanup()
            await self._hook.cleanup()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._hook, "127.0.0.1", self._port, reuse_address=True)
        await self._site.start()

    async def _set_mood(self, request: web.Request) -> web.Response:
        self._mood = Mood(await request.text())
        if self._mood is Mood.DOWN and self._site is not None:
            await self._site.stop()
            self._site = None
        elif self._mood is not Mood.DOWN and self._site is None:
            await self._listen()
        return web.Response()

    async def _list_arrivals(self, request: web.Request) -> web.Response:
        after, timeout_s = int(request.query["after"]), float(request.query["timeout_s"])
        with contextlib.suppress(TimeoutError):  # then the list is empty
            async with asyncio.timeout(timeout_s), self._came:
                await self._came.wait_for(lambda: len(self._arrivals) > after)
        return web.json_response(self._arrivals[after:])

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        payload = await request.json()
        mood, chance = self._mood, self._draw.random()
        if mood is Mood.CALM:
            chance = 1.0
        if mood is Mood.DOWN:  # on a connection that was open before
            return _abort(request)
        if chance < TROUBLE / 2 or (mood is Mood.FAILING and chance < 0.7):
            return web.Response(status=503, text="not now")
        reply = ""
        if payload["post_type"] == "receive_message" and wants_reply(payload["content"]):
            reply = f"reply {next(self._numbers)} to {payload['content']}"
        await self._record(request.headers["webhook-id"], payload, reply)
        if chance < TROUBLE:
            return _abort(request)
        if mood is Mood.SLOW:
            await asyncio.sleep(self._draw.uniform(0.05, 0.6))
        answer = json.dumps({"reply": reply} if reply else {}).encode()
        if mood is Mood.CLOSING and chance < 0.6:
            return await _half(request, answer)
        if mood is Mood.GARBAGE and not reply:
            return web.Response(body=self._draw.randbytes(64), content_type="application/json")
        return web.Response(body=answer, content_type="application/json")

    async def _record(self, webhook_id: str, payload: Any, reply: str) -> None:
        self._arrivals.append({"webhook_id": webhook_id, "payload": payload, "reply": reply})
        async with self._came:
            self._came.notify_all()


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half(request: web.Request, answer: bytes) -> web.StreamResponse:
    """Send the head of an answer and the first part of its body, then close the connection."""
    response = web.StreamResponse(headers={"Content-Length": str(len(answer) + 64)})
    await response.prepare(request)
    await response.write(answer)
    if request.transport is not None:
        request.transport.close()
    return response


if __name__ == "__main__":
    asyncio.run(Backend(sys.argv[1]).serve())
