"""The page at ``/docs``, as somebody with a browser sees and uses it."""

from typing import TYPE_CHECKING

from openwx.api.app import routes
from openwx.api.openapi.document import document
from openwx.config import AccessSettings
from openwx.simulator import Account
from tests.functional.world import Gateway, World
from tests.patience import PATIENCE_MS

from .conftest import Complaints

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page


async def opened(page: "Page", gateway: Gateway) -> None:
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(f"{gateway.url}/docs")
    await page.wait_for_selector("body.ready")


async def unfolded(page: "Page", tag: str, operation: str) -> "Locator":
    """Open an operation to try it."""
    block = page.locator(f"#operations-{tag}-{operation}")
    await block.locator(".opblock-summary-control").click()
    await block.get_by_role("button", name="Try it out").click()
    return block


async def answered(block: "Locator") -> tuple[str, str]:
    """Press Execute: the status and the body of the real answer."""
    await block.get_by_role("button", name="Execute").click()
    found = block.locator(".live-responses-table .response")
    status = await found.locator(".response-col_status").first.inner_text()
    return status.strip(), await found.locator("pre").first.inner_text()


async def test_every_route_is_shown(page: "Page", gateway: Gateway, complaints: Complaints) -> None:
    await opened(page, gateway)
    shown = await page.locator(".opblock-summary-path").evaluate_all(
        "all => all.map(one => one.dataset.path)"
    )
    paths = {path for row in routes() for path in row.paths}
    assert paths <= set(shown)
    once = {"/openwx/ws"}
    assert all(shown.count(path) == 2 for path in paths - once), "each with GET and with POST"
    assert all(shown.count(path) == 1 for path in once)
    webhooks = page.locator(".webhooks .opblock")
    assert await webhooks.count() == len(document([])["webhooks"])
    await webhooks.first.locator(".opblock-summary-control").click()
    await webhooks.first.locator(".responses-inner", has_text='"reply"').wait_for()
    assert "openwx" in await page.locator(".info .title").inner_text()
    assert not complaints


async def test_a_call_is_tried(
    page: "Page", api: Gateway, account: Account, complaints: Complaints
) -> None:
    await opened(page, api)
    status, body = await answered(await unfolded(page, "info", "get_user_info"))
    assert status == "200"
    assert "我是谁" in body
    assert not complaints


async def test_a_token_is_given_once(
    page: "Page", world: World, account: Account, complaints: Complaints
) -> None:
    settings = world.settings().model_copy(
        update={"access": AccessSettings(token="s3cret-enough-token")}
    )
    gateway = await world.start(settings=settings)
    await opened(page, gateway)
    block = await unfolded(page, "accounts", "check_client")
    status, body = await answered(block)
    assert status == "401"
    assert "a valid token is needed" in body
    assert complaints.pop().endswith("401 (Unauthorized)")
    await page.get_by_role("button", name="Authorize", exact=True).click()
    dialog = page.locator(".auth-container", has_text="bearer")
    await dialog.locator("input").fill("s3cret-enough-token")
    await dialog.locator("button.authorize").click()
    await dialog.get_by_role("button", name="Close").click()
    await block.get_by_role("button", name="Execute").click()
    await block.locator(".live-responses-table pre", has_text='"code": 0').first.wait_for()
    assert not complaints


async def test_it_fits_a_phone(page: "Page", gateway: Gateway, complaints: Complaints) -> None:
    await page.set_viewport_size({"width": 390, "height": 800})
    await opened(page, gateway)
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "nothing sticks out to the right"
    assert not complaints
