"""The chat with an iLink bot on the simulator's phone page, as a person sees and uses it."""

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from openwx.simulator import ILinkOptions, Simulator
from openwx.simulator.media import JPEG
from tests.patience import PATIENCE_MS
from tests.unit.simulator.ilink.bot_client import BotClient, image_item

from .conftest import Complaints
from .test_phone_page import PhonePage

if TYPE_CHECKING:
    from playwright.async_api import Page


@pytest.fixture
async def service() -> AsyncIterator[Simulator]:
    options = ILinkOptions(hold_s=0.2, verify_code=True)
    async with Simulator(1, friends=3, groups=1, ilink=options) as simulator:
        yield simulator


@pytest.fixture
async def bot(service: Simulator) -> AsyncIterator[BotClient]:
    """Yield a client that is not logged in."""
    client = BotClient(service.url)
    yield client
    await client.http.close()


@pytest.fixture
async def phone(
    page: "Page", service: Simulator, complaints: Complaints
) -> AsyncIterator[PhonePage]:
    phone = PhonePage(page, service)
    await phone.opens()
    yield phone
    assert not complaints


async def connects(phone: PhonePage, bot: BotClient) -> None:
    """Scan the code, enter the digits of the phone in the client, and confirm."""
    qrcode = await bot.code()
    await phone.presses("Scan", phone.screen.locator(".banner"))
    await phone.presses("Scan this code (ClawBot)")
    prompt = phone.page.get_by_role("alertdialog", name="Connect 微信 ClawBot?")
    digits = await prompt.locator(".digits").inner_text()
    assert await prompt.get_by_role("button", name="Connect").count() == 0
    assert (await bot.status(qrcode, verify_code=digits))["status"] == "scaned"
    await phone.presses("Connect", prompt)
    while (answer := await bot.status(qrcode))["status"] == "scaned":
        pass
    bot.takes(answer)


async def gets(bot: BotClient) -> str:
    """Poll until something comes, and return its text."""
    while not (texts := await bot.texts()):
        pass
    return texts[0]


async def test_a_person_connects_and_talks(phone: PhonePage, bot: BotClient) -> None:
    await connects(phone, bot)
    await phone.sees("An iLink bot is bound")
    await phone.enters("微信 ClawBot")
    await phone.sees("Write first")
    await phone.says("在吗？")
    assert await gets(bot) == "在吗？"
    await phone.said("在吗？").get_by_role("img", name="The bot has it").wait_for()
    await phone.sees("The bot may send 10 more messages")
    await bot.say("在的 😄")
    await phone.said("在的 😄").wait_for()
    media = await bot.upload(JPEG, "image")
    await bot.send(image_item(media, JPEG))
    picture = phone.screen.get_by_role("img", name="Picture")
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 16
    await bot.send(image_item({**media, "aes_key": "x"}, JPEG))
    await phone.sees("Cannot be opened")
    await phone.sees("The bot may send 7 more messages")
    assert await phone.screen.get_by_role("button", name="Recall").count() == 0


async def test_a_person_sends_media(phone: PhonePage, bot: BotClient) -> None:
    await connects(phone, bot)
    await phone.enters("微信 ClawBot")
    types = []
    for kind in ("Sample picture", "Sample file", "Voice", "Video"):
        await phone.picks(kind)
        while not (msgs := (await bot.poll())["msgs"]):
            pass
        types.append(msgs[0]["item_list"][0]["type"])
    assert types == [2, 4, 3, 5]


async def test_a_bot_that_is_gone(phone: PhonePage, bot: BotClient, service: Simulator) -> None:
    await connects(phone, bot)
    await phone.enters("微信 ClawBot")
    service.account().clawbot.bot.goes_stale()
    await phone.sees(re.compile("no longer bound"))
    box = phone.screen.get_by_role("textbox", name="Message")
    await box.wait_for(state="hidden", timeout=PATIENCE_MS)
    assert (await bot.poll())["ret"] == -14
