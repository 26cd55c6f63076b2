"""Every kind of message that is no plain text, from a friend, in a group and from the own phone."""

from collections.abc import Callable
from typing import Any

from openwx.simulator import Account
from openwx.simulator.media import PNG
from tests.rows import rows

from .world import Gateway, Json, Receiver, World, replies

Speak = Callable[[str], Any]
"""Makes a verb's call: ``speak("image")(data)`` sends an image."""

KINDS: list[tuple[str, Callable[[Speak], Any], Json]] = [
    (
        "location",
        lambda speak: speak("location")("深圳湾 & 公园", 22.52, 113.94),
        {
            "format": "location",
            "content": "深圳湾 & 公园",
            "location_url": "http://apis.map.qq.com/uri/v1/geocoder?coord=22.52,113.94",
        },
    ),
    (
        "location as XML",
        lambda speak: speak("location_48")("世界之窗", 22.53, 113.97),
        {
            "format": "location",
            "content": "世界之窗",
            "location_url": "http://apis.map.qq.com/uri/v1/geocoder?coord=22.53,113.97",
        },
    ),
    (
        "live location",
        lambda speak: speak("live_location")(),
        {"format": "location", "content": "我发起了位置共享", "location_url": ""},
    ),
    (
        "link",
        lambda speak: speak("link")(
            "饿了么 & 红包😄", "第2份<半价>!", "https://h.ele.me/?a=1&b=2", "饿了么", "wx123456"
        ),
        {
            "format": "app",
            "app_title": "饿了么 & 红包😄",
            "app_desc": "第2份<半价>!",
            "app_url": "https://h.ele.me/?a=1&b=2",
            "app_name": "饿了么",
            "app_id": "wx123456",
            "content": "[应用分享]标题：饿了么 & 红包😄\n描述：第2份<半价>!\n应用：饿了么\n"
            "链接：https://h.ele.me/?a=1&b=2",
        },
    ),
    (
        "bare link",
        lambda speak: speak("link")("只有标题"),
        {"format": "app", "content": "[应用分享]标题：只有标题", "app_desc": "", "app_url": ""},
    ),
    (
        "mini program",
        lambda speak: speak("mini_program")("拼车", "出行"),
        {"format": "app", "app_title": "拼车", "app_name": "出行"},
    ),
    (
        "chat record",
        lambda speak: speak("chat_record")("群聊的聊天记录", ["a: 1", "b: 2"]),
        {"format": "app", "app_title": "群聊的聊天记录", "app_desc": "a: 1\nb: 2"},
    ),
    (
        "chat record of type 0",
        lambda speak: speak("chat_record")("记录", ["a: 1"], 0),
        {"format": "app", "app_title": "记录", "app_desc": "a: 1"},
    ),
    (
        "transfer",
        lambda speak: speak("transfer")("12.50", "午饭"),
        {"format": "payment", "content": "[转账](￥12.50 午饭)"},
    ),
    (
        "red packet",
        lambda speak: speak("red_packet")("恭喜发财 & 大吉大利"),
        {"format": "payment", "content": "[红包](恭喜发财 & 大吉大利)"},
    ),
]

VERBS = {
    "location": "sends_location",
    "location_48": "sends_location_48",
    "live_location": "shares_live_location",
    "link": "sends_link",
    "mini_program": "sends_mini_program",
    "chat_record": "sends_chat_record",
    "transfer": "transfers",
    "red_packet": "sends_red_packet",
}


@rows(("send", "stated"), [kind[1:] for kind in KINDS])
async def test_kinds(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    send: Callable[[Speak], Any],
    stated: Json,
) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    member = group.others[0]

    def by_friend(verb: str) -> Any:
        return getattr(friend, VERBS[verb])

    def by_member(verb: str) -> Any:
        return lambda *args: getattr(group, f"member_{VERBS[verb]}")(member, *args)

    def by_phone(verb: str) -> Any:
        return lambda *args: getattr(account.phone, VERBS[verb])(friend, *args)

    message = send(by_friend)
    report = await receiver.get(type="friend_message", **{"class": "recv"})
    assert {name: report.get(name) for name in stated} == stated
    assert (report["id"], report["sender"]) == (message.msg_id, "小灰")
    send(by_member)
    report = await receiver.get(type="group_message")
    assert {name: report.get(name) for name in stated} == stated
    assert (report["sender_name"], report["group"]) == (member.nickname, "PERL学习交流")
    message = send(by_phone)
    report = await receiver.get(post_type="send_message")
    assert {name: report.get(name) for name in stated} == stated
    assert report["id"].startswith(f"{message.msg_id}:")
    assert (report["source"], report["receiver"]) == ("outer", "小灰")


async def test_a_card(api: Gateway, account: Account, receiver: Receiver) -> None:
    shown = account.friend("Tom & Jerry <猫和老鼠>")
    account.friend("小灰").sends_card(shown)
    report = await receiver.get(format="card")
    (known,) = (await api.get("search_friend", account="tomjerry")).json
    card = {name: value for name, value in report.items() if name.startswith("card_")}
    assert card.pop("card_avatar").startswith("http://wx.qlogo.cn/")
    assert card == {
        "card_id": known["id"],
        "card_name": "Tom & Jerry <猫和老鼠>",
        "card_account": "tomjerry",
        "card_province": "",
        "card_city": "",
        "card_sex": "male",
    }
    assert report["content"] == "[名片]昵称：Tom & Jerry <猫和老鼠>"


async def test_recalls(api: Gateway, account: Account, receiver: Receiver) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    said = friend.says("oops")
    posted = await receiver.get(content="oops")
    friend.recalls(said)
    report = await receiver.get(format="revoke")
    assert report["revoke_id"] == posted["id"]
    assert report["content"] == '[撤回消息]("小灰" 撤回了一条消息)'
    assert report["sender"] == "小灰"
    receiver.forget()
    said = group.member_says(group.others[0], "oops")
    posted = await receiver.get(content="oops")
    group.member_recalls(said)
    report = await receiver.get(format="revoke")
    assert (report["revoke_id"], report["group"]) == (posted["id"], "PERL学习交流")
    receiver.forget()
    said = account.phone.says(friend, "oops")
    posted = await receiver.get(content="oops")
    account.phone.recalls(said)
    report = await receiver.get(format="revoke")
    assert (report["revoke_id"], report["post_type"]) == (posted["id"], "send_message")


async def test_a_friend_request(api: Gateway, account: Account, receiver: Receiver) -> None:
    asked = account.asks_to_be_friends("陌生人 & 😄", "我是<谁>")
    id, displayname, verify, ticket = await receiver.get_event("friend_request")
    assert id.startswith("@")
    assert (displayname, verify, ticket) == ("陌生人 & 😄", "我是<谁>", asked.ticket)
    assert not receiver.got(post_type="receive_message")


async def test_a_friend_request_is_reported_once(
    world: World, account: Account, receiver: Receiver
) -> None:
    """WeChat hands out again what was not acknowledged when the gateway ended."""
    gateway = await world.run()
    account.asks_to_be_friends("陌生人", "hi")
    await receiver.get_event("friend_request")
    await gateway.stop()
    account.friend("小灰").says("after")
    await world.start()
    await receiver.get(content="after")
    assert len(receiver.events("friend_request")) == 1


async def test_a_call_is_not_reported(api: Gateway, account: Account, receiver: Receiver) -> None:
    account.friend("小灰").calls()
    account.friend("小灰").says("end")
    await receiver.get(content="end")
    assert len(receiver.got(post_type="receive_message")) == 1


@rows(
    ("msg_type", "fields", "stated"),
    [
        (49, {"AppMsgType": 5, "FileName": "标题"}, {"format": "app", "app_title": "标题"}),
        (49, {"AppMsgType": 2000}, {"format": "payment"}),
        (49, {"AppMsgType": 9999}, {"format": "app"}),
        (48, {}, {"format": "location"}),
        (42, {}, {"format": "card"}),
        (10002, {}, {"format": "unknown"}),
        (37, {}, {"format": "unknown"}),
    ],
)
@rows(
    "content",
    [
        "",
        "no XML",
        "&lt;msg&gt;&lt;appmsg",
        '<!DOCTYPE a [<!ENTITY b "c">]><msg>&b;</msg>',
        "<msg>" * 5000,
        "\x00\ud7ff&#0;&lt;",
    ],
)
async def test_broken_contents_lose_nothing(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    msg_type: int,
    fields: Json,
    stated: Json,
    content: str,
) -> None:
    message = account.friend("小灰").sends(msg_type, content, **fields)
    report = await receiver.get(id=message.msg_id)
    assert {name: report.get(name) for name in stated} == stated
    assert report["sender"] == "小灰"


async def test_a_reply_to_an_image(api: Gateway, account: Account, receiver: Receiver) -> None:
    receiver.behaves(replies("好看"), times=1, format="media")
    account.friend("小灰").sends_image(PNG)
    assert await account.friend("小灰").hears_text() == "好看"
