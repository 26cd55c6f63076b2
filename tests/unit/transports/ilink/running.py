"""Runs transports against a ``Fake``, with an inbox that saves what they deliver."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from msgspec.structs import replace

from openwx.config import AccountSettings
from openwx.domain.chat_ref import Identity
from openwx.domain.events import Event, State
from openwx.reasons import ReasonCode
from openwx.testing import PACE
from openwx.timing import Timing
from openwx.transports.ilink.transport import ILinkTransport, ILinkTransports
from openwx.transports.network import Network
from openwx.transports.ratelimit import RateLimiter
from tests.patience import PATIENCE_S
from tests.served import ALL, served

from ..inbox import Inbox
from .fake import Bot, Fake

FAST = replace(PACE, poll_grace_s=20.0, code_lives_at_least_s=0.0)


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
async def faked() -> AsyncIterator[Fake]:
    """Serve a fake service."""
    fake = Fake()
    async with served({ALL: fake.answer}) as fake.url:
        yield fake
    assert not fake.complaints


@asynccontextmanager
async def case_of(fake: Fake) -> AsyncIterator[Case]:
    async with aiohttp.TCPConnector() as connector:
        yield Case(fake, connector)
