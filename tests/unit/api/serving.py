"""The web API over real sockets, with a stand-in for the gateway behind it."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, BinaryIO

import aiohttp

from openwx.api import access as judge
from openwx.api.app import make_runner
from openwx.api.server import Runner
from openwx.config import AccessSettings
from tests.patience import PATIENCE_S
from tests.reply import Reply

from .facade import Account, StandIn


class Api:
    """One served gateway, and calls to it."""

    def __init__(self, gateway: StandIn, runner: Runner, session: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.account: Account = gateway.only
        self.runner = runner
        self.host, self.port = runner.addresses[0][:2]
        self._session = session

    async def call(self, name: str, /, *, method: str = "GET", **request: Any) -> Reply:
        url = f"http://{self.host}:{self.port}/openwx/{name}"
        async with self._session.request(method, url, **request) as response:
            return Reply(response.status, await response.read(), dict(response.headers))

    async def get(self, name: str, /, **params: str) -> Reply:
        return await self.call(name, params=params)

    async def post(self, name: str, body: bytes | BinaryIO, content_type: str | None) -> Reply:
        headers = {} if content_type is None else {"Content-Type": content_type}
        skip = ["Content-Type"] if content_type is None else []
        return await self.call(
            name, method="POST", data=body, headers=headers, skip_auto_headers=skip
        )

    async def raw(self, request: bytes) -> tuple[bytes, bytes]:
        """Send these bytes, and return head and body of all that comes until the server closes."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(request)
            await writer.drain()
            head, _, body = (await asyncio.wait_for(reader.read(), PATIENCE_S)).partition(
                b"\r\n\r\n"
            )
        finally:
            writer.close()
            await writer.wait_closed()
        return head, body


class Serve:
    """Serves gateways until the test is over."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(self, **access: Any) -> Api:
        gateway = StandIn(AccessSettings(**access))
        self._stack.callback(gateway.close)
        whole = gateway.as_gateway()
        runner = make_runner(whole, judge.Access(whole.settings.access))
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await runner.listen("127.0.0.1", 0)
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        return Api(gateway, runner, session)
