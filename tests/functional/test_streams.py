"""``/openwx/events`` and ``check_event`` with ``after``: readers of any pace miss nothing."""

import asyncio
import base64
import contextlib
import socket as sockets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from openwx.api import slow_client, sse
from openwx.api.slow_client import SlowClient
from openwx.config import AccessSettings
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import JPEG
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S, until

from .streaming import EventSource, event_source
from .world import Api, Command, Gateway, Receiver, World


def inside(gateway: Gateway) -> Any:
    """Return the gateway behind a server."""
    assert gateway.service is not None
    return gateway.service.gateway


# -- events ------------------------------------------------------------------------------------------------


async def test_events_come_as_they_happen(api: Gateway, account: Account) -> None:
    friend = account.friend("小灰")
    async with event_source(api) as source:
        assert source.retry == sse.RETRY_MS
        assert source.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert source.response.headers["Cache-Control"] == "no-store"
        friend.says("你好\n第二行")
        first = await source.next()
        assert first is not None
        assert (first.name, first.content) == ("receive_message", "你好\n第二行")
        assert first.json["sender"] == "小灰"
        assert (await api.get("send_friend_message", displayname="小灰", content="hi")).code == 0
        second = await source.next()
        assert second is not None
        assert (second.name, second.content) == ("send_message", "hi")
        assert int(second.id) > int(first.id)
        account.group("PERL学习交流").add_member("新人")
        third = await source.next()
        assert third is not None
        assert third.json["event"] == third.name == "new_group_member"


async def test_who_was_away_misses_nothing(api: Gateway, account: Account) -> None:
    friend = account.friend("小灰")
    async with event_source(api) as source:
        friend.says("1")
        assert await source.texts(1) == ["1"]
    for n in range(2, 30):
        friend.says(str(n))
    async with event_source(api, last_id=source.last_id) as again:
        assert await again.texts(28) == [str(n) for n in range(2, 30)]
    # The header is newer than the address that a browser opens again.
    async with event_source(api, last_id=again.last_id, after="0") as third:
        friend.says("30")
        assert await third.texts(1) == ["30"]
    # A reader that has received nothing continues from its beginning.
    async with event_source(api) as nothing:
        pass
    friend.says("31")
    async with event_source(api, last_id=nothing.last_id) as source:
        assert await source.texts(1) == ["31"]


async def test_a_reader_goes_on_after_kills_of_the_gateway(
    world: World,
    simulator: Simulator,
    account: Account,
    openwx: Callable[..., Awaitable[Command]],
) -> None:
    """Write each time while a picture is being downloaded, which holds back its chat alone."""
    environ = {
        "OPENWX_DATA_DIR": str(world.data_dir),
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": simulator.url,
    }
    friend, other = account.friend("小灰"), account.friend("momo")
    found: list[Any] = []
    last = "0"

    async def read_until(api: Api, enough: Callable[[], bool]) -> None:
        nonlocal last
        async with event_source(api, last_id=last, type="receive_message") as source:
            while not enough():
                event = await source.next(30)
                assert event is not None
                found.append(event.json["format"] == "media" or event.content)
                last = event.id

    for round_ in range(3):
        command = await openwx("serve", "--port", "0", **environ)
        api = Api(await command.url(), world.http)
        if not round_:
            await account.phone.logs_in()
        await api.reaches("running", 30)
        slow = simulator.faults.add("webwxgetmsgimg", Fault.HANG)
        friend.sends_image(JPEG)
        friend.says(f"behind {round_}")
        other.says(f"elsewhere {round_}")
        await slow.strikes()
        await read_until(api, lambda: f"elsewhere {round_}" in found)  # noqa: B023 - at once
        await command.kill()
        simulator.faults.remove(slow)
    command = await openwx("serve", "--port", "0", **environ)
    api = Api(await command.url(), world.http)
    await read_until(api, lambda: len(found) >= 9)
    assert [one for one in found if "elsewhere" in str(one)] == [f"elsewhere {n}" for n in range(3)]
    own = [one for one in found if "elsewhere" not in str(one)]
    assert own == [True, "behind 0", True, "behind 1", True, "behind 2"]


async def test_a_thousand_messages_keep_their_order(api: Gateway, account: Account) -> None:
    friend = account.friend("小灰")
    async with event_source(api) as first, event_source(api) as second:
        for n in range(1000):
            friend.says(str(n))
        expected = [str(n) for n in range(1000)]
        assert await first.texts(1000) == expected
        assert await second.texts(1000) == expected


async def test_filters(api: Gateway, account: Account) -> None:
    friend, other, group = (
        account.friend("小灰"),
        account.friend("momo"),
        account.group("PERL学习交流"),
    )
    async with (
        event_source(api, chat="小灰") as of_friend,
        event_source(api, chat="PERL学习交流", type="receive_message") as of_group,
        event_source(api, type="send_message,new_friend") as by_type,
        event_source(api, format="media") as media,
    ):
        friend.says("1")
        other.says("2")
        group.member_says(group.others[0], "3")
        other.sends_image(JPEG)
        account.add_friend("新朋友")
        assert (await api.get("send_friend_message", displayname="小灰", content="4")).code == 0
        friend.says("5")
        group.member_says(group.others[0], "6")
        texts = await of_friend.texts(3)
        assert sorted(texts) == ["1", "4", "5"]
        assert texts.index("1") < texts.index("5")
        assert await of_group.texts(2) == ["3", "6"]
        assert {event.name for event in await by_type.until("4")} == {"new_friend", "send_message"}
        picture = await media.next()
        assert picture is not None
        assert picture.json["sender_name"] == "momo"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"type": "receive_message,nothing"}, "type must be of: receive_message, send_message, "),
        ({"format": "pictures"}, "format must be of: app, card, "),
        ({"after": "-1"}, "after must be the id of an event, 0 for all that is stored, or now"),
        ({"after": "1" * 19}, "after must be"),
        ({"media_data": "perhaps"}, "media_data must be 1"),
        ({"client": "nobody"}, "client must be one of: default"),
    ],
)
async def test_wrong_wishes(gateway: Gateway, params: dict[str, str], words: str) -> None:
    answer = await gateway.get("events", **params)
    assert (answer.status, answer.code) == (400, -2)
    assert words in answer.words


async def test_a_last_id_that_is_none(gateway: Gateway) -> None:
    answer = await gateway.call("events", headers={"Last-Event-ID": "x"})
    assert (answer.status, answer.code) == (400, -2)
    assert "after must be" in answer.words


async def test_what_was_not_wanted_moves_the_id_on(
    api: Gateway, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.05)
    async with event_source(api, chat="nobody") as source:
        began = source.last_id
        reading = asyncio.create_task(source.next())
        account.friend("小灰").says("not for him")
        await until(lambda: source.last_id != began)
        reading.cancel()
        await asyncio.wait({reading})


async def test_what_is_forgotten_is_reported(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    for n in range(3):
        friend.says(str(n))
    async with event_source(api, after="0", type="receive_message") as source:
        assert await source.texts(3) == ["0", "1", "2"]
    receiver.fails(status=503, content="3")  # a pending report is not pruned
    friend.says("3")
    async with event_source(api, last_id=source.last_id) as source:
        assert await source.texts(1) == ["3"]
    await prune(api, pending=1)
    async with event_source(api, last_id="1") as again:
        missed = await again.next()
        assert missed is not None
        assert missed.name == "missed"
        assert missed.json["after"] == 1
        assert 1 < missed.json["upto"] < int(source.last_id)
        assert missed.id == "1"  # a reader that continues from there gets it again
        assert await again.texts(1) == ["3"]
    # An id of another journal.
    async with event_source(api, last_id="999999", type="receive_message") as again:
        missed = await again.next()
        assert missed is not None
        assert (missed.name, missed.json["upto"]) == ("missed", 0)
        await again.until("3")


async def prune(api: Gateway, *, pending: int) -> None:
    """Prune the journal as soon as all reports but ``pending`` are delivered."""
    await until(lambda: inside(api).account("default").waiting.reports <= pending)
    await inside(api)._resources.journal.prune(keep_s=0, keep=0)


async def test_contents_of_media_where_they_are_wanted(api: Gateway, account: Account) -> None:
    account.friend("小灰").sends_image(JPEG)
    async with event_source(api, after="0", format="media", media_data="1") as source:
        picture = await source.next()
        assert picture is not None
        assert base64.b64decode(picture.json["media_data"]) == JPEG
    async with event_source(api, after="0", format="media") as source:
        again = await source.next()
        assert again is not None
        assert again.json == {n: v for n, v in picture.json.items() if n != "media_data"}
    Path(picture.json["media_path"]).unlink()
    async with event_source(api, after="0", format="media", media_data="1") as source:
        gone = await source.next()
        assert gone is not None
        assert gone.json == again.json


# -- ends --------------------------------------------------------------------------------------------------


async def test_the_end_of_the_server_is_reported(world: World) -> None:
    gateway = await world.run()
    async with event_source(gateway) as source:
        stopping = asyncio.create_task(gateway.stop())
        *_, stop = await source.until("stop")
        end = await source.next()
        assert end is not None
        assert end.name == "end"
        assert end.json == {"reason": "the server stops", "after": int(stop.id)}
        assert await source.next() is None
        await stopping
    # Readers that reconnect get what came meanwhile.
    world.account.friend("小灰").says("meanwhile")
    gateway = await world.start()
    async with event_source(gateway, last_id=source.last_id, type="receive_message") as source:
        assert await source.texts(1) == ["meanwhile"]


@pytest.mark.usefixtures("stops_soon")
async def test_the_end_of_an_account_is_reported(world: World) -> None:
    gateway = await world.run()
    second = world.simulator.add_account()
    how = {"client": "second", "base_url": world.simulator.url}
    assert (await gateway.get("start_client", **how)).code == 0
    await second.phone.logs_in()
    async with event_source(gateway, client="second", after="0") as source:
        await source.until("login")
        assert (await gateway.get("stop_client", client="second")).code == 0
        await source.until("stop")
        end = await source.next()
        assert end is not None
        assert end.name == "end"
        assert end.json["reason"].startswith("the account second has stopped: ")
        assert await source.next() is None
    # It gets what is stored, and then the end; a browser reconnects by itself.
    async with event_source(gateway, client="second", last_id="0") as again:
        await again.until("stop")
        end = await again.next()
        assert end is not None
        assert end.name == "end"
        assert await again.next() is None
    waiting = asyncio.create_task(gateway.get("check_event", client="second", after=again.last_id))
    await gateway.get("start_client", **how)
    async with event_source(gateway, client="second", last_id=again.last_id) as third:
        friend = second.friends[0]
        friend.says("again")
        await third.until("again")
    waiting.cancel()


def connections() -> int:
    """Tasks of servers here that serve a connection."""
    return sum("RequestHandler.start" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def test_who_goes_away_leaves_nothing_behind(api: Gateway, account: Account) -> None:
    before = connections()
    async with contextlib.AsyncExitStack() as stack:
        sources = [await stack.enter_async_context(event_source(api)) for _ in range(10)]
        account.friend("小灰").says("1")
        for source in sources:
            assert await source.texts(1) == ["1"]
        assert inside(api).streams.taken == 10
    await until(lambda: not inside(api).streams.taken)
    assert not inside(api).account(None).stream._readers
    await until(lambda: connections() <= before)


async def test_only_so_many_at_once(api: Gateway) -> None:
    inside(api).streams._most = 2
    async with event_source(api), event_source(api):
        refused = await api.get("events")
        assert (refused.status, refused.code) == (429, -7)
        assert refused.headers["Retry-After"]
        assert "2 streams" in refused.words
    await until(lambda: not inside(api).streams.taken)
    async with event_source(api):
        pass


# -- slow readers ------------------------------------------------------------------------------------------

PIECE = "x" * 12_000
MANY = 900
"""Times PIECE: more than the buffers of a connection take."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_client, "SLOW_S", 0.3)


async def fill(api: Gateway, account: Account | MemoryAccount, receiver: Receiver) -> None:
    for n in range(MANY):
        account.friend("小灰").says(f"{n} {PIECE}")
    await receiver.gets(MANY, post_type="receive_message")


def connected(api: Gateway) -> sockets.socket:
    """Open a connection with a small buffer."""
    client = sockets.socket()
    client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 512 * 1024)
    host, _, port = api.url.removeprefix("http://").partition(":")
    client.connect((host, int(port)))
    client.setblocking(False)
    return client


@pytest.fixture
def patiences(impatient: None, monkeypatch: pytest.MonkeyPatch) -> list[SlowClient]:
    """Collect the ``SlowClient`` of each reader of this test, in order."""
    made: list[SlowClient] = []

    class Known(SlowClient):
        def __init__(self, request: web.BaseRequest) -> None:
            super().__init__(request)
            made.append(self)

    monkeypatch.setattr(sse, "SlowClient", Known)
    return made


async def test_a_slow_reader_is_notified_and_continues(
    api: Gateway, account: Account, receiver: Receiver, patiences: list[SlowClient]
) -> None:
    await fill(api, account, receiver)
    client = connected(api)
    request = b"GET /openwx/events?after=0&type=receive_message HTTP/1.0\r\nHost: localhost\r\n\r\n"
    await asyncio.get_running_loop().sock_sendall(client, request)
    await until(lambda: bool(patiences) and patiences[0].is_over)
    reader, writer = await asyncio.open_connection(sock=client, limit=2**20)
    lines = (await asyncio.wait_for(reader.read(), PATIENCE_S)).decode().splitlines()
    writer.close()
    answer = [msgspec.json.decode(line[6:]) for line in lines if line.startswith("data: ")]
    ids = [line[4:] for line in lines if line.startswith("id: ")]
    end = answer.pop()
    assert end == {"reason": "nothing was read for 0.3 seconds", "after": int(ids[-1])}
    assert 0 < len(answer) < MANY
    async with event_source(api, last_id=ids[-1], type="receive_message") as source:
        rest = await source.texts(MANY - len(answer))
    found = [report["content"] for report in answer] + rest
    assert [text.partition(" ")[0] for text in found] == [str(n) for n in range(MANY)]


@pytest.mark.usefixtures("impatient")
async def test_who_never_reads_is_cut_off(
    api: Gateway, account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_client, "GRACE_S", 0.2)
    await fill(api, account, receiver)
    with connected(api) as client:
        request = b"GET /openwx/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(client, request)
        await until(lambda: inside(api).streams.taken)
        await until(lambda: not inside(api).streams.taken)
        assert not inside(api).account(None).stream._readers


# -- access -------------------------------------------------------------------------------------------------


async def test_the_token_and_the_origin_are_asked_for(world: World) -> None:
    access = AccessSettings(token="a-long-secret-token", cors_origins=["https://shop.example"])
    gateway = await world.start(settings=world.settings().model_copy(update={"access": access}))
    assert (await gateway.get("events")).status == 401
    assert (await gateway.get("events", token="a-wrong-secret-token")).status == 401
    foreign = {"Origin": "https://evil.example"}
    answer = await gateway.call("events", params={"token": "a-long-secret-token"}, headers=foreign)
    assert answer.status == 403
    async with event_source(gateway, token="a-long-secret-token"):
        pass
    page = {"Origin": "https://shop.example", "Authorization": "Bearer a-long-secret-token"}
    async with gateway._http.get(f"{gateway.url}/openwx/events", headers=page) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert (await EventSource(response).begun()).isdigit()


# -- check_event ---------------------------------------------------------------------------------------------


async def test_check_event_after_an_id(api: Gateway, account: Account) -> None:
    friend = account.friend("小灰")
    start = await api.get("check_event", after="now", timeout="0")
    assert (start.status, start.json) == (200, [])
    last = start.headers["X-Openwx-Last-Id"]
    friend.says("1")
    friend.says("2")
    await until_drained(api, 2)
    found = await api.get("check_event", after=last, timeout="5")
    assert [report["content"] for report in found.json] == ["1", "2"]
    # Reading removes nothing: other readers get it, too, and so does the same one again.
    assert (await api.get("check_event", after=last, timeout="5")).body == found.body
    waiting = asyncio.create_task(
        api.get("check_event", after=found.headers["X-Openwx-Last-Id"], timeout="30")
    )
    friend.says("3")
    third = await waiting
    assert [report["content"] for report in third.json] == ["3"]
    assert int(third.headers["X-Openwx-Last-Id"]) > int(found.headers["X-Openwx-Last-Id"])
    none = await api.get("check_event", after=last, timeout="0", chat="momo")
    assert none.json == []
    assert none.headers["X-Openwx-Last-Id"] == third.headers["X-Openwx-Last-Id"]
    only = await api.get(
        "check_event", after=last, timeout="0", chat="小灰", type="receive_message"
    )
    assert [report["content"] for report in only.json] == ["1", "2", "3"]


async def until_drained(api: Gateway, n: int) -> None:
    """Wait until plain ``check_event`` has returned so many: it has a list of its own."""
    found: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < n:
            found += (await api.get("check_event", timeout="5", type="nonsense")).json


async def test_check_event_shows_what_is_forgotten(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    receiver.fails(status=503, content="1")
    account.friend("小灰").says("1")
    await until_drained(api, 1)
    await prune(api, pending=1)
    found = await api.get("check_event", after="1", timeout="0")
    first, _, last = found.headers["X-Openwx-Missed"].partition("-")
    assert first == "1"
    assert 1 < int(last) < int(found.headers["X-Openwx-Last-Id"])


async def test_check_event_has_media_by_and_by(
    api: Gateway, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer is bounded: what is too much for it comes in the next."""
    monkeypatch.setattr("openwx.api.routes.events.MOST_MEDIA", len(JPEG) + 1)
    for _ in range(3):
        account.friend("小灰").sends_image(JPEG)
    account.friend("小灰").says("end")
    last = "0"
    answers: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while not answers or [one.get("content") for one in answers[-1]][-1:] != ["end"]:
            found = await api.get("check_event", after=last, timeout="5", chat="小灰")
            last = found.headers["X-Openwx-Last-Id"]
            answers.append(found.json)
    media = [[one for one in answer if "media_data" in one] for answer in answers]
    assert [len(one) for one in media if one] == [1, 1, 1]
    assert base64.b64decode(media[0][0]["media_data"]) == JPEG


async def test_a_stop_answers_who_waits_after_an_id(world: World) -> None:
    gateway = await world.run()
    last = (await gateway.get("check_event", after="now", timeout="0")).headers["X-Openwx-Last-Id"]
    waiting = asyncio.create_task(
        gateway.get("check_event", after=last, timeout="60", type="receive_message")
    )
    await until(lambda: inside(gateway).account(None).stream._readers)
    await gateway.stop()
    with contextlib.suppress(aiohttp.ClientError):
        answer = await waiting
        assert answer.json == []
        assert answer.headers["X-Openwx-Last-Id"]
