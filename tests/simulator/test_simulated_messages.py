"""The sync loop and sending (reference, 4 to 6)."""

from __future__ import annotations

import asyncio
import json

import pytest

from openwx.simulator import Account, Simulator
from tests.patience import PATIENCE_S

from .web_client import WebClient


async def test_a_friend_writes(client: WebClient, account: Account) -> None:
    sent = account.friend("小灰").says("第一行 <b> & 'x'\n第二行😄")
    assert await client.check() == ("0", "2")
    (message,) = (await client.sync())["AddMsgList"]
    assert message["Content"] == (
        "第一行 &lt;b&gt; &amp; 'x'<br/>第二行<span class=\"emoji emoji1f604\"></span>"
    )
    assert message["MsgId"] == sent.msg_id == str(message["NewMsgId"])
    assert message["NewMsgId"] > 2**53
    assert message["FromUserName"] == await client.id_of("小灰")
    assert message["ToUserName"] == client.me
    assert list(account.handed_out) == [sent.msg_id]


async def test_a_member_writes_and_the_phone_writes(client: WebClient, account: Account) -> None:
    group = account.group("PERL学习交流")
    member = group.others[0]
    group.member_says(member, "大家好")
    account.phone.says(group, "你好")
    account.phone.says(account.friend("小灰"), "嗨")
    heard, own, friendly = (await client.sync())["AddMsgList"]
    group_id = await client.id_of("PERL学习交流")
    session = account.session
    assert session is not None
    assert heard["Content"] == f"{session.id_of(member.person)}:<br/>大家好"
    assert heard["FromUserName"] == group_id
    assert (own["FromUserName"], own["ToUserName"], own["Content"]) == (client.me, group_id, "你好")
    assert (friendly["FromUserName"], friendly["Content"]) == (client.me, "嗨")
    with pytest.raises(ValueError, match="phone"):
        group.member_says(account.owner, "no")


async def test_the_sync_key_is_the_acknowledgement(client: WebClient, account: Account) -> None:
    account.friend("小灰").says("1")
    first = await client.sync(acknowledge=False)
    account.friend("小灰").says("2")
    again = await client.sync()
    assert [m["Content"] for m in first["AddMsgList"]] == ["1"]
    assert [m["Content"] for m in again["AddMsgList"]] == ["1", "2"]
    assert account.acknowledged == 0
    assert (await client.sync())["AddMsgCount"] == 0
    assert account.acknowledged == 2
    assert len(account.handed_out) == 2


async def test_pages_of_messages(client: WebClient, simulator: Simulator, account: Account) -> None:
    simulator.settings.sync_batch_size = 3
    for n in range(7):
        account.friend("小灰").says(str(n))
    pages = [await client.sync() for _ in range(3)]
    assert [page["ContinueFlag"] for page in pages] == [1, 1, 0]
    assert [m["Content"] for page in pages for m in page["AddMsgList"]] == list("0123456")


async def test_sync_key_and_sync_check_key_are_two(client: WebClient, account: Account) -> None:
    account.friend("小灰").says("1")
    answer = await client.sync()
    assert answer["SyncKey"] != answer["SyncCheckKey"]
    assert await client.check() == ("0", "0")
    assert await client.check(client.sync_key) == ("0", "2"), "the wrong key spins"
    client.sync_key = client.check_key
    assert (await client.sync())["AddMsgCount"] == 1, "a SyncCheckKey acknowledges nothing"


async def test_keys_of_count_0(client: WebClient, simulator: Simulator, account: Account) -> None:
    simulator.settings.empty_keys = True
    assert (await client.sync(acknowledge=False))["SyncKey"] == {"Count": 0, "List": []}
    account.friend("小灰").says("1")
    assert (await client.sync())["SyncKey"]["Count"] == 4


async def test_messages_survive_an_absence(client: WebClient, account: Account) -> None:
    account.friend("小灰").says("seen")
    await client.sync()
    await client.sync()
    saved = client.sync_key
    account.friend("小灰").says("missed")
    await client.init()
    assert (await client.sync())["AddMsgCount"] == 0, "the SyncKey of init is that of now"
    client.sync_key = saved
    assert [m["Content"] for m in (await client.sync())["AddMsgList"]] == ["missed"]


@pytest.mark.parametrize(("keeps_unread", "expected"), [(True, ["missed"]), (False, [])])
async def test_a_new_login_gets_the_unread(
    client: WebClient,
    simulator: Simulator,
    account: Account,
    keeps_unread: bool,
    expected: list[str],
) -> None:
    simulator.settings.keeps_unread = keeps_unread
    account.friend("小灰").says("seen")
    await client.sync()
    await client.sync()
    account.phone.logs_out_web()
    account.friend("小灰").says("missed")
    old_key = client.sync_key
    await client.log_in(account)
    answer = await client.sync()
    assert [m["Content"] for m in answer["AddMsgList"]] == expected
    for message in answer["AddMsgList"]:
        assert message["FromUserName"] == await client.id_of("小灰")
    client.sync_key = old_key
    assert (await client.sync())["BaseResponse"]["Ret"] == 0


async def test_synccheck_is_held_until_something_comes(
    client: WebClient, simulator: Simulator, account: Account
) -> None:
    simulator.settings.hold_s = 30
    async with asyncio.timeout(PATIENCE_S):
        poll = asyncio.create_task(client.check())
        await account.comes_online()
        account.friend("小灰").says("1")
        assert await poll == ("0", "2")
        await client.sync()
        poll = asyncio.create_task(client.check())
        await simulator.gets_call("synccheck", 2)
        account.phone.opens(account.friend("小灰"))
        assert await poll == ("0", "7")


async def test_closing_releases_what_is_held(account: Account, simulator: Simulator) -> None:
    simulator.settings.hold_s = 30
    client = WebClient(simulator.url)
    await client.log_in(account)
    polls = [asyncio.create_task(client.check()) for _ in range(20)]
    await simulator.gets_call("synccheck", 20)
    async with asyncio.timeout(PATIENCE_S):
        await simulator.close()
        await asyncio.gather(*polls, return_exceptions=True)
    await client.http.close()


async def test_sending(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")
    answer = await client.send(await client.id_of("小灰"), "你好 <b> & 😄", 17000000000001)
    heard = (await friend.hears())[0]
    assert (heard.text, heard.msg_id) == ("你好 <b> & 😄", answer["MsgID"])
    assert (heard.client_msg_id, answer["LocalID"]) == ("17000000000001", "17000000000001")
    assert (await client.sync())["AddMsgCount"] == 0, "the sender gets no echo"


async def test_one_client_msg_id_is_heard_once(client: WebClient, account: Account) -> None:
    to = await client.id_of("小灰")
    first, again = await client.send(to, "1", "77"), await client.send(to, "1", "77")
    other = await client.send(to, "1", "78")
    assert first["MsgID"] == again["MsgID"] != other["MsgID"]
    assert account.friend("小灰").texts == ["1", "1"]


async def test_escapes_are_stored_as_they_come(client: WebClient, account: Account) -> None:
    msg = {
        "Type": 1, "Content": "你/\\\n", "ClientMsgId": "1", "FromUserName": client.me,
        "ToUserName": await client.id_of("小灰"),
    }  # fmt: skip
    body = json.dumps({"BaseRequest": client.base, "Msg": msg}).replace("u4f60/", "u4f60\\/")
    assert (await client.post_raw("webwxsendmsg", body.encode()))["BaseResponse"]["Ret"] == 0
    assert account.friend("小灰").texts == ["\\u4f60\\/\\\n"]


async def test_sends_that_are_refused(client: WebClient, account: Account) -> None:
    to = await client.id_of("小灰")
    assert (await client.send("@nobody", "x"))["BaseResponse"]["Ret"] == 1
    assert (await client.send(to, ""))["BaseResponse"]["Ret"] == 1
    client.me = to
    assert (await client.send(to, "x"))["BaseResponse"]["Ret"] == 1
    assert account.sent == []


async def test_a_friend_who_dropped_us_hears_nothing(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")
    friend.unfriends_me()
    assert (await client.send(await client.id_of("小灰"), "在吗"))["BaseResponse"]["Ret"] == 0
    (notice,) = (await client.sync())["AddMsgList"]
    assert notice["MsgType"] == 10000
    assert "不是他（她）朋友" in notice["Content"]
    assert friend.inbox == []
    assert account.sent[0].bounced


async def test_recall_both_ways(client: WebClient, account: Account) -> None:
    to = await client.id_of("小灰")
    sent = await client.send(to, "oops")
    body = {"SvrMsgId": sent["MsgID"], "ToUserName": to, "ClientMsgId": "1"}
    assert (await client.post("webwxrevokemsg", body))["BaseResponse"]["Ret"] == 0
    assert account.sent[0].revoked
    said = account.friend("小灰").says("oops")
    account.friend("小灰").recalls(said)
    recall = (await client.sync())["AddMsgList"][1]
    assert recall["MsgType"] == 10002
    assert f"&lt;msgid&gt;{said.msg_id}&lt;/msgid&gt;" in recall["Content"]


async def test_any_kind_of_message(client: WebClient, account: Account) -> None:
    account.friend("小灰").sends(3, "&lt;msg&gt;", ImgHeight=120)
    (message,) = (await client.sync())["AddMsgList"]
    assert (message["MsgType"], message["ImgHeight"]) == (3, 120)


async def test_many_messages(client: WebClient, account: Account, simulator: Simulator) -> None:
    simulator.settings.sync_batch_size = 500
    friend = account.friend("小灰")
    for n in range(20_000):
        friend.says(str(n))
    async with asyncio.timeout(PATIENCE_S):
        while (await client.sync())["ContinueFlag"]:
            pass
    assert len(account.handed_out) == 20_000
