"""What failed is sent again in the order of its chat, what waits is tried now: by the route, the command, the console
and the WebSocket alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from openwx.client import Client
from openwx.simulator import Account, Person
from tests.patience import PATIENCE_S

from .streaming import socket
from .test_backends import closes
from .typed import Typed
from .visitor import Visitor
from .world import Gateway, Json, Receiver, World

DELIVERIES = "/console/accounts/default/deliveries"
TEXTS = ["first", "second", "third"]
Retry = Callable[[str], Awaitable[None]]


class Ways:
    """Each asks for ids joined by commas, or for all."""

    def __init__(self, gateway: Gateway, typed: Typed):
        self.gateway = gateway
        self._typed = typed
        self.stack = AsyncExitStack()

    async def by_route(self, ids: str) -> None:
        assert (await self.gateway.get("outbox_retry", id=ids)).code == 0

    async def by_command(self, ids: str) -> None:
        chosen = ["--all"] if ids == "all" else ids.split(",")
        port = self.gateway.url.rpartition(":")[2]
        code, out, err = await self._typed("outbox", "retry", *chosen, OPENWX_LISTEN__PORT=port)
        assert code == 0, out + err

    async def by_console(self, ids: str) -> None:
        visitor = Visitor(self.gateway.url)
        self.stack.push_async_callback(visitor.http.close)
        await visitor.open(DELIVERIES)
        for id in ids.split(","):
            page = await visitor.submits(f"{DELIVERIES}/retry", id=id)
            assert page.status == 200

    async def by_websocket(self, ids: str) -> None:
        async with socket(self.gateway) as ws:
            assert (await ws.call("outbox_retry", id=ids))["answer"]["code"] == 0

    async def by_client(self, ids: str) -> None:
        async with Client(self.gateway.url) as wx:
            if ids == "all":
                await wx.outbox_retry("all")
            for id in ids.split(",") if ids != "all" else ():
                await wx.outbox_retry(int(id))


WAYS = ["by_route", "by_command", "by_console", "by_websocket", "by_client"]


@pytest.fixture
async def ways(api: Gateway, typed: Typed) -> AsyncIterator[Ways]:
    made = Ways(api, typed)
    yield made
    await made.stack.aclose()


async def fail(api: Gateway, receiver: Receiver, *said: tuple[Person, str]) -> dict[str, str]:
    """Messages that are given up; return their ids by their texts."""
    receiver.fails(status=400, post_type="receive_message")
    for friend, text in said:
        friend.says(text)
    deliveries: list[Json] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(deliveries) < len(said):
            deliveries = (await api.get("outbox")).json["deliveries"]
    texts = {one.webhook_id: str(one.json.get("content")) for one in receiver.reports}
    receiver.behaves_well()
    receiver.forget()
    return {texts[one["webhook_id"]]: str(one["id"]) for one in deliveries}


def contents(receiver: Receiver) -> list[str]:
    return [json["content"] for json in receiver.got(post_type="receive_message")]


@pytest.mark.parametrize("way", WAYS)
async def test_all_that_failed(
    ways: Ways, api: Gateway, account: Account, receiver: Receiver, way: str
) -> None:
    friend = account.friend("小灰")
    await fail(api, receiver, *((friend, text) for text in TEXTS))
    await getattr(ways, way)("all")
    await receiver.gets(3, post_type="receive_message")
    assert contents(receiver) == TEXTS


async def test_some_newest_first(
    world: World, account: Account, receiver: Receiver, typed: Typed
) -> None:
    """In one call, or in one for each: with the real time for gathering them, on a slow machine; each way in a chat."""
    api = await world.run(report={"post_event": False}, pace={"gather_s": 3.0})
    ways = Ways(api, typed)
    names = ["by_route", "by_console", "by_websocket", "by_client"]
    chats = dict(zip(names, account.friends, strict=False))
    texts = {way: [f"{way}: {text}" for text in TEXTS] for way in names}
    async with ways.stack:
        said = ((chats[way], text) for way in names for text in texts[way])
        ids = await fail(api, receiver, *said)

        async def goes(way: str) -> None:
            await getattr(ways, way)(",".join(ids[text] for text in reversed(texts[way])))
            chats[way].says(f"{way}: newer")

        await asyncio.gather(*map(goes, names))
        await receiver.gets(4 * len(names), post_type="receive_message")
        for way in names:
            came = [text for text in contents(receiver) if text.startswith(way)]
            assert came == [*texts[way], f"{way}: newer"]


@pytest.mark.parametrize("way", WAYS)
async def test_what_waits_is_tried_now(
    world: World,
    account: Account,
    receiver: Receiver,
    typed: Typed,
    way: str,
) -> None:
    api = await world.run(report={"post_event": False}, pace={"silent_s": (3600.0,)})
    receiver.behaves(closes(), times=1, content="hello")
    account.friend("小灰").says("hello")
    waiting: Json = {}
    async with asyncio.timeout(PATIENCE_S):
        while not (waiting.get("error") and waiting["next_try"]):
            listed = (await api.get("outbox", state="waiting")).json["deliveries"]
            waiting = listed[0] if listed else {}
    assert (waiting["tries"], waiting["http_status"]) == (1, 0)
    assert waiting["error"] == "the connection was closed without an answer"
    assert 3000 < waiting["next_try"] - waiting["created"] < 4200
    ways = Ways(api, typed)
    async with ways.stack:
        await getattr(ways, way)(str(waiting["id"]))
        await receiver.gets(2, content="hello")


async def test_the_command_and_the_console_say_when(
    world: World,
    account: Account,
    receiver: Receiver,
    typed: Typed,
) -> None:
    api = await world.run(
        report={"post_event": False}, pace={"backoff_first_s": 3600, "backoff_most_s": 3600}
    )
    await receiver.stop()
    friend = account.friend("小灰")
    friend.says("hello")
    friend.says("behind it")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            listed = (await api.get("outbox", state="waiting")).json["deliveries"]
            if len(listed) == 2 and listed[0]["error"] and listed[0]["next_try"]:
                break
    assert "connection refused" in listed[0]["error"]
    assert (listed[1]["tries"], listed[1]["next_try"], listed[1]["error"]) == (0, 0, "")
    port = api.url.rpartition(":")[2]
    _, out, _ = await typed("outbox", "list", "--waiting", OPENWX_LISTEN__PORT=port)
    first, second = out.splitlines()
    assert "tried once, next try " in first
    assert "connection refused" in first
    assert second.endswith("not tried yet")
    visitor = Visitor(api.url)
    async with visitor.http:
        page = await visitor.open(f"{DELIVERIES}?state=waiting")
        assert "1 attempt " in page.text
        assert page.text.count("Next try:") == 1
        assert page.text.count("Try now") == 2
        await receiver.start()
        ids = page.values("id")
        shown = await visitor.submits(f"{DELIVERIES}/retry", id=ids[0])
        assert shown.status == 200
        await receiver.get(content="behind it")
