"""Remark names, pinned chats, and becoming friends."""

import asyncio

import pytest

from openwx.simulator import Account, Fault, Person, Simulator
from tests.rows import rows

from .changing import STYLES, SUCCESS, id_of, in_sync, is_unknown
from .world import Gateway, Json, Receiver, World


def stranger_of(account: Account) -> Person:
    """Return a member of a group who is no friend."""
    return next(member.person for member in account.groups[0].others if not member.person.is_friend)


async def friend(api: Gateway, id: str) -> Json:
    (found,) = (await api.get("search_friend", id=id)).json
    assert isinstance(found, dict)
    return found


# -- set_markname ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("route", ["set_markname", "set_friend_markname"])
async def test_a_friend_gets_a_remark_name(
    api: Gateway, account: Account, receiver: Receiver, style: str, route: str
) -> None:
    name = "老师 & <小> 😄"
    reply = await getattr(api, style)(route, account="sunny_baby", new_markname=name)
    assert reply.json == SUCCESS
    person = account.friend("阳光😄宝贝")
    assert person.remark == name
    answer = await friend(api, id_of(account, person))
    assert (answer["markname"], answer["displayname"]) == (name, name)
    assert (answer["category"], answer["sex"], answer["uid"]) == ("好友", "female", person.uin)
    reply = await api.get("send_friend_message", markname=name, content="x")
    assert reply.code == 0
    await in_sync(account, receiver)
    assert [params[1:] for _, params in receiver.events("friend_property_change")] == [
        ["markname", "", name],
        ["displayname", person.nickname, name],
    ]


async def test_a_member_who_is_a_friend_has_it_in_all_groups(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    person = next(m.person for g in account.groups for m in g.others if m.person.is_friend)
    groups = [group for group in account.groups if person.key in group.members]
    reply = await api.get(
        "set_markname",
        id=id_of(account, person),
        group_id=id_of(account, groups[0]),
        new_markname="谁",
    )
    assert reply.json == SUCCESS
    assert (await friend(api, id_of(account, person)))["markname"] == "谁"
    for group in (await api.get("get_group_info")).json:
        for member in group["member"]:
            if member["id"] == id_of(account, person):
                assert member["markname"] == "谁"
    await in_sync(account, receiver)
    changes = receiver.events("group_member_property_change")
    assert [params[3] for _, params in changes if params[1] == "markname"] == ["谁"] * len(groups)
    for group_of_his in groups:
        group_of_his.member_renames(person, "别名")
    await receiver.gets(len(groups), event="group_member_property_change")
    for group in (await api.get("get_group_info")).json:
        assert {m["markname"] for m in group["member"] if m["id"] == id_of(account, person)} <= {
            "谁"
        }


async def test_an_empty_remark_name_takes_it_away(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    for style in STYLES:
        person = account.friend("momo")
        account.phone.remarks(person, "李老师（数学）")
        await in_sync(account, receiver)
        reply = await getattr(api, style)("set_markname", account="momo_0717", new_markname="")
        assert reply.json == SUCCESS
        assert person.remark == ""
        answer = await friend(api, id_of(account, person))
        assert (answer["markname"], answer["displayname"]) == ("", "momo")


async def test_names_in_any_order_and_the_same_twice(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    for name in ("a", "a", "b", "", "", "a"):
        reply = await api.get("set_markname", account="xiaohui2016", new_markname=name)
        assert reply.code == 0
        assert account.friend("小灰").remark == name
    await in_sync(account, receiver)
    changes = receiver.events("friend_property_change")
    assert [params[3] for _, params in changes if params[1] == "markname"] == ["a", "b", "", "a"]


@rows(
    ("params", "status", "code", "word"),
    [
        ({"new_markname": "x"}, 400, -2, "displayname"),
        ({"account": "xiaohui2016"}, 400, -2, "new_markname"),
        ({"account": "xiaohui2016", "new_markname": "x" * 101}, 400, -2, "new_markname"),
        ({"account": "xiaohui2016", "new_markname": "a\nb"}, 400, -2, "new_markname"),
        ({"account": "nobody", "new_markname": "x"}, 200, 100, "nobody"),
        ({"displayname": "张伟", "new_markname": "x"}, 200, 102, "2 friends"),
        ({"id": "{me}", "new_markname": "x"}, 200, 101, "itself"),
        ({"id": "{me}", "group_id": "{group}", "new_markname": "x"}, 200, 101, "itself"),
        ({"id": "{stranger}", "new_markname": "x"}, 200, 100, "{stranger}"),
        ({"id": "@nobody", "group_id": "{group}", "new_markname": "x"}, 200, 100, "@nobody"),
        ({"id": "{stranger}", "group_id": "@@nobody", "new_markname": "x"}, 200, 100, "@@nobody"),
        ({"group_id": "{group}", "new_markname": "x"}, 400, -2, "id"),
    ],
)
async def test_remark_names_that_cannot_be(
    api: Gateway,
    account: Account,
    simulator: Simulator,
    params: dict[str, str],
    status: int,
    code: int,
    word: str,
) -> None:
    names = {
        "me": id_of(account, account.owner),
        "group": id_of(account, account.groups[0]),
        "stranger": id_of(account, stranger_of(account)),
    }
    given = {key: value.format(**names) for key, value in params.items()}
    reply = await api.post("set_markname", **given)
    assert (reply.status, reply.code) == (status, code), reply.body
    assert word.format(**names) in reply.words
    assert not simulator.calls_of("webwxoplog")


async def test_wechat_refuses_a_stranger(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    reply = await api.get(
        "set_markname",
        id=id_of(account, stranger_of(account)),
        group_id=id_of(account, account.groups[0]),
        new_markname="x",
    )
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 1)
    await in_sync(account, receiver)
    assert not receiver.events()


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LOSE_ANSWER, Fault.GARBAGE])
async def test_a_lost_answer_is_asked_for_again(
    api: Gateway, account: Account, simulator: Simulator, fault: Fault
) -> None:
    simulator.faults.add("webwxoplog", fault, times=1)
    reply = await api.get("set_markname", account="xiaohui2016", new_markname="灰")
    assert reply.json == SUCCESS
    assert account.friend("小灰").remark == "灰"
    simulator.faults.add("webwxoplog", fault, times=2)
    is_unknown(await api.get("set_markname", account="xiaohui2016", new_markname="黑"))
    assert len(simulator.calls_of("webwxoplog")) == 4


async def test_nothing_stands_still_while_a_remark_name_waits(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    api = await world.run(pace={"call_timeout_s": 30.0})
    rule = simulator.faults.add("webwxoplog", Fault.HANG, times=1)
    hanging = asyncio.create_task(api.get("set_markname", account="xiaohui2016", new_markname="灰"))
    await rule.strikes()
    assert (await api.get("get_user_info")).status == 200
    assert (await api.get("get_avatar", account="xiaohui2016")).status == 200
    sent = await api.get("send_friend_message", account="xiaohui2016", content="x")
    assert sent.code == 0
    assert (await api.get("revoke_message", id=sent.json["msg_id"])).code == 0
    assert (await api.get("set_markname", account="momo_0717", new_markname="m")).code == 0
    assert (await api.get("stick", account="tomjerry", op="1")).code == 0
    account.friend("小灰").says("hello")
    await receiver.get(content="hello")
    assert not hanging.done()
    rule.release()
    assert (await hanging).code == 0


# -- stick, sticky_group ---------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
async def test_chats_are_pinned_and_unpinned(
    api: Gateway, account: Account, receiver: Receiver, style: str
) -> None:
    call = getattr(api, style)
    momo, group = account.friend("momo"), account.group("PERL学习交流")
    for op in ("1", "1", "0", "0", "1"):
        for params in ({"markname": "李老师（数学）"}, {"id": id_of(account, momo)}):
            assert (await call("stick", op=op, **params)).json == SUCCESS
            assert momo.pinned is (op == "1")
            assert momo.remark == "李老师（数学）"
        for route in ("stick", "sticky_group"):
            for params in ({"id": id_of(account, group)}, {"displayname": group.name}):
                group.pinned = op == "0"
                assert (await call(route, op=op, **params)).json == SUCCESS
                assert group.pinned is (op == "1")
    await in_sync(account, receiver)
    assert not receiver.events()


async def test_a_remark_name_on_its_way_is_not_lost_by_a_pin(
    world: World, account: Account, simulator: Simulator
) -> None:
    api = await world.run(pace={"call_timeout_s": 30.0})
    rule = simulator.faults.add("webwxoplog", Fault.HANG, times=1)
    naming = asyncio.create_task(api.get("set_markname", account="hug", new_markname="新"))
    await rule.strikes()
    pinning = asyncio.create_task(api.get("stick", account="hug", op="1"))
    assert (await api.get("stick", account="xiaohui2016", op="1")).code == 0
    rule.release()
    assert [(await one).code for one in (naming, pinning)] == [0, 0]
    person = account.friend("拥抱👐明天")
    assert (person.remark, person.pinned) == ("新", True)


@pytest.mark.parametrize("route", ["stick", "sticky_group"])
async def test_what_cannot_be_pinned(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, route: str
) -> None:
    group = {"id": id_of(account, account.groups[0])}
    for op in ("maybe", "nan", "１", "1x"):
        reply = await api.post_json(route, **group, op=op)
        assert (reply.status, reply.code) == (400, -2)
        assert "op" in reply.words
    assert (await api.get(route, op="1")).code == -2
    for params in ({"id": "@@nobody"}, {"id": "@nobody"}, {"displayname": "nobody"}):
        assert (await api.get(route, op="1", **params)).code == 100
    account.add_group("项目组", ["甲", "乙"])
    account.add_group("项目组", ["丙"])
    await receiver.get_event("new_group", 2)
    reply = await api.get(route, op="1", displayname="项目组")
    assert (reply.code, len(reply.json["candidates"])) == (102, 2)
    if route == "stick":
        assert (await api.get(route, op="1", id=id_of(account, account.owner))).code == 101
        account.add_friend("PERL学习交流")
        await receiver.get_event("new_friend")
        reply = await api.get(route, op="1", displayname="PERL学习交流")
        assert (reply.code, len(reply.json["candidates"])) == (102, 2)
    assert not simulator.calls_of("webwxoplog")


async def test_a_number_is_as_good_as_a_text(api: Gateway, account: Account) -> None:
    group = account.groups[0]
    assert (await api.post_json("stick", id=id_of(account, group), op=1)).code == 0
    assert group.pinned
    assert (await api.post_json("stick", id=id_of(account, group), op=0)).code == 0
    assert not group.pinned


# -- make_friend -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
async def test_a_member_is_asked_to_be_a_friend(
    api: Gateway, account: Account, receiver: Receiver, style: str
) -> None:
    person = stranger_of(account)
    words = "我是 <群> & 你"
    call = getattr(api, style)
    reply = await call("make_friend", id=id_of(account, person), verify=words)
    assert reply.json == SUCCESS
    assert (await call("make_friend", id=id_of(account, person))).json == SUCCESS
    sent = account.friend_requests_sent
    assert [(one.person, one.words) for one in sent] == [(person, words), (person, "")]
    await in_sync(account, receiver)
    assert not receiver.events()
    person.accepts_me()
    (new,) = await receiver.get_event("new_friend")
    assert new["id"] == id_of(account, person)
    reply = await call("make_friend", id=id_of(account, person))
    assert (reply.status, reply.code) == (200, 101)
    assert "already" in reply.words


async def test_who_cannot_be_asked(api: Gateway, account: Account, simulator: Simulator) -> None:
    assert (await api.get("make_friend")).code == -2
    assert (await api.get("make_friend", id="@nobody")).code == 100
    assert (await api.get("make_friend", id=id_of(account, account.groups[0]))).code == 100
    reply = await api.get("make_friend", id=id_of(account, account.owner))
    assert (reply.code, "itself" in reply.words) == (101, True)
    assert (await api.get("make_friend", id=id_of(account, account.friend("小灰")))).code == 101
    reply = await api.post("make_friend", id=id_of(account, stranger_of(account)), verify="x" * 301)
    assert (reply.status, reply.code, "verify" in reply.words) == (400, -2, True)
    assert not simulator.calls_of("webwxverifyuser")


# -- accept_friend_request -------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
async def test_who_asked_is_a_friend_at_once(
    api: Gateway, account: Account, receiver: Receiver, style: str
) -> None:
    request = account.asks_to_be_friends("新朋友 & 😄", "你好")
    await in_sync(account, receiver)
    receiver.forget()
    given = {
        "id": id_of(account, request.person),
        "ticket": request.ticket,
        "displayname": "新朋友 & 😄",
    }
    reply = await getattr(api, style)("accept_friend_request", **given)
    assert reply.json == SUCCESS | given
    assert request.accepted
    answer = await friend(api, given["id"])
    assert (answer["name"], answer["category"]) == ("新朋友 & 😄", "好友")
    await receiver.get_event("new_friend")
    await in_sync(account, receiver)
    assert len(receiver.events("new_friend")) == 1
    assert not receiver.events("friend_property_change")
    reply = await api.get("send_friend_message", id=given["id"], content="hi")
    assert reply.code == 0
    assert request.person.texts == ["hi"]


async def test_a_wrong_ticket_is_wechats_affair(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    request = account.asks_to_be_friends("新朋友", "你好")
    await in_sync(account, receiver)
    id = id_of(account, request.person)
    reply = await api.get("accept_friend_request", id=id, ticket="wrong", displayname="x")
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, -14)
    reply = await api.get("accept_friend_request", id="@nobody", ticket=request.ticket)
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 1)
    for params in ({"id": id}, {"ticket": request.ticket}, {}):
        reply = await api.get("accept_friend_request", **params)
        assert (reply.status, reply.code) == (400, -2)
    assert not request.accepted
    assert (await api.get("search_friend", id=id)).code == 100


async def test_a_friend_whose_record_cannot_be_fetched_comes_by_the_sync(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    request = account.asks_to_be_friends("新朋友", "你好")
    await in_sync(account, receiver)
    simulator.faults.add("webwxbatchgetcontact", Fault.SERVER_ERROR)
    reply = await api.get(
        "accept_friend_request", id=id_of(account, request.person), ticket=request.ticket
    )
    assert reply.code == 0
    (new,) = await receiver.get_event("new_friend")
    assert new["name"] == "新朋友"


# -- what they have in common ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LOSE_ANSWER, Fault.GARBAGE])
async def test_nobody_is_asked_twice(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, fault: Fault
) -> None:
    request = account.asks_to_be_friends("新朋友", "你好")
    await in_sync(account, receiver)
    simulator.faults.add("webwxverifyuser", fault)
    simulator.faults.add("webwxsync", Fault.SERVER_ERROR)
    stranger = id_of(account, stranger_of(account))
    is_unknown(await api.get("make_friend", id=stranger))
    asking = id_of(account, request.person)
    is_unknown(await api.get("accept_friend_request", id=asking, ticket=request.ticket))
    assert len(simulator.calls_of("webwxverifyuser")) == 2


async def test_the_sync_shows_that_a_request_was_accepted(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    api = await world.run(pace={"settle_s": 8.0})
    request = account.asks_to_be_friends("新朋友", "你好")
    await in_sync(account, receiver)
    simulator.faults.add("webwxverifyuser", Fault.LOSE_ANSWER, times=1)
    reply = await api.get(
        "accept_friend_request", id=id_of(account, request.person), ticket=request.ticket
    )
    assert (reply.status, reply.code) == (200, 0)
    await in_sync(account, receiver)
    assert len(receiver.events("new_friend")) == 1


async def test_refusals_and_silence(world: World, account: Account, simulator: Simulator) -> None:
    api = await world.run(pace={"settle_s": 60.0})
    calls: list[tuple[str, dict[str, str]]] = [
        ("set_markname", {"account": "xiaohui2016", "new_markname": "x"}),
        ("stick", {"account": "xiaohui2016", "op": "1"}),
        ("sticky_group", {"id": id_of(account, account.groups[0]), "op": "1"}),
        ("make_friend", {"id": id_of(account, stranger_of(account))}),
        ("accept_friend_request", {"id": "@x", "ticket": "t"}),
    ]
    for ret in (1205, -2, -1):
        for call in ("webwxoplog", "webwxverifyuser"):
            simulator.faults.add(call, Fault.RET, ret=ret, errmsg="no")
        for route, params in calls:
            reply = await api.get(route, **params)
            assert (reply.status, reply.code) == (200, 201), reply.body
            assert (reply.json["ret"], reply.json["errmsg"]) == (ret, "no")
        simulator.faults.clear()
    await simulator.close()
    for route, params in calls:
        reply = await api.get(route, **params)
        assert (reply.status, reply.code) == (200, -1), reply.body
        assert "connect" in reply.words
