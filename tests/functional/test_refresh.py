"""``refresh_contacts``: what WeChat did not tell is found, and told as events; the sync goes on meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from openwx.client import Client, QueueFull
from openwx.simulator import Account, Fault, Simulator
from openwx.transports.web import contact_loader
from tests.patience import PATIENCE_S

from .changing import id_of, in_sync
from .world import Gateway, Receiver, World

AGAIN = {"refresh_every_s": 0.0}
"""All contacts may be fetched again at once."""


CHANGES = (
    *("new_friend", "lose_friend", "new_group", "lose_group", "new_group_member"),
    *("lose_group_member", "group_property_change", "group_member_property_change"),
    *("friend_property_change", "user_property_change"),
)


@pytest.fixture
def wait_with_list(monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold the list of contacts when it has come; return the events "it has come" and "go on"."""
    came, go_on = asyncio.Event(), asyncio.Event()
    fetch: Callable[..., Any] = contact_loader.fetch_list

    async def held(*arguments: Any) -> Any:
        fetched = await fetch(*arguments)
        came.set()
        await go_on.wait()
        return fetched

    monkeypatch.setattr("openwx.transports.web.refresh.fetch_list", held)
    return came, go_on


async def test_a_friend(api: Gateway, account: Account, receiver: Receiver) -> None:
    friend = account.friend("小灰")
    friend.nickname, friend.signature = "大灰", "new"  # the sync is not told
    reply = await api.get("refresh_contacts", account="xiaohui2016")
    assert reply.json == {"code": 0, "status": "success", "changed": 3}
    await receiver.gets(3, event="friend_property_change")
    assert sorted(params[1:] for _, params in receiver.events()) == [
        ["displayname", "小灰", "大灰"],
        ["name", "小灰", "大灰"],
        ["signature", "", "new"],
    ]
    (found,) = (await api.get("search_friend", name="大灰")).json
    assert found["account"] == "xiaohui2016"


async def test_a_group(api: Gateway, account: Account, receiver: Receiver) -> None:
    group = account.group("PERL学习交流")
    gone = group.others[0]
    group.name = "RUST学习交流"
    del group.members[gone.person.key]
    reply = await api.post("refresh_contacts", id=id_of(account, group))
    assert reply.json["changed"] == 3
    await receiver.gets(2, event="group_property_change")
    [(_, [member, _])] = receiver.events("lose_group_member")
    assert member["name"] == gone.nickname
    (found,) = (await api.get("search_group", name="RUST学习交流")).json
    assert len(found["member"]) == len(group.members)


async def test_who_is_no_friend_any_more(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.is_friend = False
    account.friends.remove(friend)
    assert (await api.get("refresh_contacts", account="xiaohui2016")).json["changed"] == 1
    assert (await receiver.get_event("lose_friend"))[0]["name"] == "小灰"
    assert (await api.get("refresh_contacts", account="xiaohui2016")).code == 100


async def test_everybody(world: World, account: Account, receiver: Receiver) -> None:
    api = await world.run(pace=AGAIN)
    receiver.forget()
    assert (await api.get("refresh_contacts")).json["changed"] == 0, "nothing differs"
    lost, named, new = (
        account.friend("阳光😄宝贝"),
        account.friend("momo"),
        account.stranger("新人"),
    )
    lost.is_friend = False
    account.friends.remove(lost)
    named.signature = "mimi"
    new.is_friend = True
    account.friends.append(new)
    silent = next(group for group in account.groups if not group.saved)
    silent.name = "又名"
    account.owner.signature = "我在"
    async with Client(api.url) as wx:
        assert await wx.refresh_contacts() == 6
        assert await wx.refresh_contacts() == 0
    await in_sync(account, receiver)
    events = sorted((name, params[0]["name"]) for name, params in receiver.events(*CHANGES))
    assert events == [
        ("friend_property_change", "momo"),
        ("group_property_change", "又名"),
        ("group_property_change", "又名"),
        ("lose_friend", "阳光😄宝贝"),
        ("new_friend", "新人"),
        ("user_property_change", account.owner.nickname),
    ]


async def test_once_a_minute(api: Gateway, simulator: Simulator) -> None:
    assert (await api.get("refresh_contacts")).code == 0
    fetched = len(simulator.calls_of("webwxgetcontact"))
    again = await api.get("refresh_contacts")
    assert (again.status, again.code) == (429, -7)
    assert 50 < int(again.headers["Retry-After"]) <= 60
    assert len(simulator.calls_of("webwxgetcontact")) == fetched
    async with Client(api.url) as wx:
        with pytest.raises(QueueFull) as refusal:
            await wx.refresh_contacts()
        assert 50 < refusal.value.retry_after_s <= 60
        assert await wx.refresh_contacts(account="xiaohui2016") == 0, "one alone is not bounded"


async def test_those_who_ask_at_once_share_an_answer(
    api: Gateway, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    """Also where the first one has left; and messages come in the meantime."""
    before = len(simulator.calls_of("webwxgetcontact"))
    rule = simulator.faults.add("webwxgetcontact", Fault.HANG, times=1)
    account.friend("momo").signature = "mimi"
    first = asyncio.create_task(api.get("refresh_contacts"))
    await simulator.gets_call("webwxgetcontact", before + 1)
    others = [asyncio.create_task(api.get("refresh_contacts")) for _ in range(9)]
    first.cancel()
    account.friend("小灰").says("hi")
    await receiver.get(content="hi")
    assert (await api.get("send_friend_message", account="xiaohui2016", content="yes")).code == 0
    rule.release()
    replies = await asyncio.gather(*others)
    assert {(reply.code, reply.json["changed"]) for reply in replies} == {(0, 1)}
    assert len(simulator.calls_of("webwxgetcontact")) == before + 1


async def test_what_the_sync_brings_meanwhile_is_newer(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    wait_with_list: tuple[asyncio.Event, asyncio.Event],
) -> None:
    came, go_on = wait_with_list
    friend, lost = account.friend("momo"), account.friend("阳光😄宝贝")
    waiting = asyncio.create_task(api.get("refresh_contacts"))
    await asyncio.wait_for(came.wait(), PATIENCE_S)
    friend.changes(signature="newer")
    account.lose_friend(lost)
    new = account.stranger("新人")
    account.become_friends(new)
    await in_sync(account, receiver)
    await receiver.get_event("lose_friend")
    receiver.forget()
    go_on.set()
    assert (await waiting).json["changed"] == 0
    assert len((await api.get("search_friend", signature="newer")).json) == 1
    assert len((await api.get("search_friend", name="新人")).json) == 1
    assert (await api.get("search_friend", account="sunny_baby")).code == 100
    await in_sync(account, receiver)
    assert receiver.events() == []


async def test_the_session_ends_meanwhile(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    account.allows_push_login = False
    rule = simulator.faults.add("webwxgetcontact", Fault.HANG, times=1)
    before = len(simulator.calls_of("webwxgetcontact"))
    waiting = asyncio.create_task(api.get("refresh_contacts"))
    await simulator.gets_call("webwxgetcontact", before + 1)
    account.phone.logs_out_web()
    await api.reaches("scaning")
    rule.release()
    reply = await waiting
    assert (reply.status, reply.code) == (503, -4)


async def test_the_account_stops_meanwhile(api: Gateway, simulator: Simulator) -> None:
    simulator.faults.add("webwxgetcontact", Fault.HANG)
    before = len(simulator.calls_of("webwxgetcontact"))
    waiting = asyncio.create_task(api.get("refresh_contacts"))
    await simulator.gets_call("webwxgetcontact", before + 1)
    assert api.service is not None
    account = api.service.gateway.account(None)
    account.stop()
    await account.ended.wait()
    reply = await waiting
    assert (reply.status, reply.code) == (503, -4)


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.DROP, -1), (Fault.GARBAGE, -1), (Fault.EMPTY, -1), (Fault.RET, 201)]
)
@pytest.mark.parametrize("call", ["webwxgetcontact", "webwxbatchgetcontact"])
async def test_what_wechat_refuses(
    world: World, simulator: Simulator, receiver: Receiver, fault: Fault, code: int, call: str
) -> None:
    api = await world.run(pace=AGAIN)
    receiver.forget()
    rule = simulator.faults.add(call, fault)
    reply = await api.get("refresh_contacts")
    assert (reply.status, reply.code) == (200, code), reply.words
    simulator.faults.remove(rule)
    assert (await api.get("refresh_contacts")).json["changed"] == 0
    assert receiver.events("lose_friend", "new_friend", "lose_group", "new_group") == []
