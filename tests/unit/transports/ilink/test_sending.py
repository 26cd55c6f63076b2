"""Sends: tokens, budgets, parts, lost answers, refusals."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openwx.domain.events import State
from openwx.errors import (
    BudgetSpent,
    CallerError,
    Code,
    NeverReached,
    NotLoggedIn,
    RateLimited,
    Rejected,
    SessionEnded,
    Unreachable,
    WeChatError,
)
from openwx.transports.base import Capability
from openwx.transports.ilink import budget
from openwx.transports.ilink.parts import LONGEST, parts_of
from openwx.transports.ilink.transport import ILinkTransport
from openwx.transports.ratelimit import Priority, RateLimiter

from .fake import FIRST_MESSAGE_ID, PERSON, Bot, Fake
from .running import Case, eventually, is_usable


async def wrote(case: Case, fake: Fake, bot: Bot, text: str = "hello") -> None:
    """Have the person write, and the transport know."""
    count = len(case.inbox.messages)
    await fake.writes(bot, text)
    await case.inbox.gets(count + 1)
    await asyncio.sleep(0)


def left(transport: ILinkTransport) -> int:
    (one,) = transport.budgets
    return one.sends_left


def polls_and_sends(fake: Fake) -> int:
    return [name for name, _ in fake.calls].count("sendmessage")


async def test_a_text_goes_out_with_the_newest_token(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        await wrote(case, fake, bot)
        msg_id = await transport.send_text(PERSON, "<你好> & \n", "1")
        assert msg_id == str(FIRST_MESSAGE_ID + 10_001)
        (message,) = fake.sent
        assert message["item_list"] == [{"type": 1, "text_item": {"text": "<你好> & \n"}}]
        assert message["to_user_id"] == PERSON
        assert message["context_token"] == bot.context
        fake.id_as_text = True
        assert await transport.send_text(PERSON, "2", "2") == str(FIRST_MESSAGE_ID + 10_002)
        assert fake.sent[0]["client_id"] != fake.sent[1]["client_id"]


async def test_the_token_and_the_count_outlive_a_restart(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        await transport.send_text(PERSON, "one", "1")
        saved = case.inbox.saved.get("budgets")
        await case.inbox.until(lambda: case.inbox.saved["budgets"] != saved)
    async with case.started() as transport:
        await case.inbox.enters(State.RUNNING, 2)
        assert left(transport) == 9
        await transport.send_text(PERSON, "two", "2")
        await case.inbox.until(lambda: b'"sends":2' in case.inbox.saved["budgets"])


async def test_nothing_is_sent_to_whom_has_not_written(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, _):
        with pytest.raises(BudgetSpent, match="must write first"):
            await transport.send_text(PERSON, "hello", "1")
        assert polls_and_sends(fake) == 0
        assert [one.sends_left for one in transport.budgets] == [0]


async def test_ten_messages_then_the_person_must_write(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        (before,) = transport.budgets
        assert before.id == PERSON
        assert before.until == pytest.approx(bot.messages[0]["create_time_ms"] / 1000 + 86_400)
        await transport.until_sendable(PERSON)
        for number in range(10):
            assert left(transport) == 10 - number
            await transport.send_text(PERSON, str(number), str(number))
        with pytest.raises(BudgetSpent, match="must write again") as caught:
            await transport.send_text(PERSON, "11", "11")
        assert caught.value.ret == 0, "nothing was asked"
        assert polls_and_sends(fake) == 10, "the eleventh is not tried"
        waiting = asyncio.create_task(transport.until_sendable(PERSON))
        await asyncio.sleep(0)
        assert not waiting.done()
        await wrote(case, fake, bot)
        await waiting
        assert left(transport) == 10
        await transport.send_text(PERSON, "11", "11")


async def test_sends_at_the_same_time_share_the_budget(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        sends = [transport.send_text(PERSON, str(n), str(n)) for n in range(14)]
        results = await asyncio.gather(*sends, return_exceptions=True)
        assert len([one for one in results if isinstance(one, str)]) == 10
        assert len([one for one in results if isinstance(one, BudgetSpent)]) == 4
        assert polls_and_sends(fake) == 10


async def test_the_window_is_a_day(case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        monkeypatch.setattr(budget, "WINDOW_S", 59.0)
        assert left(transport) == 0
        with pytest.raises(BudgetSpent, match="24 hours"):
            await transport.send_text(PERSON, "late", "1")
        assert polls_and_sends(fake) == 0


@pytest.mark.parametrize("words", ["prepare failed", "unknown error", "", None])
async def test_the_service_says_that_the_budget_is_spent(
    case: Case, fake: Fake, words: str | None
) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        fake.says("sendmessage", {"ret": -2, "errmsg": words})
        with pytest.raises(BudgetSpent):
            await transport.send_text(PERSON, "1", "1")
        assert left(transport) == 0
        with pytest.raises(BudgetSpent):
            await transport.send_text(PERSON, "2", "2")
        assert polls_and_sends(fake) == 1
        await case.inbox.until(lambda: b'"spent":true' in case.inbox.saved["budgets"])
        await wrote(case, fake, bot)
        await transport.send_text(PERSON, "2", "2")


async def test_a_refusal_of_before_does_not_spend_what_came_after(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        going_on = asyncio.Event()

        async def refuses(_: object, __: object) -> Any:
            from aiohttp import web

            await going_on.wait()
            return web.json_response({"ret": -2})

        fake.strike("sendmessage", refuses)
        send = asyncio.create_task(transport.send_text(PERSON, "1", "1"))
        await fake.until(lambda: polls_and_sends(fake) == 1)
        await wrote(case, fake, bot)
        going_on.set()
        with pytest.raises(BudgetSpent):
            await send
        assert left(transport) == 10


@pytest.mark.parametrize(
    ("answer", "kind", "remains"),
    [
        ({"ret": -2, "errmsg": "invalid arguments"}, Rejected, 10),
        ({"ret": -2, "errmsg": "rate limited"}, RateLimited, 10),
        ({"ret": -2, "errmsg": "Freq limit"}, RateLimited, 10),
        ({"ret": -12}, RateLimited, 10),
        ({"errcode": -12, "ret": 0}, RateLimited, 10),
        ({"ret": 7}, Rejected, 10),
        ({"ret": 0}, Rejected, 9),
        ({}, Rejected, 9),
        ({"ret": 0, "message_id": 0}, Rejected, 9),
        ({"ret": 0, "message_id": "x"}, Rejected, 9),
        ("nonsense", Unreachable, 9),
        ("[]", Unreachable, 9),
        ({"ret": "many"}, Unreachable, 9),
    ],
)
async def test_refusals(
    case: Case, fake: Fake, answer: Any, kind: type[WeChatError], remains: int
) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        fake.says("sendmessage", answer)
        with pytest.raises(kind) as caught:
            await transport.send_text(PERSON, "1", "1")
        assert type(caught.value) is kind
        assert left(transport) == remains
        assert polls_and_sends(fake) == 1


async def test_a_message_that_is_not_queued_says_what_to_do(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        fake.says("sendmessage", {"ret": 0})
        with pytest.raises(Rejected, match="another WeChat account") as caught:
            await transport.send_text(PERSON, "1", "1")
        assert caught.value.ret == 0


@pytest.mark.parametrize("how", ["lost", "502", "524"])
async def test_a_lost_answer_counts_and_is_not_repeated(case: Case, fake: Fake, how: str) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        if how == "lost":
            fake.drops("sendmessage")
        else:
            fake.says("sendmessage", "", status=int(how))
        with pytest.raises(Unreachable) as caught:
            await transport.send_text(PERSON, "1", "1")
        assert not isinstance(caught.value, NeverReached)
        assert left(transport) == 9
        assert polls_and_sends(fake) == 1


async def test_a_stale_token_in_a_send(case: Case, fake: Fake) -> None:
    fake.hold_s = 0.3
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        fake.says("sendmessage", {"ret": -14})
        with pytest.raises(SessionEnded):
            await transport.send_text(PERSON, "1", "1")
        assert not is_usable(transport)
        with pytest.raises(NotLoggedIn):
            await transport.send_text(PERSON, "2", "2")
        await case.inbox.enters(State.UPDATING, 2)
        await case.inbox.enters(State.RUNNING, 2)  # the poll says that the token is good
        assert is_usable(transport)
        assert left(transport) == 10
        await transport.send_text(PERSON, "1", "1")


async def test_a_throttle_holds_back_the_sends(case: Case, fake: Fake) -> None:
    case.pace = replace(case.pace, too_often_first_s=0.5, too_often_most_s=0.5)
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        fake.says("sendmessage", {"ret": -2, "errmsg": "rate limited"})
        limiter = transport._client.limiter

        class Send:
            priority = Priority.WAITING_SEND

        with pytest.raises(RateLimited):
            await transport.send_text(PERSON, "1", "1")
        began = time.monotonic()
        (await limiter.turn(Send())).give_back()
        assert time.monotonic() - began >= 0.2


# -- parts ---------------------------------------------------------------------------------------------------


async def test_a_long_text_goes_out_in_parts(case: Case, fake: Fake) -> None:
    text = "\n".join(f"line {n} " + "x" * 90 for n in range(50))
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        msg_id = await transport.send_text(PERSON, text, "1")
        assert msg_id == str(FIRST_MESSAGE_ID + 10_001)
        sent = [message["item_list"][0]["text_item"]["text"] for message in fake.sent]
        assert "\n".join(sent) == text
        assert left(transport) == 10 - len(sent)
        assert len(sent) == 3


async def test_parts_keep_the_interval_within_their_turn(case: Case, fake: Fake) -> None:
    case.interval_s = 0.1
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)

        class Send:
            priority = Priority.WAITING_SEND

        began = time.monotonic()
        with await transport._client.limiter.turn(Send()):
            await transport.send_text(PERSON, "x" * 4001, "1")
        assert time.monotonic() - began >= 0.19
        assert len(fake.sent) == 3


async def test_nothing_is_sent_where_not_all_parts_fit(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        for number in range(8):
            await transport.send_text(PERSON, str(number), str(number))
        with pytest.raises(BudgetSpent, match="takes 3 messages, and 2 are left"):
            await transport.send_text(PERSON, "x" * 4001, "1")
        assert len(fake.sent) == 8
        waiting = asyncio.create_task(transport.until_sendable(PERSON))
        await asyncio.sleep(0)
        assert not waiting.done(), "two are left, but it waits for the person all the same"
        await transport.send_text(PERSON, "x" * 4000, "1")
        assert len(fake.sent) == 10
        await wrote(case, fake, bot)
        await waiting
        await transport.send_text(PERSON, "x" * 4001, "1")


async def test_what_takes_more_messages_than_ever_fit_is_refused(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        with pytest.raises(CallerError, match="takes 11 messages, and WeChat takes 10") as caught:
            await transport.send_text(PERSON, "x" * 20_001, "1")
        assert caught.value.code == Code.NOT_POSSIBLE
        await transport.send_text(PERSON, "x" * 20_000, "1")
        assert len(fake.sent) == 10


@pytest.mark.parametrize(
    ("fault", "kind", "remains"),
    [
        ("lost", Unreachable, 8),
        ({"ret": -2}, Rejected, 0),
        ({"ret": -12}, Rejected, 9),
        ({"ret": -14}, Rejected, 9),
        ({"ret": 0}, Rejected, 8),
        ("{", Unreachable, 8),
    ],
)
async def test_what_breaks_off_in_the_middle_is_not_begun_again(
    case: Case, fake: Fake, fault: Any, kind: type[WeChatError], remains: int
) -> None:
    """None of the classes after which a caller sends the whole text again."""
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)

        async def first(request: Any, body: Any) -> Any:
            from aiohttp import web

            return web.json_response(await fake._sendmessage(request, body))

        fake.strike("sendmessage", first)
        if fault == "lost":
            fake.drops("sendmessage")
        else:
            fake.says("sendmessage", fault)
        with pytest.raises(kind, match="1 of 3 parts") as caught:
            await transport.send_text(PERSON, "x" * 4001, "1")
        assert type(caught.value) is kind
        assert left(transport) == remains
        assert polls_and_sends(fake) == 2


@given(st.text(st.sampled_from("ab \n好😀👍🏽\u200d\u0301"), max_size=9000))
def test_parts_lose_nothing(text: str) -> None:
    parts = parts_of(text)
    assert all(len(part) <= LONGEST for part in parts)
    assert all(part.strip() for part in parts) or len(parts) == 1
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_parts_end_where_lines_end() -> None:
    assert parts_of("a" * 2000) == ["a" * 2000]
    assert parts_of("a" * 1999 + "\n" + "b") == ["a" * 1999, "b"]
    assert parts_of("a" * 2000 + "\n" + "b") == ["a" * 2000, "b"]
    assert parts_of("a" * 1500 + " " + "b" * 600) == ["a" * 1500 + " ", "b" * 600]
    assert parts_of("x" * 4001) == ["x" * 2000, "x" * 2000, "x"]
    assert parts_of("") == [""]
    assert parts_of("a" * 1999 + "👍🏽" + "b") == ["a" * 1999, "👍🏽b"]
    assert parts_of("a" * 1999 + "e\u0301") == ["a" * 1999, "e\u0301"]


# -- what cannot be done -------------------------------------------------------------------------------------


async def test_what_no_bot_can_do(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        friend: Any = transport.contacts.find_friend(id=PERSON)
        nobody: Any = None
        actions = transport.actions
        calls = {
            actions.create_group([friend], "g"): "groups",
            actions.invite(nobody, [friend]): "groups",
            actions.kick(nobody, []): "groups",
            actions.rename_group(nobody, "g"): "groups",
            actions.set_markname(nobody, "g"): "groups",
            actions.stick(friend, on=True): "changes",
            actions.make_friend(nobody, "hi"): "friend_requests",
            actions.accept("id", "ticket"): "friend_requests",
            actions.recall("1", PERSON): "recall",
            actions.mark_read(friend): "mark_read",
            actions.refresh(friend): "refresh",
            actions.refresh_all(): "refresh",
            transport.download_avatar(friend, "", nobody): "avatars",
        }
        for call, capability in calls.items():
            with pytest.raises(CallerError) as caught:
                await call
            assert caught.value.code == Code.NOT_SUPPORTED
            assert caught.value.extra == {"transport": "ilink", "capability": capability}
        assert actions.pending == 0
        assert transport.capabilities == {
            Capability.CONTACTS, Capability.SEND_TEXT, Capability.SEND_MEDIA,
        }  # fmt: skip
        assert transport.drops_repeats is transport.shares_uploads is False


async def test_a_refused_connection_never_reached_anything(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        memory = transport._client.memory
        assert memory.session is not None
        memory.session = replace(memory.session, origin="http://127.0.0.1:1")
        with pytest.raises(NeverReached):
            await transport.send_text(PERSON, "1", "1")
        assert left(transport) == 10


async def test_the_limiter_interval_respects_a_throttle() -> None:
    limiter = RateLimiter(0.0, lambda: iter([0.1]))
    began = time.monotonic()
    await limiter.interval()
    assert time.monotonic() - began < 0.1
    limiter.penalize("call", limiter.time())
    await limiter.interval()
    assert time.monotonic() - began >= 0.09


async def test_those_who_wait_outlive_a_new_bot(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await wrote(case, fake, bot)
        bot.is_alive = False
        await fake.note()
        again = await fake.confirms(2)
        await case.inbox.enters(State.RUNNING, 2)
        waiting = asyncio.create_task(transport.until_sendable(PERSON))
        await asyncio.sleep(0)
        assert not waiting.done()
        with pytest.raises(BudgetSpent):
            await transport.send_text(PERSON, "1", "1")
        await fake.writes(again, "here I am")
        await waiting
        await transport.send_text(PERSON, "1", "1")
        await eventually(lambda: left(transport) == 9)
