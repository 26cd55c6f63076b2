"""The console in a real browser: from the QR code to a sent message, and problems shown and fixed."""

import asyncio
import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openwx.config import AccessSettings, AccountSettings
from openwx.simulator import Account, Simulator
from openwx.simulator.media import JPEG, MP3
from tests.functional.world import Gateway, Receiver, World
from tests.patience import PATIENCE_MS

from .conftest import Complaints

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

ACCOUNT = "/console/accounts/default"
AXE = Path(os.environ.get("AXE_HOME", "none")) / "node_modules/axe-core/axe.min.js"


async def sees(page: "Page", text: str) -> None:
    """Wait until a person would see this somewhere in the page."""
    await page.get_by_text(text, exact=False).locator("visible=true").first.wait_for()


async def there_are(page: "Page", selector: str, count: int) -> None:
    """Wait until there are so many."""
    from playwright.async_api import expect

    await expect(page.locator(selector)).to_have_count(count, timeout=PATIENCE_MS)


@pytest.fixture(autouse=True)
def patience(page: "Page") -> None:
    page.set_default_timeout(PATIENCE_MS)


async def test_from_the_code_to_a_sent_message(
    page: "Page",
    gateway: Gateway,
    account: Account,
    receiver: Receiver,
    complaints: Complaints,
) -> None:
    await page.goto(gateway.url)
    code = page.get_by_role("img", name="The QR code to log in with")
    await code.wait_for()
    assert await code.evaluate("image => image.complete && image.naturalWidth > 0")
    await page.evaluate("window.wasNeverLeft = true")

    await account.phone.scan()
    await sees(page, "Confirm on your phone")
    account.phone.confirm()
    await sees(page, "Logged in as")
    await page.locator(".feed .line").get_by_text("Logged in").first.wait_for()
    assert await page.evaluate("window.wasNeverLeft"), "all of this without a reload"

    await page.get_by_role("link", name="Contacts").click()
    await page.get_by_role("searchbox").press_sequentially("小灰")
    await there_are(page, ".people li", 1)
    await page.locator(".person").click()
    await page.get_by_role("heading", name="小灰").wait_for()

    friend = account.friend("小灰")
    friend.says("are you there?")
    await page.get_by_role("log").get_by_text("are you there?").wait_for()
    assert not await page.get_by_text("No messages yet").is_visible()

    field = page.get_by_label("Message", exact=True)
    await field.fill("yes, from the console")
    await field.press("Enter")
    assert await friend.hears_text() == "yes, from the console"
    await page.locator("#messages .mine").get_by_text("yes, from the console").wait_for()
    await there_are(page, "#waiting li", 0)
    assert await field.input_value() == ""
    await there_are(page, "#messages .bubble", 2)

    await page.set_input_files(
        "#media", {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": JPEG}
    )
    await page.get_by_role("button", name="Send", exact=True).click()
    (heard,) = await friend.hears()
    assert heard.medium is not None
    await page.locator("#messages .picture").wait_for()
    shown = "picture => picture.decode().then(() => picture.naturalWidth > 0)"
    assert await page.locator("#messages .picture").evaluate(shown)
    assert not complaints


async def test_the_code_renews_itself(
    page: "Page", gateway: Gateway, simulator: Simulator, complaints: Complaints
) -> None:
    await page.goto(gateway.url)
    code = page.get_by_role("img", name="The QR code to log in with")
    first = await code.get_attribute("src")
    simulator.codes.expire_all()
    await page.locator(f'.qr img:not([src="{first}"])').wait_for()
    assert await code.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    assert not complaints


async def test_a_delivery_that_failed_is_sent_again(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    receiver.fails(post_type="receive_message")
    await page.goto(api.url + ACCOUNT)
    account.friend("小灰").says("important")
    await page.get_by_role("link", name="View them and send them again").click()
    await page.locator(".delivery").get_by_text("HTTP 500").first.wait_for()
    await sees(page, "5 attempts")
    receiver.behaves_well()
    receiver.forget()
    await page.get_by_role("button", name="Send again").click()
    await receiver.get(content="important")
    await page.get_by_role("link", name="Delivered").click()
    await sees(page, "HTTP 200")
    await page.get_by_role("link", name="Failed").click()
    await sees(page, "No failed deliveries")
    assert not complaints


async def test_forgetting_is_asked_about(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    receiver.fails(post_type="receive_message")
    account.friend("小灰").says("spam")
    await page.goto(f"{api.url}{ACCOUNT}/deliveries")
    forget = page.get_by_role("button", name="Discard delivery")
    page.once("dialog", lambda dialog: dialog.dismiss())
    await forget.click()
    assert await forget.is_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    await forget.click()
    await sees(page, "No failed deliveries")
    assert not complaints


async def test_logging_in_with_the_token_and_out(
    page: "Page", world: World, complaints: Complaints
) -> None:
    settings = world.settings().model_copy(update={"access": AccessSettings(token="s3cret-token")})
    gateway = await world.start(settings=settings)
    await page.goto(f"{gateway.url}{ACCOUNT}/contacts")
    await page.get_by_label("Token").fill("s3cret-token")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Contacts").wait_for()
    assert "s3cret" not in page.url
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("heading", name="Log in").wait_for()
    await page.goto(f"{gateway.url}{ACCOUNT}")
    await page.get_by_role("heading", name="Log in").wait_for()
    assert not complaints


async def test_the_page_goes_on_after_a_restart(
    page: "Page", world: World, account: Account
) -> None:
    gateway = await world.run()
    await page.goto(f"{gateway.url}{ACCOUNT}/feed")
    account.friend("小灰").says("before")
    await page.locator(".feed .line").get_by_text("before").wait_for()
    port = int(gateway.url.rpartition(":")[2])
    await gateway.stop()
    await sees(page, "The connection to openwx is lost")
    listen = gateway.settings.listen[0].model_copy(update={"port": port})
    settings = gateway.settings.model_copy(update={"listen": [listen]})
    again = await world.start(settings=settings)
    await again.reaches("running")
    account.friend("小灰").says("after")
    await page.locator(".feed .line").get_by_text("after").wait_for()
    assert await page.locator(".feed .line").get_by_text("before").count() == 1
    assert not await page.locator("#offline").is_visible()


async def test_a_page_that_nobody_sees_goes_on_when_it_is_seen(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    await page.goto(f"{api.url}{ACCOUNT}/feed")
    account.friend("小灰").says("before")
    await page.locator(".feed .line").get_by_text("before").wait_for()
    assert api.service is not None
    streams = api.service.gateway.streams
    await is_hidden(page, hidden=True)
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while streams.taken:
            account.friend("小灰").says("meanwhile")
            await asyncio.sleep(0.1)
    account.friend("小灰").says("at last")
    await is_hidden(page, hidden=False)
    await page.locator(".feed .line").get_by_text("at last").wait_for()
    assert await page.locator(".feed .line").get_by_text("before").count() == 1
    assert not complaints


async def is_hidden(page: "Page", *, hidden: bool) -> None:
    """As when another tab comes to the front."""
    await page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def test_a_newcomer_sends_a_message_on_the_demo(
    page: "Page", openwx: Any, complaints: Complaints
) -> None:
    demo = await openwx("serve", "--demo", "--port", "0")
    found = await demo.says(r"console, in your browser:\s+(http://\S+)")
    await page.goto(found[1])
    await sees(page, "Logged in as")
    await page.get_by_role("link", name="Chats").click()
    await page.locator(".person", has_text="小灰").click()
    await page.get_by_label("Message", exact=True).fill("hello from a newcomer")
    await page.get_by_role("button", name="Send", exact=True).click()
    await demo.says("on the phone of 小灰 appears “hello from a newcomer”")
    await page.locator("#messages .mine").get_by_text("hello from a newcomer").wait_for()
    assert not complaints


async def test_by_keyboard_alone(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    account.friend("小灰").says("hello")
    await receiver.get(content="hello")
    await page.goto(f"{api.url}{ACCOUNT}/chats")
    await page.keyboard.press("Tab")
    assert await focused(page) == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    for _ in range(10):  # behind the search
        await page.keyboard.press("Tab")
        if "小灰" in await focused(page):
            break
    assert "小灰" in await focused(page)
    await page.keyboard.press("Enter")
    await page.get_by_role("log").wait_for()
    while await page.evaluate("document.activeElement.id") != "content":
        await page.keyboard.press("Tab")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await page.evaluate(outline) != "none" or await hidden_field_shows(page)
    await page.keyboard.type("without a mouse")
    await page.keyboard.press("Enter")
    assert await account.friend("小灰").hears_text() == "without a mouse"
    await page.locator("#messages .mine").wait_for()
    assert await page.evaluate("document.activeElement.id") == "content", "to write the next one"
    assert not complaints


async def focused(page: "Page") -> str:
    return str(await page.evaluate("document.activeElement.textContent.trim()"))


async def hidden_field_shows(page: "Page") -> bool:
    """Check the outline of an element; a file field shows it on its button."""
    script = """document.activeElement.id === 'media'
        && getComputedStyle(document.querySelector('.file-button')).outlineStyle !== 'none'"""
    return bool(await page.evaluate(script))


HOSTILE = '<img src=x onerror="document.title=1">'


async def test_what_others_wrote_does_nothing(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    friend = account.friend("小灰")
    friend.renames(HOSTILE)
    await receiver.get(event="friend_property_change")
    await page.goto(f"{api.url}{ACCOUNT}/contacts?q=onerror")
    await page.locator(".person").click()
    await page.get_by_role("log").wait_for()
    friend.says(f"{HOSTILE}<script>document.title=2</script>")
    friend.sends_file("<b>page</b>.html", b"<html><script>document.title=3</script></html>")
    await page.locator("#messages .file").wait_for()
    assert HOSTILE in await page.title()
    assert await page.locator("#messages script, #messages img[src=x], #messages b").count() == 0
    async with page.expect_download() as download:
        await page.locator("#messages .file").click()
    assert (await download.value).suggested_filename.endswith(".html")
    assert not complaints


PAGES = [
    "",
    "/chats",
    "/contacts",
    "/contacts?kind=groups",
    "/feed",
    "/deliveries",
    "/deliveries?state=delivered",
]


@pytest.mark.parametrize("width", [360, 1200])
async def test_nothing_is_wider_than_the_screen(
    page: "Page",
    api: Gateway,
    account: Account,
    receiver: Receiver,
    complaints: Complaints,
    width: int,
) -> None:
    await page.set_viewport_size({"width": width, "height": 740})
    account.friend("小灰").says("https://example.org/" + "a" * 300)
    await receiver.get(post_type="receive_message")
    for path in [*PAGES, await chat_of(api, "小灰")]:
        await page.goto(api.url + ACCOUNT + path)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
    assert not complaints


async def test_several_accounts_on_a_phone(
    page: "Page", world: World, complaints: Complaints
) -> None:
    one = AccountSettings.model_validate({"base_url": world.simulator.url})
    accounts = {"shop": one, "a-rather-long-name-of-an-account": one}
    gateway = await world.start(settings=world.settings().model_copy(update={"accounts": accounts}))
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(gateway.url)
    await page.get_by_role("link", name="a-rather-long").click()
    await page.get_by_role("img", name="QR code").wait_for()
    boxes = [await page.locator(one).bounding_box() for one in (".switcher", "#pill", ".tools")]
    edges = [(box["x"], box["x"] + box["width"]) for box in boxes if box]
    assert edges == sorted(edges)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(edges)), edges
    assert edges[-1][1] <= 360
    await page.locator(".switcher summary").click()
    await page.locator(".menu").get_by_role("link", name="shop").click()
    await page.wait_for_url("**/accounts/shop")
    await page.get_by_role("button", name="Stop this account").wait_for()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Stop this account").click()
    await page.get_by_role("heading", name="All accounts").wait_for()
    await page.locator(".card", has_text="shop").get_by_text("Stopped on request").wait_for()
    await page.get_by_role("link", name="shop").click()
    await page.get_by_role("button", name="Start it again").click()
    await page.get_by_role("img", name="QR code").wait_for()
    assert not complaints


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there (AXE_HOME)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_use_it(
    browser: "Browser",
    api: Gateway,
    account: Account,
    receiver: Receiver,
    world: World,
    scheme: Any,
) -> None:
    friend = account.friend("小灰")
    friend.says("hello")
    friend.recalls(friend.says("wrong"))
    friend.sends_image(JPEG)
    friend.sends_voice(MP3, 2)
    friend.sends_file("notes.txt", b"notes")
    friend.transfers(12.5, "lunch")
    friend.sends_link("A walk", "by the river", "https://example.org/walk")
    friend.sends(9876, "<msg/>")
    await receiver.gets(8, post_type="receive_message")
    receiver.fails(post_type="receive_message", content="refused")
    account.friend("小灰").says("refused")
    await receiver.gets(5, content="refused")
    context = await browser.new_context(
        color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    group = (await api.get("get_group_info")).json[0]["id"].replace("@", "%40")
    found = []
    for path in [
        *PAGES,
        await chat_of(api, "小灰"),
        f"/contact?id={group}",
        "/delivery?id=1",
        "/nothing",
    ]:
        await page.goto(api.url + ACCOUNT + path)
        found += await violations(page, path)
    await context.close()
    assert not found


async def test_everybody_can_scan_and_log_in(browser: "Browser", world: World) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not there (AXE_HOME)")
    one = AccountSettings.model_validate({"base_url": world.simulator.url})
    update = {
        "access": AccessSettings(token="s3cret-token"),
        "accounts": {"shop": one, "home": one},
    }
    gateway = await world.start(settings=world.settings().model_copy(update=update))
    context = await browser.new_context(bypass_csp=True, reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(gateway.url)
    found = await violations(page, "log in")
    await page.get_by_label("Token").fill("s3cret-token")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="All accounts").wait_for()
    found += await violations(page, "accounts")
    await page.get_by_role("link", name="shop").click()
    await page.get_by_role("img", name="QR code").wait_for()
    found += await violations(page, "scan")
    await context.close()
    assert not found


async def violations(page: "Page", path: str) -> list[str]:
    """List the violations that axe-core finds: rule, place, and help."""
    await page.add_script_tag(path=AXE)
    report = await page.evaluate("axe.run()")
    return [
        f"{path or '/'}: {rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in report["violations"]
        for node in rule["nodes"]
    ]


async def chat_of(api: Gateway, name: str) -> str:
    (friend,) = (await api.get("search_friend", displayname=name)).json
    return "/chat?id=" + re.sub("@", "%40", friend["id"])
