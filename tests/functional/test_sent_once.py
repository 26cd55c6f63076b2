"""A WeChat that would show a repeated message twice: a send whose answer is lost is never repeated, not even after a
restart."""

from collections.abc import Awaitable, Callable

import pytest

from openwx.errors import BadResponse, NeverReached, SystemBusy, Unreachable, WeChatError
from tests.memory_wechat import MemoryAccount

from .world import Gateway, Json, Receiver, World, replies

pytestmark = pytest.mark.in_memory

SOON = {"finish_s": 0.2}
"""A stop that does not wait for the answer of WeChat."""

Sends = Callable[[Gateway, MemoryAccount], Awaitable[None]]


@pytest.fixture
def account(account: MemoryAccount) -> MemoryAccount:
    account.drops_repeats = False
    return account


async def send(api: Gateway, account: MemoryAccount, **more: str) -> Json:
    to = account.friend("小灰").record.id
    reply = await api.get("send_friend_message", id=to, content="x", **more)
    return {"http": reply.status, **reply.json}


@pytest.mark.parametrize("error", [Unreachable("send", "lost"), BadResponse("send", "nonsense")])
@pytest.mark.parametrize("lost", [True, False])
async def test_a_lost_answer_is_an_unknown_outcome_at_once(
    api: Gateway, account: MemoryAccount, receiver: Receiver, error: WeChatError, lost: bool
) -> None:
    fault = account.fails("send_text", error, lost=lost)
    answer = await send(api, account)
    assert (answer["http"], answer["code"]) == (504, -1)
    assert "the outcome is unknown" in answer["status"]
    assert fault.hits == 1
    assert account.friend("小灰").texts == ["x"] * lost
    report = await receiver.get(post_type="send_message")
    assert (report["code"], report["info"]) == (-1, answer["status"])


@pytest.mark.parametrize("error", [NeverReached("send", "refused"), SystemBusy("send", -1)])
@pytest.mark.parametrize("way", [{}, {"async": "1"}])
async def test_what_has_not_reached_wechat_is_tried_again(
    api: Gateway, account: MemoryAccount, receiver: Receiver, error: WeChatError, way: Json
) -> None:
    fault = account.fails("send_text", error, times=2)
    assert (await send(api, account, **way))["code"] == 0
    assert (await receiver.get(post_type="send_message"))["code"] == 0
    assert fault.hits == 2
    assert account.friend("小灰").texts == ["x"]


async def test_it_gives_up_after_the_tries_and_knows_that_nothing_arrived(
    api: Gateway, account: MemoryAccount
) -> None:
    account.fails("send_text", NeverReached("send", "refused"))
    answer = await send(api, account)
    assert answer["code"] == -5
    assert "unknown" not in answer["status"]


async def test_a_lost_upload_is_tried_again(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    """It reaches nobody."""
    account.fails("upload", Unreachable("upload", "lost"), times=2)
    to = account.friend("小灰").record.id
    reply = await api.post("send_friend_message", id=to, media_data="eA==")
    assert reply.code == 0, reply.json
    assert len(account.friend("小灰").inbox) == 1


async def asks_async(api: Gateway, account: MemoryAccount) -> None:
    assert (await send(api, account, **{"async": "1"}))["code"] == 0


async def asks_for_all(api: Gateway, account: MemoryAccount) -> None:
    reply = await api.get("send_friend_message", id="@all", content="x")
    assert reply.json["count"] == len(account.friends)


async def has_the_bot_reply(api: Gateway, account: MemoryAccount) -> None:
    account.friend("小灰").says("question")


async def asks_with_a_key(api: Gateway, account: MemoryAccount) -> None:
    assert (await send(api, account, **{"async": "1", "idempotency_key": "k"}))["code"] == 0


WAYS = [asks_async, asks_for_all, has_the_bot_reply, asks_with_a_key]


@pytest.mark.parametrize("way", WAYS)
async def test_an_accepted_send_is_not_repeated_after_a_restart(
    world: World, account: MemoryAccount, receiver: Receiver, way: Sends
) -> None:
    api = await world.run(pace=SOON)
    receiver.behaves(replies("x"), content="question")
    held = account.hangs("send_text")
    await way(api, account)
    await held.strikes()
    await api.stop()  # WeChat may have the message: nobody knows
    held.release()
    tries = held.hits
    receiver.forget()
    await world.run()
    report = await receiver.get(post_type="send_message")
    assert report["code"] == -1
    assert "the outcome is unknown" in report["info"]
    assert report["sender_uid"] == account.user.uid
    expected = len(account.friends) - 1 if way is asks_for_all else 0
    await account.until(lambda: len(account.sent) == expected)
    assert (tries, account.fault("send_text")) == (1, None)
    assert [sent.to.record.uid for sent in account.sent].count(report["receiver_uid"]) == 0


async def test_a_keyed_call_learns_of_its_unknown_outcome_after_a_restart(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    account.ids_last = True
    api = await world.run(pace=SOON)
    held = account.hangs("send_text")
    await asks_with_a_key(api, account)
    await held.strikes()
    await api.stop()
    held.release()
    api = await world.run()
    await receiver.get(post_type="send_message", code=-1)
    assert (await send(api, account, **{"async": "1", "idempotency_key": "k"}))["code"] == 0
    assert account.sent == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_send_that_never_reached_wechat_is_sent_after_a_restart(
    world: World, account: MemoryAccount, receiver: Receiver, way: Sends
) -> None:
    api = await world.run(pace=SOON | {"backoff_first_s": 3600.0, "backoff_most_s": 3600.0})
    receiver.behaves(replies("x"), content="question")
    fault = account.fails("send_text", NeverReached("send", "refused"))
    await way(api, account)
    await fault.strikes()
    await api.stop()
    fault.release()
    await world.run()
    expected = len(account.friends) if way is asks_for_all else 1
    await account.until(lambda: len(account.sent) == expected)


async def test_where_wechat_drops_repetitions_it_is_sent_again(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    account.drops_repeats = True
    api = await world.run(pace=SOON)
    held = account.hangs("send_text")
    await asks_async(api, account)
    await held.strikes()
    await api.stop()
    held.release()
    await world.run()
    assert (await receiver.get(post_type="send_message"))["code"] == 0
    assert account.friend("小灰").texts == ["x"]
