"""A lease is counted from the sending of a beat: whatever the answer takes, others count from later on."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from openwx.store.postgres import ownership
from openwx.store.postgres.connections import Address
from tests.patience import PATIENCE_S, until

from ..members import LONG_S, member

SHORT_S = 3.0


class Slow:
    """A clock that moves only while an answer is on its way."""

    def __init__(self, work: Callable[..., Awaitable[object]]) -> None:
        self.now = 100.0
        self.takes_s = 0.0
        self.count = 0
        self._work = work

    def clock(self) -> float:
        return self.now

    async def __call__(
        self, connection: asyncpg.Connection, *args: object, **more: object
    ) -> object:
        result = await self._work(connection, *args, **more)
        self.now += self.takes_s
        self.count += 1
        return result


async def test_it_is_counted_from_the_sending_of_a_beat(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(ownership.beat)
    monkeypatch.setattr(ownership, "beat", slow)
    async with member(address, claims=["me"], steady=slow.clock, lease_s=SHORT_S) as journal:
        gate, lease = journal.ownership.gate("me"), journal.ownership.lease
        slow.takes_s = 0.5 * SHORT_S
        began = slow.count
        await until(lambda: slow.count > began)
        assert lease.left_s == pytest.approx(0.3 * SHORT_S)
        assert lease.is_valid
        slow.takes_s = 0.9 * SHORT_S
        began = slow.count
        await until(lambda: slow.count > began + 1)
        assert not gate.is_open
        slow.takes_s = 0.0
        async with asyncio.timeout(PATIENCE_S):
            await gate.passed()  # the next beat that is answered in time


async def test_it_is_counted_from_the_sending_of_a_join(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(ownership.join)
    slow.takes_s = 0.5 * LONG_S
    monkeypatch.setattr(ownership, "join", slow)
    async with member(address, claims=["me"], steady=slow.clock) as journal:
        assert journal.ownership.lease.left_s == pytest.approx(0.3 * LONG_S)


async def test_a_node_that_cannot_write_does_not_beat(
    address: Address, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not own what it cannot run, though it may still look whether it is a member."""
    async with member(address, claims=["me"], lease_s=SHORT_S) as journal:
        own = journal.ownership
        monkeypatch.setattr(type(journal._writer), "waits_s", 2 * SHORT_S)
        await until(lambda: not own.lease.is_valid)
        beat = (await own.view()).nodes[0].beat
        await asyncio.sleep(SHORT_S / 2)
        assert (await own.view()).nodes[0].beat == beat
        former = own.incarnation
        await operator.execute("DELETE FROM nodes")
        await until(lambda: own.incarnation != former)
        monkeypatch.undo()
        await until(lambda: own.lease.is_valid)
