"""Pages of others, in a real Chromium, try to call a gateway that has no token: none of them gets anything done."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from openwx.simulator import Account
from tests.functional.world import Gateway, Receiver
from tests.patience import PATIENCE_MS
from tests.served import served

from .tap import Tap

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

NOT_SAID = '<meta name="referrer" content="no-referrer">'


class Foreign:
    """Somebody else's web server: it serves one page, and redirects ``/go`` to ``goal``."""

    def __init__(self) -> None:
        self.page = ""
        self.goal = ""
        self.url = ""

    async def show(self, _: web.Request) -> web.Response:
        return web.Response(text=self.page, content_type="text/html")

    async def redirect(self, _: web.Request) -> web.Response:
        headers = {"Location": self.goal, "Referrer-Policy": "no-referrer"}
        return web.Response(status=302, headers=headers)


@pytest.fixture
async def foreign() -> AsyncIterator[Foreign]:
    foreign = Foreign()
    async with served({"/": foreign.show, "/go": foreign.redirect}) as foreign.url:
        yield foreign


@pytest.fixture
async def tap(api: Gateway) -> AsyncIterator[Tap]:
    async with Tap(api.url) as tap:
        yield tap


async def nothing_was_done(api: Gateway, account: Account, receiver: Receiver) -> None:
    """No message was sent before this one, and nobody has taken it from ``check_event``."""
    assert (await api.get("send_friend_message", id="filehelper", content="wanted")).code == 0
    await receiver.get(post_type="send_message", content="wanted")
    assert [one.json["content"] for one in receiver.reports if "content" in one.json] == ["wanted"]
    events = (await api.get("check_event", timeout="0")).json
    assert "wanted" in [event.get("content") for event in events]


def rules(kind: str) -> Callable[[str], str]:
    """Prefetch a URL without a referrer."""

    def page(url: str) -> str:
        return (
            f'<script type="speculationrules">{{"{kind}": [{{"source": "list", "urls": ["{url}"],'
            ' "referrer_policy": "no-referrer", "eagerness": "immediate"}]}</script>'
        )

    return page


def element(html: str) -> Callable[[str], str]:
    return lambda url: NOT_SAID + html.replace("URL", url)


PAGES: dict[str, Callable[[str], str]] = {
    "prefetch": rules("prefetch"),
    "link-prefetch": element('<link rel="prefetch" href="URL">'),
    "image": element('<img src="URL">'),
    "script": element('<script src="URL"></script>'),
    "style": element('<link rel="stylesheet" href="URL">'),
    "frame": element('<iframe src="URL"></iframe>'),
    "sandbox": element('<iframe sandbox src="URL"></iframe>'),
    "object": element('<object data="URL"></object>'),
    "video": element('<video src="URL" autoplay></video>'),
    "fetch": element('<script>fetch("URL", {mode: "no-cors"})</script>'),
    "post": element('<script>fetch("URL", {mode: "no-cors", method: "POST"})</script>'),
    "beacon": element('<script>navigator.sendBeacon("URL")</script>'),
    "event-source": element('<script>new EventSource("URL")</script>'),
    "data-page": element(
        '<iframe src="data:text/html,<img src=\'URL\'>"></iframe>',
    ),
    "form": element('<form method="post" action="URL"></form><script>document.forms[0].submit()</script>'),
    "refresh": element('<meta http-equiv="refresh" content="0;url=URL">'),
    "location": element('<script>location = "URL"</script>'),
}  # fmt: skip


async def test_pages(
    browser: "Browser",
    api: Gateway,
    account: Account,
    receiver: Receiver,
    foreign: Foreign,
    tap: Tap,
) -> None:
    for attack, html in PAGES.items():
        address = f"/openwx/send_friend_message?id=filehelper&content={attack}."
        foreign.page = html(tap.url + address)
        page = await browser.new_page()
        await page.goto(foreign.url, wait_until="commit")
        asked = await tap.answers(f"content={attack}.")
        assert asked.status in (403, 405), attack
        await page.close()
    prefetched = await tap.answers("content=prefetch.")
    assert "sec-purpose" in prefetched.headers
    assert not {"origin", "referer"} & prefetched.headers.keys()
    await nothing_was_done(api, account, receiver)


SILENT = {
    "script": element('<script src="URL"></script>'),
    "fetch": element('<script>fetch("URL", {mode: "no-cors"})</script>'),
    "preload": element('<link rel="preload" as="fetch" href="URL">'),
    "image": element('<img src="URL">'),
    "open": element('<script>location = "URL"</script>'),
}


@pytest.mark.parametrize("host", ["0.0.0.0", "[::ffff:127.0.0.1]"])
async def test_pages_that_name_this_machine_otherwise(
    browser: "Browser",
    api: Gateway,
    account: Account,
    receiver: Receiver,
    foreign: Foreign,
    tap: Tap,
    host: str,
) -> None:
    """Chromium does not take these for this machine, and does not say by ``Sec-Fetch-…`` where a request comes from."""
    gateway = tap.url.replace("127.0.0.1", host)
    for attack, html in SILENT.items():
        address = f"/openwx/send_friend_message?id=filehelper&content={attack}."
        foreign.page = html(gateway + address)
        page = await browser.new_page()
        await page.goto(foreign.url, wait_until="commit")
        asked = await tap.answers(f"content={attack}.")
        assert asked.status == 403, attack
        assert not any(name.startswith("sec-fetch") for name in asked.headers)
        await page.close()
    await nothing_was_done(api, account, receiver)


@pytest.mark.parametrize(
    "address",
    [
        "/openwx/send_friend_message?id=filehelper&content=unwanted&async=1",
        "/openwx/check_event?timeout=0",
        "/openwx/stop_client?client=default",
    ],
)
async def test_a_link_from_elsewhere_that_is_sent_on(
    page: "Page",
    api: Gateway,
    account: Account,
    receiver: Receiver,
    foreign: Foreign,
    tap: Tap,
    address: str,
) -> None:
    """What was opened from outside of the browser keeps ``Sec-Fetch-Site: none`` over redirects."""
    foreign.goal = tap.url + address
    await page.goto(f"{foreign.url}/go")
    asked = await tap.answers(address)
    assert (asked.headers["sec-fetch-site"], asked.status) == ("none", 403)
    await nothing_was_done(api, account, receiver)


async def test_a_link_on_a_page_of_our_own(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, tap: Tap
) -> None:
    """A contact who could write one there would have the owner's click as ``same-origin``."""
    address = "/openwx/send_friend_message?id=filehelper&content=unwanted"
    await page.goto(f"{tap.url}/console")
    await page.evaluate(
        """address => {
            const link = document.createElement("a");
            link.href = address;
            link.id = "trap";
            link.textContent = "look at this";
            document.body.prepend(link);
        }""",
        address,
    )
    await page.click("#trap")
    asked = await tap.answers(address)
    assert (asked.headers["sec-fetch-site"], asked.status) == ("same-origin", 403)
    await page.get_by_text("Nothing has been done yet").wait_for()
    await nothing_was_done(api, account, receiver)


async def test_the_button_does_it(
    page: "Page", api: Gateway, account: Account, receiver: Receiver
) -> None:
    page.set_default_timeout(PATIENCE_MS)
    # The page's own script has run by then, and what it waits for has not come.
    await page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.wasArmed = !document.getElementById('do').disabled; })"
    )
    await page.goto(
        f"{api.url}/openwx/send_friend_message?id=filehelper&content=%E4%BD%A0+%26%3Cb%3E"
    )
    assert "你 &<b>" in await page.locator("dl").inner_text()
    armed = await page.evaluate("window.wasArmed")
    assert armed is False, "a click that was meant for another page does nothing"
    await page.get_by_role("button", name="Do it").click()
    await page.locator("#outcome", has_text='"msg_id"').wait_for()
    report = await receiver.get(post_type="send_message")
    assert report["content"] == "你 &<b>"


@pytest.mark.parametrize("event", ["focus", "pageshow"])
async def test_a_click_meant_for_a_window_above_it(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, event: str
) -> None:
    """That window goes away just before the click; the button, which was ready for long, is not any more."""
    page.set_default_timeout(60_000)
    await page.goto(f"{api.url}/openwx/send_friend_message?id=filehelper&content=unwanted")
    await page.locator("#do:enabled").wait_for()
    is_disabled = await page.evaluate(
        """event => {
            window.dispatchEvent(new Event(event));
            return document.getElementById("do").disabled;
        }""",
        event,
    )
    assert is_disabled
    await page.locator("#do:enabled").wait_for()
    await nothing_was_done(api, account, receiver)


async def test_the_page_is_never_framed(
    page: "Page", api: Gateway, foreign: Foreign, tap: Tap
) -> None:
    foreign.page = f'<iframe src="{tap.url}/openwx/stop_client"></iframe>'
    await page.goto(foreign.url)
    await tap.answers("stop_client")
    frame = page.frames[1]
    await frame.wait_for_load_state()
    assert "Nothing has been done" not in await frame.content()
    assert (await api.client())["state"] == "running"
