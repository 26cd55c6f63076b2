"""An account's reporter between a journal and a receiver, and words to speak of it."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import msgspec

from openwx.config import ReportSettings
from openwx.reporter import clock
from openwx.reporter.reporter import Answer, Reporter
from openwx.reporter.retry_schedule import Pauses
from openwx.store.sqlite.journal import (
    Journal,
    NewReport,
    NewSend,
    Report,
    Send,
    WriteBatch,
    WriteResult,
)
from tests.patience import PATIENCE_S

from .receiver import Receiver

_numbers = itertools.count(1)


class Clock(clock.Clock):
    """Both clocks stand still, unless a test has time go by, or sets the wall clock."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self._up = 1000.0
        super().__init__(lambda: self.now, lambda: self._up, boot="one")

    def goes_on(self, seconds: float) -> None:
        self.now += seconds
        self._up += seconds

    def is_set(self, seconds: float) -> None:
        """Ahead, or back."""
        self.now += seconds


def a_message(n: int = 0, chat: str = "c", **more: Any) -> NewReport:
    body = msgspec.json.encode({"n": n, "post_type": "receive_message", **more.pop("with_", {})})
    more.setdefault("uid", f"u{next(_numbers)}")
    more.setdefault("reply_to", b"to")
    return NewReport(chat=chat, kind=more.pop("kind", "receive_message"), body=body, **more)


def no_pauses() -> Iterator[float]:
    return itertools.repeat(0.0)


def long_pauses() -> Iterator[float]:
    return itertools.repeat(3600.0)


def all_pauses(pauses: Callable[[], Iterator[float]]) -> Pauses:
    """The same after everything."""
    return Pauses(outage=pauses, refused=pauses, silent=pauses, gather_s=0.0)


class World:
    def __init__(self, journal: Journal, receiver: Receiver, clock: Clock) -> None:
        self.journal = journal
        self.receiver = receiver
        self.clock = clock
        self.accepted: list[Send] = []
        self.asked: list[Answer] = []
        self.reporter: Reporter
        self.task: asyncio.Task[None] | None = None
        self.http: aiohttp.ClientSession | None = None

    def start(
        self,
        *,
        pauses: Callable[[], Iterator[float]] | Pauses = no_pauses,
        replies: Callable[[Report, Answer], list[NewSend]] | None = None,
        url_client: str | None = None,
        run: bool = True,
        **settings: Any,
    ) -> None:
        settings.setdefault("post_api", self.receiver.url)
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.reporter = Reporter(
            "me",
            ReportSettings(**settings),
            self.journal,
            self.http,
            replies=replies or self._replies,
            accepted=self.accepted.extend,
            url_client=lambda: url_client,
            pauses=pauses if isinstance(pauses, Pauses) else all_pauses(pauses),
            clock=self.clock,
        )
        if run:
            self.run()

    def run(self) -> None:
        self.task = asyncio.create_task(self.reporter.run())

    def _replies(self, upload: Report, answer: Answer) -> list[NewSend]:
        self.asked.append(answer)
        body = (answer.reply or answer.media or "").encode()
        return [NewSend(uid=f"reply-{next(_numbers)}", body=body, upload_id=upload.id)]

    async def tell(self, *uploads: NewReport) -> WriteResult:
        written = await self.journal.write(WriteBatch(account="me", uploads=uploads))
        self.reporter.put(written.fresh)
        return written

    async def done(self) -> None:
        """Everything is delivered, given up or dropped; a bug in the reporter comes out here."""
        assert self.task is not None
        drained = asyncio.ensure_future(self.reporter.drained(PATIENCE_S))
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
