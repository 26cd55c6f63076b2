"""The queue of sends: order, tries, and what happens to those who wait."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import repeat

import pytest
from msgspec.structs import replace

from openwx.accounts.outgoing import Address, OutgoingMessage, SendResult, new_message
from openwx.accounts.queue import AT_ONCE, QueuedMessage, QueueRules, SendQueue
from openwx.errors import (
    CallerError,
    Code,
    RateLimited,
    Rejected,
    SessionEnded,
    SystemBusy,
    Unreachable,
    refused,
)
from tests.patience import PATIENCE_S

LONG_S = 3600.0
SOON_S = 2.0
"""A caller's patience that begins with a send under way, also on a busy machine."""

TO = Address(id="@1", uid="", group=False, displayname="小灰", fingerprint="f", login="l", uin="1")


def order(content: str, *, bulk: bool = False, to: Address = TO) -> OutgoingMessage:
    return new_message(to, content, bulk=bulk)


def chat(number: int) -> Address:
    return replace(TO, id=f"@{number}", fingerprint=f"f{number}")


def no_pause() -> Iterator[float]:
    return repeat(0.0)


class WeChat:
    """Fails as told, then takes everything."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.tries: list[OutgoingMessage] = []
        self.finished: list[tuple[OutgoingMessage, SendResult]] = []
        self.running = asyncio.Event()
        self.running.set()
        self.on_send: Callable[[], None] = lambda: None
        self._changed = asyncio.Condition()

    async def send(self, one: OutgoingMessage) -> SendResult:
        self.tries.append(one)
        self.on_send()
        if self.failures:
            raise self.failures.pop(0)
        return SendResult(one.to.id, f"id of {one.content}")

    async def finish(self, ticket: QueuedMessage, outcome: SendResult) -> None:
        async with self._changed:
            self.finished.append((ticket.order, outcome))
            self._changed.notify_all()

    async def finishes(self, n: int) -> list[str]:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.finished) >= n)
        return [one.content for one, _ in self.finished]

    def make(
        self,
        *,
        size: int = 10,
        wait_s: float = PATIENCE_S,
        interval_s: float = 0,
        too_often: Callable[[], Iterator[float]] = no_pause,
    ) -> SendQueue:
        rules = QueueRules(interval_s, 3, size, no_pause, too_often, wait_s)
        return SendQueue(
            rules,
            running=self.running.wait,
            prepare=as_it_is,
            send=self.send,
            finish=self.finish,
        )


async def as_it_is(order: OutgoingMessage) -> OutgoingMessage:
    """A text needs no preparation."""
    return order


@asynccontextmanager
async def running(queue: SendQueue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def wechat() -> WeChat:
    return WeChat()


@pytest.fixture
async def queue(wechat: WeChat) -> AsyncIterator[SendQueue]:
    queue = wechat.make()
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()
    await asyncio.wait({task})


async def test_order_is_kept_and_bulk_yields(wechat: WeChat, queue: SendQueue) -> None:
    wechat.running.clear()
    queue.put([order("bulk 1", bulk=True), order("bulk 2", bulk=True), order("a"), order("b")])
    wechat.running.set()
    assert await wechat.finishes(4) == ["a", "b", "bulk 1", "bulk 2"]
    assert len(queue) == 0


@pytest.mark.parametrize(
    "failure", [Unreachable("webwxsendmsg", "lost"), SystemBusy("webwxsendmsg", -1)]
)
async def test_every_try_carries_the_same_client_msg_id(
    wechat: WeChat, queue: SendQueue, failure: Exception
) -> None:
    wechat.failures = [failure, failure]
    outcome = await queue.send_and_wait(order("x"))
    assert outcome.error is None
    assert outcome.msg_id == "id of x"
    assert len(wechat.tries) == 3
    assert len({one.client_msg_id for one in wechat.tries}) == 1


async def test_it_gives_up_after_the_tries(wechat: WeChat, queue: SendQueue) -> None:
    wechat.failures = [Unreachable("webwxsendmsg", "lost")] * 3
    outcome = await queue.send_and_wait(order("x"))
    assert outcome.error is not None
    assert outcome.error.code == Code.GAVE_UP
    assert "3 tries" in outcome.error.status
    assert (await queue.send_and_wait(order("y"))).error is None


@pytest.mark.parametrize(("ret", "code"), [(1, 201), (-2, 201), (1204, 1204)])
async def test_a_refusal_is_told_at_once(
    wechat: WeChat, queue: SendQueue, ret: int, code: int
) -> None:
    wechat.failures = [Rejected("webwxsendmsg", ret, "words")]
    outcome = await queue.send_and_wait(order("x"))
    assert outcome.error is not None
    assert outcome.error.code == code
    assert outcome.error.extra == {"ret": ret, "errmsg": "words"}
    assert len(wechat.tries) == 1


async def test_too_often_is_told_to_who_waits_and_tried_again_for_the_others(
    wechat: WeChat, queue: SendQueue
) -> None:
    wechat.failures = [RateLimited("webwxsendmsg", 1205)]
    outcome = await queue.send_and_wait(order("x"))
    assert outcome.error is not None
    assert outcome.error.code == 1205
    wechat.failures = [RateLimited("webwxsendmsg", 1205)]
    queue.put([order("later")])
    await wechat.finishes(2)
    assert wechat.finished[-1][1].error is None


async def test_a_send_outlives_a_new_login(wechat: WeChat, queue: SendQueue) -> None:
    wechat.failures = [SessionEnded("webwxsendmsg", 1101)]
    wechat.on_send = wechat.running.clear
    waiting = asyncio.create_task(queue.send_and_wait(order("x")))
    while not wechat.tries:
        await asyncio.sleep(0)
    wechat.on_send = lambda: None
    queue.put([order("y")])
    wechat.running.set()
    assert (await waiting).error is None
    assert await wechat.finishes(2) == ["x", "y"]


async def test_a_chat_that_is_gone(wechat: WeChat, queue: SendQueue) -> None:
    wechat.failures = [CallerError(Code.NOT_FOUND, "gone")]
    queue.put([order("x")])
    await wechat.finishes(1)
    error = wechat.finished[0][1].error
    assert error is not None
    assert error.code == Code.NOT_FOUND


async def test_what_was_not_begun_in_time_is_withdrawn(wechat: WeChat) -> None:
    queue = wechat.make(wait_s=0.01)
    with pytest.raises(CallerError, match="withdrawn") as late:
        await queue.send_and_wait(order("x"))
    assert (late.value.code, late.value.http_status) == (-1, 504)
    assert len(queue) == 0


async def test_what_was_begun_has_an_unknown_outcome_and_is_not_begun_again(wechat: WeChat) -> None:
    answered = asyncio.Event()

    async def hang(one: OutgoingMessage) -> SendResult:
        wechat.tries.append(one)
        await answered.wait()
        raise SessionEnded("webwxsendmsg", 1101)

    rules = QueueRules(0.0, 3, 10, no_pause, no_pause, SOON_S)
    queue = SendQueue(
        rules,
        running=wechat.running.wait,
        prepare=as_it_is,
        send=hang,
        finish=wechat.finish,
    )
    task = asyncio.create_task(queue.run())
    with pytest.raises(CallerError, match="unknown") as late:
        await queue.send_and_wait(order("x"))
    assert late.value.http_status == 504
    answered.set()
    await wechat.finishes(1)
    assert len(wechat.tries) == 1
    assert len(queue) == 0
    task.cancel()
    await asyncio.wait({task})


async def test_a_full_queue_says_when_to_come_back(wechat: WeChat) -> None:
    queue = wechat.make(size=2)
    queue.require_room()
    queue.put([order("a"), order("b")])
    with pytest.raises(CallerError, match="queue_size is 2") as full:
        queue.require_room()
    assert full.value.code == Code.QUEUE_FULL
    assert full.value.extra["retry_after"] >= 1
    queue.require_room(bulk=True)


async def test_a_stopped_account_answers_those_who_wait(wechat: WeChat, queue: SendQueue) -> None:
    wechat.running.clear()
    waiting = asyncio.create_task(queue.send_and_wait(order("x")))
    while not len(queue):
        await asyncio.sleep(0)
    queue.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    error = (await waiting).error
    assert error is not None
    assert error.code == Code.NOT_RUNNING


async def test_close_lets_what_is_on_its_way_end(wechat: WeChat) -> None:
    queue = wechat.make()
    task = asyncio.create_task(queue.run())
    wechat.on_send = queue.close
    queue.put([order("x"), order("y")])
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()
    assert [one.content for one, _ in wechat.finished] == ["x"]
    idle = wechat.make()
    task = asyncio.create_task(idle.run())
    await asyncio.sleep(0)
    idle.close()
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()


# -- what may and may not follow a try -------------------------------------------------------------------


def lost() -> Unreachable:
    return Unreachable("webwxsendmsg", "lost")


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


def sent(wechat: WeChat) -> list[str]:
    return [one.content for one in wechat.tries]


@pytest.mark.parametrize("failure", [None, Rejected("webwxsendmsg", 1)])
async def test_sends_keep_their_interval(wechat: WeChat, failure: Exception | None) -> None:
    wechat.failures = [failure] if failure else []
    queue = wechat.make(interval_s=LONG_S, wait_s=0.01)
    async with running(queue):
        queue.put([order("a")])
        await wechat.finishes(1)
        with pytest.raises(CallerError, match="withdrawn"):
            await queue.send_and_wait(order("b"))
    assert sent(wechat) == ["a"]


@pytest.mark.parametrize("failures", [[], [lost()]])
async def test_nothing_is_sent_once_the_account_stopped_running_in_a_pause(
    wechat: WeChat, failures: list[Exception]
) -> None:
    """A send in the middle of a new login would meet the contacts of the former one."""
    wechat.failures = failures
    asked: list[str] = []

    async def look() -> None:
        asked.append("does it run?")
        await wechat.running.wait()
        if sent(wechat):
            wechat.running.clear()  # not any more, and the pause after "a" has just begun

    rules = QueueRules(0.02, 3, 10, lambda: repeat(0.02), no_pause, 10)
    queue = SendQueue(rules, running=look, prepare=as_it_is, send=wechat.send, finish=wechat.finish)
    async with running(queue):
        queue.put([order("a"), order("b")])
        await until(lambda: len(asked) == 3 or len(wechat.tries) == 2)
        assert sent(wechat) == ["a"]
        wechat.running.set()
        await until(lambda: len(wechat.tries) == 2)


async def test_after_1205_nothing_at_all_is_sent_in_the_pause(wechat: WeChat) -> None:
    wechat.failures = [RateLimited("webwxsendmsg", 1205)]
    queue = wechat.make(too_often=lambda: repeat(LONG_S))
    async with running(queue):
        outcome = await queue.send_and_wait(order("now"))
        assert outcome.error is not None
        assert outcome.error.code == 1205
        queue.put([order("later")])
        queue._rules = replace(queue._rules, wait_s=0.01)
        with pytest.raises(CallerError, match="withdrawn"):
            await queue.send_and_wait(order("too soon"))
    assert sent(wechat) == ["now"]


async def test_each_1205_waits_longer_until_a_send_succeeds(wechat: WeChat) -> None:
    drawn: list[str] = []

    def too_often() -> Iterator[float]:
        drawn.append("afresh")
        while True:
            drawn.append("longer")
            yield 0.0

    wechat.failures = [RateLimited("webwxsendmsg", 1205)] * 2
    queue = wechat.make(too_often=too_often)
    async with running(queue):
        queue.put([order("x")])
        await wechat.finishes(1)
        wechat.failures = [RateLimited("webwxsendmsg", 1205)]
        queue.put([order("y")])
        await wechat.finishes(2)
    assert drawn == ["afresh", "longer", "longer", "afresh", "longer"]
    assert sent(wechat) == ["x", "x", "x", "y", "y"]
    assert len({one.client_msg_id for one in wechat.tries}) == 2


async def test_a_kept_send_that_is_too_often_for_all_its_tries(wechat: WeChat) -> None:
    wechat.failures = [RateLimited("webwxsendmsg", 1205)] * 3
    queue = wechat.make()
    async with running(queue):
        queue.put([order("x")])
        await wechat.finishes(1)
        error = wechat.finished[0][1].error
        assert error is not None
        assert error.code == 1205


@pytest.mark.parametrize("ret", [-2, 1205])
async def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_arrived(
    wechat: WeChat, ret: int
) -> None:
    wechat.failures = [lost(), refused("webwxsendmsg", ret)]
    queue = wechat.make()
    async with running(queue):
        error = (await queue.send_and_wait(order("x"))).error
    assert error is not None
    assert error.code == (1205 if ret == 1205 else Code.REFUSED)
    assert "an earlier try may have arrived" in error.status


async def test_no_try_follows_once_the_outcome_was_told_to_be_unknown(wechat: WeChat) -> None:
    """Whoever waited may have sent it again by now."""
    wechat.failures = [lost(), lost()]
    wechat.on_send = wechat.running.clear
    queue = wechat.make(wait_s=SOON_S)
    async with running(queue):
        with pytest.raises(CallerError, match="unknown") as late:
            await queue.send_and_wait(order("x"))
        assert late.value.http_status == 504
        wechat.running.set()
        await wechat.finishes(1)
        error = wechat.finished[0][1].error
        assert error is not None
        assert "unknown" in error.status
        assert sent(wechat) == ["x"]


async def test_what_may_have_been_sent_before_a_new_login_is_never_told_to_be_withdrawn(
    wechat: WeChat,
) -> None:
    wechat.failures = [lost(), SessionEnded("webwxsendmsg", 1101)]

    def stop_at_the_second() -> None:
        if len(wechat.tries) == 2:
            wechat.running.clear()

    wechat.on_send = stop_at_the_second
    queue = wechat.make(wait_s=SOON_S)
    async with running(queue):
        with pytest.raises(CallerError, match="unknown"):
            await queue.send_and_wait(order("x"))
        wechat.running.set()
        assert await wechat.finishes(1) == ["x"]
        assert sent(wechat) == ["x", "x"]
        assert len(queue) == 0


async def test_the_withdrawn_is_not_sent_and_its_neighbours_are(wechat: WeChat) -> None:
    wechat.running.clear()
    queue = wechat.make(wait_s=0.01)
    async with running(queue):
        queue.put([order("kept 1")])
        with pytest.raises(CallerError, match="withdrawn"):
            await queue.send_and_wait(order("gone"))
        queue.put([order("kept 2")])
        wechat.running.set()
        assert await wechat.finishes(2) == ["kept 1", "kept 2"]
        assert sent(wechat) == ["kept 1", "kept 2"]


async def test_a_send_that_comes_while_bulk_is_under_way_is_next(
    wechat: WeChat, queue: SendQueue
) -> None:
    def interrupt() -> None:
        if len(wechat.tries) == 2:
            queue.put([order("urgent")])

    wechat.on_send = interrupt
    queue.put(order(f"bulk {n}", bulk=True) for n in range(4))
    assert await wechat.finishes(5) == ["bulk 0", "bulk 1", "urgent", "bulk 2", "bulk 3"]


async def test_bulk_goes_back_among_bulk(wechat: WeChat, queue: SendQueue) -> None:
    wechat.failures = [SessionEnded("webwxsendmsg", 1102)]
    wechat.on_send = wechat.running.clear
    queue.put([order("bulk 0", bulk=True), order("bulk 1", bulk=True)])
    await turns()
    wechat.on_send = lambda: None
    queue.put([order("urgent")])
    wechat.running.set()
    assert await wechat.finishes(3) == ["urgent", "bulk 0", "bulk 1"]


async def test_the_room_for_bulk_is_its_own(wechat: WeChat) -> None:
    queue = wechat.make(size=1)
    queue.put([order("bulk", bulk=True)])
    queue.require_room()
    with pytest.raises(CallerError):
        queue.require_room(bulk=True)


# -- several callers ---------------------------------------------------------------------------------------


class Slow(WeChat):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()
        self.under_way: list[str] = []

    async def send(self, one: OutgoingMessage) -> SendResult:
        self.under_way.append(one.content)
        await self.answer.wait()
        self.under_way.remove(one.content)
        return await super().send(one)


@asynccontextmanager
async def waiting(
    queue: SendQueue, *orders: OutgoingMessage
) -> AsyncIterator[list[asyncio.Task[SendResult]]]:
    """Callers who wait for the outcome, a queue that runs, and their end."""
    async with running(queue), asyncio.TaskGroup() as tasks:
        yield [tasks.create_task(queue.send_and_wait(one)) for one in orders]


async def test_callers_do_not_wait_for_other_chats_and_each_chat_keeps_its_order() -> None:
    wechat = Slow()
    queue = wechat.make(size=100)
    chats = range(AT_ONCE + 1)
    async with waiting(queue, *(order(f"{n}-{m}", to=chat(n)) for m in range(2) for n in chats)):
        await until(lambda: len(wechat.under_way) == AT_ONCE)
        await turns()
        assert wechat.under_way == [f"{n}-0" for n in range(AT_ONCE)]
        assert len(queue) == 2 * len(chats)
        wechat.answer.set()
        done = await wechat.finishes(2 * len(chats))
    assert all(done.index(f"{n}-0") < done.index(f"{n}-1") for n in chats)
    assert len(queue) == 0


async def test_with_an_interval_one_is_sent_at_a_time() -> None:
    wechat = Slow()
    queue = wechat.make(interval_s=0.001)
    async with waiting(queue, *(order(f"{n}", to=chat(n)) for n in range(3))):
        await until(lambda: wechat.under_way)
        await turns()
        assert wechat.under_way == ["0"]
        wechat.answer.set()
        assert await wechat.finishes(3) == ["0", "1", "2"]


async def test_what_was_accepted_for_later_keeps_its_order_among_all_chats() -> None:
    wechat = Slow()
    queue = wechat.make()
    queue.put([order("a", to=chat(1)), order("b", to=chat(2)), order("c", to=chat(3), bulk=True)])
    async with waiting(queue, order("caller", to=chat(4))):
        await until(lambda: len(wechat.under_way) == 2)
        await turns()
        assert wechat.under_way == ["a", "caller"]
        wechat.answer.set()
        done = await wechat.finishes(4)
    assert [name for name in done if name != "caller"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "other", [replace(TO, id="@new", uid=7), replace(TO, id="@new", fingerprint="g", uid=7)]
)
async def test_a_chat_that_got_another_id_is_the_same_chat(other: Address) -> None:
    """By what does not change from login to login."""
    wechat = Slow()
    orders = [order("a", to=replace(TO, uid=7)), order("b", to=other), order("c", to=chat(3))]
    async with waiting(wechat.make(), *orders):
        await until(lambda: len(wechat.under_way) == 2)
        await turns()
        assert wechat.under_way == ["a", "c"]
        wechat.answer.set()
        await wechat.finishes(3)


async def test_what_comes_before_it_in_its_chat_goes_first_also_where_its_id_is_another() -> None:
    """B waits for a, and c for b, though a and c have nothing in common that tells them to be one chat."""
    wechat = Slow()
    a, b = replace(TO, id="@a", uid=1), replace(TO, id="@b", uid=1, fingerprint="g")
    orders = [order("a", to=a), order("b", to=b), order("c", to=replace(b, uid=""))]
    async with waiting(wechat.make(), *orders):
        await until(lambda: wechat.under_way)
        await turns()
        assert wechat.under_way == ["a"]
        wechat.answer.set()
        assert await wechat.finishes(3) == ["a", "b", "c"]


async def test_several_1205_at_once_are_one() -> None:
    wechat = Slow()
    waits = iter([0.0, LONG_S])
    queue = wechat.make(too_often=lambda: waits)
    wechat.failures = [RateLimited("webwxsendmsg", 1205)] * 3
    async with waiting(queue, *(order(f"{n}", to=chat(n)) for n in range(3))) as callers:
        await until(lambda: len(wechat.under_way) == 3)
        wechat.answer.set()
        outcomes = await asyncio.gather(*callers)
    assert [outcome.error.code for outcome in outcomes if outcome.error] == [1205] * 3
    assert next(waits) == LONG_S


async def test_a_stop_lets_all_end_that_are_on_their_way_and_begins_no_other() -> None:
    wechat = Slow()
    queue = wechat.make(size=100)
    task = asyncio.create_task(queue.run())
    orders = [order(f"{n}", to=chat(n)) for n in range(AT_ONCE + 1)]
    callers = [asyncio.create_task(queue.send_and_wait(one)) for one in orders]
    await until(lambda: len(wechat.under_way) == AT_ONCE)
    queue.close()
    wechat.answer.set()
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()
    queue.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    *sent, left = await asyncio.gather(*callers)
    assert [outcome.error for outcome in sent] == [None] * AT_ONCE
    assert left.error is not None
    assert left.error.code == Code.NOT_RUNNING


# -- the end ---------------------------------------------------------------------------------------------


async def test_a_stop_between_two_tries_begins_no_other(wechat: WeChat) -> None:
    wechat.failures = [lost()]
    wechat.on_send = wechat.running.clear
    queue = wechat.make()
    task = asyncio.create_task(queue.run())
    waiting = asyncio.create_task(queue.send_and_wait(order("x")))
    await turns()
    queue.close()
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()
    queue.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    error = (await waiting).error
    assert error is not None
    assert (error.code, error.http_status) == (Code.UNREACHABLE, 504)  # it may have arrived
    assert sent(wechat) == ["x"]


async def test_who_comes_after_the_stop_is_told_at_once(wechat: WeChat) -> None:
    queue = wechat.make()
    queue.close()
    queue.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    error = (await queue.send_and_wait(order("x"))).error
    assert error is not None
    assert error.code == Code.NOT_RUNNING
    assert not wechat.tries


async def test_a_bug_ends_the_queue_and_is_not_swallowed(wechat: WeChat) -> None:
    wechat.failures = [ZeroDivisionError()]
    queue = wechat.make()
    queue.put([order("x")])
    with pytest.raises(ExceptionGroup) as bug:
        await queue.run()
    assert bug.group_contains(ZeroDivisionError, depth=1)


async def test_the_outcome_lasts_before_it_is_told(wechat: WeChat) -> None:
    """Whoever hears that it was sent can rely on its upload."""
    written = asyncio.Event()

    async def finish(*_: object) -> None:
        await written.wait()

    rules = QueueRules(0.0, 3, 10, no_pause, no_pause, 10)
    queue = SendQueue(
        rules, running=wechat.running.wait, prepare=as_it_is, send=wechat.send, finish=finish
    )
    async with running(queue):
        waiting = asyncio.create_task(queue.send_and_wait(order("x")))
        await turns()
        assert sent(wechat) == ["x"]
        assert not waiting.done()
        written.set()
        assert (await waiting).error is None
