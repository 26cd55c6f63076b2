"""A real ``post_api`` on a port of its own, scripted by the test."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from tests.patience import PATIENCE_S

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Got:
    """One POST as it came."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def n(self) -> Any:
        return self.json["n"]


class Receiver:
    """``script`` holds the answers to the next POSTs; when it is empty, ``otherwise`` answers."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.script: list[Behaviour] = []
        self.otherwise: Behaviour = says("")
        self.at_once = 0
        self.most_at_once = 0
        self.url = ""
        self.port = 0
        self._came = asyncio.Condition()
        self._runner: web.AppRunner

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=100 * 1024 * 1024)
        app.router.add_post("/hook", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            raw = await request.read()
            self.got.append(Got(request.headers, request.query, raw))
            async with self._came:
                self._came.notify_all()
            return await (self.script.pop(0) if self.script else self.otherwise)(request)
        finally:
            self.at_once -= 1

    async def has(self, count: int) -> None:
        """Wait for so many POSTs."""
        async with asyncio.timeout(PATIENCE_S), self._came:
            await self._came.wait_for(lambda: len(self.got) >= count)

    def numbers(self) -> list[Any]:
        return [got.n for got in self.got]

    def ids(self) -> Counter[str]:
        return Counter(got.headers["webhook-id"] for got in self.got)


def says(
    text: str | bytes, *, status: int = 200, content_type: str = "application/json", **headers: str
) -> Behaviour:
    async def behaviour(_: web.Request) -> web.StreamResponse:
        body = text.encode() if isinstance(text, str) else text
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            status=status, body=body, headers={"Content-Type": content_type, **more}
        )

    return behaviour


def status(number: int, **headers: str) -> Behaviour:
    return says("{}", status=number, **headers)


def sends_raw(data: bytes) -> Behaviour:
    """Answer with something that is not HTTP, or only a part of it, and close the connection."""

    async def behaviour(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(data)
        request.transport.close()
        return web.Response()

    return behaviour


def waits_for(event: asyncio.Event, then: Behaviour) -> Behaviour:
    async def behaviour(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return await then(request)

    return behaviour
