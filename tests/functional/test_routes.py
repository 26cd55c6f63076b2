"""Every route of this version: good input in every style, twice in a row, and the exact fields of the answers."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable

import openwx
from openwx.api.app import routes
from openwx.simulator import Account, Simulator
from openwx.transports.base import Capability
from tests.patience import PATIENCE_S
from tests.reply import Reply
from tests.rows import rows

from .world import ALL_EVENTS, Gateway, Receiver, World

POPULATION = {"friends": 14, "groups": 9, "biggest_group": 20, "group_members": 5}

PERSON = {
    "account", "name", "markname", "sex", "display", "city", "signature", "province", "id", "uid",
    "displayname",
}  # fmt: skip
GROUP = {"name", "id", "uid", "owner_uid", "displayname"}
SENT = {"status", "msg_id", "id", "code"}

STYLES = ("get", "post", "post_json", "post_parts")


def is_user(reply: Reply) -> None:
    assert set(reply.json) == PERSON


def are_friends(reply: Reply) -> None:
    assert reply.json
    assert all(set(friend) == PERSON | {"category"} for friend in reply.json)


def are_groups(reply: Reply) -> None:
    assert reply.json
    for group in reply.json:
        assert set(group) == GROUP | {"member"}
        assert group["member"]
        assert all(set(member) == PERSON for member in group["member"])


def are_basics(reply: Reply) -> None:
    assert reply.json
    assert all(set(group) == GROUP | {"member_count"} for group in reply.json)


def is_sent(reply: Reply) -> None:
    assert set(reply.json) == SENT
    assert reply.json["status"] == "发送成功"
    assert reply.code == 0
    assert isinstance(reply.json["msg_id"], str)
    assert int(reply.json["msg_id"]) > 2**53
    msg_id, _, receiver = reply.json["id"].partition(":")
    assert msg_id == reply.json["msg_id"]
    assert receiver == "filehelper" or receiver.startswith("@")


def is_accepted(reply: Reply) -> None:
    assert set(reply.json) == {"code", "status", "uid"}
    assert (reply.code, reply.words) == (0, "request already in execution")


def is_accepted_for_all(reply: Reply) -> None:
    assert reply.json == {"code": 0, "status": "request already in execution", "count": 14}


def is_client_info(reply: Reply) -> None:
    assert set(reply.json) == {
        "code", "account", "pid", "os", "version", "starttime", "runtime", "http_debug",
        "log_encoding", "log_path", "log_level", "state", "state_reason", "status",
        "reason_code", "transport", "capabilities",
    }  # fmt: skip
    info = reply.json
    assert (info["code"], info["status"], info["state"]) == (0, "success", "running")
    assert (info["account"], info["pid"]) == ("default", os.getpid())
    assert (info["version"], info["os"]) == (openwx.__version__, sys.platform)
    assert info["transport"] == "web"
    assert info["capabilities"] == sorted(Capability)
    assert 0 <= time.time() - info["starttime"] < 60
    assert info["runtime"] in (int(time.time() - info["starttime"]) + n for n in (-1, 0, 1))


def are_clients(reply: Reply) -> None:
    assert reply.code == 0
    (client,) = reply.json["client"]
    assert (client["account"], client["state"]) == ("default", "running")
    assert client["pid"] == os.getpid()


def is_done(reply: Reply) -> None:
    assert reply.json == {"code": 0, "status": "success"}


def is_empty_history(reply: Reply) -> None:
    assert reply.json == {"code": 0, "messages": [], "before": None}


def is_unchanged(reply: Reply) -> None:
    assert reply.json == {"code": 0, "status": "success", "changed": 0}


def is_uploaded(reply: Reply) -> None:
    answer = reply.json
    assert (answer["code"], answer["media_type"], answer["media_size"]) == (0, "file", 5)
    assert answer["media_id"].endswith(":6")


def is_there_already(reply: Reply) -> None:
    assert (reply.json["client"], reply.words) == ("default", "client already exists")


def is_empty_outbox(reply: Reply) -> None:
    assert reply.json == {"deliveries": [], "code": 0, "status": "success"}


def is_none_of_them(reply: Reply) -> None:
    assert reply.json == {"count": 0, "code": 0, "status": "success"}


def are_uploads(reply: Reply) -> None:
    assert isinstance(reply.json, list)


GOOD: list[tuple[str, dict[str, str], Callable[[Reply], None]]] = [
    ("get_user_info", {}, is_user),
    ("get_friend_info", {}, are_friends),
    ("get_group_info", {}, are_groups),
    ("get_group_basic_info", {}, are_basics),
    ("search_friend", {"name": "张伟"}, are_friends),
    ("search_friend", {"sex": "female", "category": "好友"}, are_friends),
    ("search_friend", {"markname": ""}, are_friends),
    ("search_group", {"displayname": "Python爱好者 & 朋友们"}, are_groups),
    ("search_group", {"name": ""}, are_groups),
    ("search_friend", {"q": "张"}, are_friends),
    ("search_group", {"q": "perl"}, are_groups),
    ("get_history", {"displayname": "李老师（数学）", "q": "nothing"}, is_empty_history),
    ("mark_read", {"displayname": "项目组"}, is_done),
    ("refresh_contacts", {"account": "xiaohui2016"}, is_unchanged),
    ("send_friend_message", {"account": "xiaohui2016", "content": "你好 & <b>😄</b>\n+%"}, is_sent),
    ("send_friend_message", {"displayname": "李老师（数学）", "content": "x"}, is_sent),
    ("send_friend_message", {"markname": "中介", "account": "fangchan-01", "content": "x"}, is_sent),
    ("send_friend_message", {"id": "filehelper", "content": "0"}, is_sent),
    ("send_friend_message", {"id": "filehelper", "content": "x", "async": "1"}, is_accepted),
    ("send_friend_message", {"id": "filehelper", "content": "x", "async": "0"}, is_sent),
    ("send_friend_message", {"id": "@all", "content": "x"}, is_accepted_for_all),
    ("send_group_message", {"displayname": "PERL学习交流", "content": "大家好"}, is_sent),
    ("send_group_message", {"displayname": "项目组", "content": "x", "async": "1"}, is_accepted),
    ("upload_media", {"media_data": "aGVsbG8="}, is_uploaded),
    ("stick", {"account": "xiaohui2016", "op": "1"}, is_done),
    ("sticky_group", {"displayname": "项目组", "op": "0"}, is_done),
    ("set_markname", {"account": "hug", "new_markname": "表姐 & 姐夫"}, is_done),
    ("set_group_displayname", {"displayname": "项目组", "new_displayname": "项目组"}, is_done),
    ("send_message", {"id": "filehelper", "content": "hi"}, is_sent),
    ("start_client", {"client": "default"}, is_there_already),
    ("get_client_info", {}, is_client_info),
    ("check_client", {}, are_clients),
    ("check_client", {"client": "default"}, are_clients),
    ("check_event", {"timeout": "0"}, are_uploads),
    ("outbox", {}, is_empty_outbox),
    ("outbox_retry", {"id": "all"}, is_none_of_them),
    ("outbox_drop", {"id": "all"}, is_none_of_them),
]  # fmt: skip

WITH_TESTS_OF_THEIR_OWN = {
    "stop_client", "get_qrcode", "get_avatar", "revoke_message", "consult", "create_group",
    "invite_friend", "kick_group_member", "make_friend", "accept_friend_request", "outbox_show",
    "events", "ws", "verify_code",
}  # fmt: skip


def test_every_route_is_tested_here() -> None:
    """A new route needs a line above."""
    assert {row.name for row in routes()} == {name for name, _, _ in GOOD} | WITH_TESTS_OF_THEIR_OWN


@rows(("name", "params", "is_good"), GOOD)
async def test_good_input_in_every_style(
    api: Gateway, name: str, params: dict[str, str], is_good: Callable[[Reply], None]
) -> None:
    given = {"client": "default", "_": "1700000000"} | params
    for style in STYLES:
        call: Callable[..., Awaitable[Reply]] = getattr(api, style)
        for _ in range(2):
            reply = await call(name, **given)
            assert reply.status == 200, (style, reply.body)
            assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
            is_good(reply)


async def test_json_numbers_and_booleans(api: Gateway, account: Account) -> None:
    friend = account.friend("小灰")
    found = await api.post_json("search_friend", uid=friend.uin)
    assert [one["name"] for one in found.json] == ["小灰"]
    is_accepted(
        await api.post_json("send_friend_message", account="xiaohui2016", content=0, **{"async": 1})
    )
    is_accepted(
        await api.post_json(
            "send_friend_message", account="xiaohui2016", content=1.50, **{"async": True}
        )
    )
    assert [heard.text for heard in await friend.hears(2)] == ["0", "1.5"]
    assert (await api.post_json("check_event", timeout=0)).status == 200


async def test_the_body_wins_over_the_query(api: Gateway, account: Account) -> None:
    reply = await api.call(
        "send_friend_message",
        method="POST",
        params={"id": "filehelper", "content": "query"},
        data={"content": "body"},
    )
    is_sent(reply)
    assert account.filehelper.texts == ["body"]


async def test_chinese_text_leaves_unescaped(api: Gateway) -> None:
    reply = await api.get("get_user_info")
    assert "我是谁".encode() in reply.body
    assert "😄".encode() in reply.body


# -- check_event -----------------------------------------------------------------------------------------


async def test_check_event_brings_what_is_reported(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    await api.drain()
    account.friend("小灰").says("1")
    account.friend("小灰").says("2")
    await api.get("send_friend_message", account="xiaohui2016", content="3")
    account.add_friend("新朋友")
    await receiver.until(lambda: len(receiver.reports) == 4)
    reports = await api.drain()
    assert sorted(map(str, reports)) == sorted(str(report.json) for report in receiver.reports)
    assert await api.drain() == []


async def test_check_event_waits(api: Gateway, account: Account) -> None:
    await api.drain()
    polling = asyncio.ensure_future(api.get("check_event", timeout="60"))
    assert (await api.get("check_client")).status == 200
    account.friend("小灰").says("hi")
    (report,) = (await polling).json
    assert (report["content"], report["post_type"]) == ("hi", "receive_message")


async def test_check_event_ends(api: Gateway) -> None:
    await api.drain()
    begun = time.monotonic()
    assert (await api.get("check_event", timeout="0.2")).json == []
    assert 0.15 < time.monotonic() - begun < PATIENCE_S


async def test_check_event_works_without_post_api(world: World, account: Account) -> None:
    """Events are in it although ``post_event`` is off and nothing is uploaded."""
    report = {"post_api": None, "post_event": False, "check_event_list_max_size": 3}
    gateway = await world.run(report=report)
    events = [json["event"] for json in gateway.noticed if json["post_type"] == "event"]
    assert {"login", "state_change"} <= set(events)
    for number in range(5):
        account.friend("小灰").says(str(number))
    await gateway.get("send_friend_message", account="xiaohui2016", content="end")
    reports: list[str] = []
    while reports[-1:] != ["4"] and "4" not in reports:
        answer = (await gateway.get("check_event", timeout="5")).json
        assert len(answer) <= 3
        reports += [json.get("content", json["post_type"]) for json in answer]


async def test_check_event_keeps_the_newest(
    world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.run(report={"check_event_list_max_size": 3})
    for number in range(5):
        account.friend("小灰").says(str(number))
    await receiver.gets(5, post_type="receive_message")
    assert [json["content"] for json in await gateway.drain()] == ["2", "3", "4"]


async def test_events_are_chosen(world: World, account: Account, receiver: Receiver) -> None:
    gateway = await world.run(report={"post_event_list": ["login", "update_user"]})
    account.add_friend("新朋友")
    account.friend("小灰").says("hi")
    await receiver.get(content="hi")
    assert await receiver.get_event("login")
    assert [name for name, _ in receiver.events()] == ["update_user", "login"]
    seen = gateway.noticed + await gateway.drain()
    assert [json.get("event") for json in seen] == ["update_user", "login", None]


async def test_updates_of_everybody(world: World, account: Account, receiver: Receiver) -> None:
    names = ["update_user", "update_friend", "update_group"]
    gateway = await world.run(report={"post_event_list": names})
    (user,) = await receiver.get_event("update_user")
    friends = await receiver.get_event("update_friend")
    groups = await receiver.get_event("update_group")
    strip = {"uid", "member"}
    assert user["id"] == (await gateway.get("get_user_info")).json["id"]
    for found, name in ((friends, "get_friend_info"), (groups, "get_group_info")):
        now = (await gateway.get(name)).json
        assert [{k: v for k, v in one.items() if k not in strip} for one in found] == [
            {k: v for k, v in one.items() if k not in strip} for one in now
        ]


async def test_without_post_event_only_messages_are_reported(
    world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.run(report={"post_event": False, "post_event_list": ALL_EVENTS})
    account.friend("小灰").says("hi")
    await receiver.get(content="hi")
    assert not receiver.events()
    assert {json["event"] for json in gateway.noticed if "event" in json} >= {"state_change"}


# -- several accounts ------------------------------------------------------------------------------------


async def test_several_accounts(world: World, simulator: Simulator, receiver: Receiver) -> None:
    other = simulator.add_account("second", friends=3, groups=1)
    one = world.settings()
    settings = one.model_copy(
        update={"accounts": {"a": one.accounts["default"], "b": one.accounts["default"]}}
    )
    gateway = await world.start(settings=settings)
    reply = await gateway.get("get_user_info")
    assert (reply.status, reply.code) == (400, -2)
    assert "client" in reply.words
    for name, account in (("a", world.account), ("b", other)):
        await receiver.until(
            lambda name=name: any(  # type: ignore[misc]
                report.query.get("client") == name and report.fits(event="input_qrcode")
                for report in receiver.reports
            )
        )
        assert (await gateway.get("get_qrcode", client=name)).status == 200
        assert account.logins == 0
    # Who scans which code first does not matter: the two are told apart by their names afterwards.
    await world.account.phone.logs_in()
    await other.phone.logs_in()
    await receiver.gets(2, event="state_change", params=["updating", "running"])
    clients = {
        client["account"]: client for client in (await gateway.get("check_client")).json["client"]
    }
    assert {client["state"] for client in clients.values()} == {"running"}
    users = {name: (await gateway.get("get_user_info", client=name)).json["name"] for name in "ab"}
    assert set(users.values()) == {"我是谁", "我是谁2"}
    first = next(name for name, user in users.items() if user == "我是谁")
    world.account.friend("小灰").says("hi")
    await receiver.get(content="hi")
    (report,) = [one for one in receiver.reports if one.json.get("content") == "hi"]
    assert report.query == {"client": first}
    other_name = "b" if first == "a" else "a"
    reply = await gateway.get("stop_client", client=other_name)
    assert reply.json["account"] == other_name
    reply = await gateway.get("get_user_info", client="c")
    assert (reply.status, reply.code) == (400, -2)
