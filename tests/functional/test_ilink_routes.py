"""What every route answers where the account is a bot of iLink."""

from pathlib import Path

import pytest

from openwx.api.app import routes
from openwx.simulator import ClawBot
from openwx.simulator.samples import PNG
from tests.populations import FEW

from .test_transport_limits import EMPTY, NEVER, STREAMS, WORK_ELSEWHERE, works
from .world import Gateway, Json, Receiver, World

POPULATION = FEW


async def test_every_route(bound: Gateway, owner: ClawBot, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG)
    good = works(owner.user_id, "@owner", str(picture))
    assert {*good, *NEVER, *EMPTY, *WORK_ELSEWHERE, *STREAMS} == {row.name for row in routes()}
    for name, capability in NEVER.items():
        for call in (bound.get, bound.post):
            reply = await call(name)
            assert (reply.status, reply.code) == (501, -10), (name, reply.body)
            assert (reply.json["transport"], reply.json["capability"]) == ("ilink", capability)
    for name in EMPTY:
        reply = await bound.get(name, **({"name": "x"} if name == "search_group" else {}))
        assert (reply.status, reply.json) == (200, []), name
    given = {"verify_code": {"code": "123456"}, "get_qrcode": {}, "outbox_show": {"id": "1"}}
    for name, code in WORK_ELSEWHERE.items():
        reply = await bound.get(name, **given.get(name, {"id": "all"}))
        assert reply.code == code, name
    for name, query in good.items():
        reply = await bound.get(name, **query)
        assert reply.status == 200, (name, reply.body)
        is_bare = isinstance(reply.json, list) or name == "get_user_info"
        assert is_bare or reply.code == 0, (name, reply.body)
    assert owner.texts == ["hi"] * 3


async def test_what_is_told_of_the_account(bound: Gateway, owner: ClawBot) -> None:
    client = await bound.client()
    assert client["transport"] == "ilink"
    assert client["capabilities"] == ["contacts", "send_media", "send_text"]
    me = (await bound.get("get_user_info")).json
    assert (me["id"], me["uid"], me["account"]) == (owner.user_id, owner.user_id, owner.bot.id)
    assert (me["name"], me["markname"], me["signature"]) == ("", "", "")
    (friend,) = (await bound.get("get_friend_info")).json
    assert (friend["id"], friend["uid"], friend["category"]) == (
        owner.user_id, owner.user_id, "好友",
    )  # fmt: skip
    assert friend["displayname"] == "昵称未知"


async def test_whom_one_can_write_to(bound: Gateway, owner: ClawBot) -> None:
    for query in ({"id": "filehelper"}, {"id": "o9cq80nobody@im.wechat"}, {"displayname": "小灰"}):
        reply = await bound.get("send_friend_message", content="x", **query)
        assert reply.code == 100, (query, reply.body)
    reply = await bound.get("send_message", id="@@group", content="x")
    assert (reply.status, reply.code) == (501, -10)
    reply = await bound.get("send_friend_message", id=owner.user_id.lower(), content="x")
    assert reply.code == 100, "the case of letters matters"
    reply = await bound.get("send_friend_message", id="@all", content="to all")
    assert (reply.code, reply.json["count"]) == (0, 1)
    assert await owner.hears_text() == "to all"


async def test_a_local_name(bound: Gateway, owner: ClawBot, receiver: Receiver) -> None:
    assert (await bound.get("set_markname", id="@owner", new_markname="x")).code != 0
    assert (await bound.get("set_markname", id=owner.user_id, new_markname="老板")).code == 0
    reply = await bound.get("send_friend_message", displayname="老板", content="hi")
    assert reply.code == 0
    assert await owner.hears_text() == "hi"
    report: Json = await receiver.get(post_type="send_message")
    assert report["receiver"] == "老板"
    assert (report["sender_id"], report["receiver_id"]) == (owner.user_id, owner.user_id)


@pytest.mark.usefixtures("stops_soon")
async def test_a_stop_keeps_the_bot(world: World, bound: Gateway, owner: ClawBot) -> None:
    """There is no log-out: the service is told that the bot is off-line."""
    assert (await bound.get("stop_client")).code == 0
    await bound.ends()
    assert (owner.bot.notified, owner.bot.is_stale) == (False, False)
    again = await world.start(transport="ilink")
    await again.reaches("running")
    assert owner.bot.notified
    assert len(owner.bots) == 1
