"""The simulator as an HTTP server: one origin for all hosts of both services, the control API and the page.
`openwx simulate` and tests run it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Self

from aiohttp import web

from . import autopilot, control, page
from .calls import Call, read_call
from .guard import guard
from .ilink import service as ilink
from .ilink.options import ILinkOptions
from .model import Settings, Size
from .service import HANDLERS
from .service.base import RefusedError, answer, refusal
from .service.corruption import corrupt_answer, corrupt_call
from .state import World

_log = logging.getLogger(__name__)


class Simulator:
    """The WeChat web service in memory, on a real socket: `async with Simulator() as simulator`."""

    def __init__(
        self,
        seed: int = 1,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        friends: int = 30,
        groups: int = 6,
        biggest_group: int = 500,
        group_members: int = 25,
        public_accounts: int = 4,
        auto_scan: bool = False,
        chatter_s: float | None = None,
        tls: ssl.SSLContext | None = None,
        ilink: ILinkOptions | None = None,
        **settings: Any,
    ) -> None:
        """Make a simulator with `settings` (see `model.Settings`), and small talk every `chatter_s` seconds.

        With `tls` it serves https, as the real service does. `ilink`: how its iLink service behaves.
        """
        size = Size(friends, groups, biggest_group, group_members, public_accounts)
        self.world = World(seed, size, Settings(auto_scan=auto_scan, **settings), ilink)
        self.accounts = self.world.accounts
        self.settings = self.world.settings
        self.ilink = self.world.ilink.options
        self.faults = self.world.faults
        self.codes = self.world.codes
        self.account = self.world.account
        self.add_account = self.world.add_account
        self.calls_of = self.world.calls_of
        self.gets_call = self.world.gets_call
        self.host = host
        self.port = port
        self._chatter_s = chatter_s
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # The world

    @property
    def url(self) -> str:
        """The `base_url` for a client."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    @property
    def redirect_host(self) -> str:
        """Another name of this simulator, for the iLink option `redirect_host`. It listens on 127.0.0.1 then."""
        return f"localhost:{self.port}"

    @property
    def page_url(self) -> str:
        """The address of the phone page, for a browser."""
        return f"{self.url}/"

    @property
    def calls(self) -> list[Call]:
        """All calls so far, oldest first."""
        return list(self.world.calls)

    # Running

    async def start(self) -> None:
        """Listen. Afterwards `port` is the port."""
        app = web.Application(client_max_size=64 * 2**20, middlewares=[guard(self.host)])
        page.add_routes(app, self.world)
        control.add_routes(app, self.world)
        ilink.add_routes(app, self.world)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # A poll whose client disconnects ends at once, and so do all at the close.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        if self._chatter_s:
            self._spawn(autopilot.chatters(self.world, self._chatter_s), "chatter")
        if self.settings.auto_scan:
            self._spawn(autopilot.scans(self.world), "auto scan")
            self._spawn(autopilot.confirms(self.world), "auto confirm")

    async def close(self) -> None:
        """Release what is held, and stop."""
        self.world.release_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Answering

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        call = await read_call(request)
        handler = HANDLERS.get(call.name)
        account = self.world.account_of_uin(call.cookies.get("wxuin", call.query.get("uin", "")))
        rule = self.world.faults.strike(call.name, account) if handler else None
        call.fault = rule.fault.value if rule else ""
        self.world.record(call)
        if handler is None:
            return answer("", status=404)
        if rule is not None:
            refused = refusal(call.name, rule.ret, rule.errmsg)
            if (failed := await corrupt_call(rule, refused, request)) is not None:
                return failed
        try:
            response = await handler(self.world, call)
        except RefusedError as refused:
            response = refusal(call.name, refused.ret, refused.errmsg)
        finally:
            call.part = None
        return response if rule is None else corrupt_answer(rule, request, response)

    # Autopilot

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"simulator: {name}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                _log.error("%s failed", task.get_name(), exc_info=error)

        task.add_done_callback(ended)


async def serve(
    host: str = "127.0.0.1",
    port: int = 3080,
    *,
    seed: int = 1,
    auto_scan: bool = True,
    chatter_s: float | None = 20.0,
    on_ready: Callable[[Simulator], None] | None = None,
    **options: Any,
) -> None:
    """Run until cancelled. `on_ready` gets the simulator once it listens (to print its `url`)."""
    simulator = Simulator(
        seed, host=host, port=port, auto_scan=auto_scan, chatter_s=chatter_s, **options
    )
    async with simulator:
        if on_ready is not None:
            on_ready(simulator)
        await asyncio.Event().wait()
