"""Serves ``/docs``: every route with its examples, to read and to try. Like ``/openapi.json``, it needs no token.
``app`` adds it.
"""

from pathlib import Path

from aiohttp import hdrs, web

from openwx import assets
from openwx.api.access import Access
from openwx.api.answers import Answer
from openwx.api.guard import guarded

FOLDER = Path(__file__).parent / "viewer"

# The viewer sets styles by script alone, which a policy does not see, and so needs no 'unsafe-inline'. Its icons are
# data: URLs in its style sheet; a picture that a call answers is shown as a blob:.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class DocsPage:
    """The handler, and the assets of the page."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._page = (FOLDER / "docs.html").read_bytes()

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/docs", guarded(self._access, self._show))
        assets.add_to(router, "/docs", FOLDER)

    async def _show(self, _: web.Request) -> Answer:
        headers = {
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "same-origin",
            hdrs.CACHE_CONTROL: "no-cache",
        }
        return Answer(self._page, content_type="text/html; charset=utf-8", headers=headers)
