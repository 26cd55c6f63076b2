"""Runs transports against a ``Fake``, with an inbox that saves what they deliver."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from msgspec.structs import replace

from openwx.config import AccountSettings
from openwx.domain.chat_ref import Identity
from openwx.domain.events import Event, State, StateChanged
from openwx.domain.messages import Message
from openwx.reasons import ReasonCode
from openwx.testing import PACE
from openwx.timing import Timing
from openwx.transports.base import Batch
from openwx.transports.ilink.transport import ILinkTransport, ILinkTransports
from openwx.transports.network import Network
from openwx.transports.ratelimit import RateLimiter
from tests.patience import PATIENCE_S

from .fake import Bot, Fake

FAST = replace(PACE, poll_grace_s=20.0, code_lives_at_least_s=0.0)


class Inbox:
    """Takes batches while it is ``open``, and saves their state."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.saved: dict[str, bytes] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.transport: ILinkTransport | None = None
        self._changed = asyncio.Condition()

    async def deliver(self, batch: Batch) -> None:
        self.batches.append(batch)
        await self._note()
        await self.open.wait()
        self.save(batch)
        await self._note()

    def save(self, batch: Batch) -> None:
        for name, value in batch.state.items():
            if value is None:
                self.saved.pop(name, None)
            else:
                self.saved[name] = value

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def changes(self) -> list[StateChanged]:
        return [event for event in self.events if isinstance(event, StateChanged)]

    @property
    def states(self) -> list[State]:
        return [event.new for event in self.changes]

    @property
    def messages(self) -> list[Message]:
        return [message for batch in self.batches for message in batch.messages]

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.messages]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(done)

    async def gets(self, count: int) -> list[Message]:
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    async def enters(self, state: State, times: int = 1) -> None:
        await self.until(lambda: self.states.count(state) >= times)


async def eventually(done: Callable[[], object]) -> None:
    """Yield until something holds that no batch tells."""
    async with asyncio.timeout(PATIENCE_S):
        while not done():
            await asyncio.sleep(0)


# Functions, since what mypy knows of a property it believes to stay.


def code_of(transport: ILinkTransport) -> ReasonCode:
    return transport.standing.reason.code


def is_usable(transport: ILinkTransport) -> bool:
    return transport.is_usable


def identity_of(transport: ILinkTransport) -> Identity | None:
    return transport.identity


class Sink:
    """Takes changes."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def require_writable(self) -> None:
        """Everything may be changed."""

    async def record(self, events: list[Event]) -> None:
        self.events += events


class Case:
    """An account, its inbox, and a service."""

    def __init__(self, fake: Fake, connector: aiohttp.BaseConnector) -> None:
        self.fake = fake
        self.inbox = Inbox()
        self.sink = Sink()
        self.pace: Timing = FAST
        self.interval_s = 0.0
        self._connector = connector

    def create(self) -> ILinkTransport:
        settings = AccountSettings.model_validate({"base_url": self.fake.url})
        factory = ILinkTransports(Network(self._connector), self.pace)
        limiter = RateLimiter(self.interval_s, self.pace.too_often)
        transport = factory.create("default", settings, limiter, is_guarded=False)
        transport.connect(self.sink)
        return transport

    @asynccontextmanager
    async def started(self) -> AsyncIterator[ILinkTransport]:
        """Run a transport with the state that was saved; leaving kills it, or stops it where it is told to."""
        transport = self.create()
        running = asyncio.create_task(transport.run(dict(self.inbox.saved), self.inbox))
        try:
            yield transport
        finally:
            if running.done() and not running.cancelled():
                running.result()
            running.cancel()
            await asyncio.wait({running})
            await transport.close()

    @asynccontextmanager
    async def logged_in(self) -> AsyncIterator[tuple[ILinkTransport, Bot]]:
        """Run a transport whose code is scanned and confirmed."""
        async with self.started() as transport:
            bot = await self.fake.confirms(len(self.fake.codes) + 1)
            await self.inbox.enters(State.RUNNING)
            yield transport, bot


@asynccontextmanager
async def serving() -> AsyncIterator[Case]:
    """Serve a fake service, and make a case of it."""
    fake = Fake()
    app = web.Application(client_max_size=2**28)
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    connector = aiohttp.TCPConnector()
    yield Case(fake, connector)
    await connector.close()
    await runner.cleanup()
    assert not fake.complaints
