"""The queue of sends: which message may go."""

import asyncio

import pytest
from msgspec.structs import replace

from openwx.accounts.outgoing import new_message
from openwx.accounts.queue import Parked, QueuedMessage, SendQueue
from openwx.domain.chat_ref import ChatRef
from openwx.errors import CallerError, Code
from openwx.transports.ratelimit import Priority
from tests.patience import PATIENCE_S

TO = ChatRef(id="@1", uid="", group=False, displayname="小灰", fingerprint="f", login="l", uin="1")


def chat(number: int) -> ChatRef:
    return replace(TO, id=f"@{number}", fingerprint=f"f{number}")


def accepted(content: str, to: ChatRef = TO, *, bulk: bool = False) -> QueuedMessage:
    return QueuedMessage(new_message(to, content, bulk=bulk))


def awaited(content: str, to: ChatRef = TO) -> QueuedMessage:
    return QueuedMessage(new_message(to, content), asyncio.get_running_loop().create_future())


def queue_of(*messages: QueuedMessage, size: int = 10, at_once: int = 16) -> SendQueue:
    queue = SendQueue(size, at_once=at_once, retry_after_s=3)
    for queued in messages:
        queue.put(queued)
    return queue


def pops(queue: SendQueue) -> list[str]:
    """Return the messages that may be sent at the same time now."""
    popped = []
    while (queued := queue.pop()) is not None:
        popped.append(queued.message.content)
    return popped


def finish(queue: SendQueue, content: str) -> None:
    queue.done(next(queued for queued in queue if queued.message.content == content))


async def test_priorities() -> None:
    assert awaited("a").priority is Priority.WAITING_SEND
    assert accepted("a").priority is Priority.ACCEPTED_SEND
    assert accepted("a", bulk=True).priority is Priority.BULK_SEND


async def test_bulk_goes_last() -> None:
    queue = queue_of(accepted("to all", bulk=True), accepted("a"), awaited("b", chat(2)), at_once=1)
    order = []
    while len(queue):
        order += pops(queue)
        finish(queue, order[-1])
    assert order == ["a", "b", "to all"]


async def test_at_most_so_many_are_under_way() -> None:
    queue = queue_of(*(awaited(f"{n}", chat(n)) for n in range(3)), at_once=2)
    assert pops(queue) == ["0", "1"]
    assert len(queue) == 3
    finish(queue, "0")
    assert pops(queue) == ["2"]


async def test_accepted_messages_keep_their_order_among_all_chats() -> None:
    queue = queue_of(
        accepted("a", chat(1)), accepted("b", chat(2)), accepted("c", chat(3), bulk=True),
        awaited("caller", chat(4)),
    )  # fmt: skip
    assert pops(queue) == ["a", "caller"]
    finish(queue, "a")
    assert pops(queue) == ["b"]
    finish(queue, "b")
    assert pops(queue) == ["c"]


@pytest.mark.parametrize(
    "other", [replace(TO, id="@new", uid=7), replace(TO, id="@new", fingerprint="g", uid=7)]
)
async def test_a_chat_that_got_another_id_is_the_same_chat(other: ChatRef) -> None:
    """By what does not change from login to login."""
    queue = queue_of(awaited("a", replace(TO, uid=7)), awaited("b", other), awaited("c", chat(3)))
    assert pops(queue) == ["a", "c"]
    finish(queue, "a")
    assert pops(queue) == ["b"]


async def test_what_comes_before_it_in_its_chat_goes_first_also_where_its_id_is_another() -> None:
    """B waits for a, and c for b, though a and c have nothing in common that makes them one chat."""
    a, b = replace(TO, id="@a", uid=1), replace(TO, id="@b", uid=1, fingerprint="g")
    queue = queue_of(awaited("a", a), awaited("b", b), awaited("c", replace(b, uid="")))
    for name in "abc":
        assert pops(queue) == [name]
        finish(queue, name)


async def test_what_is_put_back_is_the_first_again() -> None:
    queue = queue_of(accepted("a"), accepted("b"))
    first = queue.pop()
    assert first is not None
    assert pops(queue) == []
    queue.put_back(first)
    assert queue.pop() is first


async def test_next_waits_for_a_message_that_may_go() -> None:
    queue = queue_of()
    waiting = asyncio.create_task(queue.next())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(accepted("a"))
    async with asyncio.timeout(PATIENCE_S):
        assert (await waiting).message.content == "a"
        assert (await queue.next()).message.content == "a", "it stays until it is popped"
    assert pops(queue) == ["a"]
    queue.put(accepted("b"))
    waiting = asyncio.create_task(queue.next())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    finish(queue, "a")
    async with asyncio.timeout(PATIENCE_S):
        assert (await waiting).message.content == "b"


async def test_the_withdrawn_is_gone_and_its_neighbours_stay() -> None:
    gone = awaited("gone")
    queue = queue_of(accepted("a"), gone, accepted("b"))
    queue.withdraw(gone)
    queue.withdraw(gone)
    assert [queued.message.content for queued in queue] == ["a", "b"]
    under_way = queue.pop()
    assert under_way is not None
    queue.withdraw(under_way)
    assert len(queue) == 2, "what is under way is not withdrawn"


async def test_room() -> None:
    queue = queue_of(accepted("a"), size=2)
    queue.require_room()
    queue.put(accepted("b"))
    with pytest.raises(CallerError, match="queue_size is 2") as full:
        queue.require_room()
    assert full.value.code == Code.QUEUE_FULL
    assert full.value.extra == {"retry_after": 3}
    queue.require_room(bulk=True)
    queue.put(accepted("c", bulk=True))
    queue.put(accepted("d", bulk=True))
    with pytest.raises(CallerError):
        queue.require_room(bulk=True)
    queue.clear()
    queue.require_room()
    assert len(queue) == 0


# -- parked messages -------------------------------------------------------------------------------------


def park(queue: SendQueue) -> Parked:
    """Park the message whose turn it is."""
    queued = queue.pop()
    assert queued is not None
    return queue.park(queued)


async def test_parked_messages_hold_up_nothing_but_what_may_wait_behind_them() -> None:
    queue = queue_of(
        accepted("1"), accepted("2"), awaited("caller"), accepted("other", chat(2)),
        accepted("to all", bulk=True), size=100,
    )  # fmt: skip
    parked = park(queue)
    assert [one.message.content for one in parked.messages] == ["1", "2", "to all"]
    queue.put(accepted("3"))
    queue.put(awaited("another caller"))
    assert len(queue) == len([*queue]) == 7
    assert pops(queue) == ["caller", "other"]
    for content in ("caller", "other"):
        finish(queue, content)
    assert pops(queue) == ["another caller"]
    finish(queue, "another caller")
    queue.release(parked)
    order = []
    while len(queue):
        order += pops(queue)
        finish(queue, order[-1])
    assert order == ["1", "2", "3", "to all"]


async def test_namesakes_are_not_parked_together() -> None:
    namesake = replace(chat(2), fingerprint=TO.fingerprint, uid=2)
    queue = queue_of(accepted("1", replace(TO, uid=1)), accepted("namesake", namesake))
    park(queue)
    assert pops(queue) == ["namesake"]


async def test_parked_messages_take_room_of_those_that_may_join_them() -> None:
    queue = queue_of(*(accepted(f"{n}") for n in range(3)), size=3)
    park(queue)
    queue.require_room()
    queue.require_room(bulk=True, behind_parked=True)
    with pytest.raises(CallerError) as error:
        queue.require_room(behind_parked=True)
    assert error.value.code == Code.QUEUE_FULL


async def test_messages_that_somebody_waits_for_are_never_parked() -> None:
    by_key = QueuedMessage(new_message(TO, "by key", key="k", awaited=True))
    interrupted = QueuedMessage(new_message(TO, "interrupted"), was_interrupted=True)
    queue = queue_of(accepted("1"), by_key, interrupted)
    park(queue)
    assert pops(queue) == ["by key"]
    finish(queue, "by key")
    assert pops(queue) == ["interrupted"]


async def test_nothing_is_parked_after_a_clear() -> None:
    queue = queue_of(accepted("1"))
    park(queue)
    queue.clear()
    assert len(queue) == 0
    assert queue.parked_with({TO.id}) is None
