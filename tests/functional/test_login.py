"""From the QR code to a running account, and back again after a restart."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openwx.accounts import qrcode
from openwx.simulator import Account, Fault, Simulator

from .world import Gateway, Receiver, World

REFUSED = "为了你的帐号安全，此微信号不能登录网页微信。你可以使用Windows微信登录。"
LOGIN_CALLS = (
    "jslogin",
    "login",
    "webwxnewloginpage",
    "webwxinit",
    "webwxstatusnotify",
    "webwxgetcontact",
    "webwxbatchgetcontact",
    "webwxsync",
    "synccheck",
)
FAULTS = (
    Fault.DROP,
    Fault.SERVER_ERROR,
    Fault.LOSE_ANSWER,
    Fault.GARBAGE,
    Fault.TRUNCATE,
)


@asynccontextmanager
async def eager(account: Account) -> AsyncIterator[None]:
    """Scan and confirm all that is shown, until the end of the test."""

    async def scan() -> None:
        while True:
            await account.phone.logs_in()

    async def confirm() -> None:
        while True:
            await account.phone.sees_push_login()
            account.phone.confirm()

    tasks = [asyncio.ensure_future(work) for work in (scan(), confirm())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)


# -- the scan --------------------------------------------------------------------------------------------


async def test_a_scan_logs_in(gateway: Gateway, account: Account, receiver: Receiver) -> None:
    await gateway.reaches("scaning")
    await account.phone.scan()
    await gateway.reaches("confirming")
    account.phone.confirm()
    await gateway.reaches("running")
    assert await receiver.get_event("login") == [1]
    assert (await gateway.get("get_user_info")).json["name"] == "我是谁"
    assert account.logins == 1


async def test_states_come_in_order(gateway: Gateway, account: Account, receiver: Receiver) -> None:
    await account.phone.scan()
    await gateway.reaches("confirming")
    account.phone.confirm()
    await receiver.get(event="state_change", params=["updating", "running"])
    states = ["init", "loading", "scaning", "confirming", "updating", "running"]
    changes = [params for _, params in receiver.events("state_change")]
    assert changes == [list(pair) for pair in itertools.pairwise(states)]
    names = [name for name, _ in receiver.events()]
    assert names.index("login") == names.index("input_qrcode") + 4


async def test_the_qr_code_is_reported_in_three_ways(
    gateway: Gateway, account: Account, receiver: Receiver, simulator: Simulator, world: World
) -> None:
    path, encoded = await receiver.get_event("input_qrcode")
    assert encoded.endswith("\n")
    assert {len(line) for line in encoded.splitlines()[:-1]} == {76}
    picture = base64.b64decode(encoded)
    (code,) = simulator.codes.pending()
    assert picture == qrcode.draw(f"https://login.weixin.qq.com/l/{code.uuid}", colour=False)[0]
    assert Path(path).is_relative_to(world.data_dir)
    assert Path(path).read_bytes() == picture
    for _ in range(2):
        reply = await gateway.get("get_qrcode")
        assert (reply.status, reply.body) == (200, picture)
        assert reply.headers["Content-Type"] == "image/png"
        assert reply.headers["Cache-Control"] == "no-cache"
    await account.phone.logs_in()
    await gateway.reaches("running")
    reply = await gateway.get("get_qrcode")
    assert (reply.status, reply.code) == (404, 100)


async def test_no_qr_code_before_there_is_one(world: World, simulator: Simulator) -> None:
    hanging = simulator.faults.add("jslogin", Fault.HANG)
    gateway = await world.start()
    await hanging.strikes()
    assert (await gateway.get("get_qrcode")).status == 404
    hanging.release()
    await gateway.reaches("scaning")
    assert (await gateway.get("get_qrcode")).status == 200


async def test_a_cancelled_login_brings_another_code(
    gateway: Gateway, account: Account, receiver: Receiver
) -> None:
    await account.phone.scan()
    await gateway.reaches("confirming")
    account.phone.cancel()
    await receiver.get_event("qrcode_expire")
    first, second = (json["params"] for json in await receiver.gets(2, event="input_qrcode"))
    assert first[1] != second[1]
    await account.phone.logs_in()
    await gateway.reaches("running")
    assert await receiver.get_event("login") == [1]


async def test_an_expired_code_is_renewed(
    gateway: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    await receiver.get_event("input_qrcode")
    former = (await gateway.get("get_qrcode")).body
    simulator.codes.expire_all()
    await receiver.get_event("qrcode_expire")
    _, encoded = await receiver.get_event("input_qrcode", 2)
    reply = await gateway.get("get_qrcode")
    assert reply.body == base64.b64decode(encoded) != former
    await account.phone.logs_in()
    await gateway.reaches("running")


async def test_a_code_that_nobody_scans_is_renewed(
    world: World, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.settings.hold_s = 0.02
    await world.start(pace={"qrcode_lives_s": 0.1})
    await receiver.get_event("input_qrcode", 3)
    assert len(receiver.events("qrcode_expire")) >= 2


async def test_other_routes_answer_before_the_login(gateway: Gateway) -> None:
    client = await gateway.reaches("scaning")
    for name in ("get_user_info", "get_friend_info", "send_friend_message", "search_group"):
        reply = await gateway.get(name, id="@a", content="x")
        assert (reply.status, reply.code) == (503, -4)
        assert reply.json["state"] == "scaning"
        assert reply.json["state_reason"] == client["state_reason"] != ""


# -- modes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["desktop", "web"])
async def test_both_modes_log_in(world: World, mode: str, simulator: Simulator) -> None:
    await world.run(login_mode=mode)
    (asked,) = simulator.calls_of("jslogin")
    assert ("mod=desktop" in asked.query["redirect_uri"]) == (mode == "desktop")
    (page,) = simulator.calls_of("webwxnewloginpage")
    assert ("extspam" in page.headers) == (mode == "desktop")


async def test_desktop_mode_lets_in_who_may_not_use_the_web(world: World) -> None:
    world.account.desktop_only = True
    await world.run(login_mode="desktop")


async def test_a_refused_login_is_reported_once_and_stops(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    account.desktop_only = True
    gateway = await world.start(login_mode="web")
    await account.phone.logs_in()
    client = await gateway.reaches("stop")
    assert REFUSED in client["state_reason"]
    await receiver.get_event("stop")
    ((_, (outcome, reason, ret, errmsg)),) = receiver.events("login")
    assert (outcome, ret, errmsg) == (-1, 1203, REFUSED)
    assert "1203" in reason
    assert REFUSED in reason
    assert receiver.events()[-1] == ("stop", [])
    reply = await gateway.get("get_user_info")
    assert (reply.status, reply.code, reply.json["state"]) == (503, -4, "stop")
    assert REFUSED in reply.json["state_reason"]
    reply = await gateway.get("send_friend_message", id="filehelper", content="x")
    assert (reply.status, reply.code) == (503, -4)
    assert (await gateway.get("get_client_info")).json["state"] == "stop"
    assert (await gateway.get("get_qrcode")).status == 404
    assert len(simulator.calls_of("jslogin")) == 1
    await gateway.stop()
    assert len(receiver.events("stop")) == 1


async def test_a_refusal_of_webwxinit_stops_too(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.faults.add("webwxinit", Fault.RET, ret=1203, errmsg="此微信号已不允许登录")
    gateway = await world.start()
    await account.phone.logs_in()
    await gateway.reaches("stop")
    await receiver.get_event("stop")
    ((_, (outcome, reason, *exact)),) = receiver.events("login")
    assert (outcome, *exact) == (-1, 1203, "此微信号已不允许登录")
    assert "此微信号已不允许登录" in reason
    assert len(simulator.calls_of("jslogin")) == 1


# -- restarts --------------------------------------------------------------------------------------------


async def test_a_restart_carries_on(
    api: Gateway, world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    friends = (await api.get("get_friend_info")).json
    groups = (await api.get("get_group_info")).json
    await api.stop()
    assert account.is_online, "a stop is no log-out"
    account.friend("小灰").says("meanwhile")
    receiver.forget()
    again = await world.start()
    await again.reaches("running")
    assert await receiver.get_event("login") == [0]
    assert (await receiver.get(post_type="receive_message"))["content"] == "meanwhile"
    assert (await again.get("get_friend_info")).json == friends
    assert (await again.get("get_group_info")).json == groups
    assert len(simulator.calls_of("jslogin")) == 1
    assert account.logins == 1
    assert not receiver.events("input_qrcode", "new_friend", "new_group", "lose_friend")
    reply = await again.get("send_friend_message", account="xiaohui2016", content="back")
    assert reply.code == 0


async def test_expired_cookies_ask_the_phone(
    api: Gateway, world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    former = (await api.get("get_user_info")).json["id"]
    await api.stop()
    account.end_session(1102)
    receiver.forget()
    again = await world.start()
    await account.phone.sees_push_login()
    client = await again.reaches("confirming")
    assert "phone" in client["state_reason"]
    assert (await again.get("get_qrcode")).status == 404
    account.phone.confirm()
    await again.reaches("running")
    assert await receiver.get_event("login") == [1]
    assert (await again.get("get_user_info")).json["id"] != former
    assert len(simulator.calls_of("jslogin")) == 1
    assert not receiver.events("input_qrcode")


async def test_a_push_login_that_is_declined_ends_in_a_qr_code(
    api: Gateway, world: World, account: Account, receiver: Receiver
) -> None:
    await api.stop()
    account.end_session(1102)
    receiver.forget()
    again = await world.start()
    await account.phone.sees_push_login()
    account.phone.cancel()
    await receiver.get_event("input_qrcode")
    await account.phone.logs_in()
    await again.reaches("running")
    assert await receiver.get_event("login") == [1]


async def test_a_push_login_that_nobody_confirms_ends_in_a_qr_code(
    api: Gateway, world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    await api.stop()
    account.end_session(1102)
    receiver.forget()
    await world.start()
    await account.phone.sees_push_login()
    simulator.codes.expire_all()
    await receiver.get_event("input_qrcode")


async def test_without_push_login_there_is_a_qr_code(
    api: Gateway, world: World, account: Account, receiver: Receiver
) -> None:
    await api.stop()
    account.end_session(1102)
    account.allows_push_login = False
    receiver.forget()
    again = await world.start()
    await account.phone.logs_in()
    await again.reaches("running")
    await receiver.get_event("input_qrcode")


# -- troubles --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.value))
@pytest.mark.parametrize("call", LOGIN_CALLS)
async def test_the_login_survives(
    world: World, account: Account, simulator: Simulator, call: str, fault: Fault
) -> None:
    simulator.settings.hold_s = 0.05
    simulator.faults.add(call, fault, times=2)
    gateway = await world.start()
    async with eager(account):
        await gateway.reaches("running")
        account.friend("小灰").says("hi")
        await world.receiver.get(content="hi", sender="小灰")
        reply = await gateway.get("send_friend_message", account="xiaohui2016", content="yes")
    assert reply.code == 0
    assert len((await gateway.get("get_group_info")).json) == len(account.groups)
    assert len(world.receiver.got(content="hi")) == 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.value))
@pytest.mark.parametrize("call", ["webwxpushloginurl", "webwxinit"])
async def test_the_push_login_survives(
    api: Gateway, world: World, account: Account, simulator: Simulator, call: str, fault: Fault
) -> None:
    await api.stop()
    simulator.faults.add(call, fault, times=1)
    account.end_session(1102)
    again = await world.start()
    async with eager(account):
        await again.reaches("running")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.value))
async def test_a_resumed_session_survives(
    api: Gateway, world: World, account: Account, simulator: Simulator, fault: Fault
) -> None:
    """Trouble on the line is no reason for another scan."""
    await api.stop()
    for call in ("webwxinit", "webwxstatusnotify", "webwxgetcontact", "webwxsync"):
        simulator.faults.add(call, fault, times=1)
    account.friend("小灰").says("meanwhile")
    again = await world.start()
    await again.reaches("running")
    await world.receiver.get(content="meanwhile")
    assert account.logins == 1


@pytest.mark.parametrize("ret", [1, -1, -2])
async def test_a_refused_status_notify_does_not_keep_the_account_from_running(
    world: World, simulator: Simulator, ret: int
) -> None:
    """The status notify is only for the phone."""
    simulator.faults.add("webwxstatusnotify", Fault.RET, ret=ret)
    await world.run()
    assert len(simulator.calls_of("webwxinit")) == 1


async def test_a_code_that_is_refused_at_once_is_not_asked_for_in_a_tight_loop(
    world: World, simulator: Simulator
) -> None:
    """The pauses grow: five codes take 0.1 + 0.2 + 0.4 + 0.8 seconds, less the jitter, at least."""
    await world.start(pace={"backoff_first_s": 0.1, "backoff_most_s": 1.0})
    for n in range(1, 6):
        await simulator.gets_call("login", n)
        simulator.codes.expire_all()
    codes = simulator.calls_of("jslogin")
    assert codes[4].time - codes[0].time > 1.0


async def test_the_phone_is_asked_once_in_ten_minutes(
    world: World, account: Account, simulator: Simulator
) -> None:
    """Also by the process after the one that asked: the time is saved before the call."""
    rare = {"push_every_s": 600.0}
    gateway = await world.run(pace=rare)
    account.end_session(1102)
    simulator.faults.add("webwxpushloginurl", Fault.SERVER_ERROR, times=1)
    await gateway.reaches("scaning")
    await gateway.stop()
    again = await world.start(pace=rare)
    await again.reaches("scaning")
    assert len(simulator.calls_of("webwxpushloginurl")) == 1
    await again.stop()
    later = await world.start(pace={"push_every_s": 0.0})
    await account.phone.sees_push_login()
    account.phone.confirm()
    await later.reaches("running")
