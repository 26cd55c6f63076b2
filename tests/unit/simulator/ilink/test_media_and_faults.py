"""Uploads to the simulated CDN, and faults of every kind in every call."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from openwx.simulator import ClawBot, Fault, ILinkOptions, Simulator
from openwx.simulator.ilink.service import NAMES
from openwx.simulator.media import JPEG, MP4, bytes_of
from tests.patience import PATIENCE_S

from .bot_client import BotClient, Json, encrypted, file_item, image_item

KEY = bytes(range(16))

# What is sent


async def test_pictures_videos_and_files_arrive(asked: BotClient, clawbot: ClawBot) -> None:
    media = await asked.upload(JPEG, "image")
    assert (await asked.send(image_item(media, JPEG)))["message_id"]
    media = await asked.upload(MP4, "video")
    size = (len(MP4) // 16 + 1) * 16
    answer = await asked.send({"type": 5, "video_item": {"media": media, "video_size": size}})
    assert answer["message_id"]
    data = bytes_of(200_000)
    media = await asked.upload(data, "file")
    assert (await asked.send(file_item(media, data, "数据.bin")))["message_id"]
    image, video, file = await clawbot.hears(3)
    assert (image.kind, image.medium.data) == ("image", JPEG)  # type: ignore[union-attr]
    assert image.medium.mime == "image/jpeg"  # type: ignore[union-attr]
    assert (video.kind, video.medium.data) == ("video", MP4)  # type: ignore[union-attr]
    assert (file.file_name, file.medium.data) == ("数据.bin", data)  # type: ignore[union-attr]


async def test_one_upload_in_two_messages(asked: BotClient, clawbot: ClawBot) -> None:
    media = await asked.upload(JPEG, "image")
    for _ in range(2):
        assert (await asked.send(image_item(media, JPEG)))["message_id"]
    other = clawbot.other("李雷")
    other.says("hi")
    await asked.poll()
    assert (await asked.send(image_item(media, JPEG)))["errmsg"] == "invalid arguments"
    assert len(clawbot.inbox) == 2


async def test_a_key_that_no_phone_reads(asked: BotClient, clawbot: ClawBot) -> None:
    media = await asked.upload(JPEG, "image")
    raw = bytes.fromhex(base64.b64decode(media["aes_key"]).decode())
    for key in (base64.b64encode(raw).decode(), base64.b64encode(KEY.hex().encode()).decode(), "x"):
        assert (await asked.send(image_item({**media, "aes_key": key}, JPEG)))["message_id"]
        message = clawbot.inbox[-1]
        assert message.unreadable
        assert message.medium is None


async def test_what_is_sent_is_what_was_announced(asked: BotClient, clawbot: ClawBot) -> None:
    async def sent(data: bytes, key: bytes, **announced: Any) -> Json:
        answer = await asked.permission(JPEG, "image", KEY, **announced)
        status, headers = await asked.put(answer["upload_full_url"], encrypted(data, key))
        if status != 200:
            return {"status": status, "code": headers["x-error-code"]}
        spelt = base64.b64encode(KEY.hex().encode()).decode()
        media = {"encrypt_query_param": headers["x-encrypted-param"], "aes_key": spelt}
        return await asked.send(image_item(media, JPEG))

    other = bytes(len(JPEG))
    assert (await sent(JPEG, KEY))["ret"] == 0
    assert (await sent(JPEG, KEY[::-1]))["errmsg"] == "invalid arguments"
    assert (await sent(other, KEY))["errmsg"] == "invalid arguments"
    assert (await sent(JPEG, KEY, rawfilemd5="0" * 32))["errmsg"] == "invalid arguments"
    for data in (JPEG + bytes(16), JPEG[:-16]):
        assert await sent(data, KEY) == {"status": 400, "code": "-5102031"}
    assert len(clawbot.inbox) == 1


async def test_an_item_says_what_was_uploaded(asked: BotClient) -> None:
    media = await asked.upload(b"hello", "file")
    good = file_item(media, b"hello", "a.txt")["file_item"]
    for wrong in (
        {"len": 5}, {"len": "6"}, {"file_name": ""}, {"file_name": None}, {"md5": "x"},
        {"media": {**media, "full_url": "x"}}, {"media": {**media, "encrypt_query_param": "x"}},
    ):  # fmt: skip
        answer = await asked.send({"type": 4, "file_item": {**good, **wrong}})
        assert answer["errmsg"] == "invalid arguments", wrong
    # A picture is no file: each is uploaded as what it is sent as.
    assert (await asked.send(image_item(media, b"hello")))["errmsg"] == "invalid arguments"
    assert (await asked.send({"type": 4, "file_item": good}))["ret"] == 0


# How it is uploaded


@pytest.mark.parametrize(
    ("changes", "ret"),
    [
        ({"filekey": None}, 0), ({"filekey": "x"}, 0), ({"no_need_thumb": None}, 0), ({"no_need_thumb": False}, 0),
        ({"to_user_id": "nobody@im.wechat"}, -1), ({"media_type": 5}, -2), ({"media_type": []}, -2),
        ({"rawsize": 1}, -2), ({"rawsize": 1.5}, -2), ({"filesize": "16"}, -2), ({"aeskey": "x"}, -2),
        ({"rawfilemd5": None}, -2),
    ],
    ids=str,
)  # fmt: skip
async def test_no_permission(asked: BotClient, changes: Json, ret: int) -> None:
    answer = await asked.permission(JPEG, "image", KEY, **changes)
    assert answer["ret"] == ret
    assert not answer.keys() & {"upload_param", "upload_full_url"}


async def test_only_post_uploads(asked: BotClient) -> None:
    url = (await asked.permission(JPEG, "image", KEY))["upload_full_url"]
    data = encrypted(JPEG, KEY)
    assert (await asked.put(url, data, "PUT"))[0] == 404
    assert (await asked.put(url.replace("filekey=", "filekey=0"), data))[0] == 400
    assert (await asked.put(url.replace("upload?", "upload?x"), data))[0] == 400
    first, second = await asked.put(url, data), await asked.put(url, data)
    assert first[0] == second[0] == 200
    assert first[1]["x-encrypted-param"] == second[1]["x-encrypted-param"]


async def test_the_param_alone_is_for_small_files(
    asked: BotClient, simulator: Simulator, options: ILinkOptions
) -> None:
    async def status(size: int) -> int:
        data, filekey = bytes(size), "ab" * 16
        reply = await asked.permission(data, "file", KEY, filekey=filekey)
        param = quote(reply["upload_param"], safe="")
        url = f"{simulator.url}/c2c/upload?encrypted_query_param={param}&filekey={filekey}"
        # The permission is no reference for a download.
        async with asked.http.get(url.replace("/upload", "/download")) as answer:
            assert answer.status == 404
        return (await asked.put(url, encrypted(data, KEY)))[0]

    assert await status(1000) == 200
    assert await status(100_000) == 500
    options.param_bytes, options.tells_upload_url = 200_000, False
    assert await status(100_000) == 200
    assert "upload_full_url" not in await asked.permission(JPEG, "image", KEY)
    options.file_bytes = 100
    assert (await asked.permission(JPEG, "image", KEY))["ret"] == -1


async def test_media_are_not_kept_where_nobody_needs_them(
    asked: BotClient, clawbot: ClawBot, simulator: Simulator
) -> None:
    simulator.settings.keep_media = False
    media = await asked.upload(JPEG, "image")
    assert (await asked.send(image_item(media, JPEG)))["ret"] == 0
    (message,) = await clawbot.hears()
    assert message.medium is not None
    assert (message.medium.size, message.medium.is_kept) == (len(JPEG), False)


# Faults


async def test_the_names_of_the_calls() -> None:
    assert set(NAMES) == {
        "get_bot_qrcode", "get_qrcode_status", "getupdates", "sendmessage", "getuploadurl", "getconfig", "sendtyping",
        "notifystart", "notifystop", "c2c/upload", "c2c/download",
    }  # fmt: skip


async def test_refusals_on_demand(asked: BotClient, simulator: Simulator) -> None:
    simulator.faults.add("getupdates", Fault.RET, ret=-14, errmsg="session timeout", times=1)
    assert (await asked.poll())["ret"] == -14
    assert (await asked.poll())["ret"] == 0
    simulator.faults.add("sendmessage", Fault.RET, ret=-2, errmsg="rate limited", times=1)
    assert (await asked.say("x"))["errmsg"] == "rate limited"
    assert (await asked.say("x"))["ret"] == 0
    simulator.faults.add("c2c/upload", Fault.RET, ret=-5102031, errmsg="content not valid")
    url = (await asked.permission(JPEG, "image", KEY))["upload_full_url"]
    status, headers = await asked.put(url, b"")
    assert (status, headers["x-error-code"]) == (400, "-5102031")


async def test_statuses_on_demand(asked: BotClient, simulator: Simulator) -> None:
    for status in (524, 502, 403):
        simulator.faults.add("getupdates", Fault.SERVER_ERROR, status=status, times=1)
        with pytest.raises(AssertionError, match=str(status)):
            await asked.poll()


async def test_lost_answers_and_lost_calls(
    asked: BotClient, clawbot: ClawBot, simulator: Simulator
) -> None:
    for fault in (Fault.DROP, Fault.LOSE_ANSWER):
        simulator.faults.add("sendmessage", fault, times=1)
        with pytest.raises(aiohttp.ClientError):
            await asked.say(fault.value)
    assert clawbot.texts == ["lose_answer"]
    assert [call.fault for call in simulator.calls_of("sendmessage")] == ["drop", "lose_answer"]


async def test_hangs_and_broken_answers(
    asked: BotClient, clawbot: ClawBot, simulator: Simulator
) -> None:
    rule = simulator.faults.add("sendmessage", Fault.HANG, times=1)
    waiting = asyncio.create_task(asked.say("1"))
    await rule.strikes()
    assert clawbot.texts == []
    rule.release()
    assert (await waiting)["ret"] == 0
    for fault in (Fault.GARBAGE, Fault.TRUNCATE, Fault.EMPTY):
        simulator.faults.add("sendmessage", fault, times=1)
        with pytest.raises(ValueError, match="Expecting|Unterminated|delimiter|Extra"):
            await asked.say("2")
    assert clawbot.texts == ["1", "2", "2", "2"]


async def test_a_download_breaks_off(
    bot: BotClient, clawbot: ClawBot, simulator: Simulator
) -> None:
    clawbot.sends_image(JPEG)
    (msg,) = (await bot.poll())["msgs"]
    media = msg["item_list"][0]["image_item"]["media"]
    for fault in (Fault.TRUNCATE, Fault.PARTIAL):
        simulator.faults.add("c2c/download", fault, times=1)
        async with bot.http.get(media["full_url"]) as answer:
            assert len(await answer.read()) < len(JPEG)
    assert await bot.fetch(media) == JPEG


async def test_faults_of_one_account(bot: BotClient, simulator: Simulator) -> None:
    other = simulator.add_account("other")
    simulator.faults.add("*", Fault.RET, ret=-2, account=other)
    assert (await bot.poll())["ret"] == 0
    client = BotClient(simulator.url)
    try:
        await client.log_in(other)
        assert (await client.poll())["ret"] == -2
    finally:
        await client.http.close()


async def test_a_closing_service_answers_what_it_holds(
    bot: BotClient, clawbot: ClawBot, simulator: Simulator, options: ILinkOptions
) -> None:
    options.hold_s = PATIENCE_S
    waiting = asyncio.create_task(bot.poll())
    await clawbot.comes_online()
    simulator.world.release_all()
    assert (await waiting)["msgs"] == []
