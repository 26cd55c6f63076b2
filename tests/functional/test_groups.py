"""Making and changing groups: what WeChat gets, what the caller gets, and what is known and reported at once."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from openwx.simulator import Account, Fault, Group, Person, Simulator
from tests.reply import Reply
from tests.rows import rows

from .changing import STYLES, SUCCESS, id_of, ids_of, in_sync, is_unknown
from .world import Gateway, Json, Receiver, World


def own_group(account: Account) -> Group:
    """PERL学习交流: the account owns it."""
    group = account.group("PERL学习交流")
    assert group.owner is account.owner
    return group


def outsiders(account: Account, group: Group) -> list[Person]:
    return [friend for friend in account.friends if friend.key not in group.members]


async def shown(api: Gateway, id: str) -> Json:
    (group,) = (await api.get("search_group", id=id)).json
    assert isinstance(group, dict)
    return group


# -- create_group ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["friends", "friend"])
async def test_a_group_is_there_when_the_answer_comes(
    api: Gateway, account: Account, receiver: Receiver, style: str, name: str
) -> None:
    people = [account.friend("小灰"), account.friend("momo"), account.friend("阳光😄宝贝")]
    joined = ids_of(account, *people)
    call = getattr(api, style)
    reply = await call("create_group", **{name: joined, "displayname": "读书 & <会> 😄"})
    assert reply.json == SUCCESS | {"group_id": reply.json["group_id"]}
    group = await shown(api, reply.json["group_id"])
    assert group["displayname"] == group["name"] == "读书 & <会> 😄"
    real = account.group("读书 & <会> 😄")
    assert id_of(account, real) == group["id"]
    assert {member["id"] for member in group["member"]} == {
        id_of(account, member.person) for member in real.members.values()
    }
    (params,) = [await receiver.get_event("new_group")]
    assert params[0]["id"] == group["id"]
    assert len(params[0]["member"]) == 4
    await in_sync(account, receiver)
    assert len(receiver.events("new_group")) == 1
    assert not receiver.events("new_group_member", "group_property_change")
    sent = await api.post("send_group_message", id=group["id"], content="hello")
    assert sent.code == 0
    assert real.texts == ["hello"]


async def test_a_group_without_a_name(api: Gateway, account: Account, receiver: Receiver) -> None:
    people = [account.friend("小灰"), account.friend("momo")]
    reply = await api.get("create_group", friends=ids_of(account, *people))
    group = await shown(api, reply.json["group_id"])
    assert group["name"] == ""
    assert set(group["displayname"].split("、")) == {"小灰", "李老师（数学）"}
    await in_sync(account, receiver)
    assert [name for name, _ in receiver.events()] == ["new_group"]


async def test_an_id_that_is_given_twice_counts_once(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    joined = ids_of(account, account.friend("小灰"), account.friend("momo"))
    reply = await api.get("create_group", friends=f" {joined} ,,{joined},", friend=joined)
    assert reply.code == 0
    (call,) = simulator.calls_of("webwxcreatechatroom")
    assert call.body["MemberCount"] == 2


async def test_who_must_agree_first_is_left_out(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    gone = account.friend("无名氏")
    gone.unfriends_me()
    people = [account.friend("小灰"), gone, account.friend("momo")]
    reply = await api.get("create_group", friends=ids_of(account, *people))
    assert reply.json == SUCCESS | {
        "group_id": reply.json["group_id"],
        "left_out": [id_of(account, gone)],
    }
    group = await shown(api, reply.json["group_id"])
    assert len(group["member"]) == 3
    await in_sync(account, receiver)
    assert [name for name, _ in receiver.events()] == ["new_group"]


async def test_no_group_of_two(api: Gateway, account: Account) -> None:
    """WeChat's word, not ours."""
    reply = await api.get("create_group", friends=ids_of(account, account.friend("小灰")))
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 1)
    assert "two friends" in reply.words


async def test_the_group_is_there_also_where_it_cannot_be_fetched(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    rule = simulator.faults.add("webwxbatchgetcontact", Fault.SERVER_ERROR)
    people = [account.friend("小灰"), account.friend("momo")]
    reply = await api.get("create_group", friends=ids_of(account, *people), displayname="读书会2")
    group = await shown(api, reply.json["group_id"])
    assert {member["name"] for member in group["member"]} == {"小灰", "momo", "我是谁"}
    simulator.faults.remove(rule)
    await in_sync(account, receiver)
    assert len(receiver.events("new_group")) == 1


@rows("route", ["create_group", "invite_friend"])
@rows(
    ("friends", "status", "code", "word"),
    [
        ("", 200, 200, "friends"),
        (" , ,", 200, 200, "friends"),
        (None, 200, 200, "friends"),
        ("{grey},@nobody", 200, 100, "@nobody"),
        ("@nobody,{grey}", 200, 100, "@nobody"),
        ("{grey},{me}", 200, 101, "itself"),
        (",".join(f"@{number}" for number in range(501)), 400, -2, "500"),
    ],
)
async def test_lists_that_make_no_sense(
    api: Gateway,
    account: Account,
    simulator: Simulator,
    route: str,
    friends: str | None,
    status: int,
    code: int,
    word: str,
) -> None:
    params: dict[str, str] = {}
    if friends is not None:
        grey, me = account.friend("小灰"), account.owner
        params["friends"] = friends.format(grey=id_of(account, grey), me=id_of(account, me))
    if route == "invite_friend":
        params["displayname"] = "PERL学习交流"
    for style in STYLES:
        reply = await getattr(api, style)(route, **params)
        assert (reply.status, reply.code) == (status, code), reply.body
        assert word in reply.words
    assert not simulator.calls_of("webwxcreatechatroom")
    assert not simulator.calls_of("webwxupdatechatroom")


async def test_a_lost_answer_makes_no_second_group(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    """The sync decides: it was done."""
    api = await world.run(pace={"settle_s": 8.0})
    simulator.faults.add("webwxcreatechatroom", Fault.LOSE_ANSWER, times=1)
    people = [account.friend("小灰"), account.friend("momo")]
    before = len(account.groups)
    reply = await api.get("create_group", friends=ids_of(account, *people), displayname="once")
    assert reply.json == SUCCESS | {"group_id": id_of(account, account.group("once"))}
    assert len(account.groups) == before + 1
    assert len(simulator.calls_of("webwxcreatechatroom")) == 1
    assert (await shown(api, reply.json["group_id"]))["name"] == "once"
    await in_sync(account, receiver)
    assert len(receiver.events("new_group")) == 1


@pytest.mark.parametrize(
    "fault", [Fault.DROP, Fault.SERVER_ERROR, Fault.EMPTY, Fault.GARBAGE, Fault.TRUNCATE]
)
async def test_a_lost_answer_is_reported_as_unknown(
    world: World, account: Account, simulator: Simulator, fault: Fault
) -> None:
    """The sync has nothing meanwhile: whether there is a group is unknown."""
    api = await world.run()
    simulator.faults.add("webwxcreatechatroom", fault, times=1)
    simulator.faults.add("webwxsync", Fault.SERVER_ERROR)
    people = [account.friend("小灰"), account.friend("momo")]
    reply = await api.get("create_group", friends=ids_of(account, *people), displayname="once")
    is_unknown(reply)
    assert len(simulator.calls_of("webwxcreatechatroom")) == 1


async def test_another_new_group_is_not_taken_for_the_one_that_was_wanted(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    api = await world.run(pace={"settle_s": 1.0})
    rule = simulator.faults.add("webwxcreatechatroom", Fault.DROP)
    grey, momo = account.friend("小灰"), account.friend("momo")
    asking = asyncio.create_task(
        api.get("create_group", friends=ids_of(account, grey, momo), displayname="mine")
    )
    await rule.strikes()
    account.add_group("mine", [grey])
    account.add_group("mine", [grey, momo, account.friend("无名氏")])
    account.add_group("other", [grey, momo])
    await receiver.get_event("new_group", 3)
    is_unknown(await asking)


async def test_groups_that_are_made_at_once(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    joined = ids_of(account, account.friend("小灰"), account.friend("momo"))
    replies = await asyncio.gather(
        *(api.get("create_group", friends=joined, displayname="same") for _ in range(5))
    )
    assert len({reply.json["group_id"] for reply in replies}) == 5
    await in_sync(account, receiver)
    assert len(receiver.events("new_group")) == 5


# -- invite_friend ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["friends", "friend"])
async def test_friends_join_a_small_group(
    api: Gateway, account: Account, receiver: Receiver, style: str, name: str
) -> None:
    group = own_group(account)
    people = outsiders(account, group)[:2]
    reply = await getattr(api, style)(
        "invite_friend", displayname=group.name, **{name: ids_of(account, *people)}
    )
    assert reply.json == SUCCESS
    assert all(person.key in group.members for person in people)
    answer = await shown(api, id_of(account, group))
    assert len(answer["member"]) == len(group.members)
    await receiver.get_event("new_group_member", 2)
    await in_sync(account, receiver)
    events = receiver.events()
    assert [name for name, _ in events] == ["new_group_member"] * 2
    assert {params[0]["id"] for _, params in events} == set(ids_of(account, *people).split(","))
    assert {params[0]["name"] for _, params in events} == {person.nickname for person in people}
    assert all(params[1]["id"] == answer["id"] for _, params in events)


async def test_twice_in_a_row(api: Gateway, account: Account, simulator: Simulator) -> None:
    group = own_group(account)
    first, second = outsiders(account, group)[:2]
    params = {"id": id_of(account, group), "friends": id_of(account, first)}
    assert (await api.get("invite_friend", **params)).code == 0
    reply = await api.get("invite_friend", **params)
    assert (reply.status, reply.code) == (200, 101)
    assert "already" in reply.words
    params["friends"] = ids_of(account, first, second)
    assert (await api.get("invite_friend", **params)).code == 0
    asked = [call.body["AddMemberList"] for call in simulator.calls_of("webwxupdatechatroom")]
    assert asked == [id_of(account, first), id_of(account, second)]


async def test_friends_are_asked_to_join_a_big_group(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    group = own_group(account)
    simulator.settings.invite_start_count = len(group.members)
    api = await world.run()
    person = outsiders(account, group)[0]
    params = {"id": id_of(account, group), "friends": id_of(account, person)}
    assert (await api.get("invite_friend", **params)).json == SUCCESS
    assert group.invited == [person]
    assert [call.query["fun"] for call in simulator.calls_of("webwxupdatechatroom")] == [
        "invitemember"
    ]
    assert len((await shown(api, params["id"]))["member"]) == len(group.members)
    group.accepts_invitation(person)
    joined = await receiver.get_event("new_group_member")
    assert joined[0]["id"] == id_of(account, person)


async def test_a_group_that_is_bigger_than_wechat_said(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    group = own_group(account)
    simulator.settings.invite_start_count = 2
    person = outsiders(account, group)[0]
    reply = await api.get("invite_friend", id=id_of(account, group), friends=id_of(account, person))
    assert reply.json == SUCCESS
    assert group.invited == [person]
    assert [call.query["fun"] for call in simulator.calls_of("webwxupdatechatroom")] == [
        "addmember",
        "invitemember",
    ]


async def test_who_does_not_join(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = own_group(account)
    gone, present = outsiders(account, group)[:2]
    gone.unfriends_me()
    id = id_of(account, group)
    reply = await api.get("invite_friend", id=id, friends=id_of(account, gone))
    assert (reply.status, reply.code) == (200, 101)
    assert reply.json["left_out"] == [id_of(account, gone)]
    reply = await api.get("invite_friend", id=id, friends=ids_of(account, gone, present))
    assert reply.json == SUCCESS | {"left_out": [id_of(account, gone)]}
    await in_sync(account, receiver)
    assert len(receiver.events("new_group_member")) == 1
    assert len((await shown(api, id))["member"]) == len(group.members)


# -- kick_group_member -----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["members", "member"])
async def test_members_are_removed(
    api: Gateway, account: Account, receiver: Receiver, style: str, name: str
) -> None:
    group = own_group(account)
    people = [member.person for member in group.others[:2]]
    ids = ids_of(account, *people)
    reply = await getattr(api, style)(
        "kick_group_member", id=id_of(account, group), **{name: f"{ids},{ids}"}
    )
    assert reply.json == SUCCESS
    assert not any(person.key in group.members for person in people)
    answer = await shown(api, id_of(account, group))
    assert len(answer["member"]) == len(group.members)
    await receiver.get_event("lose_group_member", 2)
    await in_sync(account, receiver)
    assert [name for name, _ in receiver.events()] == ["lose_group_member"] * 2
    reply = await api.get("kick_group_member", id=id_of(account, group), members=ids)
    assert reply.code == 100
    assert ids.split(",")[0] in reply.words


@rows(
    ("params", "code"),
    [
        ({"members": ""}, 200),
        ({}, 200),
        ({"members": "@nobody"}, 100),
        ({"members": "{me}"}, 101),
        ({"members": "{other},{me}"}, 101),
        ({"members": "{other},@nobody"}, 100),
    ],
)
async def test_who_cannot_be_removed(
    api: Gateway, account: Account, simulator: Simulator, params: dict[str, str], code: int
) -> None:
    group = own_group(account)
    names = {
        "me": id_of(account, account.owner),
        "other": id_of(account, group.others[0].person),
    }
    given = {key: value.format(**names) for key, value in params.items()}
    reply = await api.get("kick_group_member", id=id_of(account, group), **given)
    assert (reply.status, reply.code) == (200, code)
    assert not simulator.calls_of("webwxupdatechatroom")


async def test_only_the_owner_removes_members(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group("Python爱好者 & 朋友们")
    person = group.others[0].person
    reply = await api.get(
        "kick_group_member", id=id_of(account, group), members=id_of(account, person)
    )
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 1)
    await in_sync(account, receiver)
    assert not receiver.events()


# -- set_group_displayname -------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
async def test_a_group_gets_another_name(
    api: Gateway, account: Account, receiver: Receiver, style: str
) -> None:
    group = own_group(account)
    id = id_of(account, group)
    names = ["新名字 😄", "Tom &amp; <b>", "0"]
    for name in names:
        reply = await getattr(api, style)("set_group_displayname", id=id, new_displayname=name)
        assert reply.json == SUCCESS
        assert group.name == name
        answer = await shown(api, id)
        assert (answer["name"], answer["displayname"]) == (name, name)
    await in_sync(account, receiver)
    changes = [(params[1], params[2], params[3]) for _, params in receiver.events()]
    assert {name for name, _ in receiver.events()} == {"group_property_change"}
    old = ["PERL学习交流", *names]
    assert changes == [
        (what, old[number], name)
        for number, name in enumerate(names)
        for what in ("name", "displayname")
    ]


@rows(
    ("new", "word"),
    [(None, "missing"), ("", "missing"), ("x" * 101, "100"), ("a\nb", "line"), ("a\x1bb", "line")],
)
async def test_names_that_no_group_can_have(
    api: Gateway, account: Account, simulator: Simulator, new: str | None, word: str
) -> None:
    params = {"displayname": "PERL学习交流"} | ({} if new is None else {"new_displayname": new})
    for style in STYLES:
        reply = await getattr(api, style)("set_group_displayname", **params)
        assert (reply.status, reply.code) == (400, -2)
        assert "new_displayname" in reply.words
        assert word in reply.words
    assert not simulator.calls_of("webwxupdatechatroom")
    joined = ids_of(account, account.friend("小灰"), account.friend("momo"))
    reply = await api.post_json("create_group", friends=joined, displayname="a\nb")
    assert (reply.status, reply.code) == (400, -2)
    assert not simulator.calls_of("webwxcreatechatroom")


# -- what all of them have in common ---------------------------------------------------------------------


def calls(account: Account) -> list[tuple[str, dict[str, str]]]:
    """One sensible call of every route that changes a group."""
    group = own_group(account)
    id = id_of(account, group)
    people = outsiders(account, group)[:2]
    return [
        ("create_group", {"friends": ids_of(account, *people)}),
        ("invite_friend", {"id": id, "friends": ids_of(account, *people)}),
        ("kick_group_member", {"id": id, "members": id_of(account, group.others[0].person)}),
        ("set_group_displayname", {"id": id, "new_displayname": "新"}),
    ]


@pytest.mark.parametrize("route", ["invite_friend", "kick_group_member", "set_group_displayname"])
async def test_groups_that_are_not_there_or_not_named(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, route: str
) -> None:
    grey = id_of(account, account.friend("小灰"))
    params = {"friends": grey, "members": grey, "new_displayname": "x"}
    reply = await api.get(route, **params)
    assert (reply.status, reply.code) == (400, -2)
    assert "displayname" in reply.words
    for missing in ({"id": "@@nobody"}, {"displayname": "nobody"}, {"id": grey}):
        reply = await api.get(route, **params, **missing)
        assert (reply.status, reply.code) == (200, 100)
    account.add_group("项目组", ["甲", "乙"])
    account.add_group("项目组", ["丙"])
    await receiver.get_event("new_group", 2)
    reply = await api.get(route, **params, displayname="项目组")
    assert (reply.status, reply.code, len(reply.json["candidates"])) == (200, 102, 2)
    assert not simulator.calls_of("webwxupdatechatroom")


async def test_refusals_are_reported(api: Gateway, account: Account, simulator: Simulator) -> None:
    for name in ("webwxcreatechatroom", "webwxupdatechatroom"):
        simulator.faults.add(name, Fault.RET, ret=-2, errmsg="not allowed")
    for route, params in calls(account):
        reply = await api.get(route, **params)
        assert (reply.status, reply.code) == (200, 201), route
        assert (reply.json["ret"], reply.json["errmsg"]) == (-2, "not allowed")
    assert not account.sent


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LOSE_ANSWER, Fault.GARBAGE])
async def test_a_change_is_never_done_twice(
    world: World, account: Account, simulator: Simulator, fault: Fault
) -> None:
    api = await world.run()
    for name in ("webwxcreatechatroom", "webwxupdatechatroom"):
        simulator.faults.add(name, fault)
    simulator.faults.add("webwxsync", Fault.SERVER_ERROR)
    for route, params in calls(account):
        is_unknown(await api.get(route, **params))
    assert len(simulator.calls_of("webwxcreatechatroom")) == 1
    assert len(simulator.calls_of("webwxupdatechatroom")) == 3


async def test_the_sync_shows_how_it_ended(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    api = await world.run(pace={"settle_s": 8.0})
    await receiver.get_event("login")
    receiver.forget()
    for name in ("webwxcreatechatroom", "webwxupdatechatroom"):
        simulator.faults.add(name, Fault.LOSE_ANSWER)
    for route, params in calls(account):
        reply = await api.get(route, **params)
        assert (reply.status, reply.code) == (200, 0), route
    await in_sync(account, receiver)
    found = [name for name, _ in receiver.events() if name != "state_change"]
    assert found == [
        "new_group",
        *["new_group_member"] * 2,
        "lose_group_member",
        *["group_property_change"] * 2,
    ]


async def test_wechat_that_is_out_of_reach(world: World, account: Account) -> None:
    api = await world.run(pace={"settle_s": 60.0})
    asked = calls(account)
    await world.simulator.close()
    for route, params in asked:
        reply = await api.get(route, **params)
        assert (reply.status, reply.code) == (200, -1), reply.body
        assert "connect" in reply.words


async def test_too_often_makes_the_next_one_wait(
    world: World, account: Account, simulator: Simulator
) -> None:
    api = await world.run(pace={"too_often_first_s": 0.5, "too_often_most_s": 0.5})
    simulator.faults.add("webwxupdatechatroom", Fault.RET, ret=1205, times=1)
    id = id_of(account, own_group(account))
    reply = await api.get("set_group_displayname", id=id, new_displayname="a")
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 1205)
    assert (await api.get("set_group_displayname", id=id, new_displayname="b")).code == 0
    first, second = simulator.calls_of("webwxupdatechatroom")
    assert second.time - first.time > 0.35


async def test_changes_keep_the_pace_of_sends(
    world: World, account: Account, simulator: Simulator
) -> None:
    api = await world.run(send_interval=0.2)
    groups = account.groups[:4]
    replies = await asyncio.gather(
        *(
            api.get("set_group_displayname", id=id_of(account, group), new_displayname="a")
            for group in groups
        )
    )
    assert [reply.code for reply in replies] == [0] * 4
    times = [call.time for call in simulator.calls_of("webwxupdatechatroom")]
    assert all(later - earlier > 0.15 for earlier, later in pairwise(times))


async def test_a_change_whose_turn_does_not_come_is_not_done(
    world: World, account: Account, simulator: Simulator
) -> None:
    api = await world.run(pace={"send_wait_s": 0.5, "call_timeout_s": 20.0})
    rule = simulator.faults.add("webwxupdatechatroom", Fault.HANG, times=1)
    id = id_of(account, own_group(account))
    first = asyncio.create_task(api.get("set_group_displayname", id=id, new_displayname="a"))
    await rule.strikes()
    reply = await api.get("set_group_displayname", id=id, new_displayname="b")
    assert (reply.status, reply.code) == (504, -1)
    assert "Nothing was changed" in reply.words
    rule.release()
    assert (await first).code == 0
    assert own_group_name(account) == "a"
    assert len(simulator.calls_of("webwxupdatechatroom")) == 1


def own_group_name(account: Account) -> str:
    return account.groups[0].name


async def test_a_new_login_in_between(world: World, account: Account, simulator: Simulator) -> None:
    """What waits for its turn has ids that nobody has any more."""
    api = await world.run()
    rule = simulator.faults.add("webwxupdatechatroom", Fault.HANG, times=1)
    id = id_of(account, own_group(account))
    waiting: list[asyncio.Task[Reply]] = []
    for name in ("a", "b"):
        asking = api.get("set_group_displayname", id=id, new_displayname=name)
        waiting.append(asyncio.create_task(asking))
        await rule.strikes()
    account.phone.logs_out_web()
    rule.release()
    first, second = [await one for one in waiting]
    for reply in (first, second):
        assert (reply.status, reply.code) == (503, -4), reply.body
        assert reply.json["state"]
    assert own_group_name(account) == "PERL学习交流"
    assert len(simulator.calls_of("webwxupdatechatroom")) == 1


async def test_nothing_else_stands_still(
    world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    api = await world.run(pace={"call_timeout_s": 30.0})
    rules = [
        simulator.faults.add(name, Fault.HANG)
        for name in ("webwxcreatechatroom", "webwxupdatechatroom")
    ]
    hanging = [asyncio.create_task(api.get(route, **params)) for route, params in calls(account)]
    for rule in rules:
        await rule.strikes()
    assert (await api.get("get_user_info")).status == 200
    assert (await api.get("send_friend_message", account="xiaohui2016", content="x")).code == 0
    account.friend("小灰").says("hello")
    await receiver.get(content="hello")
    momo = id_of(account, account.friend("momo"))
    assert (await api.get("set_markname", id=momo, new_markname="x")).code == 0
    assert not any(task.done() for task in hanging)
    for rule in rules:
        simulator.faults.remove(rule)
    replies: list[Any] = [await task for task in hanging]
    assert [reply.code for reply in replies] == [0] * 4
