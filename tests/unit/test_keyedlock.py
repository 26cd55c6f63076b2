"""Locks by key."""

import asyncio

import pytest

from openwx.keyedlock import KeyedLock
from tests.patience import PATIENCE_S


async def hold(locks: KeyedLock, key: str, held: list[str], end: asyncio.Event) -> None:
    async with locks.hold(key):
        held.append(key)
        await end.wait()


async def test_one_key_one_after_the_other_and_no_memory_afterwards() -> None:
    locks, held, end = KeyedLock(), list[str](), asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        for key in ("a", "a", "b"):
            tasks.create_task(hold(locks, key, held, end))
        while len(held) < 2:
            await asyncio.sleep(0)
        assert held == ["a", "b"]
        assert (locks.users("a"), locks.users("b"), locks.users("c")) == (2, 1, 0)
        end.set()
    assert held == ["a", "b", "a"]
    assert len(locks) == 0


async def test_who_is_cancelled_holds_up_nobody() -> None:
    locks, held, end = KeyedLock(), list[str](), asyncio.Event()
    first = asyncio.create_task(hold(locks, "a", held, end))
    waiting = [asyncio.create_task(hold(locks, "a", held, end)) for _ in range(3)]
    while not held:
        await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()
    end.set()
    async with asyncio.timeout(PATIENCE_S):
        await first
        await waiting[2]
        for cancelled in waiting[:2]:
            with pytest.raises(asyncio.CancelledError):
                await cancelled
    assert held == ["a", "a"]
    assert len(locks) == 0
