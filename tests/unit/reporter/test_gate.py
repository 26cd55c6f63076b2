"""Reports pass the account's gate right before they are posted."""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from openwx.accounts import private_targets
from openwx.errors import LeaseLost
from openwx.lease import Lease
from tests.watchedgate import WatchedGate

from .receiver import Receiver, status, waits_for
from .world import Clock, World, a_message


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def gate(lease: Lease) -> WatchedGate:
    return WatchedGate(lease)


async def test_a_report_waits_for_the_lease_and_is_signed_with_the_time_of_the_request(
    world: World, receiver: Receiver, clock: Clock, lease: Lease, gate: WatchedGate
) -> None:
    world.start(gate=gate, secret="secret")
    lease.renew(0.0)
    await world.record(a_message(1))
    await gate.holds(1)
    clock.goes_on(1000)
    assert not receiver.got
    lease.renew(math.inf)
    await world.done()
    (got,) = receiver.got
    assert got.headers["webhook-timestamp"] == str(int(clock.now))


async def test_a_redirect_passes_it_too(
    world: World, receiver: Receiver, lease: Lease, gate: WatchedGate
) -> None:
    moved = asyncio.Event()
    receiver.script = [waits_for(moved, status(307, Location="/hook?moved=1"))]
    world.start(gate=gate)
    await world.record(a_message(1))
    await receiver.has(1)
    lease.renew(0.0)
    moved.set()
    await gate.holds(1)
    assert len(receiver.got) == 1
    lease.renew(math.inf)
    await world.done()
    assert [dict(got.query) for got in receiver.got] == [{}, {"moved": "1"}]


class SlowResolver(ThreadedResolver):
    """Finds an address when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def resolve(self, *args: Any, **more: Any) -> list[ResolveResult]:
        self.asked.set()
        await self.answers.wait()
        return await super().resolve(*args, **more)


@pytest.fixture
async def slow() -> AsyncIterator[SlowResolver]:
    resolver = SlowResolver()
    yield resolver
    await resolver.close()


@pytest.fixture
async def gated(slow: SlowResolver, gate: WatchedGate) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        aiohttp.TCPConnector(resolver=slow) as connector,
        private_targets.session(connector, gate) as session,
    ):
        yield session


@pytest.fixture
async def connecting(
    world: World,
    receiver: Receiver,
    gate: WatchedGate,
    slow: SlowResolver,
    gated: aiohttp.ClientSession,
) -> World:
    """Return a world whose first report is on its way, and waits for an address."""
    world.http = gated
    world.start(gate=gate, post_api=receiver.url.replace("127.0.0.1", "localhost"))
    await world.record(a_message(1))
    await slow.asked.wait()
    return world


async def test_a_report_whose_lease_ends_while_it_connects_waits(
    connecting: World, receiver: Receiver, lease: Lease, gate: WatchedGate, slow: SlowResolver
) -> None:
    lease.renew(0.0)
    slow.answers.set()
    await gate.holds(1)
    assert not receiver.got
    lease.renew(math.inf)
    await connecting.done()
    assert len(receiver.got) == 1


async def test_a_report_whose_account_is_lost_while_it_connects_is_not_posted(
    connecting: World, receiver: Receiver, gate: WatchedGate, slow: SlowResolver
) -> None:
    gate.close()
    slow.answers.set()
    assert connecting.task is not None
    with pytest.raises(BaseExceptionGroup) as ended:
        await connecting.task
    assert ended.group_contains(LeaseLost)
    assert not receiver.got


async def test_the_deliveries_end_when_the_account_is_lost(
    world: World, receiver: Receiver, gate: WatchedGate
) -> None:
    world.start(gate=gate)
    gate.close()
    await world.record(a_message(1))
    assert world.task is not None
    with pytest.raises(BaseExceptionGroup) as ended:
        await world.task
    assert ended.group_contains(LeaseLost)
    assert not receiver.got


async def test_what_is_under_way_is_finished_and_nothing_begun(
    world: World, receiver: Receiver
) -> None:
    over = asyncio.Event()
    receiver.script = [waits_for(over, status(200))]
    world.start()
    await world.record(a_message(1, chat="a"), a_message(2, chat="a"))
    await receiver.has(1)
    settling = asyncio.create_task(world.reporters.settled())
    await asyncio.sleep(0)
    await world.record(a_message(3, chat="b"))
    assert not settling.done()
    over.set()
    await settling
    assert [got.n for got in receiver.got] == [1]
    assert [chat for _, chat in await world.journal.pending("me")] == ["a", "b"]
    await world.reporters.settled()
