"""The way from one node to WeChat: an HTTP proxy that notes each call before it passes it on."""

import time
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
