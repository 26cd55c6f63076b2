"""A bot made of one function, at the gateway's ``post_api``."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from openwx.client import MediaMessage, Reply, TextMessage, Upload, receiver
from openwx.client.events import NewFriend
from openwx.client.receiving import Answer, Receiver
from openwx.simulator import Account
from openwx.simulator.samples import JPEG, PNG
from tests.patience import until

from .world import World

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="

Serve = Callable[[Receiver], Awaitable[TestServer]]


@pytest.fixture
def serve(aiohttp_server: AiohttpServer) -> Serve:
    """Return a function that serves a bot at ``/``."""

    async def start(bot: Receiver) -> TestServer:
        app = web.Application()
        app.router.add_post("/", bot.handle)
        return await aiohttp_server(app)

    return start


@pytest.fixture
async def world(serve: Serve, world: World) -> World:
    """Return a world that ends before its bots, which take its last reports: a server that stops reads no further."""
    return world


async def with_bot(world: World, server: TestServer, **report: object) -> None:
    report = {"post_api": str(server.make_url("/")), "secret": SECRET, **report}
    await world.run(report=report, media={"roots": [str(world.data_dir.parent)]})


async def test_it_hears_and_answers(world: World, account: Account, serve: Serve) -> None:
    heard: list[Upload] = []
    picture = world.data_dir.parent / "answer.jpg"
    picture.write_bytes(JPEG)

    @receiver(secret=SECRET)
    async def bot(upload: Upload) -> Answer:
        heard.append(upload)
        match upload:
            case TextMessage(post_type="receive_message", content=content):
                return f"你说：{content}"
            case MediaMessage(post_type="receive_message", media_type="image"):
                return Reply("好看", media=str(picture))
        return None

    await with_bot(world, await serve(bot), post_event_list=["new_friend"])
    friend = account.friend("小灰")
    friend.says("你好")
    assert await friend.hears_text() == "你说：你好"
    big = PNG + bytes(2 * 2**20)  # more than aiohttp takes by itself
    friend.sends_image(big)
    text, shown = await friend.hears(2)
    assert (text.text, shown.medium.data if shown.medium else b"") == ("好看", JPEG)
    account.add_friend("新人")
    await until(lambda: any(isinstance(one, NewFriend) for one in heard))
    (message,) = [one for one in heard if isinstance(one, MediaMessage) and one.is_received]
    assert message.data == big


async def test_a_handler_that_fails_is_asked_again(
    world: World, account: Account, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[str] = []

    @receiver(secret=SECRET)
    async def bot(upload: Upload) -> str | None:
        if not isinstance(upload, TextMessage) or not upload.is_received:
            return None
        tries.append(upload.content)
        if len(tries) < 3:
            raise RuntimeError("not yet")
        return "now"

    with caplog.at_level(logging.CRITICAL, "aiohttp.server"):
        await with_bot(world, await serve(bot), post_event=False)
        account.friend("小灰").says("again and again")
        assert await account.friend("小灰").hears_text() == "now"
    assert tries == ["again and again"] * 3


# -- what is no report, and what comes again -----------------------------------------------------------------


TEXT = b'{"post_type":"receive_message","format":"text","content":"hi"}'


async def post(server: TestServer, body: bytes, **headers: str) -> tuple[int, bytes]:
    url = server.make_url("/")
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as got:
        return got.status, await got.read()


async def test_what_comes_again_gets_the_first_answer(serve: Serve) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    calls: list[str] = []

    @receiver()
    async def bot(_: Upload) -> str:
        calls.append("called")
        begun.set()
        await may_end.wait()
        return f"answer {len(calls)}"

    server = await serve(bot)
    first = asyncio.create_task(post(server, TEXT, webhook_id="msg_1"))
    await begun.wait()
    meanwhile = asyncio.create_task(post(server, TEXT, webhook_id="msg_1"))
    await asyncio.sleep(0)
    may_end.set()
    answers = [await first, await meanwhile, await post(server, TEXT, webhook_id="msg_1")]
    assert answers == [(200, b'{"reply":"answer 1"}')] * 3
    assert await post(server, TEXT, webhook_id="msg_2") == (200, b'{"reply":"answer 2"}')
    assert await post(server, TEXT) == (200, b'{"reply":"answer 3"}')


async def test_what_is_no_upload_of_ones_own_gateway_is_refused(serve: Serve) -> None:
    @receiver(secret=SECRET)
    async def signed(_: Upload) -> None:
        raise AssertionError

    @receiver()
    async def anybodys(_: Upload) -> None:
        raise AssertionError

    server = await serve(signed)
    status, words = await post(server, TEXT, webhook_id="msg_1")
    assert (status, b"webhook-timestamp" in words) == (401, True)
    status, _ = await post(
        server, TEXT, webhook_id="1", webhook_timestamp="1", webhook_signature="v1,x"
    )
    assert status == 401
    assert (await post(await serve(anybodys), b"[]"))[0] == 400


async def test_an_answer_that_is_none_is_reported(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    @receiver()
    async def bot(_: Upload) -> str:
        return 5  # type: ignore[return-value]

    assert (await post(await serve(bot), TEXT))[0] == 500
    assert "must return a text, a Reply, a list of them or None, not 5" in caplog.text
