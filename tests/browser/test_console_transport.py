"""The console in a browser on a transport that is as able as iLink: the digits, the budget, and the way to iLink."""

from typing import TYPE_CHECKING

import pytest

from openwx.errors import LoginRefused
from openwx.transports.base import Capability
from tests.functional.world import World
from tests.memory import MemoryTransports
from tests.patience import PATIENCE_MS

from .conftest import Complaints
from .seeing import ACCOUNT, reads, sees, sticking_out

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.in_memory

FEW = frozenset({Capability.CONTACTS, Capability.SEND_TEXT, Capability.SEND_MEDIA})
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def peer() -> MemoryTransports:
    peer = MemoryTransports("ilink")
    account = peer.account()
    account.capabilities, account.chats = FEW, account.friends[:2]
    return peer


@pytest.fixture(autouse=True)
def patience(page: "Page") -> None:
    page.set_default_timeout(PATIENCE_MS)


async def test_the_digits_are_typed_and_the_login_goes_on(
    page: "Page", world: World, peer: MemoryTransports, complaints: Complaints
) -> None:
    peer.account().wanted_code = "012345"
    gateway = await world.start()
    await gateway.reaches("confirming")
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await page.goto(gateway.url + ACCOUNT)
    await page.locator("#code").fill("999999")
    await page.locator("#code").press("Enter")
    await sees(page, "Those digits were wrong.")
    assert not await sticking_out(page, PHONE["width"])
    await page.locator("#code").fill("012 345")
    await page.get_by_role("button", name="Confirm").click()
    await page.locator("#status .good").first.wait_for()
    assert "Those digits were wrong." not in await reads(page)
    assert not complaints


async def test_the_budget_changes_before_ones_eyes(
    page: "Page", world: World, peer: MemoryTransports, complaints: Complaints
) -> None:
    account = peer.account()
    friend = account.chats[0]
    account.left = {friend: 2}
    gateway = await world.run()
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await page.goto(gateway.url + ACCOUNT)
    await sees(page, "2 more messages until")
    assert (await gateway.get("send_friend_message", id=friend.record.id, content="hi")).code == 0
    await sees(page, "1 more message until")
    assert (await gateway.get("send_friend_message", id=friend.record.id, content="hi")).code == 0
    await sees(page, "Nothing more until they write again")
    friend.says("go on")
    await sees(page, "10 more messages until")
    assert not await sticking_out(page, PHONE["width"])
    assert not complaints


async def test_a_text_is_written_where_no_file_can_be_sent(
    page: "Page", world: World, peer: MemoryTransports, complaints: Complaints
) -> None:
    account = peer.account()
    account.capabilities -= {Capability.SEND_MEDIA}
    gateway = await world.run()
    await page.goto(gateway.url + ACCOUNT + "/contacts")
    await page.locator(".person").first.click()
    await page.locator("#content").fill("hello")
    await page.locator("#content").press("Enter")
    await page.locator("#messages .mine").get_by_text("hello").wait_for()
    assert [sent.text for sent in account.sent] == ["hello"]
    assert not complaints


async def test_a_refused_account_is_led_to_ilink(
    page: "Page", world: World, peer: MemoryTransports, complaints: Complaints
) -> None:
    account = peer.account()
    peer.kind, account.refusal = "web", LoginRefused("login", 1203, "为了你的帐号安全")
    gateway = await world.start()
    await gateway.reaches("stop")
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await page.goto(gateway.url + ACCOUNT)
    await page.get_by_role("link", name="Connect by iLink").click()
    await sees(page, "What is lost")
    assert not await sticking_out(page, PHONE["width"])
    peer.kind, account.refusal = "ilink", None
    await page.get_by_role("button", name="Connect and show a code").click()
    await page.locator("#status .good").first.wait_for()
    await sees(page, "iLink (WeChat ClawBot)")
    assert peer.settings["default"].transport == "ilink"
    assert not complaints
