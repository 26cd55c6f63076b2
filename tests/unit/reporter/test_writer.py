"""What is done together in the journal's thread."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from openwx.store.sqlite import executor
from openwx.store.sqlite.executor import BatchExecutor, Job, JobResult, Writer


class Counting(BatchExecutor):
    """Does nothing, and keeps in mind how many orders came together."""

    def __init__(self) -> None:
        self.groups: list[int] = []

    def open(self) -> None:
        pass

    def handle(self, orders: list[Job]) -> Iterable[list[JobResult]]:
        self.groups.append(len(orders))
        yield [JobResult(order.done, order.what, None) for order in orders]

    def close(self) -> None:
        pass


@pytest.fixture
def workshop() -> Counting:
    return Counting()


@pytest.fixture
async def counted(workshop: Counting) -> AsyncIterator[Writer]:
    writer = Writer(workshop, name="counting", at_once=10)
    await writer.start()
    yield writer
    await writer.stop()


async def _in_two_turns(counted: Writer) -> None:
    """Two orders, of which the thread has the first one before the second one is there."""
    first = asyncio.create_task(counted.order(1))
    await asyncio.sleep(0)
    while counted._gathered or not counted._orders.empty():
        await asyncio.sleep(0)
    assert list(await asyncio.gather(first, counted.order(2))) == [1, 2]


async def test_those_who_were_told_together_are_waited_for(
    counted: Writer, workshop: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "SIBLINGS_S", 0.5)
    await asyncio.gather(*(counted.order(n) for n in range(3)))
    await _in_two_turns(counted)
    assert workshop.groups == [3, 2]


async def test_who_is_alone_never_waits(
    counted: Writer, workshop: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "SIBLINGS_S", 3600.0)
    for n in range(5):
        assert await counted.order(n) == n
    assert workshop.groups == [1] * 5
