"""Sending to the simulated iLink service: what it accepts, what it counts, and what it refuses in which words."""

from __future__ import annotations

from typing import Any

import pytest

from openwx.simulator import (
    Account,
    ClawBot,
    ILinkOptions,
    MissingToken,
    RepeatedClientId,
)
from tests.patience import PATIENCE_S

from .bot_client import BotClient, Json

TEXT = {"type": 1, "text_item": {"text": "hi"}}


def refused(stated: Json, words: str = "prepare failed") -> bool:
    return stated == {"ret": -2, "errcode": -2, "errmsg": words}


async def test_a_text_arrives(asked: BotClient, clawbot: ClawBot, options: ILinkOptions) -> None:
    answer = await asked.say("你好 <b> 😄")
    (message,) = await clawbot.hears()
    assert (message.text, message.number) == ("你好 <b> 😄", answer["message_id"])
    assert message.number > 2**53
    options.ids_as_text, options.tells_ret = True, False
    answer = await asked.say("2")
    assert answer == {"message_id": clawbot.inbox[-1].msg_id}
    options.tells_message_id = False
    assert await asked.say("3") == {}
    assert clawbot.texts == ["你好 <b> 😄", "2", "3"]
    assert clawbot.sent == clawbot.inbox
    assert clawbot.unread == 3


WRONG: list[Json] = [
    {"item_list": []},
    {"item_list": [TEXT, TEXT]},
    {"item_list": "x"},
    {"item_list": ["x"]},
    {"item_list": [{"type": 1}]},
    {"item_list": [{"type": [], "text_item": {"text": "hi"}}]},
    {"item_list": [{"type": True, "text_item": {"text": "hi"}}]},
    {"item_list": [{"type": 42, "text_item": {"text": "hi"}}]},
    {"item_list": [{"type": 1, "text_item": {"text": ""}}]},
    {"item_list": [{"type": 1, "text_item": {"text": 1}}]},
    {"item_list": [{"type": 1, "text_item": {"text": "\ud800"}}]},
    {"item_list": [{"type": 1, "text_item": {"text": "x" * 16_385}}]},
    {"item_list": [{"type": 1, "text_item": {"text": "hi", "at": 1}}]},
    {"item_list": [{**TEXT, "create_time_ms": 1}]},
    {"item_list": [{"type": 2, "image_item": {"media": {"encrypt_query_param": "x"}}}]},
    {"item_list": [{"type": 2, "image_item": {"media": "x"}}]},
    {"to_user_id": None},
    {"to_user_id": 1},
    {"client_id": None},
    {"client_id": ""},
    {"from_user_id": "me"},
    {"message_type": 1},
    {"message_type": None},
    {"message_state": 0},
    {"surprise": 1},
]


@pytest.mark.parametrize("changes", WRONG, ids=str)
async def test_what_no_official_client_sends_is_refused(
    asked: BotClient, clawbot: ClawBot, changes: Json
) -> None:
    assert refused(await asked.send(**{"item_list": [TEXT], **changes}), "invalid arguments")
    assert clawbot.sent == []
    assert clawbot.sends_left == 10


async def test_a_body_that_is_no_message(asked: BotClient) -> None:
    wrong: list[Any] = ["x", None, [], 1]
    for msg in wrong:
        assert refused(await asked.call("sendmessage", msg=msg), "invalid arguments")


async def test_a_lenient_service_ignores_unknown_fields(
    asked: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    options.strict = False
    assert (await asked.send({**TEXT, "create_time_ms": 1}, surprise=1))["ret"] == 0
    assert clawbot.texts == ["hi"]


# How much


async def test_ten_messages_for_one(asked: BotClient, clawbot: ClawBot) -> None:
    for number in range(10):
        assert clawbot.sends_left == 10 - number
        assert (await asked.say(str(number)))["ret"] == 0
    assert refused(await asked.say("10"))
    assert refused(await asked.say("10"))
    clawbot.says("go on")
    assert (await asked.say("10"))["ret"] == 0
    assert clawbot.texts == [str(number) for number in range(11)]


async def test_a_day_after_the_persons_message(
    asked: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    clawbot.window_closes()
    assert refused(await asked.say("hi"))
    assert clawbot.sends_left == 0
    options.window_s = 0
    assert (await asked.say("hi"))["ret"] == 0
    options.window_s, options.budget = 60.0, 0
    clawbot.says("again")
    for _ in range(12):
        assert (await asked.say("hi"))["ret"] == 0
    assert clawbot.sends_left is None


async def test_nobody_is_written_to_who_did_not_write(asked: BotClient, clawbot: ClawBot) -> None:
    other = clawbot.other("李雷")
    assert refused(await asked.say("hi", to_user_id=other.user_id))
    assert refused(await asked.say("hi", to_user_id=clawbot.user_id.lower()))


async def test_bursts(asked: BotClient, clawbot: ClawBot, options: ILinkOptions) -> None:
    options.burst, options.burst_s = 3, PATIENCE_S
    answer = [await asked.say(str(number)) for number in range(4)]
    assert [one["ret"] for one in answer] == [0, 0, -2, -2]
    pause = clawbot.bot.paused_until
    assert refused(await asked.say("x"))
    assert clawbot.bot.paused_until == pause + options.burst_pause_s


# Tokens


async def test_tokens(asked: BotClient, clawbot: ClawBot, options: ILinkOptions) -> None:
    old = asked.newest["context_token"]
    other = clawbot.other("李雷")
    theirs = other.says("hi").arrivals[0].context_token
    assert refused(await asked.say("x", context_token="A" * 136))
    assert refused(await asked.say("x", context_token=theirs))
    clawbot.says("again")
    assert (await asked.say("x", context_token=old))["ret"] == 0
    options.newest_token_only = True
    assert refused(await asked.say("x", context_token=old))
    await asked.texts()
    newest = clawbot.messages[1]
    assert (await asked.say("x", context_token=newest.arrivals[0].context_token))["ret"] == 0  # type: ignore[union-attr]
    options.newest_token_only, options.token_life_s = False, 1e-9
    assert refused(await asked.say("x", context_token=old))


async def test_a_missing_token(asked: BotClient, clawbot: ClawBot, options: ILinkOptions) -> None:
    for token in (None, ""):
        options.missing_token = MissingToken.REFUSE
        assert refused(await asked.say("x", context_token=token))
        options.missing_token = MissingToken.SILENT
        assert await asked.say("x", context_token=token) == {"ret": 0}
        assert clawbot.texts == []
    options.missing_token = MissingToken.OK
    assert (await asked.say("x", context_token=None))["message_id"]
    assert clawbot.texts == ["x"]


async def test_a_restricted_person_sees_nothing(asked: BotClient, clawbot: ClawBot) -> None:
    clawbot.restricted = True
    assert await asked.say("x") == {"ret": 0}
    assert (clawbot.texts, clawbot.sent, clawbot.sends_left) == ([], [], 10)


# The same again


async def test_a_client_id_that_was_used_before(
    asked: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    first = await asked.say("1", client_id="same")
    second = await asked.say("1", client_id="same")
    assert first["message_id"] != second["message_id"]
    assert clawbot.texts == ["1", "1"]
    options.client_id = RepeatedClientId.SAME
    assert await asked.say("1", client_id="same") == second
    options.client_id = RepeatedClientId.REFUSE
    assert refused(await asked.say("1", client_id="same"), "invalid arguments")
    assert clawbot.texts == ["1", "1"]


async def test_a_generating_message_cannot_be_finished(asked: BotClient, clawbot: ClawBot) -> None:
    assert (await asked.say("…", client_id="one", message_state=1))["ret"] == 0
    assert refused(await asked.say("done", client_id="one"), "invalid arguments")
    assert clawbot.texts == ["…"]


# What else there is


async def test_voices_and_progress_are_dropped(asked: BotClient, clawbot: ClawBot) -> None:
    media = await asked.upload(b"voice", "voice")
    answer = await asked.send({"type": 3, "voice_item": {"media": media, "playtime": 1000}})
    assert answer["message_id"]
    answer = await asked.send({"type": 11, "tool_call_start_item": {"tool_name": "x"}})
    assert answer["message_id"]
    assert clawbot.inbox == []
    assert [message.shown for message in clawbot.sent] == [False, False]
    assert clawbot.sends_left == 8


async def test_own_messages_come_back_where_the_option_says_so(
    asked: BotClient, options: ILinkOptions
) -> None:
    await asked.say("1")
    assert (await asked.poll())["msgs"] == []
    options.shows_own = True
    answer = await asked.say("2")
    (msg,) = (await asked.poll())["msgs"]
    assert (msg["message_type"], msg["message_id"]) == (2, answer["message_id"])


async def test_typing(bot: BotClient, clawbot: ClawBot) -> None:
    person = {"ilink_user_id": clawbot.user_id}
    answer = await bot.call("getconfig", **person)
    assert (answer["ret"], answer["errmsg"]) == (-4, "GetTypingTicket rpc failed")
    clawbot.says("hi")
    await bot.poll()
    ticket = (await bot.call("getconfig", **person))["typing_ticket"]

    async def types(**changes: Any) -> int:
        answer = await bot.call("sendtyping", **{**person, "typing_ticket": ticket, **changes})
        return int(answer["ret"])

    for status, is_shown in ((1, True), (2, False)):
        assert await types(status=status) == 0
        assert clawbot.sees_typing is is_shown
    await types(status=1)
    await bot.say("hi")
    assert not clawbot.sees_typing
    assert clawbot.sends_left == 9
    others: list[Json] = [{"status": 3}, {"status": 1, "typing_ticket": "x"}, {"status": []}]
    for wrong in others:
        assert await types(**wrong) == -2


async def test_a_new_bot_has_to_be_written_to_first(asked: BotClient, account: Account) -> None:
    await asked.log_in(account)
    assert refused(await asked.say("hi"))
    account.clawbot.says("hi")
    await asked.poll()
    assert (await asked.say("hi"))["ret"] == 0
    assert account.clawbot.texts == ["hi"]
