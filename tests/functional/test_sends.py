"""Sending: what arrives, what the caller gets, what is reported."""

import asyncio
from typing import Any

import pytest

from openwx.simulator import Account, Fault, Simulator
from tests.reply import Reply
from tests.rows import rows

from .world import Gateway, Receiver, World, replies


async def send(api: Gateway, to: str = "filehelper", content: str = "x", **more: str) -> Reply:
    return await api.post("send_friend_message", id=to, content=content, **more)


# -- the text --------------------------------------------------------------------------------------------


@rows(
    "text",
    [
        "0",
        " ",
        "你好，世界",
        "😄👨‍👩‍👧🇨🇳5⃣",
        "line\nline\n\n",
        "Tom & Jerry &amp; <br/> <b>\"'",
        "\\ / \\n \\u4f60 %20+",
        "@小灰\u2005在吗",
        '<span class="emoji emoji1f604"></span>',
        "长" * 5461,
    ],
)
async def test_a_text_is_heard_as_it_was_given(
    api: Gateway, account: Account, receiver: Receiver, text: str
) -> None:
    friend = account.friend("小灰")
    former = friend.texts
    for call in (api.get, api.post, api.post_json):
        reply = await call("send_friend_message", account="xiaohui2016", content=text)
        assert reply.code == 0
        assert account.sent[-1].msg_id == reply.json["msg_id"]
    reports = await receiver.gets(3, post_type="send_message")
    assert {report["content"] for report in reports} == {text.replace("\u2005", " ")}
    assert friend.texts == former + [text] * 3


async def test_a_text_that_is_too_long_is_refused(api: Gateway, account: Account) -> None:
    reply = await send(api, content="长" * 5462)
    assert (reply.status, reply.code) == (400, -2)
    assert "content" in reply.words
    assert not account.sent


# -- receivers ----------------------------------------------------------------------------------------------


async def test_namesakes_are_not_guessed(api: Gateway, account: Account) -> None:
    namesakes = [friend for friend in account.friends if friend.nickname == "张伟"]
    reply = await api.get("send_friend_message", content="x", displayname="张伟", markname="")
    for selectors in ({"displayname": "张伟"}, {"displayname": "张伟", "async": "1"}):
        reply = await api.get("send_friend_message", content="x", **selectors)
        assert (reply.status, reply.code) == (200, 102)
        assert [one["displayname"] for one in reply.json["candidates"]] == ["张伟"] * 2
        assert "id" in reply.words
    assert not account.sent
    for candidate in reply.json["candidates"]:
        assert (await send(api, candidate["id"], candidate["id"])).code == 0
    assert sorted(text for friend in namesakes for text in friend.texts) == sorted(
        candidate["id"] for candidate in reply.json["candidates"]
    )
    assert all(len(friend.texts) == 1 for friend in namesakes)
    reply = await api.get(
        "send_friend_message", displayname="张伟", account="zhangwei88", content="y"
    )
    assert reply.code == 0
    assert namesakes[0].texts[-1] == "y"


async def test_groups_of_one_name_are_not_guessed(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    account.add_group("项目组", ["甲", "乙"])
    second = account.add_group("项目组", ["丙"])
    await receiver.get_event("new_group", 2)
    reply = await api.get("send_group_message", displayname="项目组", content="x")
    assert reply.code == 102
    ids = [candidate["id"] for candidate in reply.json["candidates"]]
    assert len(ids) == 2
    assert not account.sent
    for id in ids:
        assert (await api.get("send_group_message", id=id, content="x")).code == 0
    assert second.texts == ["x"]


@rows(
    "selectors",
    [
        {"id": "@nobody"},
        {"account": "nobody"},
        {"displayname": "小灰2"},
        {"displayname": "小"},
        {"markname": "小灰"},
        {"account": "xiaohui2016", "displayname": "momo"},
        {"id": "filehelper", "account": "xiaohui2016"},
        {"displayname": "momo"},  # she has a remark name
    ],
)
async def test_who_does_not_match_gets_nothing(
    api: Gateway, account: Account, selectors: dict[str, str]
) -> None:
    reply = await api.get("send_friend_message", content="x", **selectors)
    assert (reply.status, reply.code) == (200, 100)
    reply = await api.get("send_group_message", content="x", id="@@nobody")
    assert (reply.status, reply.code) == (200, 100)
    assert not account.sent


async def test_a_friend_is_no_group(api: Gateway, account: Account) -> None:
    friend = (await api.get("search_friend", account="xiaohui2016")).json[0]["id"]
    group = (await api.get("search_group", displayname="PERL学习交流")).json[0]["id"]
    assert (await api.get("send_group_message", id=friend, content="x")).code == 100
    assert (await send(api, group)).code == 100
    assert not account.sent


async def test_a_group_without_a_name(api: Gateway, account: Account) -> None:
    (group,) = (group for group in account.groups if not group.name)
    (found,) = (await api.get("search_group", name="")).json
    reply = await api.get("send_group_message", displayname=found["displayname"], content="x")
    assert reply.code == 0
    assert group.texts == ["x"]


async def test_to_everybody(api: Gateway, account: Account, receiver: Receiver) -> None:
    reply = await send(api, "@all", "节日快乐")
    assert reply.json == {"code": 0, "status": "request already in execution", "count": 14}
    for friend in account.friends:
        assert await friend.hears_text() == "节日快乐"
    reports = await receiver.gets(14, post_type="send_message", content="节日快乐", code=0)
    assert len({report["receiver_id"] for report in reports}) == 14
    assert {report["receiver_category"] for report in reports} == {"好友"}
    assert len(account.sent) == 14


async def test_everybody_stands_alone(api: Gateway, account: Account) -> None:
    reply = await api.get("send_friend_message", id="@all", account="xiaohui2016", content="x")
    assert (reply.status, reply.code) == (400, -2)
    reply = await api.get("send_group_message", id="@all", content="x")
    assert (reply.status, reply.code) == (400, -2)
    assert not account.sent


# -- what is uploaded ------------------------------------------------------------------------------------


async def test_a_sent_message_is_reported(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    answer = (await api.get("send_friend_message", account="xiaohui2016", content="hi")).json
    report = await receiver.get(post_type="send_message")
    assert report["id"] == answer["id"]
    assert report["id"] == f"{answer['msg_id']}:{report['receiver_id']}"
    assert report["time"].isdecimal()
    expected = {
        "type": "friend_message", "class": "send", "format": "text", "source": "local", "code": 0,
        "msg": "发送成功", "info": "", "content": "hi",
        "sender": "我是谁", "sender_name": "我是谁", "sender_uid": account.uin,
        "sender_account": "openwx_owner1",
        "receiver": "小灰", "receiver_name": "小灰", "receiver_account": "xiaohui2016",
        "receiver_markname": "", "receiver_category": "好友",
        "receiver_uid": account.friend("小灰").uin,
    }  # fmt: skip
    assert {name: report[name] for name in expected} == expected
    assert not {name for name in report if name.startswith("group")}


async def test_a_message_sent_to_a_group_is_reported(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    answer = (await api.get("send_group_message", displayname="PERL学习交流", content="hi")).json
    report = await receiver.get(post_type="send_message")
    assert report["id"] == answer["id"] == f"{answer['msg_id']}:{report['group_id']}"
    assert (report["type"], report["class"], report["source"]) == ("group_message", "send", "local")
    assert (report["group"], report["group_name"]) == ("PERL学习交流", "PERL学习交流")
    assert report["sender"] == "我是谁"
    assert not {name for name in report if name.startswith("receiver")}


async def test_async_sends_are_reported(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    uid = (await send(api, content="later", **{"async": "1"})).json["uid"]
    await hanging.strikes()
    assert not receiver.got(uid=uid)
    hanging.release()
    report = await receiver.get(uid=uid)
    assert (report["post_type"], report["content"], report["code"]) == ("send_message", "later", 0)
    assert report["id"].startswith(account.sent[0].msg_id)
    simulator.faults.clear()
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1, errmsg="no", times=1)
    uid = (await send(api, content="never", **{"async": "1"})).json["uid"]
    report = await receiver.get(uid=uid)
    assert (report["code"], report["msg"], report["id"]) == (201, "发送失败", "")
    assert "no" in report["info"]


async def test_many_at_once(api: Gateway, account: Account, receiver: Receiver) -> None:
    answers = await asyncio.gather(*(send(api, content=str(number)) for number in range(30)))
    assert {answer.code for answer in answers} == {0}
    assert len({answer.json["msg_id"] for answer in answers}) == 30
    assert sorted(account.filehelper.texts, key=int) == [str(number) for number in range(30)]
    for number, answer in enumerate(answers):
        assert account.by_msg_id[answer.json["msg_id"]].text == str(number)
    await receiver.gets(30, post_type="send_message", code=0)


async def test_somebody_who_dropped_me(api: Gateway, account: Account, receiver: Receiver) -> None:
    """WeChat takes the message and answers with a notice, which nobody replies to."""
    receiver.behaves(replies("answer"))
    friend = account.friend("小灰")
    friend.unfriends_me()
    assert (await api.get("send_friend_message", account="xiaohui2016", content="hi")).code == 0
    notice = await receiver.get(format="notice")
    assert (notice["post_type"], notice["type"]) == ("receive_message", "friend_message")
    assert notice["sender"] == "小灰"
    assert "朋友验证" in notice["content"]
    await receiver.until(lambda: len(receiver.answered) == 2)
    account.friend("momo").says("hi")
    assert await account.friend("momo").hears_text() == "answer"
    assert [heard.text for heard in account.sent] == ["hi", "answer"]


# -- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ret", "code"), [(1, 201), (-2, 201), (-14, 201), (1204, 1204), (1205, 1205), (1203, 1203)]
)
async def test_a_refused_send(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    ret: int,
    code: int,
) -> None:
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=ret, errmsg="不行", times=1)
    reply = await send(api)
    assert (reply.status, reply.code) == (200, code)
    assert (reply.json["ret"], reply.json["errmsg"]) == (ret, "不行")
    assert "不行" in reply.words
    report = await receiver.get(post_type="send_message")
    assert (report["code"], report["msg"]) == (code, "发送失败")
    assert "不行" in report["info"]
    assert not account.sent
    assert (await send(api)).code == 0, "the next one works"
    assert account.logins == 1
    assert (await api.client())["state"] == "running"


async def test_an_accepted_send_outlasts_too_often(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1205, times=2)
    uid = (await send(api, **{"async": "1"})).json["uid"]
    report = await receiver.get(uid=uid)
    assert report["code"] == 0
    assert account.filehelper.texts == ["x"]


@pytest.mark.parametrize("fault", list(Fault))
async def test_trouble_is_tried_again_and_heard_once(
    api: Gateway, account: Account, simulator: Simulator, fault: Fault
) -> None:
    how: dict[str, Any] = {"seconds": 0.1} if fault is Fault.HANG else {}
    simulator.faults.add("webwxsendmsg", fault, times=3, ret=-1, **how)
    reply = await send(api)
    assert reply.code == 0
    assert account.filehelper.texts == ["x"]
    assert reply.json["msg_id"] == account.sent[0].msg_id
    calls = simulator.calls_of("webwxsendmsg")
    harmless = (Fault.HANG, Fault.PARTIAL)  # the latter is one of downloads
    assert len(calls) == (1 if fault in harmless else 4)
    assert len({call.body["Msg"]["ClientMsgId"] for call in calls}) == 1


@pytest.mark.parametrize("how", [{"fault": Fault.SERVER_ERROR}, {"fault": Fault.RET, "ret": -1}])
async def test_tries_come_to_an_end(
    world: World, account: Account, receiver: Receiver, simulator: Simulator, how: Any
) -> None:
    gateway = await world.run(send_tries=2)
    simulator.faults.add("webwxsendmsg", **how)
    reply = await send(gateway)
    assert (reply.status, reply.code) == (200, -5)
    assert len(simulator.calls_of("webwxsendmsg")) == 2
    report = await receiver.get(post_type="send_message")
    assert (report["code"], report["msg"]) == (-5, "发送失败")
    assert not account.sent
    simulator.faults.clear()
    assert (await send(gateway)).code == 0


# -- waiting ---------------------------------------------------------------------------------------------


async def test_nobody_waits_for_ever(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    """What was begun may still arrive, what was not begun is withdrawn; both are answered 504."""
    gateway = await world.run(pace={"send_wait_s": 2.0})
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    begun = asyncio.ensure_future(send(gateway, content="begun"))
    await hanging.strikes()
    reply = await send(gateway, content="waiting")
    assert (reply.status, reply.code) == (504, -1)
    assert "withdrawn" in reply.words
    reply = await begun
    assert (reply.status, reply.code) == (504, -1)
    assert "unknown" in reply.words
    hanging.release()
    assert await account.filehelper.hears_text() == "begun"
    assert (await send(gateway, content="next")).code == 0
    assert account.filehelper.texts == ["begun", "next"]
    reports = await receiver.gets(2, post_type="send_message")
    assert [(report["content"], report["code"]) for report in reports] == [
        ("begun", 0),
        ("next", 0),
    ]


async def test_a_send_whose_caller_has_an_answer_is_not_begun_again(
    world: World, account: Account, simulator: Simulator
) -> None:
    """A 504 and then, after a new login, the message all the same: that must not be."""
    gateway = await world.run(pace={"send_wait_s": 2.0})
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    reply = await send(gateway, content="begun")
    assert (reply.status, reply.code) == (504, -1)
    account.end_session(1101)
    hanging.release()
    await account.phone.sees_push_login()
    account.phone.confirm()
    await world.receiver.gets(2, event="state_change", params=["updating", "running"])
    assert (await send(gateway, content="next")).code == 0
    assert account.filehelper.texts == ["next"]


async def test_a_full_queue(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    gateway = await world.run(queue_size=2)
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    sending = [asyncio.ensure_future(send(gateway, content="0"))]
    await hanging.strikes()
    sending.append(asyncio.ensure_future(send(gateway, content="1")))
    await gateway.queues(2)
    assert (await send(gateway, content="2", **{"async": "1"})).code == 0
    for more in ({}, {"async": "1"}):
        reply = await send(gateway, content="3", **more)
        assert (reply.status, reply.code) == (429, -7)
        assert int(reply.headers["Retry-After"]) >= 1
        assert "queue_size" in reply.words
    hanging.release()
    assert [(await task).code for task in sending] == [0, 0]
    assert [heard.text for heard in await account.filehelper.hears(3)] == ["0", "1", "2"]
    await receiver.gets(3, post_type="send_message")
    assert (await send(gateway, content="4")).code == 0


async def test_a_stalled_account_sends_nothing(
    world: World, account: Account, simulator: Simulator
) -> None:
    simulator.settings.hold_s = 0.05
    gateway = await world.run(pace={"stalled_after_s": 0.3})
    simulator.faults.add("synccheck", Fault.DROP)
    await gateway.reaches("updating")
    reply = await send(gateway)
    assert (reply.status, reply.code) == (503, -4)
    assert not account.sent
