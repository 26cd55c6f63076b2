"""Making and changing groups by the web client (reference, 7)."""

from __future__ import annotations

import aiohttp
import pytest

from openwx.simulator import Account, Fault, Group, Simulator

from .web_client import Json, WebClient


def ret(answer: Json) -> int:
    return int(answer["BaseResponse"]["Ret"])


class Groups:
    """The group calls of one web client, by people instead of ids."""

    def __init__(self, client: WebClient, account: Account) -> None:
        self.client = client
        self.account = account

    def ids(self, *names: str) -> list[str]:
        session = self.account.session
        assert session is not None
        return [session.id_of(self.account.friend(name)) for name in names]

    async def create(self, topic: str, *ids: str) -> Json:
        members = [{"UserName": user_name} for user_name in ids]
        body = {"MemberCount": len(ids), "MemberList": members, "Topic": topic}
        return await self.client.post("webwxcreatechatroom", body)

    async def update(self, fun: str, group: Group, **fields: str) -> int:
        session = self.account.session
        assert session is not None
        body = {"ChatRoomName": session.id_of(group), **fields}
        return ret(await self.client.post("webwxupdatechatroom", body, fun=fun))


@pytest.fixture
def groups(client: WebClient, account: Account) -> Groups:
    return Groups(client, account)


@pytest.fixture
def own_group(account: Account) -> Group:
    return account.add_group("我的群", [account.friend("小灰"), account.friend("momo"), "路人"])


async def test_a_new_group(groups: Groups, client: WebClient, account: Account) -> None:
    answer = await groups.create("吃饭 & 喝酒", *groups.ids("小灰", "momo"))
    assert ret(answer) == 0
    group = account.group("吃饭 & 喝酒")
    assert group.owner is account.owner
    assert [m.nickname for m in group.others] == ["小灰", "momo"]
    assert (answer["BlackList"], answer["MemberCount"]) == ("", 2)
    synced = await client.sync()
    (record,) = synced["ModContactList"]
    assert record["UserName"] == answer["ChatRoomName"]
    assert (record["MemberCount"], record["IsOwner"]) == (3, 1)
    (notice,) = synced["AddMsgList"]
    assert (notice["MsgType"], notice["FromUserName"]) == (10000, answer["ChatRoomName"])
    assert "小灰、momo" in notice["Content"]


async def test_who_is_no_friend_is_left_out(groups: Groups, account: Account) -> None:
    dropped, *others = groups.ids("小灰", "momo", "🥰")
    account.friend("小灰").unfriends_me()
    answer = await groups.create("", dropped, *others)
    assert answer["BlackList"] == dropped
    assert [m["MemberStatus"] for m in answer["MemberList"]] == [4, 0, 0]
    assert [m.nickname for m in account.groups[-1].others] == ["momo", "🥰"]


async def test_groups_that_are_refused(groups: Groups, account: Account) -> None:
    count = len(account.groups)
    one, two = groups.ids("小灰", "momo")
    assert ret(await groups.create("x", one)) == 1
    assert ret(await groups.create("x", one, one)) == 1
    assert ret(await groups.create("x", one, "@nobody")) == 1
    assert ret(await groups.create("x", one, groups.client.me)) == 1
    account.friend("momo").unfriends_me()
    assert ret(await groups.create("x", one, two)) == 1
    assert len(account.groups) == count


async def test_a_repeat_makes_a_second_group(
    groups: Groups, account: Account, simulator: Simulator
) -> None:
    count, ids = len(account.groups), groups.ids("小灰", "momo")
    simulator.faults.add("webwxcreatechatroom", Fault.LOSE_ANSWER, times=1)
    with pytest.raises(aiohttp.ClientError):
        await groups.create("x", *ids)
    await groups.create("x", *ids)
    assert len(account.groups) == count + 2


async def test_adding_members(
    groups: Groups, client: WebClient, account: Account, own_group: Group
) -> None:
    await client.sync()
    ids = groups.ids("小灰", "🥰")
    assert await groups.update("addmember", own_group, AddMemberList=",".join(ids)) == 0
    assert own_group.member("🥰").person.is_friend
    assert len(own_group.members) == 5, "小灰 was in it before"
    synced = await client.sync()
    assert synced["AddMsgList"][0]["Content"] == '你邀请"🥰"加入了群聊'
    assert synced["ModContactList"][0]["MemberCount"] == 5


async def test_big_groups_take_invitations_only(
    groups: Groups, client: WebClient, account: Account, simulator: Simulator, own_group: Group
) -> None:
    assert (await client.init())["InviteStartCount"] == 40
    simulator.settings.invite_start_count = len(own_group.members)
    (new,) = groups.ids("🥰")
    assert await groups.update("addmember", own_group, AddMemberList=new) == 1
    assert await groups.update("invitemember", own_group, InviteMemberList=new) == 0
    assert await groups.update("invitemember", own_group, InviteMemberList=new) == 0
    friend = account.friend("🥰")
    assert own_group.invited == [friend]
    assert friend.key not in own_group.members
    own_group.accepts_invitation(friend)
    assert friend.key in own_group.members
    assert own_group.invited == []
    with pytest.raises(LookupError, match="not invited"):
        own_group.accepts_invitation(friend)


async def test_removing_members(
    groups: Groups, client: WebClient, account: Account, own_group: Group
) -> None:
    await client.sync()
    one, stranger = groups.ids("小灰", "🥰")
    assert await groups.update("delmember", own_group, DelMemberList=stranger) == 1
    assert await groups.update("delmember", own_group, DelMemberList=client.me) == 1
    assert await groups.update("delmember", own_group, DelMemberList=one) == 0
    assert account.friend("小灰").key not in own_group.members
    assert (await client.sync())["AddMsgList"][0]["Content"] == '你将"小灰"移出了群聊'
    theirs = account.add_group("别人的群", [account.friend("小灰")], owner=account.friend("小灰"))
    assert await groups.update("delmember", theirs, DelMemberList=one) == 1


async def test_the_topic(
    groups: Groups, client: WebClient, account: Account, own_group: Group
) -> None:
    await client.sync()
    theirs = account.add_group("别人的群", [account.friend("小灰")], owner=account.friend("小灰"))
    assert await groups.update("modtopic", theirs, NewTopic="新 & 旧") == 0
    assert theirs.name == "新 & 旧"
    synced = await client.sync()
    assert synced["AddMsgList"][0]["Content"] == "你修改群名为“新 &amp; 旧”"
    assert synced["ModContactList"][0]["NickName"] == "新 &amp; 旧"
    assert await groups.update("modtopic", theirs, NewTopic="") == 1
    assert await groups.update("dance", own_group) == 1


async def test_groups_one_is_not_in(groups: Groups, account: Account, own_group: Group) -> None:
    groups.ids("小灰")
    assert account.session is not None
    account.session.id_of(own_group)
    own_group.remove_member(account.owner)
    assert await groups.update("modtopic", own_group, NewTopic="x") == -2
    body = {"ChatRoomName": groups.client.me, "NewTopic": "x"}
    assert ret(await groups.client.post("webwxupdatechatroom", body, fun="modtopic")) == 1
    assert ret(await groups.client.post("webwxcreatechatroom", {"MemberList": "x"})) == 1
