"""What the API answers where a transport cannot do all: -10, empty lists, budgets, digits, and the owner."""

import time
from pathlib import Path

import pytest

from openwx import client
from openwx.api.app import routes
from openwx.client import Client
from openwx.domain.contacts import Friend
from openwx.simulator.samples import PNG
from openwx.transports.base import Capability
from tests.memory import MemoryTransports
from tests.memory_wechat import FILEHELPER, Chat, MemoryAccount

from .streaming import socket
from .world import Gateway, World

pytestmark = pytest.mark.in_memory

FEW = frozenset({Capability.CONTACTS, Capability.SEND_TEXT, Capability.SEND_MEDIA})
"""What iLink can do."""

NEVER = {
    "get_avatar": "avatars",
    "send_group_message": "groups",
    "revoke_message": "recall",
    "create_group": "groups",
    "invite_friend": "groups",
    "kick_group_member": "groups",
    "set_group_displayname": "groups",
    "sticky_group": "groups",
    "stick": "changes",
    "make_friend": "friend_requests",
    "accept_friend_request": "friend_requests",
    "mark_read": "mark_read",
    "refresh_contacts": "refresh",
}
"""The routes that iLink cannot have, and what they lack."""
EMPTY = ("get_group_info", "get_group_basic_info", "search_group")
STREAMS = {"events", "ws"}


@pytest.fixture
def peer() -> MemoryTransports:
    """Let the account be on a transport that is as able as iLink, where the owner is a friend like others."""
    peer = MemoryTransports("ilink")
    account = peer.account()
    account.capabilities, account.chats = FEW, account.friends
    return peer


def works(id: str, to: str, picture: str) -> dict[str, dict[str, str]]:
    """Return calls that succeed, for every route that is not left out above; the last one ends the gateway.

    ``id`` is that of a friend, which ``to`` means, too.
    """
    return {
        "get_user_info": {},
        "get_friend_info": {},
        "get_history": {"limit": "1"},
        "search_friend": {"id": id},
        "send_friend_message": {"id": to, "content": "hi"},
        "send_message": {"id": id, "content": "hi"},
        "upload_media": {"media_path": picture},
        "consult": {"id": to, "content": "hi", "timeout": "1"},
        "set_markname": {"id": id, "new_markname": "灰"},
        "check_event": {"timeout": "0"},
        "get_client_info": {},
        "check_client": {},
        "start_client": {"client": "default"},
        "outbox": {},
        "stop_client": {},
    }


WORK_ELSEWHERE = {
    "verify_code": 101,
    "get_qrcode": 100,
    "outbox_show": 100,
    "outbox_retry": 0,
    "outbox_drop": 0,
}
"""Routes that need another state, and what they answer in this one with a right parameter."""


async def test_every_route_answers_as_the_contract_says(
    world: World, account: MemoryAccount, tmp_path: Path
) -> None:
    gateway = await world.run()
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG)
    friend_id = account.friend("小灰").record.id
    good = works(friend_id, friend_id, str(picture))
    found = {*good, *NEVER, *EMPTY, *WORK_ELSEWHERE, *STREAMS}
    assert found == {row.name for row in routes()}
    for name, capability in NEVER.items():
        for call in (gateway.get, gateway.post):
            reply = await call(name)
            assert (reply.status, reply.code) == (501, -10), (name, reply.body)
            assert reply.json.keys() == {"code", "status", "transport", "capability"}
            assert (reply.json["transport"], reply.json["capability"]) == ("ilink", capability)
            assert "transport ilink" in reply.words
    for name in EMPTY:
        query = {"name": "项目组"} if name == "search_group" else {}
        reply = await gateway.get(name, **query)
        assert (reply.status, reply.json) == (200, []), name
    assert (await gateway.get("search_group")).code == -2, "a wrong call is still wrong"
    parameters = {"id": "1000000", "code": "123456"}
    for name, code in WORK_ELSEWHERE.items():
        query = {"id": "all"} if name in ("outbox_retry", "outbox_drop") else parameters
        assert (await gateway.get(name, **query)).code == code, name
    for name, query in good.items():
        reply = await gateway.get(name, **query)
        assert reply.status == 200, (name, reply.body)
        is_bare = isinstance(reply.json, list) or name == "get_user_info"
        assert is_bare or reply.code == 0, (name, reply.body)
    friend = account.friend("小灰").record
    assert ("set_markname", friend.id, "灰") in account.changes


async def test_what_depends_on_the_parameters(api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰").record
    for name, query, capability in (
        ("send_message", {"id": "@@group", "content": "hi"}, "groups"),
        ("set_markname", {"id": friend.id, "group_id": "@@g", "new_markname": "x"}, "members"),
    ):
        reply = await api.get(name, **query)
        assert (reply.status, reply.code) == (501, -10), (name, reply.body)
        assert reply.json["capability"] == capability
    account.capabilities -= {Capability.SEND_MEDIA}
    for name in ("send_friend_message", "consult"):
        reply = await api.get(name, id=friend.id, content="hi", media_data="aGk=")
        assert (reply.code, reply.json["capability"]) == (-10, "send_media")
    assert not account.sent


async def test_it_is_said_before_the_login(world: World, account: MemoryAccount) -> None:
    account.wanted_code = "123456"
    gateway = await world.start()
    await gateway.reaches("confirming")
    assert (await gateway.get("revoke_message", id="1")).code == -10
    assert (await gateway.get("get_group_info")).code == -4


async def test_over_a_socket_and_by_the_client(api: Gateway, account: MemoryAccount) -> None:
    async with socket(api) as ws:
        answer = await ws.call("send_group_message", displayname="项目组", content="hi")
        assert (answer["http_status"], answer["answer"]["code"]) == (501, -10)
        assert answer["answer"]["capability"] == "groups"
        assert (await ws.call("get_group_info"))["answer"] == []
    async with Client(api.url) as wx:
        with pytest.raises(client.NotSupported) as caught:
            await wx.send_group_message("hi", displayname="项目组")
        assert (caught.value.transport, caught.value.capability) == ("ilink", "groups")
        assert await wx.get_group_info() == []
        assert await wx.search_group(displayname="项目组") == []


async def test_what_an_account_can_do_is_listed(api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰").record
    for name in ("get_client_info", "check_client"):
        answer = (await api.get(name)).json
        answer = answer if name == "get_client_info" else answer["client"][0]
        assert answer["transport"] == "ilink"
        assert answer["capabilities"] == ["contacts", "send_media", "send_text"]
        assert "budget" not in answer
    account.left = {account.friend("小灰"): 3}
    (answer,) = (await api.get("check_client")).json["client"]
    (budget,) = answer["budget"]
    until = budget.pop("until")
    assert isinstance(until, int)
    assert time.time() + 80_000 < until < time.time() + 90_000
    assert budget == {"id": friend.id, "sends_left": 3}
    assert "budget" not in (await api.get("get_client_info")).json
    async with Client(api.url) as wx:
        (listed,) = await wx.check_client()
        assert [(one.id, one.sends_left) for one in listed.budget] == [(friend.id, 3)]
        account.left = {}
        assert (await wx.check_client())[0].budget == ()


# -- the digits ------------------------------------------------------------------------------------------


async def test_the_digits_are_handed_in(world: World, account: MemoryAccount) -> None:
    account.wanted_code = "012345"
    gateway = await world.start()
    await gateway.has_reason("need_verify_code")
    for wrong in ("", "123", "123456789", "12345x", "１２３４５６", " 12345"):
        reply = await gateway.post("verify_code", code=wrong)
        assert (reply.status, reply.code) == (400, -2), wrong
        assert "digits" in reply.words
    reply = await gateway.get("verify_code", code="999999")
    assert (reply.status, reply.code, reply.json["right"]) == (200, 201, False)
    assert "wrong" in reply.words
    reply = await gateway.post("verify_code", code="012345")
    assert (reply.status, reply.json) == (200, {"right": True, "status": "success", "code": 0})
    await gateway.reaches("running")
    reply = await gateway.get("verify_code", code="012345")
    assert (reply.status, reply.code) == (200, 101)


async def test_the_client_hands_them_in(world: World, account: MemoryAccount) -> None:
    account.wanted_code = "0123"
    gateway = await world.start()
    await gateway.reaches("confirming")
    async with Client(gateway.url) as wx:
        with pytest.raises(client.RefusedByWeChat, match="wrong"):
            await wx.verify_code("9999")
        assert (await wx.verify_code("0123")).right
        with pytest.raises(client.NotPossible):
            await wx.verify_code("0123")


# -- one's own person ------------------------------------------------------------------------------------


async def test_the_owner_is_written_to(api: Gateway, account: MemoryAccount) -> None:
    owner = account.friend("小灰")
    for name in ("send_friend_message", "send_message", "consult"):
        reply = await api.get(name, id="@owner", content="hi")
        assert (reply.status, reply.code) == (200, 101), name
        assert "write to this account once" in reply.words
    account.owner_id = "@somebody who has not written"
    assert (await api.get("send_friend_message", id="@owner", content="hi")).code == 101
    account.owner_id = owner.record.id
    for name in ("send_friend_message", "send_message", "consult"):
        reply = await api.get(name, id="@owner", content=name, **LATER.get(name, {}))
        assert reply.code == 0, (name, reply.body)
        wrong = await api.get(name, id="@owner", displayname="小灰", content="x")
        assert (wrong.code, "without other selectors" in wrong.words) == (-2, True), name
    async with socket(api) as ws:
        answer = await ws.call("send_friend_message", id="@owner", content="over a socket")
        assert answer["answer"]["code"] == 0
    accepted = await api.post("send_friend_message", id="@owner", content="later", **{"async": "1"})
    assert accepted.code == 0
    sent = await owner.hears(5)
    assert [one.text for one in sent] == [
        "send_friend_message", "send_message", "consult", "over a socket", "later",
    ]  # fmt: skip


LATER = {"consult": {"timeout": "1"}}


async def test_the_owner_of_an_account_on_the_web(world: World, account: MemoryAccount) -> None:
    account.capabilities = frozenset(Capability)
    account.chats.append(Chat(account, Friend(id=FILEHELPER, name="文件传输助手")))
    account.owner_id = FILEHELPER
    gateway = await world.run()
    assert (await gateway.get("send_friend_message", id="@owner", content="hi")).code == 0
    assert account.filehelper.texts == ["hi"]
    reply = await gateway.get("send_group_message", id="@owner", content="hi")
    assert (reply.code, "send_friend_message only" in reply.words) == (-2, True)


async def test_a_spent_budget_is_wechats_refusal(api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰")
    account.left = {friend: 0}
    reply = await api.get("send_friend_message", id=friend.record.id, content="hi")
    assert (reply.status, reply.code) == (200, 201), reply.body
    assert "until they write again" in reply.words
    assert "ret" not in reply.json, "WeChat was not asked"
    assert not account.sent
