"""The pace of changes."""

import asyncio
import time
from collections.abc import Iterator
from itertools import repeat

import pytest

from openwx.errors import CallerError
from openwx.transports.web import lane as lanes
from openwx.transports.web.lane import Lane
from tests.patience import PATIENCE_S

NEVER = 3600.0


def lane(interval_s: float = 0.0, wait_s: float = PATIENCE_S, pause_s: float = 0.0) -> Lane:
    def too_often() -> Iterator[float]:
        return repeat(pause_s)

    return Lane(interval_s, wait_s, too_often)


async def begin(lane: Lane, about: str, begun: list[str], end: asyncio.Event | None = None) -> None:
    async with lane.turn(about):
        begun.append(about)
        if end is not None:
            await end.wait()


async def test_one_object_one_after_the_other() -> None:
    turns, begun, end = lane(), list[str](), asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(begin(turns, "a", begun, end))
        tasks.create_task(begin(turns, "a", begun))
        tasks.create_task(begin(turns, "b", begun))
        while "b" not in begun:
            await asyncio.sleep(0)
        assert begun == ["a", "b"]
        end.set()
    assert begun == ["a", "b", "a"]
    assert not turns._turns


async def test_begins_are_apart() -> None:
    turns, begun = lane(interval_s=0.05), list[str]()
    started = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for about in "abcd":
            tasks.create_task(begin(turns, about, begun))
    assert begun == list("abcd")
    assert time.monotonic() - started >= 0.15


async def test_a_turn_that_does_not_come() -> None:
    turns, begun, end = lane(wait_s=0.05), list[str](), asyncio.Event()
    first = asyncio.create_task(begin(turns, "a", begun, end))
    while not begun:
        await asyncio.sleep(0)
    with pytest.raises(CallerError) as told:
        await begin(turns, "a", begun)
    assert (told.value.code, told.value.http_status) == (-1, 504)
    end.set()
    await first
    await begin(turns, "a", begun)
    assert begun == ["a", "a"]


async def test_a_rest() -> None:
    turns, begun = lane(wait_s=0.05, pause_s=NEVER), list[str]()
    turns.rest()
    with pytest.raises(CallerError):
        await begin(turns, "a", begun)
    assert not await turns.again()
    assert not begun


async def test_rests_become_longer_until_it_goes_well() -> None:
    drawn: list[float] = []

    def too_often() -> Iterator[float]:
        for pause_s in (0.0, 0.001):
            drawn.append(pause_s)
            yield pause_s

    turns = Lane(0.0, 10.0, too_often)
    turns.rest()
    turns.rest()
    turns.went_well()
    turns.rest()
    assert drawn == [0.0, 0.001, 0.0]
    assert await turns.again()


async def test_who_gives_up_holds_up_nobody() -> None:
    turns, begun, end = lane(), list[str](), asyncio.Event()
    first = asyncio.create_task(begin(turns, "a", begun, end))
    waiting = [asyncio.create_task(begin(turns, "a", begun)) for _ in range(3)]
    while not begun:
        await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()
    end.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)
    assert begun == ["a", "a"]
    assert not turns._turns


async def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "SIZE", 1)
    turns, begun, end = lane(), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(begin(turns, "a", begun, end))
        tasks.create_task(begin(turns, "a", begun))
        while not begun or not turns._waiting:
            await asyncio.sleep(0)
        with pytest.raises(CallerError) as told:
            await begin(turns, "a", begun)
        assert told.value.code == -7
        end.set()
    assert begun == ["a", "a"]
