"""Received messages: sender, chat and content."""

import pytest

from openwx.simulator import Account, Fault, Simulator
from tests.rows import rows

from .world import Gateway, Receiver, World, replies


async def test_from_a_friend(api: Gateway, account: Account, receiver: Receiver) -> None:
    said = account.friend("小灰").says("测试一下")
    report = await receiver.get(post_type="receive_message")
    friend = (await api.get("search_friend", account="xiaohui2016")).json[0]
    user = (await api.get("get_user_info")).json
    uid = report.pop("uid")
    assert isinstance(uid, str)
    assert uid
    assert report == {
        "post_type": "receive_message",
        "type": "friend_message",
        "class": "recv",
        "format": "text",
        "id": said.msg_id,
        "time": str(said.time),
        "content": "测试一下",
        "sender": "小灰",
        "sender_id": friend["id"],
        "sender_uid": friend["uid"],
        "sender_name": "小灰",
        "sender_account": "xiaohui2016",
        "sender_markname": "",
        "sender_category": "好友",
        "receiver": "我是谁",
        "receiver_id": user["id"],
        "receiver_uid": account.uin,
        "receiver_name": "我是谁",
        "receiver_account": "openwx_owner1",
        "receiver_markname": "",
        "receiver_category": "",
    }


async def test_from_a_group(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group("Python爱好者 & 朋友们")
    member = next(one for one in group.others if not one.person.is_friend and one.display_name)
    said = group.member_says(member, "@我是谁\u2005在吗：a:<br/>b")
    report = await receiver.get(post_type="receive_message")
    answer = (await api.get("search_group", name=group.name)).json[0]
    (sender,) = [one for one in answer["member"] if one["id"] == report["sender_id"]]
    expected = {
        "type": "group_message",
        "class": "recv",
        "format": "text",
        "id": said.msg_id,
        "content": "@我是谁 在吗：a:<br/>b",
        "group": "Python爱好者 & 朋友们",
        "group_id": answer["id"],
        "group_uid": answer["uid"],
        "group_name": "Python爱好者 & 朋友们",
        "sender": member.display_name,
        "sender_name": member.nickname,
        "receiver": "我是谁",
        "receiver_uid": account.uin,
    }
    assert {name: report[name] for name in expected} == expected
    assert sender["display"] == member.display_name


async def test_from_a_friend_in_a_group(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.add_group("小群", [account.friend("momo")])
    await receiver.get_event("new_group")
    group.member_says("momo", "hi")
    report = await receiver.get(content="hi")
    assert (report["sender"], report["sender_markname"]) == ("李老师（数学）", "李老师（数学）")
    assert report["sender_uid"] == account.friend("momo").uin


@rows(
    "text",
    [
        "0",
        "😄🌹🇨🇳👐5\u20e3☀️🥰",
        "a & b &amp; <b> \"'",
        "&lt;br/&gt; and &#39;",
        "line\nline\n\nline",
        "@name:\nnot a sender",
        "<br/>",
        " spaces  ",
        "\\u4f60 \\/ \\",
        "长" * 5000,
    ],
)
async def test_texts_come_as_they_were_typed(
    api: Gateway, account: Account, receiver: Receiver, text: str
) -> None:
    account.friend("小灰").says(text)
    assert (await receiver.get(type="friend_message"))["content"] == text
    group = account.group("PERL学习交流")
    group.member_says(group.others[0], text)
    assert (await receiver.get(type="group_message"))["content"] == text


async def test_from_the_phone(api: Gateway, account: Account, receiver: Receiver) -> None:
    """Reported as sent, and never replied to: that would loop."""
    receiver.behaves(replies("answer"))
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    said = account.phone.says(friend, "from the phone 😄")
    report = await receiver.get(post_type="send_message")
    expected = {
        "type": "friend_message", "class": "send", "format": "text", "source": "outer",
        "code": 0, "msg": "发送成功", "info": "", "content": "from the phone 😄",
        "sender": "我是谁", "sender_uid": account.uin, "receiver": "小灰",
        "receiver_account": "xiaohui2016",
    }  # fmt: skip
    assert {name: report[name] for name in expected} == expected
    assert report["id"] == f"{said.msg_id}:{report['receiver_id']}"
    account.phone.says(group, "to the group")
    report = await receiver.get(content="to the group")
    assert (report["type"], report["class"], report["source"]) == ("group_message", "send", "outer")
    assert (report["group"], report["sender"]) == ("PERL学习交流", "我是谁")
    assert not {name for name in report if name.startswith("receiver")}
    await receiver.until(lambda: len(receiver.answered) == 2)
    account.friend("momo").says("hi")
    await account.friend("momo").hears()
    assert [heard.text for heard in account.sent] == ["answer"]


async def test_to_oneself(api: Gateway, account: Account, receiver: Receiver) -> None:
    receiver.behaves(replies("answer"))
    account.phone.says(account.owner, "note")
    account.phone.says(account.filehelper, "file")
    report = await receiver.get(content="note")
    assert (report["post_type"], report["class"]) == ("send_message", "send")
    assert (report["sender"], report["receiver"]) == ("我是谁", "我是谁")
    report = await receiver.get(content="file")
    assert (report["receiver"], report["receiver_id"]) == ("文件传输助手", "filehelper")
    await receiver.until(lambda: len(receiver.answered) == 2)
    account.friend("momo").says("hi")
    await account.friend("momo").hears()
    assert [heard.text for heard in account.sent] == ["answer"]


@pytest.mark.parametrize("msg_type", [10000, 9999])
async def test_notices(api: Gateway, account: Account, receiver: Receiver, msg_type: int) -> None:
    receiver.behaves(replies("answer"))
    group, friend = account.group("PERL学习交流"), account.friend("小灰")
    account.receive(group, account.owner, "&lt;改名&gt;<br/>了", msg_type=msg_type)
    friend.sends(msg_type, "收到红包，请在手机上查看")
    report = await receiver.get(type="group_notice")
    expected = {
        "post_type": "receive_message", "class": "recv", "format": "text",
        "content": "<改名>\n了", "group": "PERL学习交流", "receiver": "我是谁",
    }  # fmt: skip
    assert {name: report[name] for name in expected} == expected
    assert not {name for name in report if name.startswith("sender")}
    report = await receiver.get(type="friend_message")
    assert (report["format"], report["sender"]) == ("notice", "小灰")
    assert report["content"] == "收到红包，请在手机上查看"
    await receiver.until(lambda: len(receiver.answered) == 2)
    account.friend("momo").says("hi")
    await account.friend("momo").hears()
    assert [heard.text for heard in account.sent] == ["answer"]


@pytest.mark.parametrize("msg_type", [77777, 10002, 63, 37])
async def test_what_is_not_understood_is_reported_raw(
    api: Gateway, account: Account, receiver: Receiver, msg_type: int
) -> None:
    raw = '&lt;msg&gt;<br/>\t&lt;img a="b"/&gt;<br/>&lt;/msg&gt;'
    said = account.friend("小灰").sends(msg_type, raw)
    report = await receiver.get(type="friend_message")
    assert (report["format"], report["content"], report["sender"]) == ("unknown", raw, "小灰")
    assert report["id"] == said.msg_id
    group = account.group("PERL学习交流")
    group.member_sends(group.others[0], msg_type, raw)
    report = await receiver.get(type="group_message")
    assert (report["format"], report["content"]) == ("unknown", raw)
    assert report["sender"]


@rows("msg_type", [40, 50, 51, 52, 53])
async def test_what_nobody_is_to_see(
    api: Gateway, account: Account, receiver: Receiver, msg_type: int
) -> None:
    account.friend("小灰").sends(msg_type, "x")
    account.phone.opens(account.friend("小灰"))
    account.phone.leaves(account.friend("小灰"))
    account.friend("小灰").says("end")
    await receiver.get(content="end")
    assert len(receiver.reports) == 1


async def test_an_entry_that_cannot_be_read_is_reported_raw(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.sends(1, "broken", CreateTime={"not": "a number"})
    friend.says("end")
    report = await receiver.get(format="unknown")
    assert '"broken"' in report["content"]
    assert report["sender"] == "小灰"
    await receiver.get(content="end")


# -- people who are not known ----------------------------------------------------------------------------


async def test_a_stranger_is_no_new_friend(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    before = (await api.get("get_friend_info")).json
    friend = account.friend("小灰")
    account.phone.deletes(friend)
    await receiver.get_event("lose_friend")
    friend.says("remember me?")
    account.stranger("路人").says("hi")
    await receiver.get(content="remember me?")
    report = await receiver.get(content="hi")
    assert report["type"] == "friend_message"
    assert report["sender_id"].startswith("@")
    assert not receiver.events("new_friend")
    after = (await api.get("get_friend_info")).json
    assert after == [one for one in before if one["account"] != "xiaohui2016"]


async def test_a_stranger_can_be_answered(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    receiver.behaves(replies("answer"), post_type="receive_message")
    stranger = account.stranger("路人")
    stranger.says("hi")
    assert await stranger.hears_text() == "answer"


async def test_a_group_that_is_not_known_yet(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.add_group("临时群", ["甲", account.friend("小灰")], saved=False)
    account.timeline.pop()  # the service does not tell of it, but for the message
    group.member_says("甲", "hi")
    report = await receiver.get(content="hi")
    assert (report["group"], report["sender"]) == ("临时群", "甲")
    (reported,) = await receiver.get_event("new_group")
    assert report["group_id"] == reported["id"]
    assert [member["name"] for member in reported["member"]] == ["我是谁", "甲", "小灰"]
    reply = await api.get("send_group_message", displayname="临时群", content="hello")
    assert reply.code == 0
    assert group.texts == ["hello"]
    assert len(receiver.events()) == 1


async def test_a_group_that_the_phone_merely_opened_is_no_new_one(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.add_group("旧群", ["甲"], saved=False)
    account.timeline.pop()
    account.phone.opens(group)
    group.member_says("甲", "hi")
    report = await receiver.get(content="hi")
    assert (report["group"], report["sender"]) == ("旧群", "甲")
    assert (await api.get("search_group", name="旧群")).json[0]["id"] == report["group_id"]
    assert not receiver.events()


async def test_a_group_that_cannot_be_fetched(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    """The message comes all the same."""
    gateway = await world.run()
    group = account.add_group("临时群", ["甲"], saved=False)
    account.timeline.pop()
    rule = simulator.faults.add("webwxbatchgetcontact", Fault.SERVER_ERROR)
    group.member_says("甲", "hi")
    report = await receiver.get(content="hi")
    assert (report["type"], report["group"]) == ("group_message", "群名未知")
    simulator.faults.remove(rule)
    group.member_says("甲", "again")
    report = await receiver.get(content="again")
    assert (report["group"], report["sender"]) == ("临时群", "甲")
    assert (await gateway.client())["state"] == "running"


async def test_a_member_who_has_just_joined(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group("PERL学习交流")
    group.add_member("新人")
    del account.timeline[-2:]  # neither the notice nor the change come
    group.member_says("新人", "hi")
    report = await receiver.get(content="hi")
    assert report["sender"] == "新人"
    member, _ = await receiver.get_event("new_group_member")
    assert member["name"] == "新人"


async def test_a_member_who_has_left_in_between(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group("PERL学习交流")
    member = next(one for one in group.others if not one.person.is_friend)
    group.member_says(member, "bye")
    group.remove_member(member)
    report = await receiver.get(content="bye")
    assert report["type"] == "group_message"
    assert report["sender_id"].startswith("@")
    await receiver.get_event("lose_group_member")


# -- order and number ------------------------------------------------------------------------------------


async def test_many_messages_keep_their_order_and_come_once(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.settings.sync_batch_size = 7
    friend, group = account.friend("小灰"), max(account.groups, key=lambda one: len(one.others))
    for number in range(60):
        friend.says(f"f{number}")
        group.member_says(group.others[number % 3], f"g{number}")
    await receiver.gets(120, post_type="receive_message")
    for kind, letter in (("friend_message", "f"), ("group_message", "g")):
        contents = [json["content"] for json in receiver.got(type=kind)]
        assert contents == [f"{letter}{number}" for number in range(60)]
    ids = {json["id"] for json in receiver.got(post_type="receive_message")}
    uids = {json["uid"] for json in receiver.got(post_type="receive_message")}
    assert len(ids) == len(uids) == 120


async def test_empty_keys_mean_nothing(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.settings.empty_keys = True
    await world.run()
    for number in range(3):
        account.friend("小灰").says(str(number))
        await receiver.get(content=str(number))
    assert len(receiver.got(post_type="receive_message")) == 3


async def test_a_reply_is_sent_to_the_chat(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    receiver.behaves(replies("收到"), type="friend_message", post_type="receive_message")
    receiver.behaves(replies("大家好"), type="group_message", post_type="receive_message")
    group = account.group("PERL学习交流")
    account.friend("小灰").says("hi")
    group.member_says(group.others[0], "hi")
    assert await account.friend("小灰").hears_text() == "收到"
    assert await group.hears_text() == "大家好"
    report = await receiver.get(post_type="send_message", content="收到")
    assert (report["source"], report["receiver"]) == ("local", "小灰")


async def test_a_filter_chooses_messages(
    world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.run(
        report={"post_message_filter": {"sender": "小灰", "type": "friend_message"}}
    )
    account.friend("momo").says("no")
    account.friend("小灰").says("yes")
    await receiver.get(content="yes")
    await gateway.get("send_friend_message", account="xiaohui2016", content="no")
    account.friend("小灰").says("end")
    await receiver.get(content="end")
    contents = [json["content"] for json in receiver.got() if "content" in json]
    assert contents == ["yes", "end"]
