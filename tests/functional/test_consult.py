"""Questions to friends, and their answers."""

import asyncio
import base64
import time

import pytest

from openwx.simulator import Account, Fault, Person, Simulator
from openwx.simulator.samples import png
from tests.patience import PATIENCE_S
from tests.reply import Reply
from tests.rows import rows

from .changing import STYLES, id_of
from .world import Gateway, Receiver, World


async def asks(api: Gateway, content: str = "question", **more: str) -> Reply:
    params = {"account": "xiaohui2016", "timeout": "10"} | more
    return await api.post("consult", content=content, **params)


def asking(api: Gateway, content: str = "question", **more: str) -> asyncio.Task[Reply]:
    return asyncio.create_task(asks(api, content, **more))


@pytest.fixture
def grey(account: Account) -> Person:
    return account.friend("小灰")


@pytest.mark.parametrize("style", STYLES)
async def test_the_answer_comes_back(
    api: Gateway, account: Account, receiver: Receiver, grey: Person, style: str
) -> None:
    params = {"account": "xiaohui2016", "content": "吃了吗"}
    task = asyncio.create_task(getattr(api, style)("consult", **params))
    (heard,) = await grey.hears()
    assert heard.text == "吃了吗"
    grey.says("吃了 & <你>\n😄")
    reply = await task
    assert reply.status == 200
    assert reply.json == {
        "reply": "吃了 & <你>\n😄",
        "status": "发送成功",
        "msg_id": heard.msg_id,
        "code": 0,
    }
    await receiver.get(post_type="receive_message", content="吃了 & <你>\n😄")
    await receiver.get(post_type="send_message", content="吃了吗", code=0)


async def test_an_answer_before_wechat_has_taken_the_question(
    world: World, simulator: Simulator, receiver: Receiver, grey: Person
) -> None:
    api = await world.run()
    rule = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    task = asking(api)
    await rule.strikes()
    grey.says("quick")
    await receiver.get(content="quick")
    rule.release()
    assert (await task).json["reply"] == "quick"


async def test_nobody_answers(api: Gateway, grey: Person) -> None:
    begun = time.monotonic()
    reply = await asks(api, timeout="1")
    assert 0.9 < time.monotonic() - begun < PATIENCE_S
    (heard,) = await grey.hears()
    assert reply.json == {
        "reply": None,
        "reply_status": "reply timeout",
        "status": "发送成功",
        "msg_id": heard.msg_id,
        "code": 0,
    }


async def test_the_time_counts_from_the_send(
    world: World, simulator: Simulator, grey: Person
) -> None:
    api = await world.run(pace={"call_timeout_s": 20.0})
    rule = simulator.faults.add("webwxsendmsg", Fault.HANG, seconds=3.5, times=1)
    task = asking(api, timeout="3")
    await rule.strikes()
    await grey.hears()
    grey.says("late, but in time")
    assert (await task).json["reply"] == "late, but in time"


async def test_what_is_no_answer(
    api: Gateway, account: Account, receiver: Receiver, grey: Person
) -> None:
    """Not another friend, not the friend in a group, not what came before, not oneself on the phone, no notice."""
    group = account.groups[0]
    if grey.key not in group.members:
        group.add_member(grey)
    await receiver.get_event("new_group_member")
    early = grey.says("before")
    await receiver.get(content="before")
    task = asking(api)
    await grey.hears()
    account.friend("momo").says("somebody else")
    group.member_says(grey, "in a group")
    account.phone.says(grey, "by hand")
    account.receive_notice(grey, "a notice")
    grey.recalls(early)
    for content in ("somebody else", "in a group", "by hand", "a notice"):
        await receiver.get(content=content)
    assert not task.done()
    grey.says("the answer")
    grey.says("more")
    assert (await task).json["reply"] == "the answer"


async def test_ones_own_answer_in_file_transfer(
    api: Gateway, account: Account, receiver: Receiver, grey: Person
) -> None:
    """By web WeChat, `@owner` is File Transfer: what the account's person writes there on the phone is the answer."""
    me = account.friend("filehelper")
    task = asyncio.create_task(api.post("consult", id="@owner", content="question", timeout="10"))
    await me.hears()
    await api.post("send_friend_message", id="@owner", content="by another script")
    account.phone.says(grey, "to somebody else")
    for content in ("by another script", "to somebody else"):
        await receiver.get(content=content)
    assert not task.done()
    account.phone.says(me, "yes")
    assert (await task).json["reply"] == "yes"


async def test_a_message_whose_file_is_still_on_its_way_is_no_answer(
    world: World, simulator: Simulator, receiver: Receiver, grey: Person
) -> None:
    api = await world.run(pace={"call_timeout_s": 20.0})
    rule = simulator.faults.add("webwxgetmsgimg", Fault.HANG)
    grey.sends_image(png((1, 2, 3), 8))
    await rule.strikes()
    task = asking(api)
    await grey.hears()
    simulator.faults.remove(rule)
    await receiver.get(post_type="receive_message", format="media")
    assert not task.done()
    grey.says("the answer")
    assert (await task).json["reply"] == "the answer"


async def test_a_file_as_answer(api: Gateway, receiver: Receiver, grey: Person) -> None:
    task = asking(api)
    await grey.hears()
    grey.sends_image(png((1, 2, 3), 8))
    report = await receiver.get(post_type="receive_message", format="media")
    reply = await task
    assert reply.json["media_path"] == report["media_path"]
    assert reply.json["reply"] == report["content"] == f"[media]({report['media_path']})"


async def test_a_file_as_question(api: Gateway, grey: Person) -> None:
    data = png((1, 2, 3), 8)
    task = asyncio.create_task(
        api.post(
            "consult",
            account="xiaohui2016",
            content="what is this?",
            media_data=base64.b64encode(data).decode(),
            media_name="x.png",
        )
    )
    first, second = await grey.hears(2)
    assert (first.text, second.msg_type) == ("what is this?", 3)
    assert second.medium is not None
    assert second.medium.data == data
    grey.says("a square")
    reply = await task
    assert (reply.json["reply"], reply.json["msg_id"]) == ("a square", first.msg_id)


async def test_several_at_once_to_one_friend(api: Gateway, grey: Person) -> None:
    tasks = [asking(api, f"question {number}") for number in range(5)]
    for number, _ in enumerate(tasks, 1):
        question = await grey.hears_text()
        assert len(grey.inbox) == number
        grey.says(f"answer to {question}")
    replies = await asyncio.gather(*tasks)
    for number, reply in enumerate(replies):
        assert reply.json["reply"] == f"answer to question {number}"


async def test_the_next_question_waits_for_the_end_of_the_former(
    api: Gateway, account: Account, grey: Person
) -> None:
    first = asking(api, "first", timeout="3")
    assert await grey.hears_text() == "first"
    second = asking(api, "second")
    # Others are asked meanwhile, and messages are sent.
    momo = account.friend("momo")
    other = asking(api, "other", account="momo_0717")
    assert await momo.hears_text() == "other"
    momo.says("yes")
    assert (await other).json["reply"] == "yes"
    assert grey.texts == ["first"]
    assert (await first).json["reply"] is None
    assert await grey.hears_text() == "second"
    grey.says("done")
    assert (await second).json["reply"] == "done"


async def test_who_has_gone_away_gives_the_turn_on(api: Gateway, grey: Person) -> None:
    first = asking(api, "first", timeout="300")
    await grey.hears_text()
    second = asking(api, "second", timeout="300")
    third = asking(api, "third")
    second.cancel()
    first.cancel()
    assert await grey.hears_text() == "third"
    grey.says("done")
    assert (await third).json["reply"] == "done"
    assert grey.texts == ["first", "third"]


async def test_who_goes_away_in_the_middle_of_the_send(
    world: World, account: Account, simulator: Simulator, receiver: Receiver, grey: Person
) -> None:
    """What is on its way goes on, once; only then the next question has its turn."""
    api = await world.run(pace={"call_timeout_s": 20.0})
    rule = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    first = asking(api, "first")
    await rule.strikes()
    second = asking(api, "second")
    first.cancel()
    grey.says("to the first")
    await receiver.get(content="to the first")
    rule.release()
    assert [await grey.hears_text(), await grey.hears_text()] == ["first", "second"]
    grey.says("to the second")
    assert (await second).json["reply"] == "to the second"
    assert len(account.sent) == 2


async def test_a_question_that_is_not_sent(
    api: Gateway, simulator: Simulator, grey: Person
) -> None:
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=-2, errmsg="no", times=1)
    reply = await asks(api)
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, -2)
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1205, times=1)
    assert (await asks(api)).code == 1205
    task = asking(api)
    await grey.hears()
    grey.says("now")
    assert (await task).json["reply"] == "now"


@rows(
    ("params", "status", "code", "word"),
    [
        ({"content": "x"}, 400, -2, "displayname"),
        ({"account": "xiaohui2016"}, 400, -2, "content"),
        ({"account": "nobody", "content": "x"}, 200, 100, "nobody"),
        ({"id": "@all", "content": "x"}, 200, 100, "@all"),
        ({"displayname": "张伟", "content": "x"}, 200, 102, "2 friends"),
        ({"id": "{me}", "content": "x"}, 200, 101, "itself"),
        *(
            ({"account": "xiaohui2016", "content": "x", "timeout": timeout}, 400, -2, "timeout")
            for timeout in ("0", "0.9", "301", "-1", "nan", "soon")
        ),
    ],
)
async def test_questions_that_cannot_be(
    api: Gateway, account: Account, params: dict[str, str], status: int, code: int, word: str
) -> None:
    me = id_of(account, account.owner)
    reply = await api.get("consult", **{key: value.format(me=me) for key, value in params.items()})
    assert (reply.status, reply.code) == (status, code), reply.body
    assert word in reply.words
    assert not account.sent


async def test_the_account_stops_meanwhile(world: World, receiver: Receiver, grey: Person) -> None:
    api = await world.run()
    tasks = [asking(api, f"question {number}", timeout="300") for number in range(3)]
    await grey.hears()
    await api.stop()
    for reply in await asyncio.gather(*tasks):
        assert (reply.status, reply.code) == (503, -4), reply.body
    assert len(grey.texts) == 1
