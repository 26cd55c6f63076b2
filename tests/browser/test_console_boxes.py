"""Nothing on a page of the console reaches out of its box, from 320 to 1280 px, whatever others wrote."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import JPEG, MP3, MP4
from tests.functional.world import Gateway, Receiver, World
from tests.patience import PATIENCE_MS

from .conftest import Complaints
from .seeing import ACCOUNT, chat_of, group_chat_of, sticking_out

if TYPE_CHECKING:
    from playwright.async_api import Page

LONG = "W" * 240
NAME = "N" * 90
URL = f"https://example.org/{'u' * 300}"

WIDTHS = [320, 360, 390, 760, 761, 1024, 1280]


async def crowd(
    world: World, simulator: Simulator, receiver: Receiver, account: Account
) -> Gateway:
    """Start a gateway with the longest possible names and texts."""
    gateway = await world.run(report={"post_api": f"{receiver.url}/{'p' * 200}"})
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.renames(NAME)
    group.rename(f"G{NAME}")
    await receiver.get(event="friend_property_change")
    await receiver.get(event="group_property_change")
    group.member_renames(group.others[0], NAME)
    await receiver.get(event="group_member_property_change")
    receiver.fails(post_type="receive_message", content=LONG)
    friend.says(LONG)
    group.member_says(group.others[0], URL)
    friend.sends_image(JPEG)
    friend.sends_file(f"{NAME}.pdf", b"%PDF-1.4" + bytes(900))
    friend.sends_voice(MP3, 7)
    friend.sends_video(MP4, 5)
    friend.sends_link(LONG, LONG, URL)
    friend.transfers(12.5, LONG)
    friend.sends_location(LONG)
    friend.sends_card(account.stranger(NAME))
    recalled = friend.says(f"wrong {LONG}")
    friend.recalls(recalled)
    friend.says(URL)
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1204, errmsg=LONG, times=20)
    await gateway.get("send_friend_message", account="xiaohui2016", content=URL)
    await receiver.gets(12, post_type="receive_message", timeout_s=60)
    await receiver.gets(5, content=LONG, timeout_s=60)
    await receiver.get(post_type="send_message")
    return gateway


async def test_nothing_sticks_out(
    page: "Page",
    world: World,
    simulator: Simulator,
    receiver: Receiver,
    account: Account,
    complaints: Complaints,
) -> None:
    page.set_default_timeout(PATIENCE_MS)
    gateway = await crowd(world, simulator, receiver, account)
    chat, talk = await chat_of(gateway, NAME), await group_chat_of(gateway, f"G{NAME}")
    (group,) = (await gateway.get("search_group", displayname=f"G{NAME}")).json
    (member,) = [one for one in group["member"] if one["display"] == NAME]
    paths = [
        *(ACCOUNT + path for path in ("", "/chats", "/contacts", "/contacts?kind=groups", "/feed")),
        *(ACCOUNT + path for path in ("/deliveries", "/deliveries?state=delivered", "/delivery?id=12")),
        chat,
        chat.replace("/chat?", "/contact?"),
        talk,
        f"{talk}&at={quote(member['id'])}",
        talk.replace("/chat?", "/contact?"),
    ]  # fmt: skip
    found = []
    for path in paths:
        await page.goto(gateway.url + path)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 740})
            found += [f"{path} at {width}: {one}" for one in await sticking_out(page, width)]
    assert not found, "\n".join(found[:30])
    await page.goto(f"{gateway.url}{ACCOUNT}/chats")
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 740})
        times = await page.evaluate(
            "[...document.querySelectorAll('.people time')].map(time => time.getBoundingClientRect().right)"
        )
        assert len(times) == 2
        assert all(width - 320 < right < width for right in times), (width, times)
    assert not complaints


@pytest.mark.parametrize("width", [320, 1280])
async def test_a_long_name_of_an_account(
    page: "Page", world: World, complaints: Complaints, width: int
) -> None:
    settings = world.settings()
    one = settings.accounts["default"]
    accounts = {"a" * 60: one, "default": one}
    gateway = await world.start(settings=settings.model_copy(update={"accounts": accounts}))
    await page.set_viewport_size({"width": width, "height": 740})
    for path in ("/console", f"/console/accounts/{'a' * 60}"):
        await page.goto(gateway.url + path)
        await page.locator("main .card").first.wait_for()
        assert not await sticking_out(page, width)
    assert not complaints


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [320, 390])
async def test_segments_are_whole_on_phones(
    page: "Page", api: Gateway, complaints: Complaints, width: int, language: str
) -> None:
    await page.set_viewport_size({"width": width, "height": 740})
    await page.set_extra_http_headers({"Accept-Language": language})
    for path in ("/contacts", "/deliveries"):
        await page.goto(f"{api.url}{ACCOUNT}{path}")
        row = await page.locator(".segments").bounding_box()
        parts = [await part.bounding_box() for part in await page.locator(".segments a").all()]
        assert row
        assert len(parts) == 3
        for part in parts:
            assert part
            assert row["x"] <= part["x"]
            assert part["x"] + part["width"] <= row["x"] + row["width"] <= width
    assert not complaints
