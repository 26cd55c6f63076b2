"""Remarks, pins, and becoming friends (reference, 5 and 7)."""

from __future__ import annotations

import html
from xml.etree import ElementTree

import pytest

from openwx.simulator import Account, Person

from .web_client import Json, WebClient


async def verify(
    client: WebClient, opcode: int, who: str, ticket: str = "", words: str = ""
) -> int:
    body = {
        "Opcode": opcode, "VerifyUserListSize": 1, "VerifyContent": words, "SceneListCount": 1,
        "VerifyUserList": [{"Value": who, "VerifyUserTicket": ticket}], "SceneList": [33],
        "skey": client.base["Skey"],
    }  # fmt: skip
    return int((await client.post("webwxverifyuser", body))["BaseResponse"]["Ret"])


def stranger_in_a_group(account: Account) -> tuple[Person, str]:
    """Return a member who is no friend, and the id."""
    group = account.group("PERL学习交流")
    person = next(m.person for m in group.others if not m.person.is_friend)
    assert account.session is not None
    return person, account.session.id_of(person)


async def test_somebody_asks_to_be_friends(client: WebClient, account: Account) -> None:
    request = account.asks_to_be_friends("陌生人 & 客", "你好 <我> 是")
    (message,) = (await client.sync())["AddMsgList"]
    info: Json = message["RecommendInfo"]
    assert (message["MsgType"], message["FromUserName"]) == (37, "fmessage")
    assert (info["NickName"], info["Content"]) == ("陌生人 &amp; 客", "你好 &lt;我&gt; 是")
    assert info["Ticket"] == request.ticket == message["Ticket"]
    content = ElementTree.fromstring(html.unescape(message["Content"]))
    assert (content.get("content"), content.get("ticket")) == ("你好 <我> 是", request.ticket)

    assert await verify(client, 3, info["UserName"], "v2_wrong@stranger") == -14
    assert await verify(client, 3, "@nobody", request.ticket) == 1
    assert await verify(client, 3, client.me, request.ticket) == -14
    assert not request.person.is_friend
    assert await verify(client, 3, info["UserName"], request.ticket) == 0
    assert request.accepted
    assert account.friend("陌生人 & 客") is request.person
    synced = await client.sync()
    assert [c["UserName"] for c in synced["ModContactList"]] == [info["UserName"]]
    assert synced["AddMsgList"][0]["MsgType"] == 10000
    assert "现在可以开始聊天了" in synced["AddMsgList"][0]["Content"]
    assert await verify(client, 3, info["UserName"], request.ticket) == 0
    assert (await client.sync())["AddMsgCount"] == 0


async def test_asking_somebody(client: WebClient, account: Account) -> None:
    person, user_name = stranger_in_a_group(account)
    with pytest.raises(LookupError, match="did not ask"):
        person.accepts_me()
    assert await verify(client, 2, user_name, words="我是 <谁> & 你") == 0
    (asked,) = account.friend_requests_sent
    assert (asked.person, asked.words, asked.accepted) == (person, "我是 <谁> & 你", False)
    assert not person.is_friend
    person.accepts_me()
    assert asked.accepted
    assert person in account.friends
    synced = await client.sync()
    assert synced["ModContactList"][0]["UserName"] == user_name
    assert synced["AddMsgList"][0]["MsgType"] == 10000
    assert await verify(client, 2, client.me) == 1
    assert await verify(client, 2, "@nobody") == 1
    assert await verify(client, 9, user_name) == 1


async def test_who_dropped_us_can_be_asked_again(client: WebClient, account: Account) -> None:
    friend, to = account.friend("小灰"), await client.id_of("小灰")
    friend.unfriends_me()
    assert await verify(client, 2, to, words="回来吧") == 0
    friend.accepts_me()
    await client.send(to, "好")
    assert friend.texts == ["好"]
    assert account.friends.count(friend) == 1


async def test_remarks_and_pins(client: WebClient, account: Account) -> None:
    friend, to = account.friend("小灰"), await client.id_of("小灰")
    group, group_id = account.group("PERL学习交流"), await client.id_of("PERL学习交流")
    _, stranger_id = stranger_in_a_group(account)

    async def oplog(**body: object) -> int:
        return int((await client.post("webwxoplog", body))["BaseResponse"]["Ret"])

    assert await oplog(CmdId=2, UserName=to, RemarkName="灰 & 哥") == 0
    assert friend.remark == "灰 & 哥"
    (record,) = (await client.sync())["ModContactList"]
    assert record["RemarkName"] == "灰 &amp; 哥"
    assert await oplog(CmdId=3, OP=1, UserName=to, RemarkName="灰 & 哥") == 0
    assert (friend.pinned, friend.remark) == (True, "灰 & 哥")
    (record,) = (await client.sync())["ModContactList"]
    assert record["ContactFlag"] & 2048
    assert await oplog(CmdId=3, OP=0, UserName=to) == 0
    assert (friend.pinned, friend.remark) == (False, ""), "the remark is lost without RemarkName"
    assert await oplog(CmdId=3, OP=1, UserName=group_id) == 0
    assert group.pinned
    assert await oplog(CmdId=2, UserName=stranger_id, RemarkName="x") == 1
    assert await oplog(CmdId=3, OP=1, UserName=stranger_id) == 1
    assert await oplog(CmdId=2, UserName=group_id, RemarkName="x") == 1
    assert await oplog(CmdId=9, UserName=to) == 1


@pytest.mark.parametrize("users", [None, [], "x", ["x"], [{}]])
async def test_nonsense(client: WebClient, users: object) -> None:
    body = {"Opcode": 2, "VerifyUserList": users}
    assert (await client.post("webwxverifyuser", body))["BaseResponse"]["Ret"] == 1
