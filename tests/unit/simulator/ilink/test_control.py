"""The control API of bots, and what the phone page shows of them."""

from __future__ import annotations

from typing import Any

import pytest

from openwx.simulator import Account, ClawBot, ILinkOptions, Simulator
from openwx.simulator.ilink.options import Repeat
from openwx.simulator.media import JPEG, SILK
from tests.control import Control

from .bot_client import BotClient, image_item


@pytest.fixture
def control(stranger: BotClient) -> Control:
    return Control(stranger.url, stranger.http)


async def test_a_login(
    control: Control, stranger: BotClient, account: Account, options: ILinkOptions
) -> None:
    assert await control.post("ilink/options", verify_code="yes", budget="3")
    assert (options.verify_code, options.budget) == (True, 3)
    qrcode = await stranger.code()
    assert (await control.get("state"))["codes"] == [
        {"uuid": qrcode, "state": "pending", "kind": "ilink"}
    ]
    await control.post("phone/scan", uuid=qrcode)
    (shown,) = (await control.get("state"))["accounts"]
    prompt = shown["prompt"]
    assert (prompt["kind"], prompt["offers_confirm"]) == ("ilink", False)
    assert prompt["digits"] in (await control.post("phone/confirm"))["error"]
    assert (await stranger.status(qrcode, verify_code=prompt["digits"]))["status"] == "scaned"
    await control.post("phone/confirm")
    stranger.takes(await stranger.status(qrcode))
    shown = await control.get("clawbot")
    assert (shown["bot"]["id"], shown["user_id"]) == (stranger.bot_id, account.clawbot.user_id)


async def test_options_are_checked(control: Control, options: ILinkOptions) -> None:
    answer = await control.get("ilink/options")
    assert (answer["hold_s"], answer["client_id"]) == (0.05, "accept")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"nonsense": 1}, "no setting"), ({"burst": "many"}, "should be a whole number"),
        ({"client_id": "x"}, "should be one of accept, same, refuse"), ({"hold_s": []}, "should be a number"),
    ]  # fmt: skip
    for given, words in wrong:
        # All are set, or none.
        assert words in (await control.post("ilink/options", budget=5, **given))["error"]
    assert options == ILinkOptions(hold_s=0.05)
    assert (await control.post("ilink/options", client_id="same"))["client_id"] == "same"
    assert options.client_id == "same"


async def test_the_owner_writes_and_reads(
    control: Control, bot: BotClient, clawbot: ClawBot
) -> None:
    first = await control.post("clawbot/says", text="hi", repeat="new_id")
    assert await bot.texts() == ["hi", "hi"]
    await control.post("clawbot/says", text="re", quotes=first["msg_id"], form="content")
    await control.post("clawbot/sends_image", spelling="hex", encrypted=False)
    await control.post("clawbot/sends_voice", transcript="喂")
    await control.post("clawbot/sends_video")
    await control.post("clawbot/sends_file", name="a.txt", data="aGk=", wrong_key=True)
    await control.post("clawbot/sends_item", item_type=42, place_item={"x": 1})
    await control.post("clawbot/sends_again", msg_id=first["msg_id"])
    items = [msg["item_list"][0] for msg in (await bot.poll())["msgs"]]
    assert [item["type"] for item in items] == [1, 2, 3, 5, 4, 42, 1]
    assert items[0]["ref_msg"]["title"] == "hi"
    assert await bot.fetch(items[1]["image_item"]["media"]) == JPEG
    assert await bot.fetch(items[2]["voice_item"]["media"]) == SILK
    assert items[2]["voice_item"]["text"] == "喂"
    assert items[5]["place_item"] == {"x": 1}
    assert (await bot.say("hello"))["ret"] == 0
    (heard,) = await control.get("clawbot/inbox", n=1)
    assert (heard["text"], heard["kind"], heard["shown"]) == ("hello", "text", True)
    assert await control.get("clawbot/sent") == [heard]
    assert all(update["taken"] for update in await control.get("clawbot/updates"))
    for path in ("clawbot", "clawbot/inbox"):
        assert "nobody called '李雷'" in (await control.get(path, person="李雷"))["error"]
    await control.post("clawbot/says", person="李雷", text="hi")
    answer = await control.get("clawbot/inbox", n=1, person="李雷", timeout_s=0)
    assert "李雷 heard 0 of 1" in answer["error"]
    (other,) = (await control.get("clawbot"))["others"]
    assert (await control.get("clawbot", person=other["user_id"]))["name"] == "李雷"
    await control.post("phone/renames_me", name="新名字")
    assert (await control.get("clawbot"))["name"] == "新名字"


async def test_what_a_phone_cannot_do(control: Control, bot: BotClient, account: Account) -> None:
    for path, body, words in (
        ("clawbot/says", {}, "text is missing"),
        ("clawbot/says", {"text": "x", "repeat": "often"}, "repeat should be one of"),
        ("clawbot/says", {"text": "x", "quotes": "1"}, "no message '1'"),
        ("clawbot/sends_again", {"msg_id": "1"}, "no message '1'"),
        ("clawbot/sends_item", {}, "item_type is missing"),
    ):  # fmt: skip
        assert words in (await control.post(path, **body))["error"]
    account.world.add_account("other")
    assert "has no bot" in (await control.post("clawbot/says", account="other", text="x"))["error"]


async def test_the_service_turns_away(control: Control, bot: BotClient, clawbot: ClawBot) -> None:
    clawbot.says("hi")
    await bot.poll()
    await control.post("clawbot/restrict")
    assert await bot.say("x") == {"ret": 0}
    await control.post("clawbot/restrict", on=False)
    await control.post("clawbot/window_closes")
    assert (await bot.say("x"))["errmsg"] == "prepare failed"
    await control.post("clawbot/goes_stale")
    assert (await bot.poll())["ret"] == -14
    await control.post("clawbot/heals")
    assert (await bot.poll())["ret"] == 0
    assert (await control.post("clawbot/binds"))["id"] != bot.bot_id
    assert (await bot.poll())["ret"] == -14


async def test_the_chat_on_the_phone(
    control: Control, bot: BotClient, clawbot: ClawBot, simulator: Simulator
) -> None:
    clawbot.says("hi")
    await bot.poll()
    await bot.say("hello")
    media = await bot.upload(JPEG, "image")
    await bot.send(image_item(media, JPEG))
    await bot.send(image_item({**media, "aes_key": "x"}, JPEG))
    await bot.call("sendtyping", ilink_user_id=clawbot.user_id, status=1, typing_ticket=(
        await bot.call("getconfig", ilink_user_id=clawbot.user_id)
    )["typing_ticket"])  # fmt: skip
    first = (await control.get("chats"))[0]
    assert (first["type"], first["name"], first["unread"]) == ("clawbot", "微信 ClawBot", 3)
    assert (await control.get("chats", search="clawb"))[0] == first
    assert first["typing"]
    chat = await control.get("chat", clawbot="owner")
    said, text, image, grey = chat["messages"]
    assert (said["by"], said["taken"], text["by"], text["text"]) == (
        "phone",
        True,
        "other",
        "hello",
    )
    assert (image["kind"], image["medium"]["size"]) == ("image", len(JPEG))
    assert (grey["unreadable"], grey["medium"]) == (True, None)
    url = f"{simulator.url}/_simulator/attachment"
    async with bot.http.get(url, params={"msg_id": image["msg_id"]}) as answer:
        assert (await answer.read(), answer.content_type) == (JPEG, "image/jpeg")
    async with bot.http.get(url, params={"msg_id": grey["msg_id"]}) as answer:
        assert answer.status == 404
    earlier = await control.get("chat", clawbot="owner", before=image["msg_id"], limit=1)
    assert ([one["text"] for one in earlier["messages"]], earlier["more"]) == (["hello"], True)
    await control.post("clawbot/opens")
    assert (await control.get("chats"))[0]["unread"] == 0


async def test_the_code_is_drawn(stranger: BotClient, simulator: Simulator) -> None:
    qrcode = await stranger.code()
    url = f"{simulator.url}/_simulator/login_code"
    async with stranger.http.get(url, params={"uuid": qrcode}) as answer:
        assert (await answer.read()).startswith(b"\x89PNG")


async def test_what_each_bot_got_and_acknowledged(
    control: Control, bot: BotClient, clawbot: ClawBot
) -> None:
    first = clawbot.bot
    clawbot.says("one", repeat=Repeat.SAME_ID)
    await bot.poll()
    clawbot.says("two")
    await bot.poll()  # with the cursor behind "one"
    clawbot.binds()
    clawbot.says("three")
    assert await control.get("clawbot/updates") == await control.get("clawbot/updates", all_bots=0)
    answer = [
        (update["bot"] == first.id, update["taken"], update["acknowledged"])
        for update in await control.get("clawbot/updates", all_bots=1)
    ]
    once = (True, True, True)
    assert answer == [once, once, (True, True, False), (False, False, False)]


async def test_calls_that_a_fault_struck(control: Control, asked: BotClient) -> None:
    await control.post("faults/add", call="sendmessage", fault="garbage", times=1)
    with pytest.raises(ValueError, match="Expecting value"):
        await asked.say("struck")
    await asked.say("not struck")
    calls = await control.get("calls", name="sendmessage", fault="garbage")
    texts = [call["body"]["msg"]["item_list"][0]["text_item"]["text"] for call in calls]
    assert texts == ["struck"]
