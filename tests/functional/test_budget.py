"""A WeChat that takes a few messages to a person, until that person writes again."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from openwx.errors import BudgetSpent
from openwx.transports.base import Capability
from tests.memory_wechat import Chat, MemoryAccount
from tests.patience import until

from .world import Gateway, Receiver, World, replies

pytestmark = pytest.mark.in_memory

WAITS = "the person's next message"


@pytest.fixture
def account(account: MemoryAccount) -> MemoryAccount:
    account.drops_repeats = account.shares_uploads = False
    account.ids_last = True
    account.per_message = 2
    return account


@pytest.fixture
def friend(account: MemoryAccount) -> Chat:
    """Somebody to whom nothing may be sent for now."""
    friend = account.friend("小灰")
    account.left[friend] = 0
    return friend


@pytest.fixture
def other(account: MemoryAccount) -> Chat:
    return account.friend("momo")


async def sends(api: Gateway, to: Chat, text: str, **more: str) -> Any:
    return await api.get("send_friend_message", id=to.record.id, content=text, **more)


async def accepts(api: Gateway, to: Chat, *texts: str) -> None:
    for text in texts:
        reply = await sends(api, to, text, **{"async": "1"})
        assert reply.code == 0, reply.json


async def parks(api: Gateway, to: Chat, *texts: str) -> None:
    """Have messages accepted, and see them wait for their person."""
    await accepts(api, to, *texts)
    await sees_parked(api, to, len(texts))


async def sees_parked(api: Gateway, to: Chat, n: int = 1) -> None:
    """Wait until so many messages wait for a person."""
    queue = sender_of(api).queue
    person = {to.record.id}
    await until(lambda: (parked := queue.parked_with(person)) and len(parked.messages) >= n)


def sender_of(api: Gateway) -> Any:
    assert api.service is not None
    return api.service.gateway.account(None).outgoing


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_waiting_caller_is_told_at_once_what_the_person_must_do(
    api: Gateway, account: MemoryAccount, friend: Chat, receiver: Receiver, is_known: bool
) -> None:
    account.tells_budgets = is_known
    reply = await sends(api, friend, "x")
    assert (reply.status, reply.code) == (200, 201)
    assert "小灰" in reply.words
    assert "ask 小灰 to send any message" in reply.words
    assert reply.json.get("ret") == (None if is_known else -2), "WeChat was asked, or not"
    report = await receiver.get(post_type="send_message")
    assert (report["code"], report["info"]) == (201, reply.words)
    assert account.sent == []
    friend.says("hello")
    await account.acknowledges()
    assert (await sends(api, friend, "x")).code == 0


async def test_text_and_file_are_sent_both_or_not_at_all(
    api: Gateway, account: MemoryAccount, friend: Chat
) -> None:
    account.left[friend] = 1
    both = {"id": friend.record.id, "content": "x", "media_data": "eA=="}
    assert (await api.post("send_friend_message", **both)).code == 201
    assert (account.sent, account.uploads) == ([], [])
    account.left[friend] = 2
    assert (await api.post("send_friend_message", **both)).code == 0


async def test_a_waiting_caller_is_not_held_up_by_the_interval(
    world: World, account: MemoryAccount, friend: Chat, other: Chat
) -> None:
    api = await world.run(send_interval=3600)
    assert (await sends(api, other, "first")).code == 0
    assert (await sends(api, friend, "x")).code == 201


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_keyed_call_that_waits_is_told_too(
    api: Gateway, account: MemoryAccount, friend: Chat, is_known: bool
) -> None:
    account.tells_budgets = is_known
    for _ in range(2):
        reply = await sends(api, friend, "x", idempotency_key="k")
        assert (reply.status, reply.code) == (200, 201)
    assert account.sent == []
    friend.says("hello")
    await account.acknowledges()
    again = await sends(api, friend, "x", idempotency_key="k")
    assert again.code == (0 if is_known else 201), "a refusal of WeChat's stays the answer"


@pytest.mark.parametrize("is_known", [True, False])
async def test_accepted_sends_wait_for_the_next_message_in_their_order(
    api: Gateway, account: MemoryAccount, friend: Chat, is_known: bool
) -> None:
    account.tells_budgets = is_known
    account.per_message = 3
    await parks(api, friend, "1", "2", "3", "4")
    assert account.sent == []
    friend.says("hello")
    assert [sent.text for sent in await friend.hears(3)] == ["1", "2", "3"]
    await accepts(api, friend, "5")
    assert len(friend.texts) == 3
    friend.says("and?")
    assert [sent.text for sent in await friend.hears(2)] == ["4", "5"]


async def test_they_hold_up_neither_other_chats_nor_callers(
    api: Gateway, account: MemoryAccount, friend: Chat, other: Chat
) -> None:
    """Not even if more of them wait than the queue looks at."""
    await parks(api, friend, *(f"{n}" for n in range(120)))
    await accepts(api, other, "later")
    assert await other.hears_text() == "later"
    assert (await sends(api, other, "now")).code == 0
    account.left[friend] = 1
    assert (await sends(api, friend, "a caller's")).code == 0, "it does not wait behind them"
    assert friend.texts == ["a caller's"]


async def test_the_answer_says_what_it_waits_for(
    api: Gateway, account: MemoryAccount, friend: Chat, other: Chat
) -> None:
    for more in ({}, {"idempotency_key": "k"}):
        answer = (await sends(api, friend, "x", **{"async": "1", **more})).json
        assert answer["waits_for"] == WAITS
        assert WAITS in answer["status"]
    answer = (await sends(api, other, "x", **{"async": "1"})).json
    assert "waits_for" not in answer
    assert answer["status"] == "request already in execution"


async def test_it_says_so_also_where_only_a_refusal_told_it(
    api: Gateway, account: MemoryAccount, friend: Chat
) -> None:
    account.tells_budgets = False
    await parks(api, friend, "x")
    assert (await sends(api, friend, "y", **{"async": "1"})).json["waits_for"] == WAITS


async def test_they_survive_a_restart(
    world: World, account: MemoryAccount, friend: Chat, receiver: Receiver
) -> None:
    account.tells_budgets = False
    api = await world.run()
    await parks(api, friend, "1", "2")
    await api.stop()  # which does not wait for them
    api = await world.run()
    await sees_parked(api, friend, 2)
    assert account.sent == []
    friend.says("hello")
    assert [sent.text for sent in await friend.hears(2)] == ["1", "2"]
    await receiver.gets(2, post_type="send_message", code=0)


async def test_a_stop_does_not_wait_for_people(
    world: World, account: MemoryAccount, friend: Chat, receiver: Receiver
) -> None:
    api = await world.run(pace={"finish_s": 3600.0})
    await parks(api, friend, "1")
    await api.stop()
    assert receiver.reports[-1].json.get("event") == "stop"


async def test_after_max_age_it_ends(
    world: World, account: MemoryAccount, friend: Chat, other: Chat, receiver: Receiver
) -> None:
    api = await world.run(report={"max_age": 1})
    await accepts(api, friend, "x", "y")
    for text in ("x", "y"):
        report = await receiver.get(post_type="send_message", content=text)
        assert report["code"] == 201
        assert "小灰 did not write within max_age (1 s)" in report["info"]
    friend.says("too late")
    await accepts(api, other, "z")
    await other.hears()
    assert friend.texts == []
    await api.queues(0)


async def test_the_age_counts_from_the_acceptance_also_over_a_restart(
    world: World, account: MemoryAccount, friend: Chat, receiver: Receiver
) -> None:
    api = await world.run(report={"max_age": 3600})
    await parks(api, friend, "x")
    await api.stop()
    await world.run(report={"max_age": 1})
    assert (await receiver.get(post_type="send_message", content="x"))["code"] == 201


async def test_a_reply_waits_too(
    api: Gateway, account: MemoryAccount, friend: Chat, receiver: Receiver
) -> None:
    receiver.behaves(replies("a reply"), content="question")
    account.per_message = 0
    friend.says("question")
    await receiver.get(content="question")
    await sees_parked(api, friend)
    account.per_message = 1
    friend.says("hello?")
    assert await friend.hears_text() == "a reply"


async def test_each_of_all_waits_alone(api: Gateway, account: MemoryAccount, friend: Chat) -> None:
    everybody = account.friends
    assert (await api.get("send_friend_message", id="@all", content="x")).json["count"] == len(
        everybody
    )
    await account.until(lambda: len(account.sent) == len(everybody) - 1)
    assert friend.texts == []
    friend.says("hello")
    assert await friend.hears_text() == "x"


async def test_media_is_uploaded_when_it_may_be_sent(
    api: Gateway, account: MemoryAccount, friend: Chat
) -> None:
    to = friend.record.id
    reply = await api.post(
        "send_friend_message", id=to, media_data="eA==", media_name="x.txt", **{"async": "1"}
    )
    assert reply.json["waits_for"] == WAITS
    await sees_parked(api, friend)
    assert account.uploads == []
    friend.says("hello")
    await friend.hears()
    assert len(account.uploads) == 1


async def test_what_waits_takes_room_but_not_that_of_callers(
    world: World, account: MemoryAccount, friend: Chat, other: Chat
) -> None:
    api = await world.run(queue_size=3)
    await parks(api, friend, "1", "2", "3")
    reply = await sends(api, friend, "4", **{"async": "1"})
    assert (reply.status, reply.code) == (429, -7)
    assert (await sends(api, other, "now")).code == 0
    await api.queues(3)
    friend.says("hello")
    await friend.hears(2)
    await accepts(api, friend, "4")


async def test_a_message_that_did_not_suffice_is_tried_again_with_pauses(
    world: World, account: MemoryAccount, friend: Chat
) -> None:
    """Such as a long text of which WeChat takes all parts or none."""
    api = await world.run(pace={"backoff_first_s": 0.2, "backoff_most_s": 0.2})
    account.left[friend] = 5
    fault = account.fails("send_text", BudgetSpent("send", -2), times=3)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await accepts(api, friend, "long")
    assert await friend.hears_text() == "long"
    assert fault.hits == 3
    assert loop.time() - began >= 0.2, "the second and third refusal are followed by a pause"


async def test_the_account_tells_what_its_transport_can_do(
    world: World, account: MemoryAccount, friend: Chat
) -> None:
    account.wanted_code = "123456"
    account.owner_id = friend.record.id
    account.capabilities = frozenset({Capability.SEND_TEXT})
    api = await world.start()
    await api.reaches("confirming")
    assert api.service is not None
    mine = api.service.gateway.account(None)
    assert not await mine.verify_code("000000")
    assert await mine.verify_code("123456")
    await api.reaches("running")
    assert mine.transport_kind == "memory"
    assert mine.capabilities == {Capability.SEND_TEXT}
    assert mine.owner_id == friend.record.id
    (budget,) = mine.budgets
    assert replace(budget, until=0) == replace(account.budgets[0], until=0)
    assert (budget.id, budget.sends_left) == (friend.record.id, 0)
