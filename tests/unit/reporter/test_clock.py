"""Ages stay right when the wall clock is set: ahead, back, and between two processes."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from openwx import store
from openwx.reporter import clock as clocks
from openwx.reporter.delivery_error import words_of
from openwx.steady import steady
from openwx.store.base import Journal
from openwx.store.records import DeliveryKey, WriteBatch
from tests.patience import PATIENCE_S

from .receiver import Receiver, status
from .world import Clock, World, a_message, long_pauses

DAY_S = 86_400.0


@pytest.mark.parametrize("step_s", [DAY_S, 365 * DAY_S, -DAY_S, -50 * 365 * DAY_S, 61.0])
async def test_a_clock_that_is_set_makes_nothing_old(
    world: World, receiver: Receiver, step_s: float
) -> None:
    receiver.script = [status(503)] * 2
    world.start(run=False, max_age=100)
    await world.record(
        a_message(1), a_message(2, "", kind="state_change"), a_message(3, "", kind="input_qrcode")
    )
    world.clock.is_set(step_s)
    world.run()
    await world.done()
    # Whichever two came first were refused, and tried again.
    assert len(receiver.numbers()) == 5
    assert set(receiver.numbers()) == {1, 2, 3}
    assert await world.journal.failed("me") == []


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S])
async def test_nor_does_it_make_anything_young(
    world: World, receiver: Receiver, step_s: float
) -> None:
    receiver.script = [status(503)]
    world.start(run=False, max_age=100)
    await world.record(a_message(1), a_message(2, "", kind="state_change"))
    world.clock.is_set(step_s)
    world.clock.goes_on(101)
    world.run()
    await world.done()
    assert receiver.numbers() == [1]
    (failed,) = await world.journal.failed("me")
    assert (words_of(failed.error), failed.tries) == ("older than max_age: HTTP 503", 1)


async def test_what_is_sent_again_begins_anew(world: World, receiver: Receiver) -> None:
    receiver.script = [status(500)] * 5
    world.start(max_age=100)
    (report,) = (await world.record(a_message(1))).recorded
    await world.done()
    world.clock.goes_on(1000)
    world.clock.is_set(-DAY_S)
    receiver.script = [status(503)] * 3
    written = await world.journal.write(WriteBatch(account="me", retried=[DeliveryKey(report.id)]))
    world.reporter.retry(written.retried)
    await world.done()
    assert len(receiver.got) == 9
    assert await world.journal.failed("me") == []


class Boots:
    """Processes that follow each other, on a machine that may be booted in between."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "boots.db"
        self.wall = 1_700_000_000.0
        self.up = 1000.0
        self.boot = "one"
        self.clock: clocks.Clock
        self.opened: AbstractAsyncContextManager[Journal]
        self.journal: Journal

    async def __aenter__(self) -> "Boots":
        await self.starts()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stops()

    async def starts(self) -> None:
        self.opened = store.open(self.path, clock=lambda: self.wall)
        self.journal = await self.opened.__aenter__()
        self.clock = clocks.Clock(lambda: self.wall, lambda: self.up, self.boot)
        await clocks.resume(self.clock, self.journal)
        await self.saves()

    async def saves(self) -> None:
        """One round of ``save``."""
        before = self.clock.changes
        task = asyncio.create_task(clocks.save(self.clock, self.journal))
        async with asyncio.timeout(PATIENCE_S):
            while (await self.journal.state("")).get("clock") != self.clock.to_bytes():
                await asyncio.sleep(0)
        assert self.clock.changes >= before
        task.cancel()
        await asyncio.wait({task})

    async def stops(self) -> None:
        await self.opened.__aexit__(None, None, None)

    async def starts_anew(self, *, machine: bool = False) -> None:
        await self.stops()
        if machine:
            self.boot, self.up = "another", 10.0
        await self.starts()

    def goes_on(self, seconds: float) -> None:
        self.wall += seconds
        self.up += seconds

    async def makes(self) -> float:
        written = await self.journal.write(WriteBatch(account="me", reports=[a_message(1)]))
        return written.recorded[0].created

    def age(self, created: float) -> float:
        return self.up - self.clock.mark().to_steady(created)


@pytest.mark.parametrize("machine", [False, True])
async def test_a_step_in_a_former_process_is_known(tmp_path: Path, machine: bool) -> None:
    async with Boots(tmp_path) as world:
        old = await world.makes()
        world.goes_on(50)
        world.wall += DAY_S
        world.goes_on(5)
        await world.saves()
        new = await world.makes()
        world.goes_on(5)
        await world.starts_anew(machine=machine)
        assert world.age(old) == pytest.approx(60)
        assert world.age(new) == pytest.approx(5)


async def test_a_step_between_two_processes_is_found(tmp_path: Path) -> None:
    async with Boots(tmp_path) as world:
        old = await world.makes()
        world.goes_on(50)
        world.wall += DAY_S
        await world.starts_anew()
        new = await world.makes()
        world.goes_on(5)
        assert world.age(old) == pytest.approx(55)
        assert world.age(new) == pytest.approx(5)


async def test_a_machine_without_a_clock(tmp_path: Path) -> None:
    """A board that starts in 1970, gets the time by NTP while a message waits, and loses power, twice."""
    async with Boots(tmp_path) as world:
        today = world.wall
        world.wall = 100.0
        await world.starts_anew(machine=True)
        old = await world.makes()
        world.goes_on(20)
        world.wall = today
        await world.saves()
        await world.starts_anew(machine=True)
        assert world.age(old) < 60
        world.wall = 100.0
        await world.starts_anew(machine=True)
        assert world.age(await world.makes()) == 0
        assert world.age(today) == 0


async def test_a_clock_that_was_set_back_makes_nothing_too_old(tmp_path: Path) -> None:
    async with Boots(tmp_path) as world:
        old = await world.makes()
        world.wall -= DAY_S
        await world.saves()
        new = await world.makes()
        world.goes_on(30)
        await world.starts_anew()
        assert world.age(old) <= 30
        assert world.age(new) == pytest.approx(30)


async def test_an_unreadable_state_is_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Boots(tmp_path) as world:
        await world.journal.write(WriteBatch(account="", state={"clock": b"{broken"}))
        await world.starts_anew()
        assert "the steps of the clock cannot be read" in caplog.text
        assert world.age(await world.makes()) == 0


async def test_small_corrections_are_no_steps(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    for _ in range(1000):
        clock.goes_on(1)
        clock.is_set(0.001)
        clock.notice()
    assert clock.changes == 0
    assert caplog.text == ""


def test_the_steady_clock_of_this_machine_goes_on() -> None:
    first, began = steady(), time.monotonic()
    while time.monotonic() - began < 0.01:
        pass
    assert steady() - first == pytest.approx(time.monotonic() - began, abs=0.5)
    assert clocks.boot_id() == clocks.boot_id()


async def test_what_fails_was_tried_at_least_once(world: World, receiver: Receiver) -> None:
    """At any age: the time may have passed while nothing ran."""
    receiver.script = [status(503)] * 3
    world.start(run=False, max_age=1, pauses=long_pauses)
    await world.record(*(a_message(n, f"c{n}") for n in range(3)))
    world.clock.goes_on(1000)
    world.run()
    await receiver.has(3)
    await world.done()
    failed = await world.journal.failed("me")
    assert sorted(receiver.numbers()) == [0, 1, 2]
    assert [one.tries for one in failed] == [1, 1, 1]
