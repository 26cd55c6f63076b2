"""Faults on demand, and the control API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from openwx.simulator import Account, Fault, Simulator, serve
from tests.patience import PATIENCE_S

from .web_client import WebClient

GONE = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


async def test_a_lost_answer_takes_effect_and_a_drop_does_not(
    client: WebClient, simulator: Simulator, account: Account
) -> None:
    to = await client.id_of("小灰")
    lost = simulator.faults.add("webwxsendmsg", Fault.LOSE_ANSWER, times=1)
    with pytest.raises(GONE):
        await client.send(to, "1", "1")
    assert account.friend("小灰").texts == ["1"]
    simulator.faults.add("webwxsendmsg", Fault.DROP, times=1)
    with pytest.raises(GONE):
        await client.send(to, "2", "2")
    assert account.friend("小灰").texts == ["1"]
    assert (await client.send(to, "1", "1"))["BaseResponse"]["Ret"] == 0
    assert account.friend("小灰").texts == ["1"]
    assert lost.hits == 1
    assert [c.fault for c in simulator.calls_of("webwxsendmsg")] == ["lose_answer", "drop", ""]


async def test_codes_in_the_way_of_each_call(client: WebClient, simulator: Simulator) -> None:
    simulator.faults.add("*", Fault.RET, ret=1205, errmsg="太频繁")
    assert (await client.check())[0] == "1205"
    assert (await client.sync())["BaseResponse"] == {"Ret": 1205, "ErrMsg": "太频繁"}
    assert await client.poll("x") == "1205"
    simulator.faults.clear()
    assert (await client.sync())["BaseResponse"]["Ret"] == 0


async def test_spoilt_answers(client: WebClient, simulator: Simulator) -> None:
    simulator.faults.add("webwxsync", Fault.SERVER_ERROR, status=503, times=1)
    simulator.faults.add("webwxsync", Fault.GARBAGE, times=1)
    simulator.faults.add("webwxsync", Fault.TRUNCATE, times=1)
    for _ in range(3):
        with pytest.raises(json.JSONDecodeError):
            await client.sync()
    assert (await client.sync())["BaseResponse"]["Ret"] == 0


async def test_a_hang_until_released_and_for_seconds(
    client: WebClient, simulator: Simulator
) -> None:
    rule = simulator.faults.add("webwxsync", Fault.HANG, times=1)
    asked = asyncio.create_task(client.sync())
    await rule.strikes()
    assert not asked.done()
    rule.release()
    assert (await asked)["BaseResponse"]["Ret"] == 0
    simulator.faults.add("webwxsync", Fault.HANG, times=1, seconds=0.01)
    assert (await client.sync())["BaseResponse"]["Ret"] == 0


async def test_probability_and_account(client: WebClient, simulator: Simulator) -> None:
    simulator.faults.add("webwxsync", Fault.RET, account=simulator.add_account(friends=0))
    assert (await client.sync())["BaseResponse"]["Ret"] == 0
    rule = simulator.faults.add("webwxsync", Fault.RET, probability=0.5)
    rets = [(await client.sync())["BaseResponse"]["Ret"] for _ in range(40)]
    assert 5 < rule.hits == rets.count(-1) < 35


async def test_the_control_api_shows_a_whole_story(web: WebClient, simulator: Simulator) -> None:
    async def post(path: str, **body: Any) -> Any:
        async with web.http.post(f"{web.url}/_simulator/{path}", json=body) as answer:
            return await answer.json()

    async def get(path: str, **query: Any) -> Any:
        async with web.http.get(f"{web.url}/_simulator/{path}", params=query) as answer:
            return await answer.json()

    uuid = await web.code()
    assert (await post("phone/scan"))["uuid"] == uuid
    assert (await get("state"))["accounts"][0]["phone_asks_for"] == uuid
    await post("phone/confirm")
    assert await web.poll(uuid) == "200"
    await web.enter()
    await web.init()
    said = await post("friend/says", friend="小灰", text="hi")
    member = (await get("members", group="PERL学习交流"))[1]
    await post("group/member_says", group="PERL学习交流", member=member["nickname"], text="hey")
    assert (await web.sync())["AddMsgList"][0]["MsgId"] == said["msg_id"]
    assert (await get("handed_out"))["msg_ids"][0] == said["msg_id"]
    await web.send(await web.id_of("小灰"), "yes")
    assert [h["text"] for h in await get("inbox", friend="小灰", n=1)] == ["yes"]
    await post("faults/add", call="webwxsync", fault="ret", ret=1205, times=1)
    assert (await web.sync())["BaseResponse"]["Ret"] == 1205
    assert (await post("settings", hold_s=3))["hold_s"] == 3
    assert simulator.settings.hold_s == 3
    assert (await get("calls", name="webwxsendmsg"))[0]["body"]["Msg"]["Content"] == "yes"
    twins = [f["key"] for f in await get("friends") if f["nickname"] == "张伟"]
    assert "msg_id" in await post("friend/says", friend=twins[1], text="I am the second")


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("friend/says", {"friend": "张伟", "text": "x"}, 404, "2 friends are called"),
        ("friend/says", {"friend": "小灰"}, 400, "text is missing"),
        ("friend/says", {"account": "nobody", "friend": "小灰", "text": "x"}, 404, "no account"),
        ("faults/add", {"call": "webwxsync", "fault": "flood"}, 400, "fault should be one of"),
        ("phone/confirm", {}, 404, "shows no login prompt"),
        ("phone/scan", {"timeout_s": 0.01}, 408, "no login code"),
        ("phone/says", {"text": "x"}, 400, "friend or group"),
        ("settings", {"holds": 1}, 400, "no setting"),
        ("settings", {"hold_s": "long"}, 400, "hold_s should be"),
        ("nonsense", {}, 404, "no POST nonsense"),
    ],
)
async def test_control_errors_in_plain_words(
    web: WebClient, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    async with web.http.post(f"{web.url}/_simulator/{path}", json=body) as answer:
        assert answer.status == status
        assert words in (await answer.json())["error"]


async def test_the_autopilot_logs_in_and_writes() -> None:
    options: dict[str, Any] = {"auto_scan": True, "scan_delay_s": 0.01, "chatter_s": 0.01}
    async with Simulator(1, **options) as simulator:
        web = WebClient(simulator.url)
        uuid = await web.code()
        async with asyncio.timeout(PATIENCE_S):
            while await web.poll(uuid, tip=0) != "200":
                pass
            await web.enter()
            await web.init()
            while not (await web.sync())["AddMsgCount"]:
                await web.check()
        await web.http.close()


async def test_the_autopilot_logs_nobody_out() -> None:
    """Two web clients get two accounts; one that returns without its session gets its own again."""

    async def enters(web: WebClient) -> None:
        uuid = await web.code()
        while await web.poll(uuid, tip=0) != "200":
            pass
        await web.enter()
        await web.init()

    async with (
        asyncio.timeout(PATIENCE_S),
        Simulator(1, auto_scan=True, scan_delay_s=0.01, hold_s=600) as simulator,
    ):
        first, second, third = (WebClient(simulator.url) for _ in range(3))
        await enters(first)
        poll = asyncio.create_task(first.check())
        await simulator.gets_call("synccheck")
        await enters(second)
        assert len(simulator.accounts) == 2
        assert all(one.is_online for one in simulator.accounts)
        assert second.base["Uin"] != first.base["Uin"]
        session = simulator.account().session
        assert session is not None
        session.called_at = 0  # the synccheck that is held counts alone
        poll.cancel()
        await first.http.close()
        while session.is_in_use:
            await asyncio.sleep(0.01)  # nothing beats when a client is gone
        await enters(third)
        assert third.base["Uin"] == first.base["Uin"]
        assert len(simulator.accounts) == 2
        for web in (second, third):
            await web.http.close()


async def test_the_autopilot_sends_more_than_words() -> None:
    async with Simulator(1, chatter_s=0.001, hold_s=1) as simulator:
        account, web = simulator.account(), WebClient(simulator.url)
        await web.log_in(account)
        seen: set[int] = set()
        async with asyncio.timeout(PATIENCE_S):
            while not {1, 3, 47, 49} <= seen:
                seen |= {message["MsgType"] for message in (await web.sync())["AddMsgList"]}
                await web.check()
        await web.http.close()


async def test_waiting_in_vain_says_what_was_waited_for(account: Account) -> None:
    with pytest.raises(TimeoutError, match="小灰 heard 0 of 1"):
        await account.friend("小灰").hears(timeout_s=0.01)
    with pytest.raises(TimeoutError, match="no web client"):
        await account.comes_online(timeout_s=0.01)


async def test_serve_runs_until_cancelled() -> None:
    ready: asyncio.Future[Simulator] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(port=0, friends=2, groups=0, on_ready=ready.set_result))
    simulator = await ready
    async with (
        aiohttp.ClientSession() as http,
        http.get(simulator.url + "/_simulator/state") as answer,
    ):
        assert (await answer.json())["accounts"][0]["friends"] == 2
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
