"""The routes over a transport that is not web WeChat: they know no more of it than the seam says."""

import asyncio

import pytest

from openwx.errors import LoginRefused, RateLimited, SessionEnded, Unreachable
from openwx.transports.base import Capability
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount

from .world import Gateway, Receiver, World

pytestmark = pytest.mark.in_memory


async def test_every_change_reaches_the_transport(api: Gateway, account: MemoryAccount) -> None:
    account.capabilities = frozenset(Capability)
    friend, chat = account.friend("小灰").record, account.group("PERL学习交流")
    group, (member, asked, *_) = chat.record, chat.others
    calls = [
        (
            "set_markname",
            {"id": friend.id, "new_markname": "灰"},
            ("set_markname", friend.id, "灰"),
        ),
        ("stick", {"id": friend.id, "op": "1"}, ("stick", friend.id, "True")),
        (
            "kick_group_member",
            {"id": group.id, "members": member.id},
            ("kick", group.id, member.id),
        ),
        (
            "set_group_displayname",
            {"id": group.id, "new_displayname": "新群名"},
            ("rename_group", group.id, "新群名"),
        ),
        ("make_friend", {"id": asked.id}, ("make_friend",)),
        ("create_group", {"friends": friend.id, "displayname": "项目"}, ("create_group", "项目")),
        ("accept_friend_request", {"id": "@asker", "ticket": "v2"}, ("accept", "@asker", "v2")),
    ]
    for route, parameters, change in calls:
        reply = await api.get(route, **parameters)
        assert reply.code == 0, (route, reply.json)
        assert account.changes[-1][: len(change)] == change
    sent = await api.get("send_friend_message", id=friend.id, content="hi")
    assert (await api.get("revoke_message", id=sent.json["id"])).code == 0
    assert account.changes[-1] == ("recall", sent.json["msg_id"], friend.id)


async def test_errors_have_their_codes(api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰").record
    for error, code in ((RateLimited("send", 1205), 1205), (Unreachable("send", "away"), -5)):
        account.fails("send_text", error)
        reply = await api.get("send_friend_message", id=friend.id, content="x")
        assert reply.code == code, reply.json
    account.fails("send_text", Unreachable("send", "away"), times=1)
    assert (await api.get("send_friend_message", id=friend.id, content="x")).code == 0
    held = account.hangs("set_markname")
    waiting = asyncio.create_task(api.get("set_markname", id=friend.id, new_markname="灰"))
    await held.strikes()
    held.release()
    assert (await waiting).code == 0


async def test_a_session_ends_and_the_next_one_goes_on(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    former = (await api.client())["state"]
    account.end_session(SessionEnded("sync", 1101))
    await receiver.get_event("login")
    assert account.logins == 2
    await api.reaches("running")
    account.friend("小灰").says("still here")
    await receiver.get(content="still here")
    assert former == "running"


async def test_a_refused_login_stops_the_account(
    world: World, account: MemoryAccount, peer: MemoryTransports
) -> None:
    account.refusal = LoginRefused("login", 1203, "not this account")
    gateway = await world.start()
    client = await gateway.reaches("stop")
    assert "not this account" in client["state_reason"]
    assert peer.transports["default"].standing.trouble is account.refusal
