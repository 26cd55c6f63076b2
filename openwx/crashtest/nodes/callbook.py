"""The way from one node to WeChat: an HTTP proxy that notes each call before it passes it on.
Each ``node`` has one; ``terms`` compares them.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

_OF_ONE_HOP = (
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "Transfer-Encoding",
    "Content-Length",
    "Host",
)
_PIECE = 64 * 1024
_SEND = "send"
"""A part of the paths of sends, of both transports."""
_MOST_HELD_S = 5.0
DOMAIN = ".wechat.test"
"""A node calls the WeChat of account a1 as ``a1.wechat.test``: for addresses of its machine it uses no proxy."""


@dataclass(frozen=True, slots=True)
class NotedCall:
    """A call that a node made."""

    at: float
    """Unix time in seconds."""
    node: str
    account: str
    """The account that it is about: each has a WeChat of its own."""
    path: str


class CallBook:
    """The proxy of one node. ``calls`` is shared by all, in the order in which they came."""

    def __init__(self, node: str, calls: list[NotedCall], http: aiohttp.ClientSession) -> None:
        self._node = node
        self._calls = calls
        self._http = http
        self._passes = asyncio.Event()
        self._passes.set()
        self._is_held = asyncio.Event()
        # A caller that is gone must not take messages: its call ends with it.
        self._runner = web.ServerRunner(
            web.Server(self._pass_on, handler_cancellation=True, access_log=None)
        )

    @property
    def url(self) -> str:
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def start(self, host: str) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()

    async def close(self) -> None:
        await self._runner.cleanup()

    @contextlib.asynccontextmanager
    async def amid_sends(self, within_s: float) -> AsyncIterator[None]:
        """Hold up the answers to sends in the block, which begins with the first of them, or after a while without."""
        self._passes.clear()
        self._is_held.clear()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._is_held.wait()
            yield
        finally:
            self._passes.set()

    async def _until_it_passes(self) -> None:
        self._is_held.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOST_HELD_S):
                await self._passes.wait()

    async def _pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        url = URL(request.raw_path, encoded=True)
        account = (url.host or "").removesuffix(DOMAIN)
        self._calls.append(NotedCall(time.time(), self._node, account, url.path))
        try:
            async with self._http.request(
                request.method,
                url.with_host("127.0.0.1"),
                headers=_passed_on(request.headers),
                data=request.content if request.body_exists else None,
                allow_redirects=False,
            ) as answer:
                if _SEND in url.path and not self._passes.is_set():
                    await self._until_it_passes()
                return await _answer(request, answer)
        except aiohttp.ClientError:
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPBadGateway from None


def _passed_on(headers: "CIMultiDict[str] | aiohttp.typedefs.LooseHeaders") -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _OF_ONE_HOP:
        kept.popall(name, None)
    return kept


async def _answer(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=_passed_on(answer.headers)
    )
    response.content_length = answer.content_length
    await response.prepare(request)
    async for piece in answer.content.iter_chunked(_PIECE):
        await response.write(piece)
    await response.write_eof()
    return response
