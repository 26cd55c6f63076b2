"""The real gateway in this process, with short delays for tests. ``World`` starts it."""

import asyncio

from openwx import service
from openwx.config import Settings
from openwx.timing import Timing
from openwx.transports.base import TransportFactory

STOP_S = 60.0
"""Time limit for stopping a gateway, in seconds."""

PACE = Timing(
    call_timeout_s=3.0,
    poll_timeout_s=3.0,
    stalled_after_s=30.0,
    backoff_first_s=0.01,
    backoff_most_s=0.05,
    refused_s=(0.01, 0.02, 0.04, 0.05),
    silent_s=(0.01, 0.02, 0.04, 0.05),
    gather_s=0.1,
    too_often_first_s=0.05,
    too_often_most_s=0.1,
    idle_first_s=0.001,
    idle_most_s=0.05,
    settle_s=0.3,
    push_every_s=0.0,
    medium_within_s=2.0,
    medium_login_s=10.0,
)
"""The delays of a gateway under test: the same proportions in less time."""


class Gateway:
    """A gateway. ``url`` is its address after ``start``; ``stop`` ends it as SIGTERM does."""

    def __init__(
        self,
        settings: Settings,
        pace: Timing = PACE,
        transports: TransportFactory | None = None,
    ) -> None:
        self.url = ""
        self.settings = settings
        self.service: service.Service | None = None
        self._pace = pace
        self._transports = transports
        self._enough = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and return when it listens. Raises the errors of ``service.running``."""
        listens: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(listens), name="gateway under test")
        await asyncio.wait({self._task, listens}, return_when=asyncio.FIRST_COMPLETED)
        if not listens.done():
            self._task.result()

    async def _live(self, listens: asyncio.Future[None]) -> None:
        running = service.running(self.settings, pace=self._pace, transports=self._transports)
        async with running as self.service:
            self.url = self.service.url
            listens.set_result(None)
            ended = asyncio.ensure_future(self.service.ended.wait())
            enough = asyncio.ensure_future(self._enough.wait())
            await asyncio.wait({ended, enough}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            enough.cancel()

    async def stop(self) -> None:
        """Shut down in order. A second call does nothing. Raises the error if the gateway crashed."""
        self._enough.set()
        if self._task is not None:
            async with asyncio.timeout(STOP_S):
                await self._task

    async def ends(self) -> None:
        """Wait until it ends on its own."""
        assert self._task is not None
        async with asyncio.timeout(STOP_S):
            await asyncio.shield(self._task)
