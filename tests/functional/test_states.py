"""What ends a session, what only disturbs it, and how an account stops."""

import asyncio
import logging
import time
from typing import Any

import pytest

from openwx.errors import Code
from openwx.simulator import Account, Fault, Rule, Simulator
from tests.patience import until_seen

from .world import Gateway, Receiver, World


async def logs_in_again(account: Account, receiver: Receiver) -> None:
    """Confirm the push login that a former session allows."""
    await account.phone.sees_push_login()
    account.phone.confirm()
    await receiver.get(event="state_change", params=["updating", "running"])


async def wears_off(simulator: Simulator, rule: Rule) -> None:
    """Wait until a fault has struck as often as it was to."""
    assert await simulator.world.calls_pulse.until(lambda: rule.times == 0, 10)


# -- the session ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ret", [1100, 1101, 1102])
async def test_a_session_that_ends_is_followed_by_a_login(
    api: Gateway, account: Account, receiver: Receiver, ret: int
) -> None:
    account.end_session(ret)
    client = await api.reaches("confirming")
    assert client["state_reason"]
    reply = await api.get("get_friend_info")
    assert (reply.status, reply.code, reply.json["state"]) == (503, -4, "confirming")
    await logs_in_again(account, receiver)
    changes = [params for _, params in receiver.events("state_change")]
    assert changes == [
        ["running", "loading"],
        ["loading", "confirming"],
        ["confirming", "updating"],
        ["updating", "running"],
    ]
    assert await receiver.get_event("login") == [1]
    account.friend("小灰").says("hi")
    await receiver.get(content="hi")


@pytest.mark.parametrize("ret", [1100, 1101, 1102])
@pytest.mark.parametrize("call", ["synccheck", "webwxsync", "webwxsendmsg", "webwxbatchgetcontact"])
async def test_any_call_can_end_the_session(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, call: str, ret: int
) -> None:
    stranger = account.stranger("路人")
    simulator.faults.add(call, Fault.RET, ret=ret, times=1)
    sending = asyncio.ensure_future(
        api.get("send_friend_message", account="xiaohui2016", content="x")
    )
    stranger.says("hi")
    await logs_in_again(account, receiver)
    # It outlives the end of the session, or came after it and was refused.
    outcome = (await sending).code, account.friend("小灰").texts
    assert outcome in ((0, ["x"]), (Code.NOT_RUNNING, []))
    await receiver.get(content="hi")
    assert len(receiver.got(content="hi")) == 1
    assert [params for _, params in receiver.events("login")] == [[1]]


async def test_logged_out_on_the_phone(
    api: Gateway, account: Account, receiver: Receiver, world: World
) -> None:
    """Messages that came before the new login are not lost."""
    account.allows_push_login = False
    account.phone.logs_out_web()
    await receiver.get_event("input_qrcode")
    account.friend("小灰").says("in between")
    await account.phone.logs_in()
    await api.reaches("running")
    assert (await receiver.get(post_type="receive_message"))["content"] == "in between"


async def test_contacts_of_a_new_login_are_no_news(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    account.end_session(1102)
    await logs_in_again(account, receiver)
    news = {name for name, _ in receiver.events()} - {"login", "state_change"}
    assert not news


# -- disturbances ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["synccheck", "webwxsync"])
async def test_too_often_is_no_reason_for_a_login(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, call: str
) -> None:
    simulator.settings.hold_s = 0.05
    rule = simulator.faults.add(call, Fault.RET, ret=1205, times=3)
    account.friend("小灰").says("hi")
    await wears_off(simulator, rule)
    account.friend("小灰").says("still there")
    await receiver.get(content="still there")
    assert len(receiver.got(content="hi")) == 1
    assert account.logins == 1
    assert not receiver.events("state_change", "login")


@pytest.mark.parametrize(
    "fault", [Fault.DROP, Fault.SERVER_ERROR, Fault.LOSE_ANSWER, Fault.GARBAGE, Fault.TRUNCATE]
)
@pytest.mark.parametrize("call", ["synccheck", "webwxsync"])
async def test_trouble_in_the_loop_loses_nothing(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    call: str,
    fault: Fault,
) -> None:
    simulator.settings.sync_batch_size = 3
    simulator.settings.hold_s = 0.05
    rule = simulator.faults.add(call, fault, times=3)
    said = [str(number) for number in range(10)]
    for text in said:
        account.friend("小灰").says(text)
    await wears_off(simulator, rule)
    await receiver.gets(10, post_type="receive_message")
    account.friend("小灰").says("end")
    await receiver.get(content="end")
    said.append("end")
    assert [json["content"] for json in receiver.got(post_type="receive_message")] == said
    assert not receiver.events("state_change", "login")


@pytest.mark.parametrize(
    ("call", "fault", "words"),
    [
        ("webwxsync", {"fault": Fault.SERVER_ERROR}, "webwxsync: HTTP status 502"),
        ("webwxsync", {"fault": Fault.GARBAGE}, "webwxsync"),
        ("webwxsync", {"fault": Fault.RET, "ret": 1205}, "1205"),
        ("webwxsync", {"fault": Fault.HANG}, "WeChat does not answer"),
        ("synccheck", {"fault": Fault.DROP}, "synccheck"),
        ("synccheck", {"fault": Fault.HANG}, "WeChat does not answer"),
    ],
)
async def test_a_stalled_account_says_so_and_comes_back(
    world: World, account: Account, simulator: Simulator, call: str, fault: Any, words: str
) -> None:
    simulator.settings.hold_s = 0.05
    gateway = await world.run(pace={"stalled_after_s": 0.4})
    simulator.faults.add(call, **fault)
    account.friend("小灰").says("hi")
    await until_seen(
        gateway.client,
        lambda client: client["state"] == "updating" and words in client["state_reason"],
    )
    reply = await gateway.get("get_user_info")
    assert (reply.status, reply.code) == (503, -4)
    assert words in reply.json["state_reason"]
    simulator.faults.clear()
    await gateway.reaches("running")
    await world.receiver.get(content="hi")
    assert account.logins == 1


async def test_an_idle_account_does_not_stall(world: World, simulator: Simulator) -> None:
    """Polls that bring nothing count as successful rounds."""
    simulator.settings.hold_s = 0.05
    gateway = await world.run()
    runs_since = time.monotonic()
    asked = len(simulator.calls_of("synccheck"))
    await simulator.gets_call("synccheck", asked + 8)
    assert (await gateway.client())["state"] == "running"
    assert gateway.service is not None
    age_s = gateway.service.gateway.account(None).sync_age_s
    assert age_s is not None
    assert age_s < time.monotonic() - runs_since


# -- stopping --------------------------------------------------------------------------------------------


async def test_stop_client(
    api: Gateway, account: Account, receiver: Receiver, world: World
) -> None:
    reply = await api.get("stop_client")
    assert reply.status == 200
    assert reply.code == 0
    pid = reply.json["pid"]
    assert reply.json["status"] == f"success, client({pid}) will stop in 3 seconds"
    assert set(reply.json) == {"code", "account", "pid", "starttime", "runtime", "status"}
    assert (await api.get("get_user_info")).status == 200, "it goes on for these seconds"
    await api.ends()
    assert receiver.events() == [("state_change", ["running", "stop"]), ("stop", [])]
    assert len(receiver.answered) == 2
    assert account.is_online, "never a log-out"
    receiver.forget()
    again = await world.start()
    await again.reaches("running")
    assert await receiver.get_event("login") == [0]


async def test_a_stop_waits_for_the_send_on_its_way(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    sending = asyncio.ensure_future(api.get("send_friend_message", id="filehelper", content="x"))
    await hanging.strikes()
    stopping = asyncio.ensure_future(api.stop())
    hanging.release()
    assert (await sending).code == 0
    await stopping
    assert account.filehelper.texts == ["x"]
    assert receiver.events()[-1] == ("stop", [])
    assert len(receiver.got(post_type="send_message", content="x")) == 1


async def test_a_stop_answers_who_waits(world: World, account: Account) -> None:
    """The second send is never begun; its caller gets that answer, and nothing was sent."""
    gateway = await world.run(send_interval=60)
    assert (await gateway.get("send_friend_message", id="filehelper", content="1")).code == 0
    sending = asyncio.ensure_future(
        gateway.get("send_friend_message", id="filehelper", content="2")
    )
    await gateway.queues(1)
    await gateway.stop()
    reply = await sending
    assert (reply.status, reply.code) == (503, -4)
    assert [heard.text for heard in account.sent] == ["1"]


async def test_a_stop_ends_long_polls(api: Gateway) -> None:
    await api.drain()
    polling = asyncio.ensure_future(api.get("check_event", timeout="60"))
    await api.stop()
    assert (await polling).status == 200


async def test_a_stop_says_what_it_leaves(
    world: World, account: Account, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await world.run(pace={"finish_s": 0.3})
    receiver.fails(status=503, post_type="receive_message")
    for text in ("one", "two"):
        account.friend("小灰").says(text)
    await receiver.get(content="one")
    await gateway.get("send_friend_message", id="filehelper", content="x")
    hanging = world.simulator.faults.add("webwxsendmsg", Fault.HANG)
    for _ in range(3):
        await gateway.get("send_friend_message", id="filehelper", content="y", **{"async": "1"})
    await hanging.strikes()
    with caplog.at_level(logging.INFO, "openwx"):
        await gateway.stop()
    assert (
        "stopped; 2 reports and 3 sends are left in the journal for the next start" in caplog.text
    )
    hanging.release()
    receiver.behaves_well()
    gateway = await world.start()
    await receiver.get(content="two")
    await receiver.gets(3, post_type="send_message", content="y", code=0)
    caplog.clear()
    with caplog.at_level(logging.INFO, "openwx"):
        await gateway.stop()
    assert "stopped; nothing is left to do" in caplog.text
