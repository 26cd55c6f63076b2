"""``/openwx/ws``: events as they happen, and calls of any route, over one connection."""

import asyncio
import base64
import contextlib
import os
import random
from typing import Any

import aiohttp
import msgspec
import pytest

from openwx.api import slow_client
from openwx.api import websocket as serving
from openwx.config import AccessSettings
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import JPEG
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S, until
from tests.rows import rows

from .streaming import Socket, socket
from .test_streams import MANY, connected, connections, fill, inside
from .world import Gateway, Receiver, World

pytestmark = pytest.mark.in_memory

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
TOKEN = "a-long-secret-token"


async def with_token(world: World, **access: Any) -> Gateway:
    settings = world.settings().model_copy(update={"access": AccessSettings(token=TOKEN, **access)})
    return await world.start(settings=settings)


# -- events ------------------------------------------------------------------------------------------------


async def test_events_and_calls_over_one_socket(api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰")
    async with socket(api) as ws:
        friend.says("你好")
        event = await ws.next_of("event")
        assert event["name"] == "receive_message"
        assert event["event"]["content"] == "你好"
        answer = await ws.call("send_friend_message", displayname="小灰", content="hi")
        assert answer["http_status"] == 200
        assert answer["answer"]["code"] == 0
        assert await friend.hears_text() == "hi"
        sent = await ws.next_of("event")
        assert sent["event"]["content"] == "hi"
        assert sent["id"] > event["id"]


async def test_who_was_away_misses_nothing(world: World, account: MemoryAccount) -> None:
    gateway = await world.run()
    friend = account.friend("小灰")
    async with socket(gateway, type="receive_message") as ws:
        friend.says("1")
        event = await ws.next_of("event")
    for n in range(2, 20):
        friend.says(str(n))
    async with socket(gateway, type="receive_message", after=str(event["id"])) as ws:
        assert ws.cursor == event["id"]
        assert await ws.texts(18) == [str(n) for n in range(2, 20)]
    await gateway.stop()
    friend.says("20")
    gateway = await world.start()
    async with socket(gateway, type="receive_message", after=str(event["id"])) as ws:
        assert await ws.texts(19) == [str(n) for n in range(2, 21)]


async def test_a_thousand_messages_keep_their_order(api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰")
    async with socket(api) as ws:
        for n in range(1000):
            friend.says(str(n))
        assert await ws.texts(1000) == [str(n) for n in range(1000)]


async def test_filters_and_media(api: Gateway, account: MemoryAccount) -> None:
    async with socket(api, chat="小灰", format="media", media_data="1") as ws:
        account.friend("momo").sends_image(JPEG)
        account.friend("小灰").says("no picture")
        account.friend("小灰").sends_image(JPEG)
        event = await ws.next_of("event")
        assert event["event"]["sender"] == "小灰"
        assert base64.b64decode(event["event"]["media_data"]) == JPEG


async def test_what_is_forgotten_is_reported(api: Gateway) -> None:
    async with socket(api, after="999999") as ws:
        missed = await ws.next_of("missed")
        assert (missed["after"], missed["upto"]) == (999999, 0)
        assert "another journal" in missed["reason"]


# -- calls -------------------------------------------------------------------------------------------------


async def test_calls_are_answered_like_http(api: Gateway) -> None:
    """The same answers, codes and statuses, for right and wrong calls."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("get_user_info", {}),
        ("get_friend_info", {}),
        ("search_friend", {"name": "nobody"}),
        ("search_friend", {"height": "180"}),
        ("send_friend_message", {"displayname": "小灰"}),
        ("send_friend_message", {"displayname": "nobody", "content": "x"}),
        ("get_client_info", {"client": "nobody"}),
        ("check_event", {"timeout": -1}),
        ("outbox", {}),
    ]
    async with socket(api) as ws:
        for name, params in calls:
            over_socket = await ws.call(name, **params)
            over_http = await api.post_json(name, **params)
            assert over_socket["http_status"] == over_http.status
            assert over_socket["answer"] == over_http.json


async def test_calls_with_a_key_are_done_once(api: Gateway, account: MemoryAccount) -> None:
    async with socket(api) as ws:
        to = {"displayname": "小灰", "content": "once", "idempotency_key": "k"}
        first = await ws.call("send_friend_message", **to)
        again = await ws.call("send_friend_message", **to)
        assert first["answer"] == again["answer"]
        over_http = await api.post_json("send_friend_message", **to)
        assert over_http.json == first["answer"]
    assert account.friend("小灰").texts == ["once"]


@pytest.mark.usefixtures("simulator")
async def test_pictures_come_in_base64(api: Gateway) -> None:
    async with socket(api) as ws:
        answer = await ws.call("get_avatar", displayname="小灰")
        over_http = await api.get("get_avatar", displayname="小灰")
        assert base64.b64decode(answer["data"]) == over_http.body
        assert answer["content_type"] == over_http.headers["Content-Type"]
        assert answer["http_status"] == 200


async def test_long_polls_can_be_called_too(api: Gateway, account: MemoryAccount) -> None:
    await api.drain()
    async with socket(api, type="login") as ws:
        account.friend("小灰").says("1")
        answer = await ws.call("check_event", timeout=10)
        assert [report["content"] for report in answer["answer"]] == ["1"]


def waits(id_: Any, **params: str) -> Any:
    """Build a call that waits for long."""
    wanted = {"after": "now", "type": "receive_message", "timeout": "60"} | params
    return {"id": id_, "call": "check_event", "params": wanted}


async def test_calls_run_side_by_side_up_to_a_bound(api: Gateway, account: MemoryAccount) -> None:
    async with socket(api) as ws:
        for n in range(serving.CALLS_AT_ONCE):
            await ws.ws.send_json(waits(n))
        await ws.ws.send_json({"id": "one more", "call": "get_user_info"})
        refused = await ws.next_of("answer")
        assert (refused["id"], refused["http_status"]) == ("one more", 429)
        assert refused["answer"]["code"] == -7
        readers = inside(api).account(None).stream._readers
        await until(lambda: len(readers) == serving.CALLS_AT_ONCE + 1)
        account.friend("小灰").says("yes")
        answers = [await ws.next_of("answer") for _ in range(serving.CALLS_AT_ONCE)]
        assert {answer["answer"][0]["content"] for answer in answers} == {"yes"}
        assert {answer["id"] for answer in answers} == set(range(serving.CALLS_AT_ONCE))
        assert (await ws.call("get_user_info"))["http_status"] == 200


@pytest.mark.usefixtures("simulator", "stops_soon")
async def test_of_several_accounts_the_sockets_own_is_called(world: World) -> None:
    gateway = await world.run()
    second = world.simulator.add_account()
    how = {"client": "second", "base_url": world.simulator.url}
    assert (await gateway.get("start_client", **how)).code == 0
    await second.phone.logs_in()
    assert (await gateway.get("ws")).code == -2
    async with socket(gateway, client="second", after="0") as ws:
        await ws.next_of("event", name="login")
        answer = await ws.call("get_client_info")
        assert answer["answer"]["account"] == "second"
        answer = await ws.call("get_client_info", client="default")
        assert answer["answer"]["account"] == "default"
        await gateway.get("stop_client", client="second")
        end = await ws.next_of("end")
        assert end["reason"].startswith("the account second has stopped")
        assert await ws.next() is None
        assert ws.ws.close_code == end["code"] == 1001


# -- what is wrong -----------------------------------------------------------------------------------------


@rows(
    ("message", "code", "words"),
    [
        ("", -2, "a message must be a JSON object"),
        ("hello", -2, "a message must be a JSON object"),
        ("[1]", -2, "a message must be a JSON object"),
        ("{}", -2, 'a message must be {"id": …, "call": "the name of a route"'),
        ('{"call": 5}', -2, "a message must be a JSON object"),
        ('{"call": "get_user_info", "params": [1]}', -2, "the params must be a JSON object"),
        (
            '{"call": "search_friend", "params": {"name": [1]}}',
            -2,
            "'name' must be a text, a number",
        ),
        ('{"call": "search_friend", "params": {"send": [1]}}', -2, "'send' cannot be searched for"),
        ('{"call": "no_such_route"}', -9, "there is no route 'no_such_route'"),
        ('{"call": "__class__"}', -9, "there is no route"),
        ('{"call": "ws"}', -2, "ws cannot be called over a socket"),
        ('{"call": "events"}', -2, "events cannot be called over a socket"),
        ("[" * 50_000, -2, "a message must be a JSON object"),
        ("[" * 100_000, -2, "the message must be JSON with at most"),
        ('{"call": "a", "id": "' + "x" * 1001 + '"}', -2, "id must be at most 1000 bytes"),
        (
            '{"call": "send_friend_message", "params": {"content": "\\ud800"}}',
            -2,
            "a message must be",
        ),
    ],
)
async def test_bad_messages_are_answered(api: Gateway, message: str, code: int, words: str) -> None:
    async with socket(api) as ws:
        await ws.ws.send_str(message)
        answer = await ws.next_of("answer")
        assert answer["answer"]["code"] == code
        assert answer["answer"]["status"].startswith(words)
        assert answer["http_status"] in (400, 404)
        assert (await ws.call("get_client_info"))["http_status"] == 200


async def test_garbage_hurts_nobody(api: Gateway) -> None:
    """Random messages and random frames: an answer or an end, and the server goes on."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    async with socket(api) as ws:
        for _ in range(300):
            good = bytearray(b'{"id": [1, "x"], "call": "get_user_info", "params": {"a": "b"}}')
            for _ in range(chance.randrange(1, 5)):
                good[chance.randrange(len(good))] = chance.randrange(256)
            await ws.ws.send_bytes(bytes(good))
            answer = await ws.next_of("answer")
            assert answer["http_status"] in (200, 400, 404)
    for _ in range(100):
        host, _, port = api.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /openwx/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head
        writer.write(chance.randbytes(chance.randrange(1, 200)))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    assert (await api.get("get_client_info")).code == 0
    await until(lambda: not inside(api).streams.taken)


async def test_a_message_that_is_too_large_ends_the_socket(world: World) -> None:
    gateway = await with_token(world)
    async with gateway._http.ws_connect(f"{gateway.url}/openwx/ws") as ws:
        await ws.send_str("x" * (2**20 + 1))
        message = await ws.receive(10)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)
        assert ws.close_code == 1009


async def test_what_is_no_websocket_is_refused(api: Gateway) -> None:
    for answer in (
        await api.get("ws"),
        await api.post("ws", type="login"),
        await api.call("ws", headers={"Upgrade": "websocket", "Connection": "Upgrade"}),
        await api.get("ws", after="x"),
    ):
        assert (answer.status, answer.code) == (400, -2)
    assert "needs GET with Upgrade: websocket" in (await api.get("ws")).words


# -- access --------------------------------------------------------------------------------------------------


async def test_the_token_comes_with_the_handshake_or_first(world: World) -> None:
    gateway = await with_token(world)
    url = f"{gateway.url}/openwx/ws"
    async with socket(gateway, token=TOKEN):
        pass
    async with socket(gateway, headers={"Authorization": f"Bearer {TOKEN}"}):
        pass
    async with gateway._http.ws_connect(url) as raw:
        await raw.ping()
        await raw.send_json({"token": TOKEN})
        ws = Socket(raw)
        await ws.next_of("cursor")
        assert (await ws.call("get_client_info"))["answer"]["code"] == 0
        await raw.send_json({"token": TOKEN})  # once more does no harm
        assert (await ws.call("get_client_info"))["answer"]["code"] == 0


@pytest.mark.parametrize(
    "first",
    [
        {"token": "a-wrong-secret-token"},
        {"call": "get_user_info"},
        {"token": ""},
        {"id": 1, "call": "get_user_info", "params": {"token": TOKEN}},
    ],
)
async def test_without_the_token_nothing_is_sent(world: World, first: dict[str, Any]) -> None:
    gateway = await with_token(world)
    async with gateway._http.ws_connect(f"{gateway.url}/openwx/ws?client=nobody") as raw:
        await raw.send_json(first)
        ws = Socket(raw)
        end = await ws.next()
        assert end is not None
        assert end["type"] == "end"
        assert end["code"] == 1008
        assert "valid token" in end["reason"]
        assert await ws.next() is None
        assert raw.close_code == 1008


async def test_a_wrong_token_in_the_handshake_ends_it(world: World) -> None:
    gateway = await with_token(world)
    for params, headers in (({"token": "wrong"}, {}), ({}, {"Authorization": "Bearer wrong"})):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await gateway._http.ws_connect(
                f"{gateway.url}/openwx/ws", params=params, headers=headers
            )
        assert refused.value.status == 401


async def test_silent_strangers_keep_nobody_out_and_are_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await with_token(world)
    url = f"{gateway.url}/openwx/ws"
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(60):
            await stack.enter_async_context(gateway._http.ws_connect(url))
        late = await stack.enter_async_context(gateway._http.ws_connect(url))
        await late.send_json({"token": TOKEN})
        first = await Socket(late).next()
        assert first is not None
        assert first["type"] == "cursor"
    monkeypatch.setattr(serving, "AUTHENTICATE_S", 0.05)
    async with gateway._http.ws_connect(url) as raw:
        end = await Socket(raw).next()
        assert end is not None
        assert end["code"] == 1008


async def test_what_is_wrong_is_reported_after_a_late_token(world: World) -> None:
    gateway = await with_token(world)
    async with gateway._http.ws_connect(f"{gateway.url}/openwx/ws?client=nobody") as raw:
        await raw.send_json({"token": TOKEN})
        end = await Socket(raw).next()
        assert end is not None
        assert "client must be one of: default" in end["reason"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example"},
    ],
)
async def test_pages_of_others_get_no_socket(api: Gateway, headers: dict[str, str]) -> None:
    """The browser's own cookies and tokens are no use to them; they hear nothing."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await api._http.ws_connect(f"{api.url}/openwx/ws", headers=headers)
    assert refused.value.status == 403


async def test_own_and_listed_pages_get_one(world: World) -> None:
    gateway = await with_token(world, cors_origins=["https://shop.example"])
    for origin in (gateway.url, "https://shop.example"):
        async with socket(gateway, headers={"Origin": origin}, token=TOKEN):
            pass


# -- ends --------------------------------------------------------------------------------------------------


async def test_the_end_of_the_server_is_reported(world: World) -> None:
    gateway = await world.run()
    async with socket(gateway) as ws:
        stopping = asyncio.create_task(gateway.stop())
        await ws.next_of("event", name="stop")
        end = await ws.next_of("end")
        assert (end["code"], end["reason"]) == (1001, "the server stops")
        assert await ws.next() is None
        assert ws.ws.close_code == 1001
        await stopping


async def test_who_goes_away_leaves_nothing_behind(api: Gateway) -> None:
    before = connections()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(10):
            ws = await stack.enter_async_context(socket(api))
            await ws.ws.send_json(waits(1))
            await ws.ws.send_json({"call": "check_event", "params": {"timeout": 60}})
        assert inside(api).streams.taken == 10
        await until(lambda: len(inside(api).account(None).stream._readers) == 20)
    await until(lambda: not inside(api).streams.taken)
    await until(lambda: connections() <= before)
    assert not inside(api).account(None).stream._readers


async def test_what_was_called_is_done_though_nobody_waits(
    api: Gateway, account: Account, simulator: Simulator
) -> None:
    slow = simulator.faults.add("webwxsendmsg", Fault.HANG)
    async with socket(api) as ws:
        call = {
            "call": "send_friend_message",
            "params": {"displayname": "小灰", "content": "still"},
        }
        await ws.ws.send_json(call)
        await slow.strikes()
    slow.release()
    assert await account.friend("小灰").hears_text() == "still"
    await until(lambda: not inside(api).streams.taken)


async def test_a_socket_without_pongs_is_closed(
    api: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PING_S", 0.02)
    monkeypatch.setattr(serving, "SILENT_S", 0.1)
    async with api._http.ws_connect(f"{api.url}/openwx/ws", autoping=False) as raw:
        async with asyncio.timeout(PATIENCE_S):
            while (message := await raw.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
        assert message.data == 1008
        assert "no ping was answered for 0.1 seconds; go on with after=" in str(message.extra)
    monkeypatch.setattr(serving, "SILENT_S", 1.0)  # both ends stand still with a busy machine
    async with socket(api) as ws:  # aiohttp answers pings while it is read from
        with pytest.raises(TimeoutError):
            await ws.next(1.5)


async def test_a_slow_reader_is_notified_and_continues(
    api: Gateway, account: MemoryAccount, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_client, "SLOW_S", 0.3)
    await fill(api, account, receiver)
    overs: list[bool] = []
    end = slow_client.SlowClient.end

    def noticed(self: slow_client.SlowClient) -> None:
        overs.append(True)
        end(self)

    monkeypatch.setattr(slow_client.SlowClient, "end", noticed)
    client = connected(api)
    await asyncio.get_running_loop().sock_sendall(
        client,
        b"GET /openwx/ws?after=0&type=receive_message HTTP/1.1\r\nHost: localhost\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    await until(lambda: overs)
    reader, writer = await asyncio.open_connection(sock=client)
    await reader.readuntil(b"\r\n\r\n")
    messages: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while (frame := await read_frame(reader))[0] == 1:
            messages.append(msgspec.json.decode(frame[1]))
    writer.close()
    kind, data = frame
    assert kind == 8
    code, reason = int.from_bytes(data[:2], "big"), data[2:].decode()
    last = messages.pop()
    events = [message for message in messages if message["type"] == "event"]
    assert last["type"] == "end"
    assert last["after"] == events[-1]["id"]
    assert code == last["code"] == 1013
    assert reason == f"nothing was read for 0.3 seconds; go on with after={last['after']}"
    assert 0 < len(events) < MANY
    async with socket(api, after=str(last["after"]), type="receive_message") as ws:
        rest = await ws.texts(MANY - len(events))
    found = [event["event"]["content"] for event in events] + rest
    assert [text.partition(" ")[0] for text in found] == [str(n) for n in range(MANY)]


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of a server's frame."""
    first, length = await reader.readexactly(2)
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    elif length == 127:
        length = int.from_bytes(await reader.readexactly(8), "big")
    return first & 15, await reader.readexactly(length)


async def test_only_so_many_at_once(api: Gateway) -> None:
    inside(api).streams._most = 1
    async with socket(api):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await api._http.ws_connect(f"{api.url}/openwx/ws")
        assert refused.value.status == 429
        assert (await api.get("events")).status == 429
