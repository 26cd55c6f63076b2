"""The reports that ``post_api`` receives: messages of every format, and every event."""

from collections.abc import Awaitable, Callable
from typing import Any

from openwx.simulator import Fault
from openwx.simulator.media import PNG
from openwx.simulator.wire.shares import Article
from tests.functional.world import Json, replies

from .book import Act, Scene
from .sending import an_uploaded_picture

Come = Callable[[Scene], Awaitable[Json]]
"""Causes a message or event, and returns its report."""


def by_friend(verb: str, *arguments: object, **fields: str) -> Come:
    """Let 小灰 call ``verb``, and return the report with these fields."""

    async def come(scene: Scene) -> Json:
        return await reported(scene, lambda: getattr(scene.friend(), verb)(*arguments), **fields)

    return come


async def reported(scene: Scene, does: Callable[[], object], **fields: Any) -> Json:
    """Call ``does``, and return the next report with these fields."""
    scene.world.receiver.forget()
    does()
    return await scene.world.receiver.get(**fields)


def event(name: str, does: Callable[[Scene], object]) -> Come:
    async def come(scene: Scene) -> Json:
        return await reported(scene, lambda: does(scene), event=name)

    return come


def after(act: Act, come: Come) -> Come:
    async def both(scene: Scene) -> Json:
        await act(scene)
        return await come(scene)

    return both


async def sent_by_the_api(scene: Scene) -> Json:
    await scene.gateway.get("send_friend_message", account="xiaohui2016", content="你好")
    return await scene.world.receiver.get(post_type="send_message", source="local", content="你好")


async def a_picture_sent_by_the_api(scene: Scene) -> Json:
    call = {"displayname": "PERL学习交流", "media_id": scene.word("media_id")}
    await scene.gateway.get("send_group_message", **call)
    return await scene.world.receiver.get(post_type="send_message", format="media")


async def refused_by_wechat(scene: Scene) -> Json:
    scene.world.simulator.faults.add("webwxsendmsg", Fault.RET, ret=-14, times=1)
    await scene.gateway.get("send_friend_message", account="xiaohui2016", content="发不出去")
    return await scene.world.receiver.get(post_type="send_message", content="发不出去")


async def a_picture_that_does_not_come(scene: Scene) -> Json:
    scene.world.simulator.faults.add("webwxgetmsgimg", Fault.SERVER_ERROR)
    come = by_friend("sends_image", PNG, format="media")
    report = await come(scene)
    scene.world.simulator.faults.clear()
    return report


async def recalled(scene: Scene) -> Json:
    said = scene.friend().says("说错了")
    await scene.world.receiver.get(content="说错了")
    return await reported(scene, lambda: scene.friend().recalls(said), format="revoke")


async def replied_to(scene: Scene) -> Json:
    """Return the report of a question that the backend answers with a reply."""
    scene.world.receiver.behaves(replies("六点"), times=1, content="今天几点下班？")
    report = await reported(
        scene, lambda: scene.friend().says("今天几点下班？"), content="今天几点下班？"
    )
    while await scene.friend().hears_text() != "六点":
        pass
    return report


async def on_the_phone(scene: Scene) -> Json:
    return await reported(
        scene, lambda: scene.account.phone.says(scene.friend(), "手机上写的"), content="手机上写的"
    )


async def in_a_group(scene: Scene) -> Json:
    group = scene.own_group()
    return await reported(
        scene, lambda: group.member_says(group.others[0], "大家好"), content="大家好"
    )


async def a_mention_that_quotes(scene: Scene) -> Json:
    group = scene.own_group()
    asks, answers = group.others[:2]
    said = group.member_says(asks, "谁有空？")
    words = f"@{scene.account.owner.nickname}\u2005你呢？"
    return await reported(
        scene, lambda: group.member_quotes(answers, said, words), mentions_me=True
    )


async def an_announcement(scene: Scene) -> Json:
    group = scene.own_group()
    return await reported(
        scene, lambda: group.member_announces(group.others[0], "明天放假"), content="明天放假"
    )


async def a_notice_in_a_group(scene: Scene) -> Json:
    return await reported(
        scene, lambda: scene.own_group().notice("收到红包，请在手机上查看"), type="group_notice"
    )


MESSAGES: dict[str, dict[str, Come]] = {
    "text": {
        "from a friend": replied_to,
        "in a group": in_a_group,
        "a mention that quotes a message": a_mention_that_quotes,
        "a notice in a group": a_notice_in_a_group,
        "written on the phone": on_the_phone,
        "sent by the API": sent_by_the_api,
        "not sent, since WeChat refused": refused_by_wechat,
    },
    "media": {
        "a picture": by_friend("sends_image", PNG, format="media"),
        "a file": by_friend("sends_file", "合同.txt", "甲方：…".encode(), format="media"),
        "a picture that cannot be fetched": a_picture_that_does_not_come,
        "sent by the API": after(an_uploaded_picture, a_picture_sent_by_the_api),
    },
    "app": {
        "a link": by_friend(
            "sends_link", "第2份半价", "今天中午", "https://example.com/lunch", "饿了么", "wx1a2b3c",
            format="app",
        ),
        "a push of articles": by_friend(
            "sends_articles",
            [
                Article("周末去哪儿", "三条路线", "https://example.com/s?idx=1", "https://example.com/1.jpg"),
                Article("带上孩子", "", "https://example.com/s?idx=2", "https://example.com/2.jpg"),
            ],
            format="app",
        ),
        "a mini program": by_friend("sends_mini_program", "来一杯茶", "茶馆", format="app"),
        "an announcement": an_announcement,
    },
    "card": {
        "somebody's card": lambda scene: reported(
            scene,
            lambda: scene.friend().sends_card(scene.account.friend("阳光😄宝贝")),
            format="card",
        )
    },
    "revoke": {"a message was taken back": recalled},
    "payment": {
        "a transfer": by_friend("transfers", "12.50", "午饭", format="payment"),
        "a red packet": by_friend("sends_red_packet", "恭喜发财", format="payment"),
    },
    "location": {"a place": by_friend("sends_location", "深圳湾公园", format="location")},
    "notice": {"in a friend's chat": by_friend("sends", 10000, "收到红包", format="notice")},
    "unknown": {"of a kind that nobody knows": by_friend("sends", 4711, "?", format="unknown")},
}  # fmt: skip


def a_friend(scene: Scene) -> Any:
    return scene.account.friend("新朋友")


async def logged_in(scene: Scene) -> Json:
    """Log out and in again, so that every event of a login is reported."""
    scene.world.receiver.forget()
    scene.account.phone.logs_out_web()
    await scene.account.phone.sees_push_login()
    scene.account.phone.cancel()
    await scene.world.receiver.get_event("input_qrcode")
    scene.world.simulator.codes.expire_all()
    await scene.world.receiver.get_event("qrcode_expire")
    await scene.account.phone.logs_in()
    return await scene.world.receiver.get(event="login")


def then(name: str) -> Come:
    """Return the report of an event that the new login caused."""

    async def come(scene: Scene) -> Json:
        return await scene.world.receiver.get(event=name)

    return come


async def stopped(scene: Scene) -> Json:
    await scene.gateway.stop()
    return await scene.world.receiver.get(event="stop")


EVENTS: dict[str, dict[str, Come]] = {
    "new_friend": {
        "somebody is a friend now": event("new_friend", lambda s: s.account.add_friend("新朋友"))
    },
    "friend_property_change": {
        "another signature": event(
            "friend_property_change", lambda s: a_friend(s).changes(signature="忙")
        )
    },
    "lose_friend": {
        "deleted on the phone": event("lose_friend", lambda s: s.account.phone.deletes(a_friend(s)))
    },
    "friend_request": {
        "somebody asks": event(
            "friend_request", lambda s: s.account.asks_to_be_friends("陌生人", "我是群里的小王")
        )
    },
    "user_property_change": {
        "another name": event("user_property_change", lambda s: s.account.phone.renames_me("我"))
    },
    "new_group": {
        "the account is in it now": event(
            "new_group", lambda s: s.account.add_group("新群", ["甲"])
        )
    },
    "new_group_member": {
        "somebody joined": event(
            "new_group_member", lambda s: s.account.group("新群").add_member("乙")
        )
    },
    "group_member_property_change": {
        "another name in the group": event(
            "group_member_property_change",
            lambda s: s.account.group("新群").member_renames("乙", "小乙"),
        )
    },
    "lose_group_member": {
        "somebody left": event(
            "lose_group_member", lambda s: s.account.group("新群").remove_member("乙")
        )
    },
    "group_property_change": {
        "another name": event(
            "group_property_change", lambda s: s.account.group("新群").rename("旧群")
        )
    },
    "lose_group": {
        "the account is out of it": event(
            "lose_group", lambda s: s.account.lose_group(s.account.group("旧群"))
        )
    },
    "login": {"after a scan": logged_in},
    "input_qrcode": {"to be scanned": then("input_qrcode")},
    "qrcode_expire": {"nobody scanned it": then("qrcode_expire")},
    "state_change": {"the first of a new login": then("state_change")},
    "update_user": {"fetched afresh": then("update_user")},
    "update_friend": {"fetched afresh": then("update_friend")},
    "update_group": {"fetched afresh": then("update_group")},
    "stop": {"the account has stopped": stopped},
}
