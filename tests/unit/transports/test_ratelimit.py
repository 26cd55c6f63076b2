"""The rate limiter: intervals, penalties and priorities, on a clock that the test sets."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count, repeat

import pytest

from openwx.transports.ratelimit import Priority, RateLimiter

NEVER = 3600.0


class Alarm:
    """A call at a time of the test's clock."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def cancel(self) -> None:
        self.call = lambda: None


class Clock:
    """Stands still until ``advance``."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._numbers = count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> Alarm:
        alarm = Alarm(callback)
        heapq.heappush(self._alarms, (when, next(self._numbers), alarm))
        return alarm

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, alarm by alarm, with all that follows from each."""
        await settle()
        until = self.now + seconds
        while self._alarms and self._alarms[0][0] <= until:
            self.now, _, alarm = heapq.heappop(self._alarms)
            alarm.call()
            await settle()
        self.now = until
        await settle()


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


class Of:
    """Whose turn it is."""

    def __init__(self, priority: Priority) -> None:
        self.priority = priority


class Calls:
    """Calls of one account, and when they began."""

    def __init__(
        self,
        clock: Clock,
        interval_s: float = 0.0,
        penalties: Callable[[], Iterator[float]] = lambda: repeat(60.0),
    ) -> None:
        self.limiter = RateLimiter(interval_s, penalties, timer=clock)
        self.begun: list[tuple[str, float]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._clock = clock

    def make(
        self,
        name: str,
        priority: Priority = Priority.CHANGE,
        end: asyncio.Event | None = None,
        *,
        used: bool = True,
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self._make(name, priority, end, used=used))
        self.tasks.append(task)
        return task

    async def _make(
        self, name: str, priority: Priority, end: asyncio.Event | None, *, used: bool
    ) -> None:
        with await self.limiter.turn(Of(priority)) as turn:
            self.begun.append((name, self._clock.now - 1000))
            turn.used = used
            if end is not None:
                await end.wait()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.begun]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def calls(clock: Clock) -> AsyncIterator[Calls]:
    """Without an interval."""
    calls = Calls(clock)
    yield calls
    await finish(calls)


@pytest.fixture
async def paced(clock: Clock) -> AsyncIterator[Calls]:
    """With an interval of 3 seconds."""
    calls = Calls(clock, 3.0)
    yield calls
    await finish(calls)


async def finish(calls: Calls) -> None:
    for task in calls.tasks:
        task.cancel()
    await asyncio.gather(*calls.tasks, return_exceptions=True)


async def test_without_an_interval_calls_overlap(calls: Calls) -> None:
    end = asyncio.Event()
    for name in "abc":
        calls.make(name, end=end)
    await settle()
    assert calls.names == ["a", "b", "c"]


async def test_calls_of_a_kind_keep_the_interval_and_kinds_do_not_wait_for_each_other(
    paced: Calls, clock: Clock
) -> None:
    for number in range(2):
        paced.make(f"send {number}", Priority.WAITING_SEND)
        paced.make(f"accepted {number}", Priority.ACCEPTED_SEND)
        paced.make(f"change {number}", Priority.CHANGE)
        paced.make(f"recall {number}", Priority.RECALL)
    await settle()
    await clock.advance(9.0)
    assert paced.begun == [
        ("send 0", 0.0), ("change 0", 0.0), ("recall 0", 0.0),
        ("recall 1", 3.0), ("send 1", 3.0), ("change 1", 3.0),
        ("accepted 0", 6.0), ("accepted 1", 9.0),
    ]  # fmt: skip


async def test_with_an_interval_no_two_calls_are_made_at_once(paced: Calls, clock: Clock) -> None:
    end = asyncio.Event()
    paced.make("send", Priority.WAITING_SEND, end)
    await settle()
    paced.make("change")
    paced.make("recall", Priority.RECALL)
    await clock.advance(10.0)
    assert paced.begun == [("send", 0.0)]
    end.set()
    await settle()
    assert paced.names == ["send", "recall", "change"]


async def test_the_interval_counts_from_the_end(paced: Calls, clock: Clock) -> None:
    end = asyncio.Event()
    paced.make("a", end=end)
    paced.make("b")
    await clock.advance(2.5)
    end.set()
    await clock.advance(2.9)
    assert paced.names == ["a"]
    await clock.advance(0.2)
    assert paced.begun == [("a", 0.0), ("b", 5.5)]


async def test_a_turn_that_was_not_used_costs_no_interval(paced: Calls) -> None:
    paced.make("a", used=False)
    paced.make("b")
    await settle()
    assert paced.begun == [("a", 0.0), ("b", 0.0)]


async def test_the_most_urgent_goes_first(paced: Calls) -> None:
    end = asyncio.Event()
    paced.make("first", Priority.CHANGE, end, used=False)
    await settle()
    for priority in reversed(Priority):
        paced.make(f"{priority.name} a", priority, used=False)
        paced.make(f"{priority.name} b", priority, used=False)
    await settle()
    end.set()
    await settle()
    in_order = [f"{priority.name} {one}" for priority in Priority for one in "ab"]
    assert paced.names == ["first", *in_order]


async def test_a_penalty_holds_back_everything(calls: Calls, clock: Clock) -> None:
    calls.limiter.penalize("webwxoplog", calls.limiter.time())
    for priority in reversed(Priority):
        calls.make(priority.name, priority)
    await clock.advance(59.9)
    assert not calls.begun
    await clock.advance(0.1)
    assert calls.begun == [(priority.name, 60.0) for priority in Priority]


async def test_a_penalty_in_a_penalty_makes_it_longer(calls: Calls, clock: Clock) -> None:
    calls.limiter.penalize("a", clock.now)
    calls.make("x")
    await clock.advance(30.0)
    calls.limiter.penalize("b", clock.now)
    await clock.advance(59.0)
    assert not calls.begun
    await clock.advance(1.0)
    assert calls.begun == [("x", 90.0)]


async def test_of_calls_under_way_together_one_1205_counts(clock: Clock) -> None:
    drawn = iter([60.0, NEVER])
    calls = Calls(clock, penalties=lambda: drawn)
    began = clock.now
    clock.now += 1
    for _ in range(3):
        calls.limiter.penalize("webwxsendmsg", began)
    assert next(drawn) == NEVER


async def test_penalties_become_longer_until_a_call_succeeds(clock: Clock) -> None:
    calls = Calls(clock, penalties=lambda: iter([1.0, 10.0, 100.0]))
    old = asyncio.Event()
    calls.make("began before", end=old)
    await settle()
    await clock.advance(1.0)
    calls.limiter.penalize("a", clock.now)
    old.set()
    await settle()  # what began before a penalty says nothing of what is allowed after it
    await clock.advance(1.0)
    calls.limiter.penalize("b", clock.now)
    calls.make("x")
    await clock.advance(9.9)
    assert calls.names == ["began before"]
    await clock.advance(0.1)
    assert calls.names == ["began before", "x"]
    calls.limiter.penalize("c", clock.now)
    calls.make("y")
    await clock.advance(1.0)
    assert calls.names == ["began before", "x", "y"]
    await finish(calls)


async def test_a_delay_is_for_one_kind(calls: Calls, clock: Clock) -> None:
    calls.limiter.delay(Priority.WAITING_SEND, 5.0)
    calls.make("send", Priority.BULK_SEND)
    calls.make("change")
    await clock.advance(5.0)
    assert calls.begun == [("change", 0.0), ("send", 5.0)]


async def test_a_turn_that_does_not_come(calls: Calls, clock: Clock) -> None:
    calls.limiter.penalize("a", clock.now)
    with pytest.raises(TimeoutError):
        await calls.limiter.turn(Of(Priority.CHANGE), within_s=0.01)
    calls.make("x")
    await clock.advance(60.0)
    assert calls.names == ["x"]


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_a_call_that_is_cancelled_holds_up_nobody(
    paced: Calls, cancelled_first: bool
) -> None:
    """Just before it is granted, or just after that."""
    turn = await paced.limiter.turn(Of(Priority.RECALL))
    waiting = paced.make("cancelled")
    paced.make("next")
    await settle()
    if cancelled_first:
        waiting.cancel()
    turn.give_back()
    waiting.cancel()
    await settle()
    assert waiting.cancelled()
    assert paced.names == ["next"]


async def test_what_becomes_more_urgent_while_it_waits_goes_earlier(paced: Calls) -> None:
    turn = await paced.limiter.turn(Of(Priority.CHANGE))
    turn.used = False
    sends = Of(Priority.BULK_SEND)
    waiting = asyncio.create_task(paced.limiter.turn(sends))
    paced.make("change")
    await settle()
    sends.priority = Priority.WAITING_SEND
    with turn:
        pass
    await settle()
    assert waiting.done()
    assert not paced.begun
    waiting.result().give_back()
    waiting.result().give_back()
    await settle()
    assert paced.names == ["change"]
