"""Takes the pictures in ``docs/screenshots``: ``python -m tests.browser.screenshots [FOLDER]``.

They show the console, the simulated phone and ``/docs``. There are a simulated account and two backends, one of which
fails now and then. Chromium is that of the tests, with the fonts of this machine: Chinese and emoji are needed.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import aiohttp
from playwright.async_api import async_playwright

from openwx.console.context import HINT_IS_HIDDEN
from openwx.simulator import Simulator
from tests.functional.world import Gateway, Receiver, World

from .conftest import CHROMIUM
from .pictures import hills
from .test_docs_page import answered, opened, unfolded

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

ROOT = Path(__file__).parents[2]
ACCOUNT = "/console/accounts/default"
DESKTOP, PHONE, ROUTES, SIMULATOR = (1120, 700), (390, 760), (1000, 1000), (1120, 880)


@dataclass(frozen=True)
class Look:
    """The window and the preferences of a browser."""

    size: tuple[int, int] = DESKTOP
    scheme: Literal["light", "dark"] = "light"
    language: str = "en-GB"


@asynccontextmanager
async def a_backend() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@asynccontextmanager
async def a_world(receiver: Receiver) -> AsyncIterator[tuple[Simulator, World]]:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Simulator(1, hold_s=0.5) as simulator,
            aiohttp.ClientSession() as http,
        ):
            world = World(simulator, receiver, Path(folder) / "data", http)
            yield simulator, world
            await world.close()


class Photographer:
    def __init__(self, browser: "Browser", gateway: Gateway, folder: Path) -> None:
        self._browser = browser
        self._gateway = gateway
        self._folder = folder

    async def takes(self, name: str, path: str, look: Look, shown: str) -> None:
        """Photograph a page of the console once ``shown`` (a selector) is there."""
        page = await self._page(look)
        await page.goto(self._gateway.url + ACCOUNT + path)
        await page.locator(shown).first.wait_for()
        await self._develops(page, name)

    async def takes_the_routes(self, name: str) -> None:
        """Photograph ``/docs``, where a route was tried."""
        page = await self._page(Look(ROUTES))
        await opened(page, self._gateway)
        block = await unfolded(page, "info", "get_user_info")
        await answered(block)
        await block.locator(".opblock-section").first.evaluate("it => it.scrollIntoView()")
        await self._develops(page, name)

    async def takes_the_phone(self, name: str, url: str) -> None:
        """Photograph the page of the simulated phone, with a chat open."""
        page = await self._page(Look(SIMULATOR))
        await page.goto(url)
        await page.locator("#chats").get_by_text("小灰").first.click()
        await page.locator(".talk").wait_for()
        await self._develops(page, name)

    async def _page(self, look: Look) -> "Page":
        context = await self._browser.new_context(
            viewport={"width": look.size[0], "height": look.size[1]},
            color_scheme=look.scheme,
            locale=look.language,
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        await context.add_cookies(
            [{"name": HINT_IS_HIDDEN, "value": "1", "url": self._gateway.url}]
        )
        return await context.new_page()

    async def _develops(self, page: "Page", name: str) -> None:
        await page.evaluate(
            "Promise.all([...document.images].filter(i => i.loading != 'lazy').map(i => i.decode().catch(() => 0)))"
        )
        await page.wait_for_load_state("load")
        await asyncio.sleep(0.5)  # lazy pictures have no end that could be waited for
        await page.screenshot(path=self._folder / f"{name}.png")
        await page.context.close()


async def things_happen(world: World, gateway: Gateway) -> None:
    """Let messages come and go, so that there is something to see."""
    account, receiver = world.account, world.receiver
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    receiver.fails(5, status=500, content="晚上吃什么 🍜")

    async def writes(text: str) -> None:
        await gateway.get("send_friend_message", account="xiaohui2016", content=text)

    group.member_says(group.others[0], "大家好，今天谁值班？")
    account.friend("momo").says("晚上吃什么 🍜")
    await receiver.gets(5, content="晚上吃什么 🍜")
    friend.says("在吗？周末一起爬山吗？")
    await receiver.get(content="在吗？周末一起爬山吗？")
    await writes("好啊！几点出发？")
    friend.says("早上八点，老地方见 😄")
    friend.sends_image(hills())
    friend.sends_file("路线图.pdf", b"%PDF-1.4" + bytes(90_000))
    await receiver.gets(2, format="media")
    await writes("收到，我先看看 https://example.org/map")


async def main(folder: Path) -> None:
    async with (
        a_backend() as bot,
        a_backend() as archive,
        a_world(bot) as (simulator, world),
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        targets = [{"name": "archive", "url": archive.url, "formats": ["text", "media"]}]
        gateway = await world.start(report={"targets": targets})
        await gateway.reaches("scaning")
        camera = Photographer(browser, gateway, folder)
        await camera.takes("console-scan", "", Look(), ".qr img")
        await camera.takes("console-scan-zh", "", Look(PHONE, "light", "zh-CN"), ".qr img")
        await world.account.phone.logs_in()
        await gateway.reaches("running")
        await things_happen(world, gateway)
        (friend,) = (await gateway.get("search_friend", account="xiaohui2016")).json
        chat = "/chat?id=" + friend["id"].replace("@", "%40")
        await camera.takes("console-chat", chat, Look(), ".picture")
        await camera.takes("console-chat-phone-dark", chat, Look(PHONE, "dark"), ".picture")
        await camera.takes("console-search", "/search?q=%E7%82%B9", Look(), ".feed .line")
        await camera.takes("console-contacts", "/contacts", Look(), ".person")
        await camera.takes("console-deliveries", "/deliveries", Look(), ".delivery")
        await camera.takes("console-overview", "", Look(), ".feed .line")
        await camera.takes(
            "console-overview-dark-zh", "", Look(DESKTOP, "dark", "zh-CN"), ".feed .line"
        )
        await camera.takes_the_routes("docs")
        await camera.takes_the_phone("phone", simulator.page_url)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/screenshots"))
