"""How the console says what became of an account and of the gateway, what no token means, and that the browser has
nothing against any of its pages."""

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from openwx.config import AccessSettings, AccountSettings
from openwx.simulator import Account, Simulator
from openwx.simulator.media import JPEG, MP3
from tests.functional.world import Gateway, Receiver, World
from tests.patience import PATIENCE_MS

from .conftest import Complaints
from .seeing import ACCOUNT, box_of, chat_of, latin_words, reads, sees

if TYPE_CHECKING:
    from playwright.async_api import Page

TOKEN = "a-token-that-nobody-guesses"
COLOUR = "element => getComputedStyle(element).backgroundColor"


@pytest.fixture(autouse=True)
def patience(page: "Page") -> None:
    page.set_default_timeout(PATIENCE_MS)


# -- a refused login -------------------------------------------------------------------------------------


async def refused(
    page: "Page", world: World, ret: int, language: str, mode: str = "desktop"
) -> str:
    """Have WeChat refuse the login, and read the overview."""
    world.account.refuse_login(ret)
    gateway = await world.start(login_mode=mode)
    await page.set_extra_http_headers({"Accept-Language": language})
    await page.goto(gateway.url)
    await page.locator(".qr img").wait_for()
    await world.account.phone.logs_in()
    await page.locator("#status form").wait_for()
    return await reads(page, "#status")


async def test_a_refused_account_is_shown_what_helps(
    page: "Page", world: World, complaints: Complaints
) -> None:
    read = await refused(page, world, 1203, "en")
    assert "this account may not use web WeChat (1203)" in read
    assert "Scanning again does not help" in read
    assert "为了你的帐号安全" in read, "WeChat's own words"
    assert "Use another WeChat account" in read
    assert "docs/limits.md" in read
    assert "Start it again" not in read
    assert "This account can be connected by iLink instead" in read
    assert 'login_mode = "desktop"' not in read, "that is how it has asked"
    assert await page.locator("#status a.button").inner_text() == "Connect by iLink"
    button = page.locator("#status button")
    assert await button.inner_text() == "Show a code for another account"
    assert await button.evaluate(COLOUR) == "rgb(255, 255, 255)", "not what one should press first"
    assert "Login refused" in await reads(page, "#pill")
    world.account.allow_login()
    await button.click()
    await page.locator(".qr img").wait_for()
    assert not complaints


async def test_by_web_there_is_another_mode_to_try(
    page: "Page", world: World, complaints: Complaints
) -> None:
    read = await refused(page, world, 1203, "en", mode="web")
    assert 'Set login_mode = "desktop"' in read
    assert not complaints


async def test_a_refused_account_in_chinese_is_chinese(
    page: "Page", world: World, complaints: Complaints
) -> None:
    read = await refused(page, world, 1203, "zh")
    assert "微信拒绝登录：此微信号不能登录网页版（1203）" in read
    assert "再扫一次也没有用" in read
    assert set(latin_words(read)) <= {"openwx", "docs/zh/limits.md", "iLink"}
    feed = await reads(page, "#feed")
    assert "微信拒绝登录：此微信号不能登录网页版（1203）" in feed
    assert not latin_words(feed)
    assert not complaints


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "WeChat limits this account (1204)"), ("zh", "微信限制了这个账号（1204）")],
)
async def test_other_refusals_can_be_tried_again(
    page: "Page", world: World, complaints: Complaints, language: str, words: str
) -> None:
    read = await refused(page, world, 1204, language)
    assert words in read
    assert await page.locator("#status button.primary").is_visible()
    assert not complaints


@pytest.mark.parametrize(
    ("ret", "language", "words"),
    [
        (1101, "en", "another web client logged in with this account (1101)"),
        (1101, "zh", "另一个网页端登录了这个账号（1101）"),
        (1100, "zh", "在手机上退出，或被微信退出（1100）"),
    ],
)
async def test_why_one_must_log_in_again(
    page: "Page",
    api: Gateway,
    account: Account,
    complaints: Complaints,
    ret: int,
    language: str,
    words: str,
) -> None:
    await page.set_extra_http_headers({"Accept-Language": language})
    await page.goto(api.url + ACCOUNT)
    account.end_session(ret)
    await page.locator("#status").get_by_text(words).wait_for()
    account.phone.cancel()
    await page.locator(".qr img").wait_for()
    await page.locator("#status").get_by_text(words).wait_for()
    await account.phone.logs_in()
    await page.locator("#status.good, #status .good").first.wait_for()
    assert words not in await reads(page, "#status")
    assert not complaints


# -- a gateway that is gone ------------------------------------------------------------------------------

WATCH = """() => {
    window.lies = [];
    const look = () => {
        const read = document.body.innerText;
        if (/Start it again|Stopped/.test(read)) lies.push(read);
    };
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    new MutationObserver(look).observe(document, all);
}"""


async def offers_nothing(page: "Page") -> None:
    """Check that the page calls the gateway neither stopped nor running, and offers nothing to press."""
    await sees(page, "The connection to openwx is lost")
    await sees(page, "No connection")
    read = await reads(page, "body")
    assert "Start it again" not in read
    assert not re.search(r"\b(Stopped|Running)\b", read)
    assert not await page.evaluate("lies")


async def test_a_gateway_that_stops_is_not_called_stopped(
    page: "Page", world: World, complaints: Complaints
) -> None:
    gateway = await world.run()
    await page.goto(gateway.url + ACCOUNT)
    await sees(page, "Logged in as")
    await page.evaluate(WATCH)
    await gateway.stop()
    await offers_nothing(page)
    assert not [one for one in complaints if "[object" in one]
    assert all("net::ERR_" in one for one in complaints), complaints


async def test_a_gateway_that_dies_is_not_called_running(
    page: "Page", openwx: Any, complaints: Complaints
) -> None:
    demo = await openwx("serve", "--demo", "--port", "0")
    found = await demo.says(r"console, in your browser:\s+(http://\S+)", timeout_s=60)
    await page.goto(found[1])
    await sees(page, "Logged in as")
    await page.evaluate(WATCH)
    await demo.kill()
    await offers_nothing(page)
    assert all("net::ERR_" in one for one in complaints), complaints


async def test_what_was_written_is_kept_where_nobody_takes_it(page: "Page", world: World) -> None:
    gateway = await world.run()
    await page.goto(gateway.url + await chat_of(gateway, "小灰"))
    await gateway.stop()
    await sees(page, "The connection to openwx is lost")
    field = page.get_by_label("Message", exact=True)
    await field.fill("do not lose me")
    await field.press("Enter")
    await sees(page, "Not sent: no connection to openwx")
    assert await field.input_value() == "do not lose me"


async def test_an_account_that_is_started_anew_is_no_lost_connection(
    page: "Page", world: World, complaints: Complaints
) -> None:
    one = AccountSettings.model_validate({"base_url": world.simulator.url})
    settings = world.settings().model_copy(update={"accounts": {"shop": one, "home": one}})
    gateway = await world.start(settings=settings)
    await page.goto(f"{gateway.url}/console/accounts/shop")
    await page.locator(".qr img").wait_for()
    await page.evaluate("""() => {
        window.lost = 0;
        const look = () => { if (document.body.classList.contains("offline")) lost += 1; };
        new MutationObserver(look).observe(document.body, { attributes: true });
    }""")
    await gateway.get("stop_client", client="shop")
    await page.locator("#status").get_by_text("Stopped on request").wait_for()
    await gateway.get("start_client", client="shop")
    await page.locator(".qr img").wait_for()
    assert await page.evaluate("lost") == 0
    assert not complaints


# -- no token --------------------------------------------------------------------------------------------


async def test_a_token_is_offered_where_there_is_none(
    page: "Page", api: Gateway, complaints: Complaints
) -> None:
    await page.goto(api.url + ACCOUNT)
    assert (await box_of(page, ".hint"))["height"] < 60, "it does not nag"
    await page.get_by_text("No token is set").click()
    await sees(page, "Restart openwx, then log in here with the token")
    lines = await page.locator(".hint pre").first.inner_text()
    token = tomllib.loads(lines)["access"]["token"]
    assert len(token) >= 40
    assert AccessSettings(token=token).token == token
    assert await page.locator(".hint pre").last.inner_text() == f"Authorization: Bearer {token}"
    await page.reload()
    assert token not in await page.content(), "another one each time"
    await page.get_by_text("No token is set").click()
    await page.get_by_role("button", name="Do not show this again").click()
    await sees(page, "Logged in as")
    assert await page.locator(".hint").count() == 0
    await page.reload()
    assert await page.locator(".hint").count() == 0
    assert not complaints


async def test_nothing_is_offered_where_there_is_a_token(
    page: "Page", world: World, complaints: Complaints
) -> None:
    await logs_in(page, await world.start(settings=with_token(world)))
    assert await page.locator(".hint").count() == 0
    assert not complaints


# -- the browser's log -----------------------------------------------------------------------------------


def with_token(world: World) -> Any:
    return world.settings().model_copy(update={"access": AccessSettings(token=TOKEN)})


async def logs_in(page: "Page", gateway: Gateway) -> None:
    await page.goto(gateway.url)
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await page.locator("#status").wait_for()


async def test_the_log_of_the_browser_stays_clean(
    page: "Page",
    world: World,
    simulator: Simulator,
    account: Account,
    receiver: Receiver,
    complaints: Complaints,
) -> None:
    """Through all pages, with sends, news, a log-out at WeChat, and one from the console."""
    gateway = await world.start(settings=with_token(world))
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    await logs_in(page, gateway)
    await page.locator(".qr img").wait_for()
    await account.phone.logs_in()
    await sees(page, "Logged in as")
    friend.says("hello")
    friend.sends_image(JPEG)
    friend.sends_voice(MP3, 2)
    group.member_says(group.others[0], "hello all")
    await page.locator(".feed .line").get_by_text("hello all").wait_for()
    await receiver.gets(4, post_type="receive_message")

    tabs = ("Chats", "Contacts", "Live feed", "Deliveries", "Overview")
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 800})
        for tab in tabs:
            await page.get_by_role("link", name=tab, exact=True).click()
            await page.wait_for_load_state("networkidle" if tab == "Contacts" else "load")
    for path in ("/contacts?kind=groups", "/deliveries?state=delivered", "/delivery?id=3"):
        await page.goto(f"{gateway.url}{ACCOUNT}{path}")

    await page.goto(f"{gateway.url}{ACCOUNT}/chats")
    await page.locator(".person", has_text="小灰").click()
    field = page.get_by_label("Message", exact=True)
    for text in ("one", "two\nlines"):
        # As a browser does where one drags a field larger.
        await field.evaluate("field => { field.style.height = '60px'; }")
        await field.fill(text)
        await field.press("Enter")
        await page.locator("#messages .mine").get_by_text(text.partition("\n")[0]).wait_for()
    await page.set_input_files(
        "#media", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": JPEG}
    )
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.locator("#messages .mine .picture").wait_for()
    friend.says("and live")
    await page.locator("#messages").get_by_text("and live").wait_for()
    await page.get_by_role("link", name="About").click()
    await page.get_by_role("link", name="Write a message").click()

    account.phone.logs_out_web()
    await page.locator("#pill").get_by_text("Confirm on your phone").wait_for()
    biggest = max(account.groups, key=lambda one: len(one.members))
    for path in ("", "/chats", "/contacts", "/feed", "/contacts?kind=groups"):
        await page.goto(f"{gateway.url}{ACCOUNT}{path}")
        await looks_at_all_pictures(page)
    await page.get_by_role("link", name=f"About {biggest.name}").click()
    await page.get_by_role("heading", name="Members").wait_for()
    await looks_at_all_pictures(page)
    account.phone.confirm()
    await page.locator("#pill").get_by_text("Running").wait_for()
    await page.goto(f"{gateway.url}{ACCOUNT}/chats")
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("heading", name="Log in").wait_for()
    await page.goto(f"{gateway.url}{ACCOUNT}")
    await page.get_by_role("heading", name="Log in").wait_for()
    assert not complaints


async def looks_at_all_pictures(page: "Page") -> None:
    """Load all pictures of the page, also those that are not visible yet."""
    for picture in await page.locator(".avatar img").all():
        await picture.evaluate("image => { image.loading = 'eager'; }")
    await page.wait_for_function("() => [...document.images].every(image => image.complete)")


async def test_another_tab_finds_its_way_to_the_log_in(
    page: "Page", world: World, complaints: Complaints
) -> None:
    """A stream that is refused says nothing in the browser's log, and leads where one logs in again."""
    gateway = await world.start(settings=with_token(world))
    await logs_in(page, gateway)
    other = await page.context.new_page()
    complaints.listen_to(other)
    await other.goto(gateway.url + ACCOUNT)
    await page.get_by_role("button", name="Log out").click()
    await other.get_by_role("heading", name="Log in").wait_for()
    assert not complaints


@pytest.mark.parametrize("path", ["/openwx/get_client_info", "/docs", "/console", "/healthz"])
async def test_every_page_has_an_icon(
    page: "Page", api: Gateway, complaints: Complaints, path: str
) -> None:
    """Also what is no page of the console: browsers ask for one by themselves."""
    icon = await page.request.get(f"{api.url}/favicon.ico")
    assert (icon.status, icon.headers["content-type"]) == (200, "image/svg+xml")
    await page.goto(api.url + path)
    await page.wait_for_load_state("networkidle") if path == "/docs" else None
    shown = await page.evaluate("""() => new Promise((done) => {
        const icon = new Image();
        icon.onload = () => done(icon.width > 0);
        icon.onerror = () => done(false);
        icon.src = document.querySelector("link[rel=icon]")?.href ?? "/favicon.ico";
    })""")
    assert shown
    assert not complaints


async def test_a_picture_that_is_not_there_is_no_error(
    page: "Page", api: Gateway, complaints: Complaints
) -> None:
    await page.goto(api.url + ACCOUNT)
    answer = await page.evaluate(f"fetch('{ACCOUNT}/avatar?id=@nobody').then(a => a.status)")
    assert answer == 204
    assert not complaints
