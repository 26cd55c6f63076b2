"""The real gateway, in this process, at the pace of a test."""

import asyncio

from openwx import service
from openwx.config import Settings
from openwx.timing import Timing

STOP_S = 60.0
"""How long the end of a gateway may take."""

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
    medium_within_s=2.0,
    medium_login_s=10.0,
)
"""As the real pace, in less time."""


class Gateway:
    """A gateway; ``stop`` ends it as SIGTERM does. ``url`` is where it listens, once it does."""

    def __init__(self, settings: Settings, pace: Timing = PACE) -> None:
        self.url = ""
        self.settings = settings
        self.service: service.Service | None = None
        self._pace = pace
        self._enough = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once it listens. Raises what ``service.running`` raises."""
        listens: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(listens), name="gateway under test")
        await asyncio.wait({self._task, listens}, return_when=asyncio.FIRST_COMPLETED)
        if not listens.done():
            self._task.result()

    async def _live(self, listens: asyncio.Future[None]) -> None:
        async with service.running(self.settings, pace=self._pace) as self.service:
            self.url = self.service.url
            listens.set_result(None)
            ended = asyncio.ensure_future(self.service.ended.wait())
            enough = asyncio.ensure_future(self._enough.wait())
            await asyncio.wait({ended, enough}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            enough.cancel()

    async def stop(self) -> None:
        """Stop in good order; once more does nothing. A bug that ended the gateway comes out here."""
        self._enough.set()
        if self._task is not None:
            async with asyncio.timeout(STOP_S):
                await self._task

    async def ends(self) -> None:
        """Wait until it has ended by itself."""
        assert self._task is not None
        async with asyncio.timeout(STOP_S):
            await asyncio.shield(self._task)
