"""The simulated WeChat and the gateways of a test, which share a data folder one after the other.
The fixtures of pytest open it.
"""

import asyncio
from pathlib import Path
from typing import Any, Self

from aiohttp.test_utils import unused_port
from msgspec.structs import replace

from openwx.client import Client
from openwx.config import (
    EVENTS,
    AccessSettings,
    AccountSettings,
    Listen,
    ReportSettings,
    Settings,
)
from openwx.simulator import Account, Simulator
from openwx.testing import gateway

LOGIN_S = 30.0
PACE = replace(gateway.PACE, finish_s=0.3)
"""The delays of a gateway in a bot's tests. It does not wait long for a bot that has ended already."""
ALL_EVENTS = [name for name in EVENTS if not name.startswith("update_")]


class Gateway(gateway.Gateway):
    """A gateway with a ``client`` for its API."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, PACE)
        self.client: Client

    async def start(self) -> None:
        await super().start()
        self.client = Client(self.url, token=self.settings.access.own_token)
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
            while not mine.is_running:  # noqa: ASYNC110 - only reports announce it, and those go to the bot
                await asyncio.sleep(0.005)


class World:
    """A simulator and its gateways: ``async with World(folder) as world``.

    All gateways listen at ``url``, which is known before the first one starts.
    """

    def __init__(self, folder: Path) -> None:
        self.simulator = Simulator(1, hold_s=0.5, biggest_group=60)
        self.url = f"http://127.0.0.1:{unused_port()}"
        self._folder = folder
        self._gateways: list[Gateway] = []

    async def __aenter__(self) -> Self:
        await self.simulator.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            for one in reversed(self._gateways):
                await one.stop()
        finally:
            await self.simulator.close()

    @property
    def account(self) -> Account:
        """The simulated account of the gateway, with its friends, groups and phone."""
        return self.simulator.account()

    async def start_gateway(
        self,
        *,
        post_api: str | None = None,
        token: str | None = None,
        login: bool = True,
        **settings: Any,
    ) -> Gateway:
        """Start a gateway that reports all messages and events to ``post_api``, and log in if ``login`` is true.

        ``settings`` are further keys of ``[accounts.NAME]``, such as ``secret`` or ``post_event_list``. Raises the
        errors of ``Settings`` and ``service.running``.
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
                access=AccessSettings(token=token),
                report=ReportSettings(check_event_list_max_size=1000),
                accounts={"default": AccountSettings.model_validate(usual | settings)},
            )
        )
        await started.start()
        self._gateways.append(started)
        if login:
            if not self.account.is_online:  # otherwise the gateway resumes the saved session
                await self.account.phone.logs_in(timeout_s=LOGIN_S)
            await started.runs()
        return started
