"""``/docs``: its files, access to them, and their content policy."""

import re

from openwx.config import AccessSettings

from .world import Gateway, World


async def test_the_page_and_all_that_it_loads_come_from_here(
    gateway: Gateway, world: World
) -> None:
    async with world.http.get(f"{gateway.url}/docs") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "docs/swagger-ui-bundle.js" in loaded
    for address in loaded:
        if address == "data:,":
            continue
        assert "//" not in address
        async with world.http.get(f"{gateway.url}/{address}") as answer:
            assert answer.status == 200, address
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            etag = answer.headers.get("ETag", "")
            assert await answer.read()
        if etag:
            known = {"If-None-Match": etag}
            async with world.http.get(f"{gateway.url}/{address}", headers=known) as answer:
                assert answer.status == 304, address


async def test_it_is_read_without_a_token_but_not_under_any_name(world: World) -> None:
    settings = world.settings().model_copy(
        update={"access": AccessSettings(token="s3cret-enough-token")}
    )
    gateway = await world.start(settings=settings)

    async def status(**headers: str) -> int:
        async with world.http.get(f"{gateway.url}/docs", headers=headers) as answer:
            return answer.status

    assert await status() == 200
    assert await status(Host="evil.example") == 403
    assert await status(Origin="http://evil.example") == 403


async def test_the_viewer_comes_with_its_licence() -> None:
    from openwx.api.docs_page import FOLDER

    assert "Apache License" in (FOLDER / "swagger-ui.LICENSE.txt").read_text()
    version = re.search(r"swagger-ui-dist (\d+\.\d+\.\d+)", (FOLDER / "README.md").read_text())
    assert version
    assert version[1] in (FOLDER / "swagger-ui-bundle.js").read_text(encoding="utf-8")
