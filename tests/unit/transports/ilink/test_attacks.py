"""What people and services do to harm: to be somebody else, to stop a bot, or to use up what others need."""

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from openwx.domain.events import ChatAdded, LoggedIn, State
from openwx.domain.messages import Text
from openwx.reasons import ReasonCode
from openwx.timing import Timing
from openwx.transports.base import Batch
from openwx.transports.ilink import budget, contacts, inbound, wire
from openwx.transports.ilink.budget import Budgets
from openwx.transports.ilink.contacts import People
from openwx.transports.ilink.inbound import Inbound, Updates
from openwx.transports.ilink.repeats import Repeats
from openwx.transports.ilink.session import Session
from openwx.transports.ilink.transfer import LARGEST, _longest_s

from .fake import PERSON, Fake
from .running import Case, case_of, code_of, eventually, faked

SESSION = Session(token="t", bot_id="b@im.bot", person_id=PERSON, origin="https://x.weixin.qq.com")


class Bot:
    """Reads answers as a bot does, and commits them at once."""

    def __init__(self) -> None:
        self.people = People(PERSON)
        self.budgets = Budgets("b@im.bot")
        self.repeats = Repeats()

    def read(self, answer: Any, cursor: str = "") -> list[Updates]:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        reply = wire.decode("getupdates", data, wire.UpdatesReply)
        parts = []
        for part in Inbound(SESSION, self.people, self.budgets, self.repeats).read(reply, cursor):
            self.repeats.commit()
            parts.append(part)
        return parts


def says(text: str, **fields: Any) -> dict[str, Any]:
    return {"item_list": [{"type": 1, "text_item": {"text": text}}], **fields}


# -- what one answer costs ---------------------------------------------------------------------------------


def cpu_of(answer: Any, cursor: str = "") -> float:
    began = time.process_time()
    Bot().read(answer, cursor)
    return time.process_time() - began


def test_the_cost_of_an_answer_grows_as_its_length() -> None:
    few, many = (
        {"msgs": [says("x", message_id=n + 1) for n in range(count)]} for count in (3000, 12_000)
    )
    assert cpu_of(many) < 12 * cpu_of(few), "four times as much, with room for a busy machine"


def test_a_long_cursor_is_hashed_once() -> None:
    answer: dict[str, Any] = {"msgs": [{}] * 2000}
    assert cpu_of(answer, "c" * inbound.LONGEST_CURSOR) < 10 * cpu_of(answer, "c") + 0.5


def test_a_large_answer_is_read_in_parts_and_acknowledged_with_the_last() -> None:
    messages = [says(str(n), message_id=n + 1) for n in range(1201)]
    parts = Bot().read({"msgs": messages, "get_updates_buf": "next"}, "now")
    assert [len(part.messages) for part in parts] == [500, 500, 201]
    assert [part.cursor for part in parts] == ["", "", "next"]
    assert [one.content for part in parts for one in part.messages] == [*map(str, range(1201))]


async def test_a_kill_between_two_parts_loses_nothing(
    case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound, "MOST_AT_ONCE", 2)
    async with case.logged_in() as (_, bot):
        case.inbox.open.clear()
        messages = [says(str(n), message_id=n + 1, from_user_id=PERSON) for n in range(5)]
        bot.messages += messages
        await fake.note()
        await case.inbox.gets(2)
        case.inbox.save(case.inbox.batches[-1])
    case.inbox.open.set()
    async with case.started():
        await case.inbox.gets(2 + 3)
    assert case.inbox.texts[:2] == ["0", "1"]
    assert set(case.inbox.texts) == {*"01234"}


def test_items_without_end_are_few_messages() -> None:
    items = [{"type": 1, "text_item": {"text": str(n)}} for n in range(10_000)]
    (part,) = Bot().read({"msgs": [{"message_id": 7, "item_list": items}]})
    assert len(part.messages) == inbound.MOST_ITEMS + 1
    assert part.messages[0].id == "7"
    assert '"text": "100"' in part.messages[-1].content
    assert len({one.id for one in part.messages}) == len(part.messages)


@pytest.mark.parametrize("depth", [95, 101, 500, 980, 990, 1000, 5000, 200_000])
def test_a_message_that_is_nested_too_deep_takes_no_other_with_it(depth: int) -> None:
    deep = b'{"type":1,"x":' + b'{"a":[' * depth + b'"]}\\""' + b"]}" * depth + b"}"
    answer = b'{"msgs":[%s,{"message_id":8,"item_list":[%s]},%s],"get_updates_buf":"c"}' % (
        json.dumps(says("before {[", message_id=7)).encode(),
        deep,
        json.dumps(says('after "]}', message_id=9)).encode(),
    )
    (part,) = Bot().read(answer)
    assert [one.id for one in part.messages] == ["7", "8", "9"]
    assert [one.content for one in part.messages if isinstance(one, Text)] == [
        "before {[",
        'after "]}',
    ]
    assert part.cursor == "c"


def test_a_size_that_a_person_tells_gives_no_time_without_end() -> None:
    assert _longest_s(2**64 - 1) == _longest_s(LARGEST)


# -- who is who --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "id", ["a b", "\u202eowner", "x" * 129, 12, ["o"], {"o": 1}, True, "new\nline"]
)
def test_who_has_no_id_that_can_be_used_is_not_the_owner(id: Any) -> None:
    bot = Bot()
    (part,) = bot.read({"msgs": [says("do it", from_user_id=id, context_token="x")]})
    (message,) = part.messages
    assert message.parties.sender is not None
    assert message.parties.sender.id not in ("", PERSON)
    assert message.parties.sender.id.isalnum()
    assert bot.budgets.left(PERSON) == 0


def test_a_stranger_for_whom_there_is_no_room_is_not_the_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contacts, "MOST_PEOPLE", 2)
    bot = Bot()
    names = ["one", "two", "three", PERSON]
    (part,) = bot.read({"msgs": [says(name, from_user_id=name) for name in names]})
    senders = [one.parties.sender.id for one in part.messages if one.parties.sender is not None]
    assert senders == names
    assert [one.chat.id for one in part.events if isinstance(one, ChatAdded)] == [
        "one",
        "two",
        PERSON,
    ]
    assert [bot.budgets.left(name) for name in names] == [
        budget.SENDS,
        budget.SENDS,
        0,
        budget.SENDS,
    ]


def test_a_clock_that_was_set_back_does_not_close_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = Budgets("b")
    now_ms = time.time_ns() // 1_000_000
    monkeypatch.setattr(budget, "_now_ms", lambda: now_ms + 7 * 86_400_000)
    budgets.hear("o", "first", None)
    for _ in range(budget.SENDS):
        with budgets.reserved("o", 1) as reserved:
            reserved.use()
    monkeypatch.setattr(budget, "_now_ms", lambda: now_ms)
    budgets.hear("o", "second", now_ms)
    assert budgets.left("o") == budget.SENDS
    assert budgets.talk("o").token == "second"


# -- logins ------------------------------------------------------------------------------------------------


async def test_a_bot_that_is_bound_and_stale_is_asked_for_in_no_hot_loop(
    case: Case, fake: Fake
) -> None:
    """The service knows a bot by its token, and takes no call with it: the person must scan again."""
    case.pace = replace(
        case.pace, code_lives_at_least_s=60.0, backoff_first_s=0.2, backoff_most_s=0.2
    )
    async with case.logged_in() as (transport, first):
        first.is_alive = False
        await fake.note()
        await fake.until(lambda: len(fake.codes) == 2)
        fake.codes[1].answer = {"status": "binded_redirect"}
        began = time.monotonic()
        await fake.note()
        await fake.until(lambda: len(fake.codes) == 3)
        assert time.monotonic() - began >= 0.1, "a pause comes before the next login"
        tokens = [body["local_token_list"] for name, body in fake.calls if name == "get_bot_qrcode"]
        assert tokens == [[], [first.token], []], "it would be found for ever"
        await fake.confirms(3)
        await case.inbox.enters(State.RUNNING, 2)
        await eventually(lambda: transport.standing.state is State.RUNNING)


async def test_a_verdict_is_told_to_whom_it_belongs(case: Case, fake: Fake) -> None:
    """Somebody hands in digits, and leaves; the verdict on them is not that on the digits of the next one."""
    async with case.started() as transport:
        code = await fake.scanned()
        code.digits = "2222"
        code.answer = {"status": "need_verifycode"}
        await fake.note()
        await eventually(lambda: code_of(transport) is ReasonCode.NEED_VERIFY_CODE)
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def wrong(_: Any, __: Any) -> Any:
            reached.set()
            await go_on.wait()
            return web.json_response({"status": "need_verifycode"})

        fake.strike("get_qrcode_status", wrong)
        leaves = asyncio.create_task(transport.verify_code("1111"))
        await reached.wait()
        leaves.cancel()
        await asyncio.wait({leaves})
        stays = asyncio.create_task(transport.verify_code("2222"))
        await asyncio.sleep(0)
        go_on.set()
        assert await stays is True


async def test_a_stop_before_the_token_is_saved_does_not_lose_it(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        await fake.scanned()
        await case.inbox.enters(State.SCANING)
        case.inbox.open.clear()
        bot = await fake.confirms()
        await case.inbox.until(lambda: "session" in case.inbox.batches[-1].state)
    assert "session" not in case.inbox.saved
    stopped = Batch(state=transport.state_at_stop())
    case.inbox.save(stopped)
    case.inbox.open.set()
    async with case.started():
        await case.inbox.enters(State.RUNNING)
        assert len(fake.codes) == 1, "nobody scans again"
        assert LoggedIn(ids_changed=True) in case.inbox.events
        await fake.writes(bot, "hi")
        await case.inbox.gets(1)


UNASKED = {
    "status": "confirmed",
    "bot_token": "t",
    "ilink_bot_id": "../b\\@im.bot",
    "ilink_user_id": PERSON,
}
NEWS = itertools.count(1)


HOT: list[dict[str, Callable[[], Any]]] = [
    {"getupdates": lambda: {"ret": -14}},
    {"getupdates": lambda: {"errcode": -14}, "get_qrcode_status": lambda: {"status": "binded_redirect"}},
    {"getupdates": lambda: random.choice([{"ret": -14}, {"ret": 0}])},
    {"getupdates": lambda: {"ret": 0, "get_updates_buf": str(next(NEWS))}},
    {"getupdates": lambda: {"ret": -2, "errmsg": "freq"}},
    {"getupdates": lambda: "<html>"},
    {"getupdates": lambda: {"msgs": [{"message_id": 5}]}},
    {"get_qrcode_status": lambda: {"status": "expired"}},
    {"get_qrcode_status": lambda: {"status": "scaned_but_redirect", "redirect_host": "x\n"}},
    {"get_qrcode_status": lambda: {"status": "need_verifycode"}},
    {"get_qrcode_status": lambda: {**UNASKED, "ilink_user_id": "another"}},
    {"get_qrcode_status": lambda: {**UNASKED, "bot_token": "a\r\nX: y"}},
    {"get_qrcode_status": lambda: str(next(NEWS))},
    {"get_bot_qrcode": lambda: {"qrcode": "q", "qrcode_img_content": "x" * 2_000_000}},
]  # fmt: skip
"""What a service may answer, by the call."""


@asynccontextmanager
async def answered(answers: dict[str, Callable[[], Any]]) -> AsyncIterator[Case]:
    """Start a transport, with the delays of a real run, whose service answers so."""
    answers = {"get_qrcode_status": lambda: UNASKED, **answers}

    async def said(request: web.Request, _: Any) -> web.Response:
        return web.Response(text=json.dumps(answers[request.path.rpartition("/")[2]]()))

    async with faked() as fake, case_of(fake) as case:
        for call in answers:
            case.fake.strike(call, *[said] * 100_000)
        case.pace = Timing()
        async with case.started():
            await case.fake.until(lambda: case.fake.calls)
            yield case


async def test_no_service_makes_a_hot_loop() -> None:
    async with AsyncExitStack() as stack:
        cases = [await stack.enter_async_context(answered(answers)) for answers in HOT]
        before = [(len(case.fake.calls), len(case.inbox.batches)) for case in cases]
        await asyncio.sleep(1)
        for case, answers, (calls, batches) in zip(cases, HOT, before, strict=True):
            told = [
                case.fake.url,
                *(f"{call}: {answer()!r:.100}" for call, answer in answers.items()),
            ]
            assert len(case.fake.calls) - calls < 30, told
            assert len(case.inbox.batches) - batches < 60, told


def test_long_marks_of_a_quoted_part_are_not_looked_for() -> None:
    marks = {"start": "a" * 8000, "end": "a" * 1001, "startindex": 999, "endindex": 999}
    quote = {"svr_id": 5, "partial_text": marks}
    item = {"type": 1, "text_item": {"text": "x"}, "ref_msg": quote}
    (part,) = Bot().read({"msgs": [{"message_id": 7, "item_list": [item]}]})
    (message,) = part.messages
    assert message.quote is not None
    assert message.quote.part is not None
    assert (message.quote.part.start, message.quote.part.end) == ("", "")
