"""``mark_read``: the phone shows a chat as read."""

import pytest

from openwx.client import Client
from openwx.simulator import Account, Fault, Simulator

from .changing import STYLES, SUCCESS, id_of
from .world import Gateway, Receiver


@pytest.mark.parametrize("style", STYLES)
async def test_the_phone_shows_nothing_unread(
    api: Gateway, account: Account, receiver: Receiver, style: str
) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.says("one")
    friend.says("two")
    group.member_says(group.others[0], "three")
    await receiver.get(content="three")
    assert account.conversations.of(friend).unread == 2
    reply = await getattr(api, style)("mark_read", account="xiaohui2016")
    assert reply.json == SUCCESS
    assert account.conversations.of(friend).unread == 0
    assert account.conversations.of(group).unread == 1
    reply = await getattr(api, style)("mark_read", displayname="PERL学习交流")
    assert reply.json == SUCCESS
    assert account.conversations.of(group).unread == 0
    friend.says("four")
    assert account.conversations.of(friend).unread == 1


async def test_what_wechat_is_asked(api: Gateway, account: Account, simulator: Simulator) -> None:
    friend = account.friend("momo")
    async with Client(api.url) as wx:
        await wx.mark_read(displayname="李老师（数学）")
        await wx.mark_read(id="@owner")
    first, second = simulator.calls_of("webwxstatusnotify")[-2:]
    me = id_of(account, account.owner)
    assert (first.body["Code"], first.body["FromUserName"]) == (1, me)
    assert first.body["ToUserName"] == id_of(account, friend)
    assert second.body["ToUserName"] == "filehelper"


async def test_a_lost_answer_is_asked_for_again(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    simulator.faults.add("webwxstatusnotify", Fault.LOSE_ANSWER, times=1)
    assert (await api.get("mark_read", account="xiaohui2016")).json == SUCCESS
    assert account.read_chats == [account.friend("小灰")] * 2


async def test_what_is_refused(api: Gateway, account: Account, simulator: Simulator) -> None:
    missing = await api.get("mark_read")
    assert (missing.status, missing.code) == (400, -2)
    assert (await api.get("mark_read", id="@nobody")).code == 100
    assert (await api.get("mark_read", id=id_of(account, account.owner))).code == 101
    simulator.faults.add("webwxstatusnotify", Fault.RET, ret=1, times=1)
    assert (await api.get("mark_read", account="xiaohui2016")).code == 201
    assert account.read_chats == []
