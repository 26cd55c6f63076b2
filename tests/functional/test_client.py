"""The Python client against the real server: what it sends is heard, and what goes wrong has a class of its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from openwx import client
from openwx.client import Client
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.samples import PNG
from tests.ports import free_port

from .world import Gateway, Receiver, World


@pytest.fixture
async def wx(api: Gateway) -> AsyncIterator[Client]:
    async with Client(api.url) as wx:
        yield wx


# -- the calls -------------------------------------------------------------------------------------------


async def test_who_there_is(wx: Client, account: Account) -> None:
    assert (await wx.get_user_info()).uid == account.uin
    friends = await wx.get_friend_info()
    assert {"小灰", "momo"} <= {friend.name for friend in friends}
    (friend,) = await wx.search_friend(account="xiaohui2016")
    assert (friend.displayname, friend.sex, friend.category) == ("小灰", "male", "好友")
    (group,) = await wx.search_group(displayname="PERL学习交流")
    assert group in await wx.get_group_info()
    (basics,) = [one for one in await wx.get_group_basic_info() if one.id == group.id]
    assert basics.member_count == len(group.member)
    picture = await wx.get_avatar(id=friend.id)
    assert picture.content_type.startswith("image/")
    assert picture.data
    member = group.member[1]
    assert (await wx.get_avatar(id=member.id, group_id=group.id)).data


async def test_texts(wx: Client, account: Account) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    sent = await wx.send_friend_message("hi", displayname="小灰")
    assert account.sent[-1].msg_id == sent.msg_id
    await wx.send_group_message("大家好 & 😄", displayname="PERL学习交流")
    later = await wx.send_friend_message_later("later", account="xiaohui2016")
    assert later.uid
    assert [heard.text for heard in await friend.hears(2)] == ["hi", "later"]
    assert await group.hears_text() == "大家好 & 😄"
    await wx.send_group_message_later("later", displayname="PERL学习交流")
    assert await group.hears_text() == "later"
    assert (await wx.revoke_message(sent.id)).id == sent.id
    assert account.by_msg_id[sent.msg_id].revoked
    assert (await wx.send_to_all_friends("all")).count == 14
    assert await account.friend("momo").hears_text() == "all"


async def _picture(_: web.Request) -> web.Response:
    return web.Response(body=PNG, content_type="image/png")


async def test_media(
    world: World, account: Account, tmp_path: Path, aiohttp_server: AiohttpServer
) -> None:
    gateway = await world.run(media={"private_hosts": ["127.0.0.1"]})
    friend = account.friend("小灰")
    path = tmp_path / "图 1.png"
    path.write_bytes(PNG)
    app = web.Application()
    app.router.add_get("/a.png", _picture)
    url = str((await aiohttp_server(app)).make_url("/a.png"))
    async with Client(gateway.url) as wx:
        by_bytes = await wx.send_friend_message(media=PNG, account="xiaohui2016")
        await wx.send_friend_message("look", media=path, account="xiaohui2016")
        await wx.send_friend_message(media=str(path), media_name="b.png", account="xiaohui2016")
        await wx.send_friend_message(media=url, account="xiaohui2016")
        await wx.send_friend_message(media_id=by_bytes.media_id, account="xiaohui2016")
        uploaded = await wx.upload_media(b"%PDF-1.4", media_name="a.pdf")
        assert (uploaded.media_type, uploaded.media_size) == ("file", 8)
        with pytest.raises(FileNotFoundError):
            await wx.send_friend_message(media=tmp_path / "none", account="xiaohui2016")
    heard = await friend.hears(6)
    assert [one.text for one in heard if one.msg_type == 1] == ["look"]
    media = [one.medium for one in heard if one.medium]
    assert len(media) == 5
    assert {file.data for file in media} == {PNG}
    assert media[2].name == "b.png"


async def test_consult(wx: Client, account: Account) -> None:
    friend = account.friend("小灰")
    asking = asyncio.create_task(wx.consult("吃饭吗？", displayname="小灰", timeout=10))
    assert await friend.hears_text() == "吃饭吗？"
    friend.says("吃")
    assert (await asking).reply == "吃"
    assert (await wx.consult("在？", displayname="小灰", timeout=1)).reply is None


async def test_changes(wx: Client, account: Account) -> None:
    (first,) = await wx.search_friend(account="xiaohui2016")
    (second,) = await wx.search_friend(account="momo_0717")
    (third,) = await wx.search_friend(account="hug")
    made = await wx.create_group([first.id, second.id], displayname="项目组")
    await wx.invite_friend([third.id], id=made.group_id)
    await wx.kick_group_member([third.id], id=made.group_id)
    await wx.set_group_displayname("开会", id=made.group_id)
    group = account.group("开会")
    assert {member.nickname for member in group.others} == {"小灰", "momo"}
    await wx.set_markname("灰总", id=first.id)
    assert account.friend("小灰").remark == "灰总"
    await wx.set_markname("", id=first.id)
    assert account.friend("小灰").remark == ""
    await wx.stick(id=first.id)
    assert account.friend("小灰").pinned
    await wx.sticky_group(id=made.group_id)
    await wx.sticky_group(id=made.group_id, on=False)
    assert not group.pinned
    request = account.asks_to_be_friends("新朋友", "加我")
    async for happened in wx.events(0):
        if isinstance(happened, client.events.FriendRequest):
            await wx.accept_friend_request(happened.id, happened.ticket)
            break
    assert request.accepted


async def test_accounts(wx: Client, world: World, receiver: Receiver) -> None:
    info = await wx.get_client_info()
    assert (info.account, info.state) == ("default", "running")
    with pytest.raises(client.NotFound, match="no QR code to scan"):
        await wx.get_qrcode()
    started = await wx.start_client("shop", base_url=world.simulator.url, send_interval=0)
    assert (started.client, started.status) == ("shop", "success")
    assert {one.account for one in await wx.check_client()} == {"default", "shop"}
    assert [one.account for one in await wx.check_client("shop")] == ["shop"]
    async with Client(wx.url, account="shop") as shop:
        with pytest.raises(client.NotRunning) as caught:
            await shop.get_user_info()
        assert caught.value.state
        assert caught.value.state_reason in caught.value.status
        codes = world.simulator.codes
        assert await codes.pulse.until(codes.pending, 10)
        assert (await _qrcode(shop)).data.startswith(b"\x89PNG")
        await shop.stop_client()
    with pytest.raises(client.BadParameter, match="several accounts"):
        await wx.outbox()


async def _qrcode(wx: Client) -> client.Image:
    while True:  # nothing tells that it is there
        try:
            return await wx.get_qrcode()
        except client.NotFound:
            await asyncio.sleep(0.01)


async def test_the_outbox(wx: Client, account: Account, receiver: Receiver) -> None:
    receiver.fails(status=400, post_type="receive_message")
    account.friend("小灰").says("refused")
    await receiver.gets(5, content="refused")
    failed: list[client.Delivery] = []
    while not failed:  # the last answer is noted a moment later
        failed = await wx.outbox()
    shown = await wx.outbox_show(failed[0].id)
    assert (shown.delivery, shown.upload["content"]) == (failed[0], "refused")
    receiver.behaves_well()
    receiver.forget()
    assert await wx.outbox_retry(failed[0].id) == 1
    await receiver.get(content="refused")
    assert await wx.outbox_drop("all") == 0
    with pytest.raises(client.NotFound):
        await wx.outbox_drop([failed[0].id])


async def test_a_route_that_the_client_does_not_know(wx: Client) -> None:
    answer = await wx.call("search_friend", account="xiaohui2016")
    assert answer[0]["displayname"] == "小灰"
    with pytest.raises(client.NoRoute) as caught:
        await wx.call("fly")
    assert (caught.value.code, caught.value.http_status) == (-9, 404)


# -- what goes wrong -------------------------------------------------------------------------------------


async def test_namesakes(wx: Client, account: Account) -> None:
    with pytest.raises(client.Ambiguous, match="code 102") as caught:
        await wx.send_friend_message("hi", displayname="张伟")
    assert [one["displayname"] for one in caught.value.candidates] == ["张伟", "张伟"]
    await wx.send_friend_message("hi", id=caught.value.candidates[0]["id"])
    assert len(account.sent) == 1


async def test_every_refusal_has_its_class(
    wx: Client, account: Account, simulator: Simulator, tmp_path: Path
) -> None:
    with pytest.raises(client.NotFound):
        await wx.send_friend_message("hi", displayname="nobody")
    with pytest.raises(client.NotPossible):
        await wx.make_friend((await wx.search_friend(account="xiaohui2016"))[0].id)
    with pytest.raises(client.EmptyList):
        await wx.create_group([])
    with pytest.raises(client.BadParameter, match="content"):
        await wx.send_friend_message(displayname="小灰")
    with pytest.raises(client.MediaFailed):
        await wx.send_friend_message(media=b"", displayname="小灰")
    with pytest.raises(client.Forbidden):
        await wx.send_friend_message(media_path="/etc/passwd", displayname="小灰")
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1204, errmsg="不行", times=1)
    with pytest.raises(client.RefusedByWeChat) as caught:
        await wx.send_friend_message("hi", displayname="小灰", idempotency_key="mine")
    assert (caught.value.code, caught.value.ret, caught.value.errmsg) == (1204, 1204, "不行")
    assert not account.sent


async def test_the_token(world: World) -> None:
    settings = world.settings()
    access = settings.access.model_copy(update={"token": "a-long-secret-token"})
    gateway = await world.start(settings=settings.model_copy(update={"access": access}))
    async with Client(gateway.url, token="a-long-secret-token") as wx:
        assert (await wx.get_client_info()).account == "default"
    for token in (None, "wrong"):
        async with Client(gateway.url, token=token) as wx:
            with pytest.raises(client.Unauthenticated):
                await wx.get_client_info()


async def test_a_full_queue(world: World, account: Account, simulator: Simulator) -> None:
    gateway = await world.run(queue_size=1)
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    async with Client(gateway.url) as wx, asyncio.TaskGroup() as tasks:
        tasks.create_task(wx.send_friend_message("1", id="filehelper"))
        await hanging.strikes()
        tasks.create_task(wx.send_friend_message("2", id="filehelper"))
        await gateway.queues(2)
        with pytest.raises(client.QueueFull) as caught:
            await wx.send_friend_message("3", id="filehelper")
        assert caught.value.retry_after_s == 1
        hanging.release()
        simulator.faults.clear()
    assert account.filehelper.texts == ["1", "2"]


async def test_an_outcome_that_the_gateway_does_not_know(
    world: World, account: Account, simulator: Simulator
) -> None:
    gateway = await world.run(pace={"send_wait_s": 2.0})
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    async with Client(gateway.url) as wx:
        with pytest.raises(client.OutcomeUnknown) as caught:
            await wx.send_friend_message("slow", id="filehelper")
        key = caught.value.idempotency_key
        assert key
        hanging.release()
        simulator.faults.clear()
        await account.filehelper.hears()
        sent = await wx.send_friend_message("slow", id="filehelper", idempotency_key=key)
    assert [heard.msg_id for heard in account.sent] == [sent.msg_id]


async def test_nobody_is_there() -> None:
    async with Client(f"http://127.0.0.1:{free_port()}", retry_for_s=0) as wx:
        with pytest.raises(client.NotConnected, match="get_user_info: no connection"):
            await wx.get_user_info()


async def test_somebody_else_is_there(simulator: Simulator) -> None:
    async with Client(simulator.url) as wx:
        with pytest.raises(client.NotOpenwx, match="HTTP 404"):
            await wx.get_user_info()


async def test_wrong_addresses_and_a_client_that_is_not_open() -> None:
    with pytest.raises(ValueError, match="url must begin"):
        Client("127.0.0.1:3000")
    with pytest.raises(RuntimeError, match="async with"):
        await Client().get_user_info()
