"""Mutations: their turns, and what is known of their outcomes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import repeat
from typing import Any, cast

import pytest

from openwx.domain.contacts import User
from openwx.domain.events import State
from openwx.errors import (
    BadResponse,
    CallerError,
    NeverReached,
    NotLoggedIn,
    Rejected,
    SessionEnded,
    Unreachable,
)
from openwx.lease import always_open
from openwx.timing import Timing
from openwx.transports.ratelimit import Priority, RateLimiter
from openwx.transports.standing import Standing
from openwx.transports.web import mutations
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.mutations import MutationRunner
from tests.patience import PATIENCE_S, until

NEVER = 3600.0


class Client:
    """Answers with the failures that it is given, then with 1."""

    is_usable = True

    def __init__(self) -> None:
        self.standing = Standing(stalled_after_s=90.0)
        self.standing.state = State.RUNNING
        self.gate = always_open()
        self.contacts = WebContacts(User(id="@me"))
        self.failures: list[Exception] = []
        self.calls = 0

    async def ask(self, _: object) -> int:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return 1


@pytest.fixture
def client() -> Client:
    return Client()


def runner(
    client: Client,
    *,
    wait_s: float = PATIENCE_S,
    settle_s: float = 0.01,
    interval_s: float = 0.0,
    require: Callable[[], object] = lambda: None,
) -> MutationRunner:
    def penalties() -> Iterator[float]:
        return repeat(NEVER)

    timing = Timing(send_wait_s=wait_s, settle_s=settle_s)
    limiter = RateLimiter(interval_s, penalties)
    return MutationRunner(cast("Any", client), timing, limiter, Priority.CHANGE, require)


async def call(runner: MutationRunner, object_id: str = "a") -> object:
    async with runner.turn(object_id) as change:
        return await change.at_most_once(cast("Any", None))


async def repeatable(runner: MutationRunner) -> object:
    async with runner.turn("a") as change:
        return await change.idempotent(cast("Any", None))


async def begin(
    runner: MutationRunner, object_id: str, begun: list[str], end: asyncio.Event | None = None
) -> None:
    async with runner.turn(object_id):
        begun.append(object_id)
        if end is not None:
            await end.wait()


@pytest.fixture
async def end() -> AsyncIterator[asyncio.Event]:
    event = asyncio.Event()
    yield event
    event.set()


# -- turns -----------------------------------------------------------------------------------------------


async def test_mutations_of_one_object_never_overlap(client: Client, end: asyncio.Event) -> None:
    changes, begun = runner(client), list[str]()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(begin(changes, "a", begun, end))
        tasks.create_task(begin(changes, "a", begun))
        tasks.create_task(begin(changes, "b", begun))
        await until(lambda: "b" in begun)
        assert begun == ["a", "b"]
        end.set()
    assert begun == ["a", "b", "a"]
    assert not changes.pending


async def test_a_turn_that_does_not_come(client: Client, end: asyncio.Event) -> None:
    changes, begun = runner(client, wait_s=0.05), list[str]()
    first = asyncio.create_task(begin(changes, "a", begun, end))
    await until(lambda: begun)
    with pytest.raises(CallerError, match="Nothing was changed") as late:
        await begin(changes, "a", begun)
    assert (late.value.code, late.value.http_status) == (-1, 504)
    end.set()
    await first
    await begin(changes, "a", begun)
    assert begun == ["a", "a"]


async def test_a_turn_that_the_limiter_does_not_grant(client: Client) -> None:
    changes = runner(client, wait_s=0.05)
    changes.limiter.penalize("webwxsendmsg", changes.limiter.time())
    with pytest.raises(CallerError, match="Nothing was changed") as late:
        await call(changes)
    assert (late.value.code, late.value.http_status) == (-1, 504)
    assert not client.calls


async def test_who_is_cancelled_holds_up_nobody(client: Client, end: asyncio.Event) -> None:
    changes, begun = runner(client), list[str]()
    first = asyncio.create_task(begin(changes, "a", begun, end))
    waiting = [asyncio.create_task(begin(changes, "a", begun)) for _ in range(3)]
    await until(lambda: begun)
    waiting[0].cancel()
    waiting[1].cancel()
    end.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)
    assert begun == ["a", "a"]
    assert not changes.pending


async def test_too_many(
    client: Client, end: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutations, "MAX_PENDING", 2)
    changes, begun = runner(client), list[str]()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(begin(changes, "a", begun, end))
        tasks.create_task(begin(changes, "a", begun))
        await until(lambda: changes.pending == 2)
        with pytest.raises(CallerError) as refused:
            await begin(changes, "b", begun)
        assert refused.value.code == -7
        end.set()
    assert begun == ["a", "a"]


async def test_nothing_is_asked_of_a_login_in_which_the_object_was_not_found(
    client: Client,
) -> None:
    """Its ids mean nothing there."""
    changes = runner(client, interval_s=0.05)
    await call(changes)
    waiting = asyncio.create_task(call(changes))
    await until(lambda: changes.pending)
    client.contacts = WebContacts(User(id="@me2"))
    with pytest.raises(CallerError) as refused:
        await waiting
    assert (refused.value.code, refused.value.extra["state"]) == (-4, "running")
    assert client.calls == 1


async def test_what_may_not_begin_does_not(client: Client) -> None:
    """Also if that shows while it waits for its turn."""
    allowed = iter([True, True, True, False])

    def require() -> None:
        if not next(allowed):
            raise CallerError(-5, "the disk is full")

    changes = runner(client, require=require)
    assert await call(changes) == 1
    with pytest.raises(CallerError, match="the disk is full"):
        await call(changes)
    assert client.calls == 1


# -- outcomes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [Unreachable("c", "lost"), BadResponse("c", "odd")])
async def test_a_lost_answer(client: Client, lost: Exception) -> None:
    changes = runner(client)
    client.failures = [lost]
    with pytest.raises(CallerError, match="the outcome is unknown") as unknown:
        await call(changes)
    assert unknown.value.http_status == 504
    assert client.calls == 1
    client.failures = [lost]
    assert await repeatable(changes) == 1
    assert client.calls == 3
    client.failures = [lost, Rejected("c", 1)]
    with pytest.raises(CallerError, match="the outcome is unknown"):
        await repeatable(changes)
    assert client.calls == 5


async def test_an_effect_that_shows(client: Client) -> None:
    changes = runner(client, settle_s=PATIENCE_S)
    client.failures = [Unreachable("c", "lost")]
    effect: list[int] = []

    async def change() -> object:
        async with changes.turn("a") as mutation:
            return await mutation.at_most_once(cast("Any", None), lambda: effect)

    waiting = asyncio.create_task(change())
    await until(lambda: client.calls)
    changes.contacts_changed()
    await asyncio.sleep(0)
    assert not waiting.done()
    effect.append(1)
    changes.contacts_changed()
    assert await waiting is None


@pytest.mark.parametrize("failure", [NeverReached("c", "refused"), Rejected("c", 1)])
async def test_what_was_certainly_not_done(client: Client, failure: Exception) -> None:
    changes = runner(client)
    for kind in (call, repeatable):
        client.failures = [failure]
        with pytest.raises(type(failure)):
            await kind(changes)
    assert client.calls == 2


@pytest.mark.parametrize("end", [SessionEnded("c", 1101), NotLoggedIn()])
async def test_a_session_that_is_over(client: Client, end: Exception) -> None:
    changes = runner(client)
    for kind in (call, repeatable):
        client.failures = [end]
        with pytest.raises(CallerError) as over:
            await kind(changes)
        assert over.value.code == -4


async def test_a_second_call_that_the_limiter_does_not_grant(client: Client) -> None:
    changes = runner(client, wait_s=0.05, interval_s=NEVER)
    client.failures = [Unreachable("c", "lost")]
    with pytest.raises(CallerError, match="c: lost: the outcome is unknown"):
        await repeatable(changes)
    assert client.calls == 1
