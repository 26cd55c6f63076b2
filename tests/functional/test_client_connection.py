"""The Python client over connections that break, and its streams of events."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from yarl import URL

from openwx import client
from openwx.client import Client, Event, Message, TextMessage
from openwx.client.events import NewFriend, StateChange
from openwx.simulator import Account, Simulator
from openwx.simulator.samples import PNG
from tests.patience import PATIENCE_S

from .world import Gateway, Receiver, World


@pytest.fixture
async def wx(api: Gateway) -> AsyncIterator[Client]:
    async with Client(api.url) as wx:
        yield wx


# -- lost connections ------------------------------------------------------------------------------------


class Line:
    """A connection to the gateway that can be cut before an answer comes through."""

    def __init__(self, url: str) -> None:
        self._to = URL(url)
        self.cuts = 0
        """So many answers are lost, from now on."""
        self.url = ""
        self.calls = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Line":
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        with contextlib.closing(writer), contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(self._to.host, self._to.port)
            with contextlib.closing(back):
                asking = asyncio.create_task(_pipe(reader, back))
                while (answer := await there.read(65536)) and not self.cuts:
                    writer.write(answer)
                self.cuts -= bool(answer)
                asking.cancel()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def test_a_send_whose_answer_is_lost_is_heard_once(api: Gateway, account: Account) -> None:
    async with Line(api.url) as line, Client(line.url) as wx:
        line.cuts = 2
        sent = await wx.send_friend_message("once", id="filehelper")
        assert line.calls == 3
        line.cuts = 1
        await wx.send_friend_message(media=PNG, id="filehelper")
        line.cuts = 1
        await wx.send_friend_message_later("later", id="filehelper")
        assert await account.filehelper.hears(3)
        line.cuts = 1
        assert (await wx.get_user_info()).uid == account.uin
    assert account.filehelper.inbox[0].msg_id == sent.msg_id
    assert len(account.sent) == 3


async def test_a_change_whose_answer_is_lost_is_not_repeated(
    api: Gateway, account: Account
) -> None:
    async with Line(api.url) as line, Client(line.url) as wx:
        friends = [(await wx.search_friend(account=name))[0].id for name in ("xiaohui2016", "hug")]
        line.cuts = 1
        before = line.calls
        with pytest.raises(client.OutcomeUnknown, match="the answer was lost") as caught:
            await wx.create_group(friends, displayname="新群")
        assert caught.value.idempotency_key is None
        assert line.calls - before <= 1
    assert len(account.group("新群").others) == 2


async def test_without_retries_a_lost_answer_is_reported_at_once(
    api: Gateway, account: Account
) -> None:
    async with Line(api.url) as line, Client(line.url, retry_for_s=0) as wx:
        line.cuts = 1
        with pytest.raises(client.OutcomeUnknown):
            await wx.send_friend_message("x", id="filehelper")
        assert line.calls == 1
    assert account.filehelper.texts == ["x"]


async def test_a_call_outlasts_a_restart(world: World, account: Account) -> None:
    gateway = await world.run()
    port = URL(gateway.url).port
    await gateway.stop()
    settings = world.settings()
    listen = settings.listen[0].model_copy(update={"port": port})
    async with Client(gateway.url) as wx:
        checking = asyncio.create_task(wx.get_client_info())
        again = await world.start(settings=settings.model_copy(update={"listen": [listen]}))
        assert (await checking).account == "default"
        await again.reaches("running")
        await wx.send_friend_message("back", id="filehelper")
    assert account.filehelper.texts == ["back"]


async def test_who_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with Client(url, timeout_s=0.1, retry_for_s=0) as wx, asyncio.timeout(PATIENCE_S):
            with pytest.raises(client.OutcomeUnknown):
                await wx.get_user_info()


# -- what happens ----------------------------------------------------------------------------------------


async def test_events(wx: Client, account: Account) -> None:
    events = wx.events(0)
    account.friend("小灰").says("在吗")
    account.add_friend("新人")
    found: list[Message | Event] = []
    async with asyncio.timeout(PATIENCE_S):
        async for happened in events:
            found.append(happened)
            if {NewFriend, TextMessage} <= {type(one) for one in found}:
                break
    (text,) = [one for one in found if isinstance(one, TextMessage)]
    (new,) = [one for one in found if isinstance(one, NewFriend)]
    assert (text.sender, text.content, text.is_received) == ("小灰", "在吗", True)
    assert new.friend.displayname == "新人"
    assert (await wx.send_friend_message("在", id=text.chat_id)).msg_id
    assert await account.friend("小灰").hears_text() == "在"


async def test_events_after_an_id_are_there_for_everybody(wx: Client, account: Account) -> None:
    start = await wx.check_event_after("now", timeout=0)
    assert (start.uploads, start.missed) == ([], False)
    friend = account.friend("小灰")
    friend.says("1")
    first = await wx.check_event_after(start.last_id, timeout=PATIENCE_S, chat="小灰")
    assert [one.content for one in first.uploads if isinstance(one, TextMessage)] == ["1"]
    friend.says("2")
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        async for happened in wx.events(after=start.last_id):
            assert isinstance(happened, TextMessage)
            found.append(happened.content)
            if len(found) == 2:
                break
    assert found == ["1", "2"]
    assert (await wx.check_event_after(first.last_id, timeout=0)).last_id > first.last_id
    assert (await wx.check_event_after(10**9, timeout=0)).missed


async def test_events_go_on_where_one_was(world: World, account: Account) -> None:
    """Over a restart of the gateway, and of the program that keeps the last id."""
    gateway = await world.run()
    port = URL(gateway.url).port
    settings = world.settings()
    listen = settings.listen[0].model_copy(update={"port": port})
    friend = account.friend("小灰")
    heard: list[str] = []

    async def until(events: client.Events, text: str) -> None:
        async for happened in events:
            assert isinstance(happened, TextMessage)
            heard.append(happened.content)
            if happened.content == text:
                break

    async with asyncio.timeout(PATIENCE_S):
        async with Client(gateway.url) as wx:
            events = wx.events(0, type="receive_message")
            friend.says("1")
            friend.says("2")
            await until(events, "2")
            await gateway.stop()
            friend.says("3")
            again = await world.start(settings=settings.model_copy(update={"listen": [listen]}))
            await until(events, "3")
            last_id = events.last_id
            assert last_id is not None
            await events.aclose()
        friend.says("4")
        async with Client(again.url) as wx:
            await until(wx.events(last_id, type="receive_message"), "4")
    assert heard == ["1", "2", "3", "4"]


async def test_events_that_are_not_kept_are_reported(
    wx: Client, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    events = wx.events(10**9)
    async with asyncio.timeout(PATIENCE_S):
        await anext(events)
    assert events.missed == 1
    assert "are missing: no event has this id" in caplog.text


async def test_events_with_large_media(wx: Client, account: Account) -> None:
    picture = PNG + bytes(2**20)
    async with asyncio.timeout(PATIENCE_S):
        events = wx.events(0, format="media", media_data=True)
        account.friend("小灰").sends_image(picture)
        message = await anext(events)
    assert isinstance(message, client.MediaMessage)
    assert message.data == picture


async def test_what_another_try_would_not_mend_is_reported(
    api: Gateway, simulator: Simulator
) -> None:
    async with Client(api.url) as wx:
        with pytest.raises(client.BadParameter, match="type must be of"):
            await anext(wx.events(type="nonsense"))
    async with Client(simulator.url) as wx:
        with pytest.raises(client.NotOpenwx):
            await anext(wx.events())


async def test_a_stream_that_is_cut_is_reported_once(api: Gateway, account: Account) -> None:
    async with Line(api.url) as line, Client(line.url) as wx, asyncio.timeout(PATIENCE_S):
        events = wx.events(0, type="receive_message")
        account.friend("小灰").says("1")
        first = await anext(events)
        line.cuts = 1
        account.friend("小灰").says("2")
        second = await anext(events)
        assert line.calls == 2
    assert [one.content for one in (first, second) if isinstance(one, TextMessage)] == ["1", "2"]


async def test_every_event_and_message_can_be_read(
    wx: Client, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.says("text")
    friend.sends_image(PNG)
    friend.sends_location("天安门")
    friend.sends_link("标题")
    friend.transfers("10")
    friend.sends_card(account.friend("momo"))
    friend.recalls(friend.says("oops"))
    await receiver.get(format="revoke")
    account.phone.logs_out_web()
    wanted = {"TextMessage", "MediaMessage", "LocationMessage", "AppMessage", "PaymentMessage"}
    wanted |= {"CardMessage", "RevokeMessage", "StateChange"}
    found: dict[str, Message | Event] = {}
    async with asyncio.timeout(PATIENCE_S):
        async for happened in wx.events(0, media_data=True):
            found[type(happened).__name__] = happened
            if wanted <= found.keys():
                break
    change, picture = found["StateChange"], found["MediaMessage"]
    assert isinstance(change, StateChange)
    assert isinstance(picture, client.MediaMessage)
    assert (picture.media_type, picture.data) == ("image", PNG)
