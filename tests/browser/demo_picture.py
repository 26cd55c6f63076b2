"""Takes the picture of the README: ``python -m tests.browser.demo_picture [FILE]``.

It runs ``openwx serve --demo`` and puts the console and the phone of the demo side by side.
"""

import asyncio
import base64
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from openwx.console.context import HINT_IS_HIDDEN
from tests.functional.world import Command

from .conftest import CHROMIUM

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

FILE = Path(__file__).parents[2] / "docs" / "screenshots" / "demo.png"
HEIGHT = 640
CONSOLE, PHONE, GAP = 860, 400, 20
SETTLE_S = 1.0
"""Lazy pictures have no end that can be waited for."""

PAGE = """
<style>
  body { margin: 0; padding: 16px; display: flex; gap: %dpx; background: #e9ebee }
  img { display: block; border-radius: 10px; box-shadow: 0 2px 10px #0003 }
</style>
"""


async def context_of(browser: "Browser", width: int) -> "BrowserContext":
    return await browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        locale="en-GB",
        timezone_id="Asia/Shanghai",
        reduced_motion="reduce",
    )


async def take(browser: "Browser", demo: Command, file: Path) -> None:
    phone_url = (await demo.says(r"Its phone, in your browser:  (http://\S+)"))[1]
    console_url = (await demo.says(r"Its console, in your browser:  (http://\S+)"))[1]
    phone = await (await context_of(browser, PHONE)).new_page()
    console_context = await context_of(browser, CONSOLE)
    await console_context.add_cookies([{"name": HINT_IS_HIDDEN, "value": "1", "url": console_url}])
    console = await console_context.new_page()
    await demo.says(r"← \[群 PERL学习交流\]")
    await demo.says(r"→ \[群 PERL学习交流\]")
    await phone.goto(phone_url)
    await console.goto(console_url)
    await console.locator(".feed .line").first.wait_for()
    await phone.get_by_text("小灰").first.click()
    await asyncio.sleep(SETTLE_S)
    shots = [await page.screenshot() for page in (console, phone)]
    width = CONSOLE + PHONE + GAP + 32
    both = await browser.new_page(viewport={"width": width, "height": HEIGHT + 32})
    images = (
        f'<img src="data:image/png;base64,{base64.b64encode(one).decode()}">' for one in shots
    )
    await both.set_content(PAGE % GAP + "".join(images))
    await both.screenshot(path=file)


async def main(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = await Command.start("serve", "--demo", cwd=Path(folder))
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox"]
                )
                await take(browser, demo, file)
                await browser.close()
            demo.process.send_signal(signal.SIGINT)
            await demo.ends()
        finally:
            await demo.kill()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE))
