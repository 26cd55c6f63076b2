"""Names as keyboards and old programs spell them, on every route that selects somebody."""

import base64
from typing import Any

import pytest

from openwx.simulator import Account
from openwx.simulator.media import PNG

from .changing import SUCCESS, id_of, in_sync
from .streaming import socket
from .world import Gateway, Receiver

FRIENDS = [
    ("阳光😄宝贝", "阳光[笑脸]宝贝"),
    ("Tom & Jerry <猫和老鼠>", "Tom &amp; Jerry &lt;猫和老鼠&gt;"),
    ("🥰", "[未知表情]"),
    ("A01房产中介5\u20e3星", "中介"),
]
GROUPS = [
    ("Python爱好者 & 朋友们", "Python爱好者 &amp; 朋友们"),
    ("相亲相爱一家人❤️", "相亲相爱一家人❤"),
    ("相亲相爱一家人❤️", "相亲相爱一家人[心]"),
    ("<业主群> 3号楼", "&lt;业主群&gt; 3号楼"),
]


def test_group_names_are_those_of_the_simulator(account: Account) -> None:
    assert {name for name, _ in GROUPS} <= {group.name for group in account.groups}


def picture() -> str:
    return base64.b64encode(PNG).decode()


@pytest.mark.parametrize(("name", "spelt"), FRIENDS, ids=[spelt for _, spelt in FRIENDS])
async def test_routes_about_friends(
    api: Gateway, account: Account, receiver: Receiver, name: str, spelt: str
) -> None:
    friend = account.friend(name)
    for send in (api.get, api.post, api.post_json, api.post_parts):
        assert (await send("send_friend_message", displayname=spelt, content="hi")).code == 0
        assert await friend.hears_text() == "hi"
    sent = await api.post("send_friend_message", displayname=spelt, media_data=picture())
    assert sent.code == 0
    await friend.hears()
    async with socket(api) as ws:
        answer = await ws.call("send_friend_message", displayname=spelt, content="by socket")
        assert answer["answer"]["code"] == 0
    assert await friend.hears_text() == "by socket"
    (found,) = (await api.get("search_friend", displayname=spelt)).json
    assert found["id"] == id_of(account, friend)
    assert (
        (await api.get("get_avatar", displayname=spelt))
        .headers["Content-Type"]
        .startswith("image/")
    )
    assert (await api.get("stick", displayname=spelt, op="1")).json == SUCCESS
    assert friend.pinned
    assert (
        await api.get("set_markname", displayname=spelt, new_markname="新[心]名")
    ).json == SUCCESS
    await in_sync(account, receiver)
    assert (await api.get("send_friend_message", markname="新❤️名", content="x")).code == 0
    assert (await api.get("send_friend_message", displayname=spelt, content="x")).code == 100


@pytest.mark.parametrize(("name", "spelt"), GROUPS, ids=[spelt for _, spelt in GROUPS])
async def test_routes_about_groups(api: Gateway, account: Account, name: str, spelt: str) -> None:
    group = account.group(name)
    assert (await api.post("send_group_message", displayname=spelt, content="hi")).code == 0
    assert await group.hears_text() == "hi"
    (found,) = (await api.get("search_group", name=spelt)).json
    assert found["id"] == id_of(account, group)
    for route, more in [
        ("sticky_group", {"op": "1"}),
        ("stick", {"op": "0", "id": found["id"]}),
        ("set_group_displayname", {"new_displayname": "x"}),
    ]:
        assert (await api.post(route, displayname=spelt, **more)).json == SUCCESS
    assert group.name == "x"


async def test_what_only_keyboards_spell_otherwise(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("无名氏")
    friend.renames("Renée ☀️")
    await in_sync(account, receiver)
    async with socket(api, chat="Rene\u0301e ☀") as ws:
        friend.says("1")
        account.friend("momo").says("2")
        friend.says("3")
        assert await ws.texts(2) == ["1", "3"]
    for spelt in ("Rene\u0301e ☀", "Renée ☀\ufe0e", "Rene\u0301e [太阳]", "Ren&eacute;e ☀"):
        assert (await api.post("send_friend_message", displayname=spelt, content=spelt)).code == 0
        assert await friend.hears_text() == spelt


async def test_the_very_name_comes_first_and_several_are_candidates(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    people: list[Any] = [account.friend("阳光😄宝贝"), account.friend("无名氏")]
    people[0].renames("灰[心]")
    people[1].renames("灰❤")
    await in_sync(account, receiver)
    for person in people:
        reply = await api.get("send_friend_message", displayname=person.nickname, content="you")
        assert reply.code == 0
        assert await person.hears_text() == "you"
    reply = await api.get("send_friend_message", displayname="灰❤️", content="whom?")
    assert (reply.status, reply.code) == (200, 102)
    assert {one["id"] for one in reply.json["candidates"]} == {
        id_of(account, person) for person in people
    }
    assert (await api.get("consult", displayname="灰❤️", content="?", timeout="1")).code == 102
