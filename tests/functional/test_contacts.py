"""The contacts of the account: as the API shows them, and how changes are reported."""

from typing import Any

import pytest

from openwx.simulator import Account, Fault, Group, Member, Person, Simulator

from .world import Gateway, Json, Receiver, World

SEX = {0: "none", 1: "male", 2: "female"}


def lasting(name: str) -> int | str:
    return int(name) if name.isdecimal() else name


def expected(person: Person, category: str) -> Json:
    """Return a friend as the API must show them, without the id."""
    return {
        "account": person.alias,
        "name": person.nickname,
        "markname": person.remark,
        "sex": SEX[person.sex],
        "display": "",
        "city": person.city,
        "signature": person.signature,
        "province": person.province,
        "uid": lasting(person.lasting_name) if category == "好友" else "",
        "displayname": person.remark or person.nickname,
        "category": category,
    }


def named(members: list[Json], name: str) -> Json:
    (found,) = (member for member in members if member["name"] == name)
    return found


def by_key(items: list[Json]) -> list[str]:
    return sorted(map(str, items))


# -- as they are -----------------------------------------------------------------------------------------


async def test_the_user(api: Gateway, account: Account) -> None:
    user = (await api.get("get_user_info")).json
    assert user.pop("id").startswith("@")
    assert user == {
        "account": "openwx_owner1",
        "name": "我是谁",
        "markname": "",
        "sex": "male",
        "display": "",
        "city": "浦东新区",
        "signature": "我思故我在 & 😄",
        "province": "上海",
        "uid": account.uin,
        "displayname": "我是谁",
    }


async def test_friends(api: Gateway, account: Account) -> None:
    friends = (await api.get("get_friend_info")).json
    people = {friend["id"]: friend for friend in friends if friend["category"] == "好友"}
    assert len({friend["id"] for friend in friends}) == len(friends)
    assert all(id.startswith("@") and not id.startswith("@@") for id in people)
    shown = [{k: v for k, v in friend.items() if k != "id"} for friend in people.values()]
    assert by_key(shown) == by_key([expected(friend, "好友") for friend in account.friends])
    public = [friend for friend in friends if friend["category"] == "公众号"]
    shown = [{k: v for k, v in friend.items() if k != "id"} for friend in public]
    assert by_key(shown) == by_key(
        [expected(friend, "公众号") for friend in account.public_accounts]
    )
    system = {friend["id"]: friend for friend in friends if friend["category"] == "系统帐号"}
    assert set(system) == {str(friend.system_name) for friend in account.system_accounts}
    helper = system["filehelper"]
    assert (helper["name"], helper["displayname"]) == ("文件传输助手", "文件传输助手")
    assert len(friends) == len(people) + len(public) + len(system)


async def test_groups(api: Gateway, account: Account) -> None:
    groups = (await api.get("get_group_info")).json
    basics = (await api.get("get_group_basic_info")).json
    friends = {friend["id"]: friend for friend in (await api.get("get_friend_info")).json}
    assert len(groups) == len(account.groups) == len(basics)
    assert all(group["id"].startswith("@@") for group in groups)
    by_uid = {str(group["uid"]): group for group in groups}
    for real in account.groups:
        group = by_uid[real.uin]
        assert group["uid"] == lasting(real.uin)
        assert group["name"] == real.name
        others = [shown(member) for member in real.others]
        assert group["displayname"] == (real.name or "、".join(others[:3]))
        if real.owner is account.owner:
            assert group["owner_uid"] == account.uin
        elif real.owner.is_friend:
            assert group["owner_uid"] == lasting(real.owner.lasting_name)
        else:
            assert group["owner_uid"] == ""
        assert sorted(member["displayname"] for member in group["member"]) == sorted(
            shown(member) for member in real.members.values()
        )
        for member in group["member"]:
            if friend := friends.get(member["id"]):
                same = {
                    "account",
                    "name",
                    "markname",
                    "sex",
                    "city",
                    "signature",
                    "province",
                    "uid",
                }
                assert {k: member[k] for k in same} == {k: friend[k] for k in same}
        assert {**group, "member_count": len(real.members)} == {
            **next(one for one in basics if one["id"] == group["id"]),
            "member": group["member"],
        }


def shown(member: Member) -> str:
    """Name in the group, else markname, else name (contract, section 1)."""
    person = member.person
    return member.display_name or (person.is_friend and person.remark) or person.nickname


async def test_emoji_and_entities_are_decoded(api: Gateway) -> None:
    names = {friend["name"] for friend in (await api.get("get_friend_info")).json}
    assert {
        "阳光😄宝贝",
        "Tom & Jerry <猫和老鼠>",
        "🇨🇳中国人🇨🇳",
        "拥抱👐明天",
        "A01房产中介5\u20e3星",
        "🥰",
    } <= names
    body = (await api.get("get_group_info")).body.decode()
    for trace in ("&amp;", "&lt;", "<span", "emoji1f"):
        assert trace not in body
    (found,) = (await api.get("search_friend", name="Tom & Jerry <猫和老鼠>")).json
    assert found["signature"] == "a \"b\" 'c'"
    (found,) = (await api.get("search_friend", markname="表姐 & 姐夫")).json
    assert (found["name"], found["displayname"]) == ("拥抱👐明天", "表姐 & 姐夫")


async def test_nameless_people_and_groups(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    account.add_friend("").renames("")
    account.add_group("", [])
    await receiver.get_event("new_group")
    (group,) = (await api.get("search_group", displayname="群名未知")).json
    assert [member["name"] for member in group["member"]] == ["我是谁"]


async def test_many_contacts_come_in_pages(world: World, simulator: Simulator) -> None:
    simulator.settings.contact_page_size = 5
    simulator.settings.init_chats = 2
    gateway = await world.run()
    friends = (await gateway.get("get_friend_info")).json
    account = world.account
    assert len(friends) == len(account.friends) + len(account.public_accounts) + len(
        account.system_accounts
    )
    assert len((await gateway.get("get_group_info")).json) == len(account.groups)
    pages = [call.query["seq"] for call in simulator.calls_of("webwxgetcontact")]
    assert pages[0] == "0"
    assert len(set(pages)) == len(pages) >= 5


# -- searching -------------------------------------------------------------------------------------------


async def test_search(api: Gateway, account: Account) -> None:
    async def names(**attributes: str) -> list[str]:
        return [found["name"] for found in (await api.get("search_friend", **attributes)).json]

    assert await names(name="张伟") == ["张伟", "张伟"]
    assert await names(name="张伟", city="成都") == ["张伟"]
    assert await names(account="momo_0717") == ["momo"]
    assert await names(displayname="李老师（数学）") == ["momo"]
    assert await names(uid=str(account.friend("小灰").uin)) == ["小灰"]
    assert await names(uid="wxid_9f3k2l1m0n8p21") == ["🇨🇳中国人🇨🇳"]
    assert await names(id="filehelper") == ["文件传输助手"]
    assert len(await names(category="公众号")) == 4
    assert len(await names(category="系统帐号")) == 5
    assert "小灰" in await names(markname="", sex="male")
    (group,) = (await api.get("search_group", uid=account.groups[0].uin)).json
    assert group["name"] == account.groups[0].name
    found = (await api.get("search_group", owner_uid=str(account.uin))).json
    assert {one["name"] for one in found} == {
        group.name for group in account.groups if group.owner is account.owner
    }


@pytest.mark.parametrize("route", ["search_friend", "search_group"])
async def test_search_without_success(api: Gateway, route: str) -> None:
    reply = await api.get(route, name="nobody")
    assert (reply.status, reply.code) == (200, 100)
    for bad in ({"send": "x"}, {"name": "x", "member": "y"}, {"__class__": "x"}):
        reply = await api.get(route, **bad)
        assert (reply.status, reply.code) == (400, -2)
        assert "displayname" in reply.words
    reply = await api.get(route)
    assert (reply.status, reply.code) == (400, -2)


async def test_oneself_is_no_friend(api: Gateway, account: Account) -> None:
    user = (await api.get("get_user_info")).json
    for selectors in ({"id": user["id"]}, {"account": user["account"]}):
        reply = await api.get("send_friend_message", content="x", **selectors)
        assert (reply.status, reply.code) == (200, 101)
        assert "itself" in reply.words
    assert account.sent == []


# -- changes ---------------------------------------------------------------------------------------------


async def test_a_new_friend(api: Gateway, account: Account, receiver: Receiver) -> None:
    account.add_friend("新😄朋友 & Co", alias="newbie", sex=2, city="广州")
    (friend,) = await receiver.get_event("new_friend")
    assert (friend["name"], friend["account"], friend["sex"]) == (
        "新😄朋友 & Co",
        "newbie",
        "female",
    )
    assert friend["category"] == "好友"
    assert (await api.get("search_friend", account="newbie")).json == [friend]
    reply = await api.get("send_friend_message", account="newbie", content="welcome")
    assert reply.code == 0
    assert account.friend("新😄朋友 & Co").texts == ["welcome"]
    assert len(receiver.events("new_friend")) == 1


async def test_a_lost_friend(api: Gateway, account: Account, receiver: Receiver) -> None:
    former = (await api.get("search_friend", account="xiaohui2016")).json
    account.phone.deletes(account.friend("小灰"))
    assert await receiver.get_event("lose_friend") == former
    assert (await api.get("search_friend", account="xiaohui2016")).code == 100
    assert (await api.get("send_friend_message", account="xiaohui2016", content="x")).code == 100
    assert len(receiver.events()) == 1


async def test_a_new_group(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.add_group("新群 & <群>", ["甲😄", account.friend("小灰")])
    (reported,) = await receiver.get_event("new_group")
    assert (reported["name"], reported["displayname"]) == ("新群 & <群>", "新群 & <群>")
    assert [member["name"] for member in reported["member"]] == ["我是谁", "甲😄", "小灰"]
    assert named(reported["member"], "小灰")["account"] == "xiaohui2016"
    assert (await api.get("search_group", name="新群 & <群>")).json == [reported]
    group.member_says("甲😄", "hi")
    message = await receiver.get(content="hi")
    assert (message["sender"], message["group"]) == ("甲😄", "新群 & <群>")
    assert len(receiver.events()) == 1


async def test_a_lost_group(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group("PERL学习交流")
    former = (await api.get("search_group", name=group.name)).json
    group.remove_member(account.owner)
    assert await receiver.get_event("lose_group") == former
    assert (await api.get("send_group_message", displayname=group.name, content="x")).code == 100
    notice = await receiver.get(type="group_notice")
    assert "移出群聊" in notice["content"]


async def test_somebody_joins_and_leaves(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group("PERL学习交流")
    group.add_member("新人 & Co", display_name="N😄")
    member, reported = await receiver.get_event("new_group_member")
    assert (member["name"], member["display"], member["displayname"]) == ("新人 & Co", "N😄", "N😄")
    assert reported["name"] == group.name
    assert member in reported["member"]
    notice = await receiver.get(type="group_notice")
    assert notice["content"].endswith('邀请"N😄"加入了群聊')
    group.remove_member("新人 & Co")
    left, reported = await receiver.get_event("lose_group_member")
    assert left == member
    assert left not in reported["member"]
    assert len(receiver.events()) == 2


async def test_a_friend_joins(api: Gateway, account: Account, receiver: Receiver) -> None:
    """The new friend has all details, and the name in groups follows the remark."""
    group = account.group("PERL学习交流")
    (friend,) = [
        one
        for one in account.friends
        if one.nickname in ("momo", "拥抱👐明天", "A01房产中介5\u20e3星")
        and one.key not in group.members
    ][:1]
    group.add_member(friend)
    member, _ = await receiver.get_event("new_group_member")
    assert (member["markname"], member["displayname"]) == (friend.remark, friend.remark)
    assert (member["account"], member["sex"]) == (friend.alias, SEX[friend.sex])
    assert member["uid"] == friend.uin


async def test_properties_of_a_group(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group("PERL学习交流")
    group.rename("Perl & 6")
    await receiver.gets(2, event="group_property_change")
    changes = {params[1]: params for _, params in receiver.events()}
    assert set(changes) == {"name", "displayname"}
    changed = changes["name"][0]
    for name in ("name", "displayname"):
        changed, _, old, new = changes[name]
        assert (old, new, changed["name"]) == ("PERL学习交流", "Perl & 6", "Perl & 6")
        assert changed["member"]
    assert len(receiver.events()) == 2
    assert (await api.get("search_group", name="PERL学习交流")).code == 100
    assert (await api.get("search_group", name="Perl & 6")).json == [changed]


async def test_properties_of_a_member(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group("PERL学习交流")
    stranger = next(member for member in group.others if not member.person.is_friend)
    former = stranger.display_name
    group.member_renames(stranger, "改名😄")
    await receiver.gets(2, event="group_member_property_change")
    changes = {params[1]: params for _, params in receiver.events()}
    assert set(changes) == {"display", "displayname"}
    member, _, old, new = changes["display"]
    assert (old, new) == (former, "改名😄")
    assert member["displayname"] == "改名😄"
    assert len(receiver.events()) == 2


async def test_properties_of_a_friend(api: Gateway, account: Account, receiver: Receiver) -> None:
    friend = account.friend("小灰")
    friend.renames("小灰灰 & 😄")
    await receiver.gets(2, event="friend_property_change")
    changes = {params[1]: params for _, params in receiver.events("friend_property_change")}
    assert set(changes) == {"name", "displayname"}
    changed, _, old, new = changes["name"]
    assert (old, new) == ("小灰", "小灰灰 & 😄")
    uid = (await api.get("search_friend", account="xiaohui2016")).json[0]["uid"]
    assert (changed["sex"], changed["uid"]) == ("male", friend.uin)
    assert uid == friend.uin
    receiver.forget()
    account.phone.remarks(friend, "备注")
    await receiver.gets(2, event="friend_property_change")
    changes = {params[1]: params for _, params in receiver.events("friend_property_change")}
    assert set(changes) == {"markname", "displayname"}
    assert changes["displayname"][2:] == ["小灰灰 & 😄", "备注"]
    receiver.forget()
    friend.changes(signature="新签名<br>", sex=2, city="广州")
    await receiver.gets(3, event="friend_property_change")
    changes = {params[1]: params[2:] for _, params in receiver.events("friend_property_change")}
    assert changes == {
        "signature": ["", "新签名<br>"],
        "sex": ["male", "female"],
        "city": ["深圳", "广州"],
    }
    reply = await api.get("send_friend_message", markname="备注", content="x")
    assert reply.code == 0


async def test_a_change_that_changes_nothing_is_not_reported(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    account.friend("小灰").changes_avatar()
    account.contact_changed(account.group("PERL学习交流"))
    account.friend("小灰").says("end")
    await receiver.get(content="end")
    assert not receiver.events()


async def test_ones_own_profile(api: Gateway, account: Account, receiver: Receiver) -> None:
    former = (await api.get("get_user_info")).json
    account.phone.renames_me("我是我 & 😄")
    await receiver.gets(2, event="user_property_change")
    changes = {params[1]: params for _, params in receiver.events()}
    assert set(changes) == {"name", "displayname"}
    user, _, old, new = changes["name"]
    assert (old, new) == ("我是谁", "我是我 & 😄")
    now = (await api.get("get_user_info")).json
    assert now == user == former | {"name": new, "displayname": new}
    account.owner.changes(signature="新", sex=2)
    await receiver.get(event="user_property_change")
    await receiver.gets(4, event="user_property_change")
    user = (await api.get("get_user_info")).json
    assert (user["signature"], user["sex"], user["city"]) == ("新", "female", "浦东新区")
    assert user["uid"] == account.uin


async def test_a_failing_fetch_does_not_stop_the_loop(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    """The record in the answer itself is used then."""
    simulator.faults.add("webwxbatchgetcontact", Fault.SERVER_ERROR)
    account.add_group("新群", ["甲"])
    (reported,) = await receiver.get_event("new_group")
    assert [member["name"] for member in reported["member"]] == ["我是谁", "甲"]


async def test_uids_last_over_logins(api: Gateway, account: Account, receiver: Receiver) -> None:
    async def uids(name: str) -> dict[Any, str]:
        people = (await api.get(name)).json
        return {one["uid"]: one["id"] for one in people if one["uid"] != ""}

    friends, groups = await uids("get_friend_info"), await uids("get_group_info")
    assert set(friends) == {
        lasting(one.lasting_name) for one in [account.filehelper, *account.friends]
    }
    assert len(groups) == len(account.groups)
    account.end_session(1102)
    await account.phone.sees_push_login()
    account.phone.confirm()
    await receiver.get_event("login")
    await api.reaches("running")
    for former, name in ((friends, "get_friend_info"), (groups, "get_group_info")):
        now = await uids(name)
        assert set(now) == set(former)
        assert set(now.values()) & set(former.values()) <= {"filehelper"}


def test_the_simulated_groups_are_of_all_kinds() -> None:
    """What the tests above rely on."""
    account = Simulator(1, friends=14, biggest_group=120, group_members=8).account()
    groups: list[Group] = account.groups
    assert {group.saved for group in groups} == {True, False}
    assert {group.owner is account.owner for group in groups} == {True, False}
    assert {group.uin.isdecimal() for group in groups} == {True, False}
    assert "" in {group.name for group in groups}
    assert max(len(group.members) for group in groups) > 100
