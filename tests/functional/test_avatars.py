"""Pictures of people and groups."""

import asyncio

import pytest

from openwx.simulator import Account, Fault, Group, Person, Simulator
from openwx.simulator.wire.avatars import avatar
from tests.reply import Reply
from tests.rows import rows

from .changing import STYLES, id_of
from .world import Gateway, Receiver, World

ICON, HEAD = "webwxgeticon", "webwxgetheadimg"


def is_picture(reply: Reply, of: Person | Group) -> None:
    assert reply.status == 200, reply.body
    assert reply.body == avatar(of)
    assert reply.headers["Content-Type"] == "image/png"
    assert reply.headers["Cache-Control"] == "max-age=3600"
    assert etag_of(reply).startswith('"')


def etag_of(reply: Reply) -> str:
    return {name.lower(): value for name, value in reply.headers.items()}["etag"]


def stranger_in(group: Group) -> Person:
    return next(member.person for member in group.others if not member.person.is_friend)


@pytest.mark.parametrize("style", STYLES)
async def test_everybody_has_one(api: Gateway, account: Account, style: str) -> None:
    grey, group = account.friend("小灰"), account.groups[0]
    stranger = stranger_in(group)
    call = getattr(api, style)
    for params in (
        {"id": id_of(account, grey)},
        {"account": "xiaohui2016"},
        {"displayname": "小灰"},
        {"id": id_of(account, grey), "account": "xiaohui2016", "displayname": "小灰"},
    ):
        is_picture(await call("get_avatar", **params), grey)
    is_picture(await call("get_avatar", markname="李老师（数学）"), account.friend("momo"))
    is_picture(await call("get_avatar", id=id_of(account, group)), group)
    is_picture(await call("get_avatar", displayname=group.name), group)
    is_picture(await call("get_avatar", id=id_of(account, account.owner)), account.owner)
    is_picture(await call("get_avatar", account="openwx_owner1"), account.owner)
    member = {"id": id_of(account, stranger)}
    is_picture(await call("get_avatar", **member), stranger)
    is_picture(await call("get_avatar", **member, group_id=id_of(account, group)), stranger)
    friends = [one.person for g in account.groups for one in g.others if one.person.is_friend]
    is_picture(await call("get_avatar", id=id_of(account, friends[0])), friends[0])


async def test_strangers_of_every_group(api: Gateway, account: Account) -> None:
    for group in account.groups:
        stranger = stranger_in(group)
        reply = await api.get(
            "get_avatar", id=id_of(account, stranger), group_id=id_of(account, group)
        )
        is_picture(reply, stranger)


async def test_who_has_it_is_not_given_it_again(api: Gateway) -> None:
    first = await api.get("get_avatar", account="xiaohui2016")
    etag = etag_of(first)
    for given, status in ((etag, 304), (f'"x", {etag}', 304), (f"W/{etag}", 304), ("*", 304)):
        again = await api.call(
            "get_avatar", params={"account": "xiaohui2016"}, headers={"If-None-Match": given}
        )
        assert (again.status, again.body) == (status, b"")
        assert etag_of(again) == etag
        assert again.headers["Cache-Control"] == "max-age=3600"
    for given in ('"x"', "", "x"):
        again = await api.call(
            "get_avatar", params={"account": "xiaohui2016"}, headers={"If-None-Match": given}
        )
        assert (again.status, again.body) == (200, first.body)
    other = await api.get("get_avatar", account="momo_0717")
    assert etag_of(other) != etag


async def test_those_who_ask_at_once_share_one_fetch(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    grey = account.friend("小灰")
    rule = simulator.faults.add(ICON, Fault.HANG, times=1)
    asking = [asyncio.create_task(api.get("get_avatar", account="xiaohui2016")) for _ in range(10)]
    await rule.strikes()
    is_picture(await api.get("get_avatar", account="momo_0717"), account.friend("momo"))
    rule.release()
    for reply in await asyncio.gather(*asking):
        is_picture(reply, grey)
    is_picture(await api.get("get_avatar", displayname="小灰"), grey)
    assert len(simulator.calls_of(ICON)) == 2


async def test_a_new_login_forgets(
    api: Gateway, world: World, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    former = id_of(account, account.friend("小灰"))
    is_picture(await api.get("get_avatar", id=former), account.friend("小灰"))
    account.phone.logs_out_web()
    await account.phone.sees_push_login()
    account.phone.confirm()
    await receiver.get_event("login")
    await api.reaches("running")
    account.friend("小灰").avatar_version += 1
    is_picture(await api.get("get_avatar", displayname="小灰"), account.friend("小灰"))
    assert (await api.get("get_avatar", id=former)).code == 100
    assert len(simulator.calls_of(ICON)) == 2


@pytest.mark.parametrize("fault", [Fault.EMPTY, Fault.DROP, Fault.SERVER_ERROR, Fault.GARBAGE])
async def test_what_does_not_come_at_once(
    api: Gateway, account: Account, simulator: Simulator, fault: Fault
) -> None:
    simulator.faults.add(ICON, fault, times=2)
    is_picture(await api.get("get_avatar", account="xiaohui2016"), account.friend("小灰"))
    assert len(simulator.calls_of(ICON)) == 3


async def test_who_has_none(api: Gateway, account: Account, simulator: Simulator) -> None:
    simulator.faults.add(ICON, Fault.EMPTY)
    reply = await api.get("get_avatar", account="xiaohui2016")
    assert (reply.status, reply.code) == (200, 100)
    assert "no avatar" in reply.words
    assert len(simulator.calls_of(ICON)) == 3
    simulator.faults.clear()
    is_picture(await api.get("get_avatar", account="xiaohui2016"), account.friend("小灰"))


@pytest.mark.parametrize(
    ("fault", "code", "tries"),
    # aiohttp itself asks again where a connection that was kept open is closed.
    [(Fault.DROP, -1, 6), (Fault.SERVER_ERROR, -1, 3), (Fault.GARBAGE, -1, 3), (Fault.RET, 201, 1)],
)
async def test_what_does_not_come_at_all(
    api: Gateway, account: Account, simulator: Simulator, fault: Fault, code: int, tries: int
) -> None:
    """No page of HTML is shown as a picture."""
    simulator.faults.add(HEAD, fault, ret=-2)
    id = id_of(account, account.groups[0])
    reply = await api.get("get_avatar", id=id)
    assert (reply.status, reply.code) == (200, code), reply.body
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert len(simulator.calls_of(HEAD)) == tries


async def test_wechat_out_of_reach(api: Gateway, simulator: Simulator) -> None:
    await simulator.close()
    reply = await api.get("get_avatar", account="xiaohui2016")
    assert (reply.status, reply.code) == (200, -1)


@rows(
    ("params", "status", "code"),
    [
        ({}, 400, -2),
        ({"id": ""}, 400, -2),
        ({"group_id": "{group}"}, 400, -2),
        ({"displayname": "小灰", "group_id": "{group}"}, 400, -2),
        ({"id": "@nobody"}, 200, 100),
        ({"id": "@@nobody"}, 200, 100),
        ({"id": "@nobody", "group_id": "{group}"}, 200, 100),
        ({"id": "{grey}", "group_id": "@@nobody"}, 200, 100),
        ({"id": "{grey}", "account": "momo_0717"}, 200, 100),
        ({"id": "{group}", "markname": "x"}, 200, 100),
        ({"displayname": "nobody"}, 200, 100),
        ({"displayname": "张伟"}, 200, 102),
    ],
)
async def test_nobody_to_show(
    api: Gateway,
    account: Account,
    simulator: Simulator,
    params: dict[str, str],
    status: int,
    code: int,
) -> None:
    names = {
        "group": id_of(account, account.groups[0]),
        "grey": id_of(account, account.friend("小灰")),
    }
    given = {key: value.format(**names) for key, value in params.items()}
    reply = await api.get("get_avatar", **given)
    assert (reply.status, reply.code) == (status, code), reply.body
    if code == 102:
        assert len(reply.json["candidates"]) == 2
    assert not simulator.calls_of(ICON)
