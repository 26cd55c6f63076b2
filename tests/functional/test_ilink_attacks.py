"""A whole gateway over iLink, with people, a service and callers who mean harm."""

import asyncio
import base64
import contextlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from openwx.errors import Code
from openwx.testing import PACE
from tests.patience import PATIENCE_S
from tests.unit.transports.ilink.conftest import fake
from tests.unit.transports.ilink.fake import PERSON, Bot, Fake, encrypt

from .visitor import Comes, Visitor
from .world import Api, Command, Gateway, Receiver, World, replies

__all__ = ["fake"]

pytestmark = pytest.mark.in_memory
ACCOUNT = "/console/accounts/default"


@pytest.fixture
def running(world: World, fake: Fake) -> World:
    """Have gateways talk to the service."""
    fake.hold_s = 0.5
    return world


async def start(world: World, fake: Fake, **more: Any) -> Gateway:
    settings = world.settings(transport="ilink", base_url=fake.url, **more)
    pace = replace(PACE, send_wait_s=PATIENCE_S, medium_within_s=1.0, finish_s=0.5)
    gateway = Gateway(settings, pace, world.http, None)
    world.gateways.append(gateway)
    await gateway.start()
    return gateway


@pytest.fixture
async def gateway(running: World, fake: Fake) -> Gateway:
    return await start(running, fake)


@pytest.fixture
async def bot(gateway: Gateway, fake: Fake) -> Bot:
    bot = await fake.confirms()
    await gateway.reaches("running")
    return bot


@pytest.fixture
async def visitor(gateway: Gateway, comes: Comes) -> Visitor:
    return comes(gateway)


# -- people ------------------------------------------------------------------------------------------------

HOSTS = [
    "http://127.0.0.1:1/c2c/download?x=1",
    "http://169.254.169.254/c2c/download",
    "https://novac2c.cdn.weixin.qq.com.evil.example/c2c/download",
    "https://novac2c.cdn.weixin.qq.com@evil.example/c2c/download",
    "https://novac2c.cdn.weixin.qq.com\\@evil.example/c2c/download",
    "https://novac2c.cdn.weixin.qq.com:444/c2c/download",
    "file:///etc/passwd",
    "//evil.example/c2c/x",
    "https://novac2c.cdn.weixin.qq.com/c2c/../ilink/bot/getupdates",
    "https://novac2c.cdn.weixin.qq.com/ilink/bot/sendmessage",
]
STRANGE: list[Any] = [
    "", "\x00", "\x1b[2J", "a\nb", "../../../etc/passwd", "<script>alert(1)</script>", "x" * 70_000, "\ud800", "\u202e",
    -1, 2**63, 2**64 - 1, 2**64, 2**70, 1.5, 7e18, "-5", "9" * 30, True, None, [], {}, [[]], "NaN", "{{7*7}}",
]  # fmt: skip


def strange_messages() -> list[dict[str, Any]]:
    key = base64.b64encode(bytes(16)).decode()
    messages: list[dict[str, Any]] = []
    for number, value in enumerate([*STRANGE, *HOSTS]):
        media = {"encrypt_query_param": value, "aes_key": key, "full_url": value}
        quote = {"title": value, "svr_id": value, "message_item": value, "partial_text": {
            "start": value, "end": value, "startindex": value, "endindex": value, "quotemd5": value}}  # fmt: skip
        items: list[dict[str, Any]] = [
            {"type": 1, "text_item": {"text": value}, "ref_msg": quote},
            {"type": 1, "text_item": {"text": "x"}, "ref_msg": {"svr_id": number + 1, "partial_text": value}},
            {"type": 2, "image_item": {"media": media, "aeskey": value}},
            {"type": 3, "voice_item": {"media": media, "text": value}},
            {"type": 4, "file_item": {"media": media, "file_name": value, "md5": value, "len": value}},
            {"type": value, "text_item": value},
        ]  # fmt: skip
        for item in items:
            messages.append(
                {"message_id": len(messages) + 1, "from_user_id": PERSON, "item_list": [item]}
            )
        for name in ("message_id", "from_user_id", "create_time_ms", "client_id", "seq", "message_type",
                     "context_token", "item_list"):  # fmt: skip
            messages.append(
                {"message_id": len(messages) + 1, "from_user_id": PERSON, "item_list": [items[0]]}
                | {name: value}
            )
    return messages


async def test_no_message_stops_a_bot_or_is_lost(
    gateway: Gateway,
    bot: Bot,
    fake: Fake,
    receiver: Receiver,
    visitor: Visitor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    messages = strange_messages()
    bot.messages += messages
    await fake.note()
    await fake.writes(bot, "the last one")
    await receiver.get(content="the last one")
    ids = {report["id"] for report in receiver.got(post_type="receive_message")}
    for number, message in enumerate(messages, 1):
        if message.get("message_id") == number and message.get("message_type") != 2:
            assert str(number) in ids, message
    assert (await gateway.client())["state"] == "running"
    asked = [name for name, _ in fake.calls if name.startswith("cdn")]
    assert set(asked) <= {"cdn download"}
    for path in ("", "/chats", "/contacts", f"/chat?id={PERSON}"):
        page = await visitor.open(ACCOUNT + path)
        assert page.status == 200, path
        assert "<script>alert" not in page.html
    ours = [one for one in caplog.records if one.name.startswith("openwx")]
    assert not [one.getMessage() for one in ours if one.levelno >= logging.ERROR or one.exc_info]


async def test_secrets_of_a_bot_are_nowhere(
    gateway: Gateway,
    bot: Bot,
    fake: Fake,
    receiver: Receiver,
    running: World,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    key = os.urandom(16)
    fake.files["the-parameter-of-a-file"] = encrypt(b"hello", key)
    marks = [bot.token, "a-context-token", base64.b64encode(key).decode(), key.hex(),
             "the-parameter-of-a-file", "a-signature-in-an-address"]  # fmt: skip
    for param in ("the-parameter-of-a-file", "the-parameter-of-a-file-that-is-not-there"):
        media = {"encrypt_query_param": param, "aes_key": base64.b64encode(key).decode(),
                 "full_url": "https://evil.example/c2c/x?s=a-signature-in-an-address"}  # fmt: skip
        item = {"type": 4, "file_item": {"media": media, "file_name": "a.txt"}}
        await fake.writes(bot, item_list=[item], context_token="a-context-token")
    receiver.behaves(replies("an answer"), times=1, content="hi")
    await fake.writes(bot, "hi", context_token="a-context-token")
    await fake.until(lambda: fake.sent)
    fake.drops("sendmessage")
    answers = [
        await gateway.get("send_friend_message", id="@owner", content="x"),
        await gateway.get(
            "send_friend_message", id="@owner", media_data="aGVsbG8=", media_name="b.txt"
        ),
        await gateway.get("check_client"),
        await gateway.get("get_user_info"),
        await gateway.get("get_friend_info"),
    ]
    async with running.http.get(f"{gateway.url}/metrics") as metrics:
        shown = [await metrics.read(), caplog.text.encode(), *(one.body for one in answers)]
    shown += [report.body for report in receiver.reports]
    await receiver.gets(2, format="media", post_type="receive_message")
    for mark in marks:
        for where in shown:
            assert mark.encode() not in where, (mark, where[:300])


# -- callers -----------------------------------------------------------------------------------------------


async def test_a_flood_for_a_person_who_must_write_first_is_bounded(
    running: World, fake: Fake
) -> None:
    gateway = await start(running, fake, queue_size=50)
    bot = await fake.confirms()
    await gateway.reaches("running")
    await fake.writes(bot, "hi")
    await running.receiver.get(content="hi")
    replied = await asyncio.gather(
        *(
            gateway.post("send_friend_message", id="@owner", content=f"n {n}", **{"async": "1"})
            for n in range(150)
        )
    )
    codes = [one.code for one in replied]
    assert set(codes) == {0, -7}
    accepted = codes.count(0)
    assert accepted <= 50 + 10 + 16
    await fake.until(lambda: len(fake.sent) == 10)
    assert (await gateway.get("get_friend_info")).status == 200
    await fake.writes(bot, "more")
    await fake.until(lambda: len(fake.sent) == 20)
    texts = [one["item_list"][0]["text_item"]["text"] for one in fake.sent]
    assert len(set(texts)) == 20, "none twice"


async def test_a_flood_of_digits_is_bounded(gateway: Gateway, fake: Fake) -> None:
    code = await fake.scanned()
    code.digits = "482915"
    await fake.says_of(code, "need_verifycode")
    await gateway.has_reason("need_verify_code")
    replied = await asyncio.gather(
        *(gateway.post("verify_code", code=f"{n:06}") for n in range(100))
    )
    assert {one.code for one in replied} <= {201, 101}
    assert code.wrong <= 3, "the service sees no more than it takes"
    for bad in ("1\n2345", "12345\n", "１２３４５", "0" * 1000, "", "'; drop"):
        assert (await gateway.post("verify_code", code=bad)).code == -2
    await fake.confirms(2)
    await gateway.reaches("running")


@pytest.mark.parametrize(
    "id", ["@owner\n", "o\r\nX: y@im.wechat", "../owner", "\x00", "@owner/..", "x" * 9000]
)
async def test_strange_ids_reach_nobody(gateway: Gateway, bot: Bot, fake: Fake, id: str) -> None:
    await fake.writes(bot, "hi")
    reply = await gateway.post("send_friend_message", id=id, content="x")
    assert reply.code not in (0, -1)
    assert not fake.sent


async def test_the_media_of_another_account_is_not_found(
    gateway: Gateway, bot: Bot, fake: Fake
) -> None:
    await fake.writes(bot, "hi")
    for media_id in (
        "1:4",
        "../../etc/passwd:4",
        f"{secrets.token_hex(16)}:4",
        "@crypt_x:4",
        "@" + "x" * 64 + ":2",
    ):
        reply = await gateway.post("send_friend_message", id="@owner", media_id=media_id)
        assert reply.code not in (0, -1), media_id
    assert not fake.sent


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}", "http://localhost:{port}", "http://[::1]:{port}", "http://169.254.169.254"]
)  # fmt: skip
async def test_callers_lead_no_bot_to_private_addresses(
    gateway: Gateway, fake: Fake, address: str
) -> None:
    url = address.format(port=fake.url.rpartition(":")[2])
    await fake.until(lambda: fake.codes)  # that of the account which runs already
    before = len(fake.codes)
    # The configuration has this very address, which it may.
    if url == fake.url:
        url = url.replace("127.0.0.1", "127.0.0.2")
    reply = await gateway.post("start_client", client="b", transport="ilink", base_url=url)
    assert (reply.status, reply.code) == (403, -8)
    assert len(fake.codes) == before


# -- the console -------------------------------------------------------------------------------------------


async def test_the_console_changes_nothing_without_its_form_key(
    gateway: Gateway, bot: Bot, fake: Fake, visitor: Visitor
) -> None:
    await visitor.open(ACCOUNT)
    for path in ("/verify-code", "/ilink", "/start", "/stop"):
        for data in ({}, {"form_key": "x"}, {"form_key": ""}):
            assert (await visitor.ask("POST", ACCOUNT + path, data=data)).status == 403, path
        assert (await visitor.ask("GET", ACCOUNT + path)).status in (400, 404, 405), path
    assert (await gateway.client())["state"] == "running"
    page = await visitor.submits(f"{ACCOUNT}/ilink")
    assert page.status == 400, "it runs over iLink already"


# -- services ----------------------------------------------------------------------------------------------


async def test_a_gateway_stops_in_time_while_a_service_hangs(running: World, fake: Fake) -> None:
    gateway = await start(running, fake)
    await fake.confirms()
    await gateway.reaches("running")

    async def hangs(_: web.Request, __: Any) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    for call in ("getupdates", "notifystop", "sendmessage"):
        fake.strike(call, *[hangs] * 10)
    async with asyncio.timeout(20):
        await gateway.stop()


async def test_polls_that_return_at_once_make_no_hot_loop(
    gateway: Gateway, bot: Bot, fake: Fake
) -> None:
    fake.hold_s = 0
    before = len(fake.calls)
    await asyncio.sleep(1)
    assert len(fake.calls) - before < 60


# -- crashes -----------------------------------------------------------------------------------------------

Starts = Callable[..., Awaitable[Command]]


@pytest.mark.parametrize("ms", [-1, 0, 1, 3, 10, 30])
async def test_a_kill_around_an_answer_repeats_no_send_and_loses_none(
    running: World, fake: Fake, openwx: Starts, receiver: Receiver, ms: int
) -> None:
    """The process is killed before WeChat answers the second of three accepted sends (-1), or so soon after it."""
    environ = {
        "OPENWX_DATA_DIR": str(running.data_dir),
        "OPENWX_LISTEN__PORT": "0",
        "OPENWX_ACCOUNTS__DEFAULT__TRANSPORT": "ilink",
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": fake.url,
        "OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
        "OPENWX_REPORT__POST_API": receiver.url,
    }
    first = await openwx("serve", **environ)
    api = Api(await first.url(), running.http)
    bot = await fake.confirms()
    await api.reaches("running")
    await fake.writes(bot, "hi")
    await receiver.get(content="hi")
    process = first.process
    killed = asyncio.Event()

    async def passes(request: web.Request, body: Any) -> web.StreamResponse:
        return web.json_response(await fake._sendmessage(request, body))

    async def kills(request: web.Request, body: Any) -> web.StreamResponse:
        answer = web.json_response(await fake._sendmessage(request, body))

        async def kill() -> None:
            await asyncio.sleep(max(ms, 0) / 1000)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            killed.set()

        if ms < 0:
            await kill()
        else:
            tasks.create_task(kill())
        return answer

    fake.strike("sendmessage", passes, kills)
    async with asyncio.TaskGroup() as tasks:
        for text in "abc":
            with contextlib.suppress(aiohttp.ClientError):
                # Those after the kill are not accepted, which their caller knows.
                await api.post("send_friend_message", id="@owner", content=text, **{"async": "1"})
        await killed.wait()
    await process.wait()
    came = len(fake.sent)
    second = await openwx("serve", **environ)
    api = Api(await second.url(), running.http)
    await api.reaches("running")
    await fake.writes(bot, "and again")
    await receiver.get(content="and again")
    await receiver.gets(2, post_type="send_message")
    reply = await api.post("send_friend_message", id="@owner", content="the end")
    assert reply.code == 0, reply.words
    texts = [one["item_list"][0]["text_item"]["text"] for one in fake.sent]
    assert came >= 2
    assert texts[:2] == ["a", "b"]
    assert len(set(texts)) == len(texts), "none was sent twice"
    outcomes = [one for one in receiver.got(post_type="send_message") if one["content"] == "b"]
    assert len({one["uid"] for one in outcomes}) == 1
    assert outcomes[0]["code"] in (0, Code.UNREACHABLE), "it arrived, or nobody knows"
    assert len({one["uid"] for one in receiver.got(content="hi")}) == 1
