"""Answers that make no sense, whatever they are, raise nothing but ``WeChatError``, and end no loop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openwx.domain.events import State
from openwx.domain.messages import Message
from openwx.errors import BadResponse, Unreachable, WeChatError
from openwx.transports.ilink import http, wire
from openwx.transports.ilink.budget import Budgets
from openwx.transports.ilink.contacts import People
from openwx.transports.ilink.inbound import Inbound
from openwx.transports.ilink.repeats import Repeats
from openwx.transports.ilink.session import Session
from tests.served import ALL, served

from .fake import Fake
from .running import Case

NAMES = [
    "ret", "errcode", "errmsg", "msgs", "get_updates_buf", "longpolling_timeout_ms", "qrcode", "qrcode_img_content",
    "status", "redirect_host", "bot_token", "ilink_bot_id", "ilink_user_id", "baseurl", "message_id", "upload_full_url",
    "upload_param", "seq", "from_user_id", "client_id", "create_time_ms", "message_type", "item_list", "context_token",
    "type", "text_item", "text", "image_item", "media", "aeskey", "aes_key", "encrypt_query_param", "full_url",
    "voice_item", "file_item", "file_name", "md5", "len", "video_item", "ref_msg", "title", "message_item", "svr_id",
    "partial_text", "start", "end", "startindex", "endindex", "quotemd5",
]  # fmt: skip
WORDS = [
    "",
    "wait",
    "scaned",
    "confirmed",
    "need_verifycode",
    "expired",
    "1",
    "-14",
    "1e9",
    "\ud800",
    "\x00",
    "9" * 30,
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-20, 20), st.integers(2**53, 2**65), st.floats(),
    st.text(max_size=8), st.sampled_from(WORDS),
)  # fmt: skip
ANY = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=15,
)
ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from([1, 2, 3, 4, 5, "1", 11, None])},
    optional={name: ANY for name in NAMES if name.endswith("_item") or name == "ref_msg"},
)
MESSAGE = st.fixed_dictionaries(
    {"item_list": st.lists(ITEM | ANY, max_size=3)},
    optional=dict.fromkeys(("seq", "message_id", "from_user_id", "create_time_ms", "context_token"), ANY),
)  # fmt: skip
ANSWER = ANY | st.fixed_dictionaries(
    {"msgs": st.lists(MESSAGE | ANY, max_size=3)}, optional={"get_updates_buf": ANY, "ret": ANY}
)
KINDS: list[type[wire.Reply]] = [
    wire.CodeReply,
    wire.StatusReply,
    wire.UpdatesReply,
    wire.SendReply,
    wire.UploadReply,
    wire.Reply,
]
SESSION = Session(token="t", bot_id="b@im.bot", person_id="p@im.wechat", origin="http://x")


def inbound() -> Inbound:
    return Inbound(SESSION, People(SESSION.person_id), Budgets(SESSION.bot_id), Repeats())


@given(ANSWER, st.sampled_from(["getupdates", "sendmessage", "getuploadurl"]))
def test_any_answer_is_read_or_refused(answer: Any, call: str) -> None:
    data = json.dumps(answer).encode()
    for kind in KINDS:
        try:
            reply = wire.decode(call, data, kind)
            wire.raise_refusal(call, reply)
        except WeChatError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for kind in KINDS:
        try:
            wire.raise_refusal("getupdates", wire.decode("getupdates", data, kind))
        except WeChatError:
            continue


@given(ANSWER)
def test_any_messages_are_read_and_none_is_lost(answer: Any) -> None:
    data = json.dumps(answer).encode()
    try:
        reply = wire.decode("getupdates", data, wire.UpdatesReply)
        (first,) = inbound().read(reply, "cursor")
    except WeChatError:
        return
    (again,) = inbound().read(reply, "cursor")
    assert [message.id for message in first.messages] == [message.id for message in again.messages]
    for message in first.messages:
        assert message.id.isdecimal()
        assert len(message.id) <= 25
        msgspec.json.encode(message)  # it can be recorded
        assert 0 <= message.time < 2**41
        assert isinstance(message, Message)
    assert len({message.id for message in first.messages}) == len(first.messages)


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b'{"msgs":' * 50_000, b'{"ret":' + b"9" * 5000 + b"}", b"\xef\xbb\xbf{"],
)
def test_depths_and_lengths(data: bytes) -> None:
    with pytest.raises(BadResponse):
        wire.raise_refusal("x", wire.decode("x", data, wire.UpdatesReply))


def test_numbers_of_64_bits_stay_whole() -> None:
    data = b'{"message_id":18446744073709551615}'
    assert wire.digits(wire.decode("x", data, wire.SendReply).message_id) == "18446744073709551615"
    assert wire.digits("18446744073709551615") == "18446744073709551615"
    for none in (
        18446744073709551616,
        "18446744073709551616",
        1.0,
        True,
        -1,
        0,
        "",
        " ",
        "1x",
        None,
    ):
        assert wire.digits(none) == ""


@asynccontextmanager
async def case_served() -> AsyncIterator[tuple[Case, Fake]]:
    """Serve for one example; fixtures would last for all."""
    fake = Fake()
    async with served({ALL: fake.answer}) as fake.url, aiohttp.TCPConnector() as connector:
        yield Case(fake, connector), fake


FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(st.lists(ANY, min_size=1, max_size=4), st.lists(ANY, min_size=1, max_size=4))
async def test_no_answer_ends_the_login(codes: list[Any], statuses: list[Any]) -> None:
    async with case_served() as (case, fake), case.started() as transport:
        fake.says("get_bot_qrcode", *codes)
        fake.says("get_qrcode_status", *statuses)
        await fake.until(lambda: not fake._faults["get_bot_qrcode"] and fake.codes)
        while not transport.is_usable:  # whatever became of the first codes
            fake._faults.clear()
            for code in fake.codes:
                if code.answer["status"] == "wait":
                    code.answer = fake.new_bot().login
            await fake.note()
            await asyncio.sleep(0.001)


@FEW
@given(st.lists(ANSWER, min_size=1, max_size=4))
async def test_no_answer_ends_the_loop_of_polls(answers: list[Any]) -> None:
    async with case_served() as (case, fake), case.logged_in() as (_, bot):
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        fake.says("getupdates", *answers)
        await fake.writes(bot, "first")
        await case.inbox.until(lambda: "first" in case.inbox.texts)
        await fake.until(lambda: not fake._faults["getupdates"])
        if case.inbox.states.count(State.LOADING) > 1 or not bot.is_alive:
            return  # two -14 in a row: a new login is wanted, and another test's matter
        await fake.writes(bot, "last")
        await case.inbox.until(
            lambda: "last" in case.inbox.texts or State.LOADING in case.inbox.states[4:]
        )


@FEW
@given(ANY)
async def test_no_answer_to_a_call_is_anything_but_an_error(answer: Any) -> None:
    async with case_served() as (case, fake), case.logged_in() as (transport, bot):
        await fake.writes(bot, "first")
        await case.inbox.gets(1)
        fake.says("sendmessage", answer)
        try:
            msg_id = await transport.send_text(bot.person, "1", "1")
        except WeChatError:
            return
        assert msg_id.isdecimal()


async def test_an_answer_without_end_is_not_read(
    case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1000)
    async with case.logged_in() as (transport, bot):
        await fake.writes(bot, "first")
        await case.inbox.gets(1)
        fake.says("sendmessage", b'{"ret":0,"message_id":1,"x":"' + b"x" * 1000 + b'"}')
        with pytest.raises(Unreachable, match="larger"):
            await transport.send_text(bot.person, "1", "1")
