"""Receiving from the simulated iLink service: cursors, repeats, quotes, and every kind of item."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from openwx.simulator import (
    Account,
    ClawBot,
    ErrorField,
    ILinkOptions,
    KeySpelling,
    Medium,
    QuoteForm,
    Repeat,
    SecondPoller,
    Simulator,
    Written,
)
from openwx.simulator.media import JPEG, MP3, MP4, SILK, bytes_of
from tests.patience import PATIENCE_S

from .bot_client import APP, BotClient, Json

# Who may call


@pytest.mark.parametrize(
    "wrong",
    [
        {"iLink_App_Id": None}, {"iLink_App_Id": "app"}, {"iLink_App_ClientVersion": None},
        {"AuthorizationType": None}, {"Authorization": None}, {"Authorization": "Bearer 1:2"},
        {"X_WECHAT_UIN": None}, {"X_WECHAT_UIN": "MTIzNDU2Nzg5MDEyMw=="},
    ],
)  # fmt: skip
async def test_every_header_is_needed(bot: BotClient, wrong: dict[str, str | None]) -> None:
    body = {"get_updates_buf": "", "base_info": {"channel_version": "1"}}
    assert (await bot.post("getupdates", body))["ret"] == 0
    answer = await bot.post("getupdates", body, **wrong)
    assert (answer["ret"], answer["errcode"]) == (-14, -14)


@pytest.mark.parametrize(
    "body",
    [
        {"get_updates_buf": ""}, {"get_updates_buf": "", "base_info": {}}, {"get_updates_buf": "", "base_info": "x"},
        {"base_info": {"channel_version": "1"}}, {"get_updates_buf": 1, "base_info": {"channel_version": "1"}},
    ],
)  # fmt: skip
async def test_a_call_without_its_members_is_refused(bot: BotClient, body: Json) -> None:
    answer = await bot.post("getupdates", body)
    assert (answer["ret"], answer["errmsg"]) == (-2, "invalid arguments")


async def test_a_call_has_one_method(bot: BotClient) -> None:
    async with bot.http.get(f"{bot.url}/ilink/bot/getupdates", headers=APP) as answer:
        assert answer.status == 404
    async with bot.http.post(f"{bot.url}/ilink/bot/get_qrcode_status", headers=APP) as answer:
        assert answer.status == 404


async def test_where_a_refusal_has_its_code(bot: BotClient, options: ILinkOptions) -> None:
    bot.token = "unknown"
    options.errors_in = ErrorField.ERRCODE
    assert await bot.poll() == {"errcode": -14, "errmsg": "session timeout"}
    options.errors_in = ErrorField.RET
    assert await bot.poll() == {"ret": -14, "errmsg": "session timeout"}


# Cursors


async def test_a_cursor_acknowledges(bot: BotClient, clawbot: ClawBot) -> None:
    clawbot.says("1")
    assert await bot.texts() == ["1"]
    first = bot.cursor
    clawbot.says("2")
    assert clawbot.bot.acknowledged == 0
    assert await bot.texts() == ["2"]
    assert clawbot.bot.acknowledged == 1
    assert await bot.texts() == []
    await clawbot.bot.acknowledges()
    # The same cursor again: the same again, and what came since.
    clawbot.says("3")
    assert await bot.texts(first) == ["2", "3"]
    assert await bot.texts(first) == ["2", "3"]
    for unknown in ("", "AAAA", "x", "é", first[:-4] + "AAAA"):
        assert await bot.texts(unknown) == ["1", "2", "3"], unknown


async def test_cursors_belong_to_one_bot(
    bot: BotClient, clawbot: ClawBot, account: Account
) -> None:
    clawbot.says("1")
    await bot.texts()
    old = bot.cursor
    await bot.log_in(account)
    clawbot.says("2")
    assert await bot.texts(old) == ["2"]


async def test_a_poll_is_held_until_something_comes(
    bot: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    assert (await bot.poll())["msgs"] == []
    options.hold_s = PATIENCE_S
    waiting = asyncio.create_task(bot.poll())
    await clawbot.comes_online()
    message = clawbot.says("hi")
    answer = await waiting
    assert answer["longpolling_timeout_ms"] == PATIENCE_S * 1000
    assert answer["msgs"][0]["message_id"] == message.number
    await clawbot.bot.takes(message)


async def test_what_is_kept(bot: BotClient, clawbot: ClawBot, options: ILinkOptions) -> None:
    for number in range(5):
        clawbot.says(str(number))
    options.batch_size = 2
    assert await bot.texts() == ["0", "1"]
    assert await bot.texts() == ["2", "3"]
    options.backlog = 3
    assert await bot.texts("") == ["2", "3"]
    options.kept_s = 1e-9
    assert await bot.texts() == []
    options.cursor_when_empty = False
    assert "get_updates_buf" not in await bot.poll()


@pytest.mark.parametrize("policy", SecondPoller)
async def test_a_second_poller(
    bot: BotClient, clawbot: ClawBot, options: ILinkOptions, policy: SecondPoller
) -> None:
    options.hold_s, options.second_poller = PATIENCE_S, policy
    older = asyncio.create_task(bot.poll(""))
    await clawbot.comes_online()
    newer = asyncio.create_task(bot.poll(""))
    if policy is SecondPoller.OLDER_403:
        with pytest.raises(AssertionError, match="403"):
            await older
    else:
        await clawbot.account.pulse.until(lambda: len(clawbot.bot.polls) == 2, PATIENCE_S)
    clawbot.says("hi")
    assert (await newer)["msgs"]
    if policy is SecondPoller.BOTH:
        assert (await older)["msgs"]


# Messages


async def test_the_members_of_a_message(
    bot: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    written = clawbot.says("你好 😄")
    (msg,) = (await bot.poll())["msgs"]
    assert msg["message_id"] == written.number > 2**53
    assert (msg["from_user_id"], msg["to_user_id"]) == (clawbot.user_id, bot.bot_id)
    assert (msg["message_type"], msg["message_state"]) == (1, 2)
    assert msg["create_time_ms"] == int(written.time * 1000)
    assert len(msg["context_token"]) == 136
    assert msg["item_list"][0]["text_item"] == {"text": "你好 😄"}
    options.ids_as_text, options.tells_ret = True, False
    answer = await bot.poll("")
    assert answer["msgs"][0]["message_id"] == written.msg_id
    assert "ret" not in answer


async def test_other_persons_write_too(
    bot: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    other = clawbot.other("李雷")
    other.says("hi")
    (msg,) = (await bot.poll())["msgs"]
    assert msg["from_user_id"] == other.user_id != clawbot.user_id
    assert (await bot.say("hello"))["ret"] == 0
    assert await other.hears_text() == "hello"
    assert clawbot.texts == []
    options.admits_others = False
    with pytest.raises(LookupError, match="nobody but the owner"):
        clawbot.other("韩梅梅")


async def test_nobody_writes_without_a_bot(clawbot: ClawBot) -> None:
    with pytest.raises(LookupError, match="has no bot"):
        clawbot.says("hi")


def identity(msg: Json) -> tuple[Any, ...]:
    return msg.get("message_id"), msg["seq"], msg["client_id"], msg["create_time_ms"]


@pytest.mark.parametrize("repeat", [Repeat.SAME_ID, Repeat.NEW_ID, Repeat.NO_ID])
async def test_a_message_comes_twice(bot: BotClient, clawbot: ClawBot, repeat: Repeat) -> None:
    clawbot.says("hi", repeat=repeat)
    first, second = (await bot.poll())["msgs"]
    assert first["item_list"] == second["item_list"]
    assert first["context_token"] != second["context_token"]
    assert (identity(first) == identity(second)) == (repeat is not Repeat.NEW_ID)
    assert ("message_id" in first) == ("message_id" in second) == (repeat is not Repeat.NO_ID)


async def test_every_message_comes_twice_or_once_more_later(
    bot: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    options.repeat = Repeat.SAME_ID
    message = clawbot.says("1")
    assert await bot.texts() == ["1", "1"]
    options.repeat = Repeat.NONE
    clawbot.sends_again(message)
    assert await bot.texts() == ["1"]


async def test_quotes(asked: BotClient, clawbot: ClawBot, options: ILinkOptions) -> None:
    mine = clawbot.says("一二三，一二三，四五六")
    answer = await asked.say("bot")
    (theirs,) = await clawbot.hears()
    assert theirs.number == answer["message_id"]

    async def quoted(message: Written) -> Json:
        (*_, msg) = (await asked.poll())["msgs"]
        assert msg["message_id"] == message.number
        found: Json = msg["item_list"][0]["ref_msg"]
        return found

    assert await quoted(clawbot.says("re", quotes=theirs)) == {"svr_id": theirs.number}
    ref = await quoted(clawbot.says("re", quotes=mine, part="一二三，四"))
    assert ref == {
        "svr_id": mine.number,
        "partial_text": {
            "start": "一二三", "end": "三，四", "startindex": 1, "endindex": 0,
            "quotemd5": hashlib.md5("一二三，四".encode()).hexdigest(),
        },
    }  # fmt: skip
    ref = await quoted(clawbot.says("re", quotes=mine, form=QuoteForm.CONTENT))
    assert ref["message_item"] == {"type": 1, "text_item": {"text": mine.text}}
    options.quotes = QuoteForm.CONTENT
    file = clawbot.sends_file("a.txt", b"a")
    ref = await quoted(clawbot.says("re", quotes=file))
    assert ref["message_item"] == {"type": 4, "file_item": {"file_name": "a.txt"}}
    with pytest.raises(ValueError, match="does not stand in"):
        clawbot.says("re", quotes=mine, form=QuoteForm.ID, part="七")


async def test_media(bot: BotClient, clawbot: ClawBot) -> None:
    clawbot.sends_image(JPEG)
    clawbot.sends_voice(SILK, 2.5, transcript="早上好")
    clawbot.sends_file("报告.pdf", bytes_of(100_003))
    clawbot.sends_video(MP4, 7)
    items = [msg["item_list"][0] for msg in (await bot.poll())["msgs"]]
    assert [item["type"] for item in items] == [2, 3, 4, 5]
    image, voice, file, video = (
        items[0]["image_item"], items[1]["voice_item"], items[2]["file_item"], items[3]["video_item"],
    )  # fmt: skip
    assert await bot.fetch(image["media"], image["aeskey"]) == JPEG
    assert await bot.fetch(image["media"]) == JPEG
    assert await bot.fetch(voice["media"]) == SILK
    assert (voice["encode_type"], voice["playtime"], voice["text"]) == (6, 2500, "早上好")
    data = await bot.fetch(file["media"])
    assert data == bytes_of(100_003)
    assert (file["file_name"], file["len"]) == ("报告.pdf", "100003")
    assert file["md5"] == hashlib.md5(data).hexdigest()
    assert await bot.fetch(video["media"]) == MP4
    clawbot.sends_voice(MP3)
    (msg,) = (await bot.poll())["msgs"]
    assert msg["item_list"][0]["voice_item"]["encode_type"] == 7
    assert video["play_length"] == 7


async def test_both_spellings_of_a_key(
    bot: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    for spelling in (KeySpelling.RAW, KeySpelling.HEX):
        clawbot.sends_image(JPEG, spelling=spelling)
    clawbot.sends_image(JPEG)
    clawbot.sends_image(JPEG)
    media = [m["item_list"][0]["image_item"]["media"] for m in (await bot.poll())["msgs"]]
    assert [len(one["aes_key"]) for one in media[:2]] == [24, 44]
    assert {len(one["aes_key"]) for one in media[2:]} == {24, 44}
    assert [await bot.fetch(one) for one in media] == 4 * [JPEG]
    options.keys, options.tells_media_url = KeySpelling.HEX, False
    clawbot.sends_image(JPEG)
    (msg,) = (await bot.poll())["msgs"]
    (one,) = (msg["item_list"][0]["image_item"]["media"],)
    assert len(one["aes_key"]) == 44
    assert "full_url" not in one


async def test_pictures_without_a_key_and_files_with_a_wrong_one(
    bot: BotClient, clawbot: ClawBot
) -> None:
    clawbot.sends_image(JPEG, encrypted=False)
    clawbot.sends_file("a", b"hello", wrong_key=True)
    image, file = (msg["item_list"][0] for msg in (await bot.poll())["msgs"])
    assert "aes_key" not in image["image_item"]["media"]
    assert await bot.fetch(image["image_item"]["media"]) == JPEG
    with pytest.raises(ValueError, match="padding"):
        await bot.fetch(file["file_item"]["media"])


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 2**20 - 1, 2**20, 3 * 2**20 + 5])
async def test_generated_media_of_any_size(bot: BotClient, clawbot: ClawBot, size: int) -> None:
    clawbot.sends_file("a.bin", Medium.generated(size, 7))
    (msg,) = (await bot.poll())["msgs"]
    assert await bot.fetch(msg["item_list"][0]["file_item"]["media"]) == bytes_of(size, 7)


async def test_the_cdn_answers_ranges_and_forgets(
    bot: BotClient, clawbot: ClawBot, options: ILinkOptions
) -> None:
    clawbot.sends_file("a.bin", bytes_of(1000))
    (msg,) = (await bot.poll())["msgs"]
    url = msg["item_list"][0]["file_item"]["media"]["full_url"]
    async with bot.http.get(url) as answer:
        whole = await answer.read()
    assert len(whole) == 1008
    for begin, end in ((0, 1008), (5, 37), (1000, 1008), (999, 1001)):
        async with bot.http.get(url, headers={"Range": f"bytes={begin}-{end - 1}"}) as answer:
            assert answer.status == 206
            assert await answer.read() == whole[begin:end]
    options.media_life_s = 1e-9
    async with bot.http.get(url) as answer:
        assert answer.status == 404


async def test_an_item_that_no_client_knows(bot: BotClient, clawbot: ClawBot) -> None:
    written = clawbot.sends_item(42, place_item={"x": 1})
    (msg,) = (await bot.poll())["msgs"]
    assert msg["item_list"][0]["type"] == 42
    assert msg["item_list"][0]["place_item"] == {"x": 1}
    assert written.kind == "other"


async def test_an_account_of_its_own_has_a_bot_of_its_own(
    bot: BotClient, simulator: Simulator
) -> None:
    other = simulator.add_account("other")
    client = BotClient(simulator.url)
    try:
        await client.log_in(other)
        other.clawbot.says("hi")
        assert await client.texts() == ["hi"]
    finally:
        await client.http.close()
    assert await bot.texts() == []
