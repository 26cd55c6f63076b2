"""The phone page: what the owner's phone shows, and everybody who writes to it, in a browser.

A static page with scripts; all that it does goes through the control API.
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from openwx import assets

from ..login import PHONE_PAGE
from ..world import World
from .changes import changes
from .pictures import attachment, login_code

FILES = Path(__file__).parent / "files"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def add_routes(app: web.Application, world: World) -> None:
    """Serve the page, its files, and what it shows besides the control API's JSON."""
    page = (FILES / "phone.html").read_text(encoding="utf-8")

    async def phone(request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers=_HEADERS)

    app.router.add_get(PHONE_PAGE, phone)
    assets.add_to(app.router, "/_simulator/page", FILES)
    for name, handler in (
        ("changes", changes(world)),
        ("attachment", attachment(world)),
        ("login_code", login_code(world)),
    ):
        app.router.add_get(f"/_simulator/{name}", handler)
