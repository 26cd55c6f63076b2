"""Messages: how the cursor acknowledges them, repetitions, every kind of item, quotes, and polls that fail."""

import asyncio
import time
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from openwx.domain.events import ChatAdded, State
from openwx.domain.messages import MediaMessage, Quote, Text, Unknown
from openwx.errors import Rejected, Unreachable
from openwx.reasons import ReasonCode
from openwx.transports.ilink import client

from .fake import FIRST_MESSAGE_ID, PERSON, Bot, Fake
from .running import Case, eventually


async def test_a_text_and_whose_it_is(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        assert transport.contacts.friends == {}
        sent = await fake.writes(bot, "你好 [微笑]")
        await fake.writes(bot, "again")
        first, second = await case.inbox.gets(2)
        assert isinstance(first, Text)
        assert first.id == str(FIRST_MESSAGE_ID + 1)
        assert int(first.id) > 2**53
        assert first.time == sent["create_time_ms"] // 1000
        assert first.content == "你好 [微笑]"
        friend = transport.contacts.find_friend(id=PERSON)
        assert (friend.uid, friend.category, friend.displayname) == (PERSON, "好友", "昵称未知")
        assert first.parties.chat is first.parties.sender is friend
        assert first.parties.receiver == transport.contacts.user
        assert not first.parties.mine
        assert second.quote is None
        added = [event for event in case.inbox.events if isinstance(event, ChatAdded)]
        assert added == [ChatAdded(friend)], "told once, with the first message"
        (batch,) = [batch for batch in case.inbox.batches if added[0] in batch.events]
        assert batch.messages[0].content == first.content
        assert batch.identity == transport.identity
        assert {"cursor", "people", "budgets", "repeats"} <= batch.state.keys()


async def test_the_cursor_is_used_when_its_messages_are_safe(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        case.inbox.open.clear()
        await fake.writes(bot, "kept")
        await case.inbox.gets(1)
        polls = len(fake.calls)
    # Killed between the answer and the journal: nothing was acknowledged, and nothing saved.
    assert bot.acknowledged == 0
    assert [name for name, _ in fake.calls[polls:]] == ["notifystop"]
    case.inbox.open.set()
    case.inbox.batches.clear()
    async with case.started():
        (message,) = await case.inbox.gets(1)
        assert (message.id, message.content) == (str(FIRST_MESSAGE_ID + 1), "kept")
        assert [event for event in case.inbox.events if isinstance(event, ChatAdded)]
        await fake.until(lambda: bot.acknowledged == 1)
        await fake.writes(bot, "next")
        await case.inbox.gets(2)
    await asyncio.sleep(0)
    case.inbox.batches.clear()
    async with case.started():
        await fake.writes(bot, "last")
        assert [message.content for message in await case.inbox.gets(1)] == ["last"]


async def test_what_a_stop_saves_acknowledges_nothing(case: Case, fake: Fake) -> None:
    """A stop while the journal takes nothing, and then takes the last batch, must not hide what comes again."""
    async with case.logged_in() as (transport, bot):
        case.inbox.open.clear()
        await fake.writes(bot, "kept")
        await case.inbox.gets(1)
    case.inbox.saved |= {k: v for k, v in transport.state_at_stop().items() if v is not None}
    case.inbox.open.set()
    case.inbox.batches.clear()
    async with case.started():
        await case.inbox.gets(1)
        assert [event for event in case.inbox.events if isinstance(event, ChatAdded)]


async def test_a_lost_answer_costs_nothing(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        fake.drops("getupdates")
        fake.says("getupdates", "", status=524)
        fake.says("getupdates", "<html>", {"msgs": 5}, {"get_updates_buf": 5}, {"ret": 9})
        for text in ("one", "two", "three"):
            await fake.writes(bot, text)
        await case.inbox.gets(3)
        assert case.inbox.texts == ["one", "two", "three"]
        assert State.UPDATING not in case.inbox.states[4:]


async def test_an_absent_cursor_keeps_the_old_one(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        fake.says("getupdates", {"ret": 0, "msgs": []}, {"msgs": None, "get_updates_buf": ""})
        await fake.writes(bot, "one")
        await fake.until(lambda: bot.acknowledged == 1)
        await fake.writes(bot, "two")
        await fake.until(lambda: bot.acknowledged == 2)
        cursors = [body["get_updates_buf"] for name, body in fake.calls if name == "getupdates"]
        kept = f"{bot.id}/1"
        assert cursors == ["", kept, kept, kept, f"{bot.id}/2"]


async def test_a_cursor_of_another_bot_is_not_used(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        await fake.writes(bot, "one")
        await fake.until(lambda: bot.acknowledged == 1)
        await asyncio.sleep(0)
    old = case.inbox.saved["cursor"]
    async with case.started():
        bot.is_alive = False
        await fake.note()
        await fake.confirms(2)
        await case.inbox.enters(State.RUNNING, 3)
    case.inbox.saved["cursor"] = old
    async with case.started():
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        assert fake.calls[-1][1]["get_updates_buf"] == ""


# -- repetitions ---------------------------------------------------------------------------------------------


async def test_repetitions_are_one_message(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        message = await fake.writes(bot, "twice")
        await case.inbox.gets(1)
        await transport.send_text(PERSON, "answer", "1")
        for other in (
            {},  # the same once more
            {"message_id": 77},  # another id
            {"message_id": None, "context_token": "other"},  # no id
        ):
            bot.messages.append({k: v for k, v in (message | other).items() if v is not None})
        await fake.note()
        await fake.until(lambda: bot.acknowledged == 4)
        await fake.writes(bot, "after")
        await case.inbox.gets(2)
        assert case.inbox.texts == ["twice", "after"]


async def test_a_repetition_is_no_news_of_the_person(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        message = await fake.writes(bot, "twice")
        await case.inbox.gets(1)
        await transport.send_text(PERSON, "answer", "1")
        bot.messages.append(message)
        await fake.note()
        await fake.until(lambda: bot.acknowledged == 2)
        assert [budget.sends_left for budget in transport.budgets] == [9]


async def test_a_repetition_after_a_restart(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        message = await fake.writes(bot, "twice")
        await case.inbox.until(lambda: "repeats" in case.inbox.saved)
    bot.messages.append(message | {"message_id": 78})
    case.inbox.batches.clear()
    async with case.started():
        await fake.until(lambda: bot.acknowledged == 2)
        await fake.writes(bot, "after")
        await case.inbox.gets(1)
        assert case.inbox.texts == ["after"]


async def test_equal_texts_are_no_repetition(case: Case, fake: Fake) -> None:
    nothing = {"message_id": None, "seq": None, "client_id": None, "create_time_ms": None}
    async with case.logged_in() as (_, bot):
        await fake.writes(bot, "ok")
        await fake.writes(bot, "ok")
        await fake.writes(bot, "ok", create_time_ms=1_790_000_000_000)
        await fake.writes(bot, "ok", create_time_ms=1_790_000_000_000)
        await fake.writes(bot, "ok", message_id=None)
        await fake.writes(bot, "ok", message_id=None)
        await fake.writes(bot, "ok", create_time_ms=None)
        await fake.writes(bot, "ok", create_time_ms=None)
        await fake.writes(bot, "ok", **nothing)
        await fake.until(lambda: bot.acknowledged >= 9)
        await fake.writes(bot, "ok", **nothing)
        messages = await case.inbox.gets(10)
        assert len({message.id for message in messages}) == 10
        assert all(message.id.isdecimal() for message in messages)


async def test_a_local_id_is_the_same_at_each_delivery(case: Case, fake: Fake) -> None:
    nothing = {"message_id": None, "seq": None, "client_id": None, "create_time_ms": None}
    ids = []
    async with case.logged_in() as (_, bot):
        case.inbox.open.clear()
        await fake.writes(bot, "a", **nothing)
        await case.inbox.gets(1)
        ids.append(case.inbox.messages[0].id)
    case.inbox.open.set()
    case.inbox.batches.clear()
    bot.messages[0]["context_token"] = "another"
    async with case.started():
        await case.inbox.gets(1)
        assert [case.inbox.messages[0].id] == ids


async def test_messages_of_bots_are_skipped(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        await fake.writes(bot, "mine", message_type=2)
        await fake.writes(bot, "mine too", from_user_id=bot.id, message_type=None)
        await fake.writes(bot, "yours", message_type=None)
        await case.inbox.gets(1)
        assert case.inbox.texts == ["yours"]


async def test_another_person_can_write(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await fake.writes(bot, "hi", from_user_id="O9Cq@im.wechat")
        (message,) = await case.inbox.gets(1)
        assert message.parties.chat.id == "O9Cq@im.wechat"
        assert transport.owner_id == PERSON
        assert [budget.id for budget in transport.budgets] == ["O9Cq@im.wechat", PERSON]


# -- items ---------------------------------------------------------------------------------------------------


async def items(case: Case, fake: Fake, bot: Bot, *items: Any) -> Any:
    await fake.writes(bot, item_list=list(items))
    return await case.inbox.gets(len(items) or 1)


async def test_several_items_are_as_many_messages(case: Case, fake: Fake) -> None:
    text = {"type": 1, "text_item": {"text": "a"}}
    async with case.logged_in() as (_, bot):
        messages = await items(case, fake, bot, text, text, {"type": 99})
        ids = [message.id for message in messages]
        assert ids[0] == str(FIRST_MESSAGE_ID + 1)
        assert len(set(ids)) == 3
        assert all(id.isdecimal() for id in ids)
        assert [type(message) for message in messages] == [Text, Text, Unknown]
        assert len([e for e in case.inbox.events if isinstance(e, ChatAdded)]) == 1


async def test_a_voice_has_its_transcript(case: Case, fake: Fake) -> None:
    voice = {
        "media": {"encrypt_query_param": "p"},
        "encode_type": 6,
        "playtime": 1200,
        "text": "早上好",
    }
    async with case.logged_in() as (_, bot):
        (message,) = await items(case, fake, bot, {"type": 3, "voice_item": voice})
        assert isinstance(message, MediaMessage)
        assert (message.ref.kind, message.voice_text) == ("voice", "早上好")
        assert message.ref.msg_id == message.id


async def test_a_file_has_its_name_and_size(case: Case, fake: Fake) -> None:
    file = {"media": {}, "file_name": "报告.pdf", "md5": "D" * 32, "len": "12345678901"}
    async with case.logged_in() as (_, bot):
        (message,) = await items(case, fake, bot, {"type": 4, "file_item": file})
        assert isinstance(message, MediaMessage)
        assert (message.ref.kind, message.ref.name) == ("file", "报告.pdf")
        assert (message.ref.sizes, message.ref.md5) == ((12345678901,), "d" * 32)


async def test_pictures_and_videos(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        messages = await items(
            case, fake, bot, {"type": 2, "image_item": {"media": {}}}, {"type": 5, "video_item": {}}
        )
        assert [message.ref.kind for message in messages] == ["image", "video"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": 11, "tool_call_start_item": {"name": "x"}}, {"type": 1}, {"type": 2}, {"type": 1, "text_item": []},
        {"type": 1, "text_item": {"text": 5}}, {}, 5, None, "x", [], {"type": "1"}, {"type": 1.5},
        {"type": 4, "file_item": 1},
    ],
)  # fmt: skip
async def test_whatever_else_comes_is_told_raw(case: Case, fake: Fake, item: Any) -> None:
    async with case.logged_in() as (_, bot):
        (message,) = await items(case, fake, bot, item)
        assert isinstance(message, Unknown)
        import json

        assert json.loads(message.content) == item


@pytest.mark.parametrize("entry", [5, None, [], "x", {}, {"item_list": 5}, {"item_list": []}])
async def test_an_entry_that_is_none_is_told_raw_as_the_owners(
    case: Case, fake: Fake, entry: Any
) -> None:
    async with case.logged_in() as (_, bot):
        bot.messages.append(entry)
        await fake.writes(bot, "after")
        strange, after = await case.inbox.gets(2)
        assert isinstance(strange, Unknown)
        assert strange.parties.chat.id == PERSON
        assert after.content == "after"


async def test_half_an_emoji_is_no_end(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        await fake.writes(bot, "half \ud83d")
        await fake.writes(bot, "whole")
        first, second = await case.inbox.gets(2)
        assert first.content == "half ?"
        assert second.content == "whole"


async def test_a_very_long_text_is_cut(
    case: Case, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    async with case.logged_in() as (_, bot):
        await fake.writes(bot, "x" * 70_000)
        (message,) = await case.inbox.gets(1)
        assert len(message.content) == 65_536
    assert "left out" in caplog.text


# -- quotes --------------------------------------------------------------------------------------------------


async def quote(case: Case, fake: Fake, bot: Bot, ref: Any) -> Quote | None:
    item = {"type": 1, "text_item": {"text": "yes"}, "ref_msg": ref}
    (message,) = await items(case, fake, bot, item)
    quoted: Quote | None = message.quote
    return quoted


async def test_a_quote_of_an_older_phone(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        said = {"type": 1, "text_item": {"text": "shall I?"}}
        found = await quote(case, fake, bot, {"title": "t", "message_item": said})
        assert found == Quote(content="shall I?", format="text")


async def test_a_quote_of_a_picture(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        picture = {"type": 2, "image_item": {}}
        found = await quote(case, fake, bot, {"title": "[图片]", "message_item": picture})
        assert found == Quote(content="[图片]", format="media")


async def test_a_quote_by_id_alone(case: Case, fake: Fake) -> None:
    part = {"start": "sh", "end": "I?", "startindex": 1, "endindex": 2, "quotemd5": "AB" * 16}
    async with case.logged_in() as (_, bot):
        found = await quote(case, fake, bot, {"svr_id": FIRST_MESSAGE_ID, "partial_text": part})
        assert found is not None
        assert (found.id, found.content) == (str(FIRST_MESSAGE_ID), None)
        assert found.part is not None
        assert (found.part.start, found.part.start_index, found.part.end_index) == ("sh", 1, 2)
        assert found.part.md5 == "ab" * 16


@pytest.mark.parametrize("ref", [{}, {"svr_id": 0}, {"svr_id": -4}, {"title": 5}, None])
async def test_a_quote_of_nothing_is_none(case: Case, fake: Fake, ref: Any) -> None:
    async with case.logged_in() as (_, bot):
        assert await quote(case, fake, bot, ref) is None


# -- polls ---------------------------------------------------------------------------------------------------


async def test_a_second_poller_pauses_the_account(case: Case, fake: Fake) -> None:
    case.pace = replace(case.pace, too_often_first_s=0.2, too_often_most_s=0.2)
    fake.hold_s = 0.1
    async with case.logged_in() as (transport, bot):
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        began = time.monotonic()
        fake.says("getupdates", *[""] * 3, status=403)
        await fake.writes(bot, "in between")
        await case.inbox.enters(State.UPDATING, 2)
        assert transport.standing.reason.code is ReasonCode.SECOND_POLLER
        await eventually(lambda: isinstance(transport.standing.trouble, Rejected))
        await case.inbox.enters(State.RUNNING, 2)
        assert time.monotonic() - began > 3 * 0.15
        assert transport.standing.trouble is None
        await case.inbox.gets(1)
    assert len(fake.codes) == 1


async def test_a_service_that_holds_no_poll_is_not_asked_in_a_loop(case: Case, fake: Fake) -> None:
    case.pace = replace(case.pace, idle_first_s=0.05, idle_most_s=0.05)
    fake.hold_s = 0.0
    async with case.logged_in() as (_, bot):
        began, before = time.monotonic(), len(fake.calls)
        await fake.until(lambda: len(fake.calls) >= before + 5)
        assert time.monotonic() - began > 5 * 0.04 - 0.04
        # Neither does a cursor that stands still bring the same message in a loop.
        message = await fake.writes(bot, "stuck")
        stuck = {"ret": 0, "msgs": [message], "get_updates_buf": ""}
        fake.says("getupdates", *[stuck] * 20)
        began, before = time.monotonic(), len(fake.calls)
        await fake.until(lambda: len(fake.calls) >= before + 6)
        assert time.monotonic() - began > 4 * 0.04
        assert case.inbox.texts == ["stuck"]


async def test_a_poll_outlasts_the_time_that_the_service_tells(
    case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_HOLD_S", 0.2)
    case.pace = replace(case.pace, poll_grace_s=0.3)
    fake.hold_s = 0.2
    async with case.logged_in():
        await fake.until(lambda: [name for name, _ in fake.calls].count("getupdates") >= 4)
    assert State.UPDATING not in case.inbox.states[4:]


async def test_a_service_that_is_silent_is_not_running(
    case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_HOLD_S", 0.05)
    case.pace = replace(case.pace, poll_grace_s=0.05, stalled_after_s=0.3)
    async with case.logged_in() as (transport, _):
        never = asyncio.Event()

        async def hangs(_: web.Request, __: Any) -> None:
            await never.wait()

        fake.hold_s = 0.02
        fake.strike("getupdates", *[hangs] * 1000)
        await case.inbox.enters(State.UPDATING, 2)
        assert transport.standing.reason.code is ReasonCode.STALLED
        assert isinstance(transport.standing.trouble, Unreachable)
        assert transport.standing.sync_age_s is not None
        assert transport.standing.sync_age_s >= 0.3
        fake._faults.clear()
        await case.inbox.enters(State.RUNNING, 2)


async def test_too_many_calls_hold_back_the_sends(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        fake.says("getupdates", {"ret": -12}, {"errcode": -2, "errmsg": "freq limit"})
        await fake.writes(bot, "one")
        await fake.writes(bot, "two")
        await case.inbox.gets(2)
        assert State.UPDATING not in case.inbox.states[4:]


async def test_a_service_that_cannot_be_reached_at_the_start(case: Case, fake: Fake) -> None:
    async with case.logged_in():
        pass
    case.inbox.batches.clear()
    fake.drops("notifystart")
    fake.drops("getupdates")
    fake.hold_s = 0.05
    async with case.started() as transport:
        await case.inbox.enters(State.RUNNING)
        assert case.inbox.states == [State.UPDATING, State.RUNNING]
        assert transport.standing.trouble is None


async def test_local_names(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await fake.writes(bot, "hello")
        await case.inbox.gets(1)
        friend = transport.contacts.find_friend(id=PERSON)
        await transport.actions.set_markname(friend, "老王")
        named = transport.contacts.find_friend(displayname="老王")
        assert (named.id, named.markname) == (PERSON, "老王")
        assert transport.contacts.user.displayname == "老王"
        changed = [(event.name, event.old, event.new) for event in case.sink.events]  # type: ignore[union-attr]
        assert changed == [("markname", "", "老王"), ("displayname", "昵称未知", "老王")]
        await case.inbox.until(lambda: "老王".encode() in case.inbox.saved["people"])
        await fake.until(lambda: bot.acknowledged == 1)
    case.inbox.batches.clear()
    async with case.started() as transport:
        await case.inbox.enters(State.RUNNING)
        assert transport.contacts.find_friend(displayname="老王").id == PERSON
        await fake.writes(bot, "again")
        (message,) = await case.inbox.gets(1)
        assert message.parties.sender is not None
        assert message.parties.sender.displayname == "老王"
        await transport.actions.set_markname(transport.contacts.friends[PERSON], "")
        assert transport.contacts.find_friend(displayname="昵称未知").id == PERSON
