"""An account's reporter between a journal and a receiver."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import msgspec

from openwx.config import ReportSettings
from openwx.lease import Gate
from openwx.reporter.answer import BackendAnswer
from openwx.reporter.reporter import Reporter
from openwx.reporter.reporters import Reporters
from openwx.reporter.retry_schedule import Pauses
from openwx.store.base import Journal
from openwx.store.records import NewReport, NewSend, Report, Send, WriteBatch, WriteResult
from tests.patience import PATIENCE_S

from ..store.reports import Clock, a_message
from .receiver import Receiver

__all__ = ["Clock", "World", "a_message", "all_pauses", "long_pauses", "no_pauses"]

_numbers = itertools.count(1)


def no_pauses() -> Iterator[float]:
    return itertools.repeat(0.0)


def long_pauses() -> Iterator[float]:
    return itertools.repeat(3600.0)


def all_pauses(pauses: Callable[[], Iterator[float]]) -> Pauses:
    """Use the same pauses after everything."""
    return Pauses(outage=pauses, refused=pauses, silent=pauses, gather_s=0.0)


class World:
    def __init__(self, journal: Journal, receiver: Receiver, clock: Clock) -> None:
        self.journal = journal
        self.receiver = receiver
        self.clock = clock
        self.accepted: list[Send] = []
        self.asked: list[BackendAnswer] = []
        self.reporters: Reporters
        self.task: asyncio.Task[None] | None = None
        self.http: aiohttp.ClientSession | None = None

    def start(
        self,
        *,
        pauses: Callable[[], Iterator[float]] | Pauses = no_pauses,
        url_client: str | None = None,
        run: bool = True,
        gate: Gate | None = None,
        **settings: Any,
    ) -> None:
        settings.setdefault("post_api", self.receiver.url)
        if self.http is None or self.http.closed:
            self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.reporters = Reporters(
            "me",
            ReportSettings(**settings),
            self.journal,
            self.http,
            replies=self,
            url_client=lambda: url_client,
            pauses=pauses if isinstance(pauses, Pauses) else all_pauses(pauses),
            clock=self.clock,
            gate=gate,
        )
        if run:
            self.run()

    @property
    def reporter(self) -> Reporter:
        """The only one."""
        (reporter,) = self.reporters.by_target.values()
        return reporter

    def run(self) -> None:
        self.task = asyncio.create_task(self.reporters.run())

    async def sends_for(self, report: Report, answer: BackendAnswer) -> list[NewSend]:
        self.asked.append(answer)
        body = str(answer.replies[0].text).encode()
        return [NewSend(uid=f"reply-{next(_numbers)}", body=body, report_id=report.id)]

    def accept(self, sends: list[Send]) -> None:
        self.accepted += sends

    async def record(self, *reports: NewReport) -> WriteResult:
        written = await self.journal.write(WriteBatch(account="me", reports=reports))
        for report in written.recorded:
            self.reporters.on_report(report, msgspec.json.decode(report.body))
        return written

    async def done(self) -> None:
        """Wait until every delivery has ended; a bug in the reporter comes out here."""
        assert self.task is not None
        drained = asyncio.ensure_future(self.reporters.drained(PATIENCE_S))
        await asyncio.wait({drained, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            drained.cancel()
            await self.task
        assert await drained

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=PATIENCE_S)
            assert self.task.done()
        if self.http is not None:
            await self.http.close()
