"""A real browser for the tests of pages: the system's Chromium, headless, on the world of the functional tests."""

import shutil
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import (  # noqa: F401  fixtures
    account,
    api,
    gateway,
    is_fresh,
    openwx,
    peer,
    receiver,
    simulator,
    world,
)
from tests.populations import LARGE

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Request

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Complaints(list[str]):
    """Errors that the browser logs for a page: of its scripts, its policy, and its requests."""

    def listen_to(self, page: "Page") -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("requestfailed", self._on_failed)

    def _on_failed(self, request: "Request") -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that is left ends what it asked for
            self.append(f"{request.url} {request.failure}")

    def _on_console(self, message: object) -> None:
        if getattr(message, "type", "") in ("error", "warning"):
            self.append(str(getattr(message, "text", message)))


@pytest.fixture
def population() -> Mapping[str, int]:
    """Return how many of everybody; one group is large, as the pages must show it."""
    return LARGE


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    async with playwright.async_playwright() as started:
        browser = await started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
def complaints() -> Complaints:
    """Of the fixture ``page``; a test says that there are none."""
    return Complaints()


@pytest.fixture
async def page(browser: "Browser", complaints: Complaints) -> AsyncIterator["Page"]:
    context = await browser.new_context(viewport={"width": 1200, "height": 900})
    page = await context.new_page()
    complaints.listen_to(page)
    yield page
    await context.close()
