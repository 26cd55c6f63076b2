"""The lease of a process, and the gate of each of its accounts."""

import asyncio
import math

import pytest

from openwx.errors import LeaseLost
from openwx.lease import Gate, Lease, always_open
from tests.patience import PATIENCE_S


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def gate(lease: Lease) -> Gate:
    return Gate(lease)


async def test_a_gate_without_a_renewal_is_always_open() -> None:
    gate = always_open()
    assert gate.is_open
    await gate.passed(0)


async def test_it_is_shut_when_the_lease_has_ended_and_opens_with_the_next(
    lease: Lease, gate: Gate
) -> None:
    lease.renew(0.0)
    assert (gate.is_open, gate.is_paused, gate.is_closed) == (False, True, False)
    with pytest.raises(TimeoutError):
        await gate.passed(0)
    passing = asyncio.create_task(gate.passed(PATIENCE_S))
    await asyncio.sleep(0)
    lease.renew(0.0)  # one that comes too late
    await asyncio.sleep(0)
    assert not passing.done()
    lease.renew(math.inf)
    await passing
    assert gate.is_open


async def test_a_renewal_is_seen_before_anybody_waits_for_it(lease: Lease) -> None:
    lease.renew(0.0)
    renewed = lease.until_renewed()
    lease.renew(math.inf)
    async with asyncio.timeout(PATIENCE_S):
        await renewed


async def test_who_waits_is_told_when_it_is_closed(lease: Lease, gate: Gate) -> None:
    lease.renew(0.0)
    passing = asyncio.create_task(gate.passed())
    await asyncio.sleep(0)
    gate.close()
    with pytest.raises(LeaseLost):
        await passing
    assert (gate.is_open, gate.is_paused, gate.is_closed) == (False, False, True)
    lease.renew(math.inf)
    with pytest.raises(LeaseLost):
        await gate.passed()


async def test_a_block_ends_when_it_is_closed(gate: Gate) -> None:
    async def works() -> None:
        async with gate.while_mine():
            await asyncio.Event().wait()

    working = asyncio.create_task(works())
    await asyncio.sleep(0)
    assert not working.done()
    gate.close()
    with pytest.raises(LeaseLost):
        await working
    with pytest.raises(LeaseLost):
        await works()


async def test_a_block_raises_its_own_errors(gate: Gate) -> None:
    with pytest.raises(TimeoutError, match="its own"):
        async with gate.while_mine():
            raise TimeoutError("its own")
    async with gate.while_mine():
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):  # nothing is left that waits for the end of the gate
        while asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0)
