"""Measures what a person sees of a page: boxes and texts, not class names."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.functional.world import Gateway
from tests.patience import PATIENCE_MS

if TYPE_CHECKING:
    from playwright.async_api import Page

ACCOUNT = "/console/accounts/default"

_STICKS_OUT = r"""width => {
    const main = document.querySelector("main").getBoundingClientRect();
    const cut = (element) => {
        for (let at = element; at && at.tagName !== "MAIN"; at = at.parentElement) {
            const style = getComputedStyle(at);
            if (style.textOverflow === "ellipsis" && at !== element) return true;
            if (at.tagName === "PRE" && style.overflowX === "auto" && at !== element) return true;
        }
        return false;
    };
    const found = [];
    for (const element of document.querySelectorAll("header *, nav *, main *")) {
        if (element.closest(".sr, svg, [hidden], details:not([open]) > :not(summary)") || cut(element)) continue;
        const box = element.getBoundingClientRect();
        if (!box.width || !box.height || getComputedStyle(element).position === "absolute") continue;
        const [left, right] = element.closest("main") ? [main.left, main.right] : [0, width];
        const card = element.parentElement.closest(".card, .said, .segments")?.getBoundingClientRect();
        if (box.left < left - 1 || box.right > right + 1 || (card && box.right > card.right + 1)) {
            found.push(`${element.outerHTML.slice(0, 120)}: ${box.left} to ${box.right}`);
        }
    }
    return found;
}"""


async def sticking_out(page: "Page", width: int) -> list[str]:
    """List what overflows the screen, the page or its card, apart from text that ends in an ellipsis."""
    wide = await page.evaluate("document.documentElement.scrollWidth")
    found: list[str] = await page.evaluate(_STICKS_OUT, width)
    return [*([f"the page is {wide} px wide"] if wide > width else []), *found]


async def sees(page: "Page", text: str) -> None:
    """Wait until a person would see this somewhere in the page."""
    await page.get_by_text(text, exact=False).locator("visible=true").first.wait_for()


async def reads(page: "Page", selector: str = "main") -> str:
    """Return the visible text of an element in one line."""
    text: str = await page.locator(selector).first.evaluate("element => element.innerText")
    return " ".join(text.split())


async def box_of(page: "Page", selector: str) -> dict[str, float]:
    """Measure the place of an element on the screen, in CSS pixels."""
    script = "element => element.getBoundingClientRect().toJSON()"
    box: dict[str, float] = await page.locator(selector).last.evaluate(script)
    return box


async def is_at_end(page: "Page") -> bool:
    """Check whether the newest line of the conversation is visible."""
    script = """() => {
        const box = document.querySelector("[data-stick]");
        return box.scrollHeight - box.scrollTop - box.clientHeight < 2;
    }"""
    return bool(await page.evaluate(script))


async def until(page: "Page", script: str, argument: Any = None) -> None:
    """Wait until a script in the page returns true."""
    await page.wait_for_function(script, arg=argument, timeout=PATIENCE_MS)


async def chat_of(api: Gateway, name: str) -> str:
    """Return the path of the conversation with a friend."""
    (friend,) = (await api.get("search_friend", displayname=name)).json
    return f"{ACCOUNT}/chat?id={quote(friend['id'])}"


async def group_chat_of(api: Gateway, name: str) -> str:
    (group,) = (await api.get("search_group", displayname=name)).json
    return f"{ACCOUNT}/chat?id={quote(group['id'])}"


def latin_words(text: str) -> list[str]:
    """List the words in Latin letters."""
    return re.findall(r"[A-Za-z][A-Za-z_./-]*", text)
