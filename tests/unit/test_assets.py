"""Scripts and styles are served from the package, with their types, and with 304 to a browser that has them."""

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from openwx import assets


async def test_a_script_is_served_once() -> None:
    app = web.Application()
    assets.add_to(app.router, "/static", assets.SHARED)
    async with TestClient(TestServer(app)) as client:
        first = await client.get("/static/htmx.min.js")
        assert first.status == 200
        assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert first.headers["X-Content-Type-Options"] == "nosniff"
        assert b"htmx" in await first.read()
        again = await client.get(
            "/static/htmx.min.js", headers={"If-None-Match": first.headers["ETag"]}
        )
        assert again.status == 304
        assert (await client.get("/static/README.md")).status == 404
