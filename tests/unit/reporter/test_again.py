"""Retried reports are delivered in the order of their chat; waiting ones can be tried at once."""

import asyncio
import itertools

import pytest
from aiohttp import web

from openwx.accounts.outbox import Outbox
from openwx.errors import CallerError
from openwx.reporter.delivery_error import words_of
from openwx.reporter.retry_schedule import Pauses
from openwx.store.records import DeliveryKey, WriteBatch
from tests.patience import PATIENCE_S, until, until_seen

from .receiver import says, sends_raw, status, waits_for
from .world import World, a_message, long_pauses, no_pauses


class Post:
    """The outbox of a world whose backend refuses some numbers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.refused: set[int] = set()
        world.receiver.otherwise = self._answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        refused = self.world.receiver.got[-1].n in self.refused
        return web.Response(status=400 if refused else 200)

    @property
    def outbox(self) -> Outbox:
        return Outbox("me", self.world.journal, self.world.reporters)

    async def fail(self, *numbers: int, chat: str = "c") -> dict[int, int]:
        """Let reports fail, and return their ids by number."""
        self.refused.update(numbers)
        ids = {}
        for n in numbers:
            (report,) = (await self.world.record(a_message(n, chat, with_={"chat": chat}))).recorded
            ids[n] = report.id
        await self.world.done()
        self.refused.clear()
        self.world.receiver.got.clear()
        return ids


def gathering(seconds: float) -> Pauses:
    return Pauses(no_pauses, no_pauses, no_pauses, gather_s=seconds)


@pytest.fixture
def post(world: World) -> Post:
    return Post(world)


async def test_all_go_oldest_first(world: World, post: Post) -> None:
    world.start(tries=1)
    await post.fail(1, 2, 3)
    await post.fail(4, 5, chat="d")
    assert await post.outbox.retry(None) == 5
    await world.done()
    numbers = world.receiver.numbers()
    assert [n for n in numbers if n < 4] == [1, 2, 3]
    assert [n for n in numbers if n >= 4] == [4, 5]


async def test_some_in_one_call_or_in_several_close_together(world: World, post: Post) -> None:
    """Each order in a chat of its own."""
    world.start(tries=1, pauses=gathering(1.0))
    orders = {"".join(map(str, order)): order for order in itertools.permutations([1, 2, 3])}
    for in_one_call in (True, False):
        ids = {chat: await post.fail(1, 2, 3, chat=chat) for chat in orders}
        wanted = [[ids[chat][n] for n in order] for chat, order in orders.items()]
        calls = wanted if in_one_call else [[id] for chosen in wanted for id in chosen]
        done = await asyncio.gather(*(post.outbox.retry(chosen) for chosen in calls))
        assert done == [len(chosen) for chosen in calls]
        await world.receiver.has(3 * len(orders))
        await world.done()
        for chat in orders:
            got = [one.n for one in world.receiver.got if one.json["chat"] == chat]
            assert got == [1, 2, 3], (chat, in_one_call)


async def test_before_newer_ones_that_wait(world: World, post: Post) -> None:
    world.start(tries=1)
    ids = await post.fail(1, 2)
    blocked = asyncio.Event()
    world.receiver.script = [waits_for(blocked, says("{}"))]
    await world.record(a_message(3), a_message(4))
    await world.receiver.has(1)  # the third is under way
    await post.outbox.retry([ids[2]])
    await post.outbox.retry([ids[1]])
    blocked.set()
    await world.done()
    assert world.receiver.numbers() == [3, 1, 2, 4]


async def test_before_one_that_rests_between_two_tries(world: World, post: Post) -> None:
    """Its pause stays: the older one is none of its tries."""
    world.start(tries=2, pauses=Pauses(no_pauses, no_pauses, long_pauses, 0.0))
    ids = await post.fail(1)
    world.receiver.script = [sends_raw(b"")]
    await world.record(a_message(2), a_message(3))
    await world.receiver.has(1)
    await until(lambda: world.reporter._queue._pauses)
    await post.outbox.retry([ids[1]])
    await world.receiver.has(2)
    async with asyncio.timeout(PATIENCE_S):
        while await world.journal.failed("me") or len(world.reporter._queue) > 2:
            await asyncio.sleep(0)
    assert world.receiver.numbers() == [2, 1]
    await world.done()
    assert world.receiver.numbers() == [2, 1, 2, 3]


async def test_the_order_outlives_a_restart(world: World, post: Post) -> None:
    world.start(tries=1)
    ids = await post.fail(1, 2, 3)
    await world.stop()
    off = Outbox("me", world.journal)  # as `openwx outbox` without a server
    await off.retry([ids[3]])
    await off.retry([ids[1], ids[2]])
    world.start()
    await world.record(a_message(4))
    await world.done()
    assert world.receiver.numbers() == [1, 2, 3, 4]


@pytest.mark.parametrize("behaviour", [status(500), status(503), sends_raw(b"")])
async def test_what_waits_is_tried_now(world: World, post: Post, behaviour: object) -> None:
    world.receiver.script = [behaviour]  # type: ignore[list-item]
    world.start(pauses=long_pauses)
    (first, second) = (await world.record(a_message(1), a_message(2))).recorded
    await world.receiver.has(1)
    much_later = world.clock.now + 3000
    await until_seen(post.outbox.waiting, lambda waiting: waiting[0].next_try >= much_later)
    waiting, behind = await post.outbox.waiting()
    assert (waiting.id, waiting.tries) == (first.id, 1)
    assert waiting.error
    assert waiting.next_try == pytest.approx(world.clock.now + 3600, abs=30)
    assert (behind.id, behind.tries, behind.next_try, behind.error) == (second.id, 0, 0, "")
    assert await post.outbox.retry([second.id]) == 1
    await world.done()
    assert world.receiver.numbers() == [1, 1, 2]


async def test_the_pause_of_an_outage_ends_too(world: World, post: Post) -> None:
    port = world.receiver.port
    await world.receiver.stop()
    world.start(pauses=long_pauses)
    (report,) = (await world.record(a_message(1))).recorded
    await until(lambda: world.reporter.outage)
    (waiting,) = await post.outbox.waiting()
    assert (waiting.tries, waiting.http_status) == (1, 0)
    assert "connection refused" in words_of(waiting.error)
    assert waiting.next_try > world.clock.now + 3000
    await world.receiver.start(port)
    assert await post.outbox.retry([report.id]) == 1
    await world.receiver.has(1)


async def test_what_failed_ends_it_as_well(world: World, post: Post) -> None:
    world.start(tries=1, pauses=Pauses(long_pauses, no_pauses, no_pauses, 0.0))
    ids = await post.fail(1)
    port = world.receiver.port
    await world.receiver.stop()
    await world.record(a_message(2, "d"))
    await until(lambda: world.reporter.outage)
    await world.receiver.start(port)
    assert await post.outbox.retry([ids[1]]) == 1
    await world.receiver.has(2)


async def test_one_whose_file_is_still_fetched_cannot_be_tried(world: World, post: Post) -> None:
    world.start()
    (held,) = (
        await world.journal.write(WriteBatch(account="me", reports=[a_message(1, media=b"ref")]))
    ).recorded
    with pytest.raises(CallerError, match="its media is still being downloaded"):
        await post.outbox.retry([held.id])


async def test_one_that_fails_while_it_is_asked_for_again(world: World, post: Post) -> None:
    """A report that is retried between its last refusal in the journal and the end of its delivery."""
    world.start(tries=1)
    post.refused = {1}
    (report,) = (await world.record(a_message(1))).recorded
    async with asyncio.timeout(PATIENCE_S):
        while not (
            written := await world.journal.write(
                WriteBatch(account="me", retried=[DeliveryKey(report.id)])
            )
        ).retried:
            await asyncio.sleep(0)
    post.refused.clear()
    world.reporters.retry(written.retried)
    await world.done()
    assert world.receiver.numbers() == [1, 1]
    assert not world.reporter._tries
