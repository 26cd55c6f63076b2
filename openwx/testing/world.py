"""The simulated WeChat and gateways that are logged in to it, in one folder: a later one finds what the former left."""

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from openwx.client import Client
from openwx.config import Access, AccountSettings, Listen, ReportSettings, Settings
from openwx.config.models import EVENTS
from openwx.simulator import Account, Simulator
from openwx.testing import gateway

LOGIN_S = 30.0
PACE = replace(gateway.PACE, finish_s=0.3)
"""Nobody waits for a bot that has ended before its gateway."""
ALL_EVENTS = [name for name in EVENTS if not name.startswith("update_")]


class Gateway(gateway.Gateway):
    """A gateway with a ``client`` of its API."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, PACE)
        self.client: Client

    async def start(self) -> None:
        await super().start()
        self.client = Client(self.url, token=self.settings.access.token)
        await self.client.__aenter__()

    async def stop(self) -> None:
        if self._task is not None:
            await self.client.close()
        await super().stop()

    async def runs(self) -> None:
        """Wait until the account is logged in."""
        assert self.service is not None
        mine = self.service.gateway.account(None)
        async with asyncio.timeout(LOGIN_S):
            while not mine.is_running:  # noqa: ASYNC110 - only uploads tell it, and those are for the bot
                await asyncio.sleep(0.005)


class World:
    """``async with World(folder) as world``. Gateways listen at ``url``, which is known before the first one starts."""

    def __init__(self, folder: Path) -> None:
        self.simulator = Simulator(1, hold_s=0.5, biggest_group=60)
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._folder = folder
        self._gateways: list[Gateway] = []

    async def __aenter__(self) -> Self:
        await self.simulator.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for one in reversed(self._gateways):
                await one.stop()
        finally:
            await self.simulator.close()

    @property
    def account(self) -> Account:
        """The account that is logged in: its friends, its groups, its phone."""
        return self.simulator.account()

    async def start_gateway(
        self,
        *,
        post_api: str | None = None,
        token: str | None = None,
        login: bool = True,
        **settings: Any,
    ) -> Gateway:
        """A gateway that uploads all messages and events to ``post_api``, and is logged in unless ``login`` is False.

        ``settings`` are further keys of ``[accounts.NAME]``, such as ``secret`` or ``post_event_list``. Raises what
        ``Settings`` and ``service.running`` raise.
        """
        usual = {
            "base_url": self.simulator.url,
            "send_interval": 0,
            "post_api": post_api,
            "post_event": True,
            "post_event_list": ALL_EVENTS,
        }
        port = int(self.url.rpartition(":")[2])
        started = Gateway(
            Settings(
                data_dir=self._folder,
                show_messages=False,
                listen=[Listen(port=port)],
                access=Access(token=token),
                report=ReportSettings(check_event_list_max_size=1000),
                accounts={"default": AccountSettings.model_validate(usual | settings)},
            )
        )
        await started.start()
        self._gateways.append(started)
        if login:
            if not self.account.is_online:  # else the saved session is resumed
                await self.account.phone.logs_in(timeout_s=LOGIN_S)
            await started.runs()
        return started


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
