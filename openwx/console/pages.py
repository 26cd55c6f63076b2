"""What all pages of the console have in common: who may see them, their headers, language, errors and templates."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from openwx.api.access import Access
from openwx.api.connection import authenticate
from openwx.api.parameters import Limits, RequestParams, read_body, read_query
from openwx.console.context import LOGIN, ROOT, PageContext, View, local
from openwx.console.filters import FILTERS
from openwx.console.session import Sessions
from openwx.errors import CallerError, Code, WeChatError
from openwx.language import language_of
from openwx.store.sqlite.journal import JournalError

if TYPE_CHECKING:
    import jinja2

    from openwx.accounts.manager import AccountManager

log = logging.getLogger("openwx.console")

FORM_KEY = "form_key"
MOST_OF_A_FORM = 16 * 1024
"""Bytes of a form without a file."""
OLD_FORM = (
    "this form is too old: openwx was restarted, or you logged in anew."
    " Go back, reload the page, and try again"
)

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}

_STATUS: dict[int, int] = {
    Code.NOT_FOUND: 404,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NO_ROUTE: 404,
}


class PageFrame:
    """Makes the aiohttp handlers of pages."""

    def __init__(self, gateway: "AccountManager", access: Access) -> None:
        self.gateway = gateway
        self.access = access
        self.sessions = Sessions(access, lambda: gateway.port)
        self._stopping = asyncio.Event()

    @functools.cached_property
    def templates(self) -> "jinja2.Environment":
        """Made for the first page that somebody looks at: many a gateway never shows one, and starts sooner."""
        import jinja2

        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        templates.filters.update(FILTERS)
        return templates

    def stop(self) -> None:
        self._stopping.set()

    @property
    def is_running(self) -> bool:
        return not self._stopping.is_set()

    async def stops(self, within_s: float) -> bool:
        """Wait so long; True as soon as the server stops."""
        try:
            async with asyncio.timeout(within_s):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    def handler(
        self, view: View, *, public: bool = False, media: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler of a page. ``public``: one need not be logged in. ``media``: a file may come along."""

        async def handle(request: web.Request) -> web.StreamResponse:
            visit = PageContext(
                self, request, language_of(request), RequestParams({}, {}), logged_in=False
            )
            try:
                response = await self._answer(visit, view, public=public, media=media)
            except CallerError as error:
                response = _refusal(visit, error)
            except (WeChatError, JournalError) as error:
                response = _refusal(visit, CallerError(Code.UNREACHABLE, str(error)), status=502)
            except web.HTTPException:
                raise
            except Exception:
                log.exception("%s failed", request.path)
                bug = CallerError(Code.UNREACHABLE, "internal error; the log of openwx tells more")
                response = _refusal(visit, bug, status=500)
            if not response.prepared:
                for name, value in HEADERS.items():
                    response.headers.setdefault(name, value)
            return response

        return handle

    async def _answer(
        self, visit: PageContext, view: View, *, public: bool, media: bool
    ) -> web.StreamResponse:
        request = visit.request
        self.access.admit_visit(request)
        visit.logged_in = self.sessions.admits(request)
        if visit.logged_in and self.sessions.needed:
            authenticate(request)
        if not public and not visit.logged_in:
            return self._to_log_in(visit)
        visit.given = read_query(request)
        if request.method == "POST":
            limits = Limits.for_media(self.gateway.folder) if media else Limits(MOST_OF_A_FORM)
            body = await read_body(request, limits) or RequestParams({}, {})
            with body.discard_on_error():
                if not self.sessions.is_form_key(request, body.texts.pop(FORM_KEY, "")):
                    raise CallerError(Code.FORBIDDEN, OLD_FORM)
            visit.given = RequestParams({**visit.texts, **body.texts}, body.files)
        return await view(visit)

    def _to_log_in(self, visit: PageContext) -> web.StreamResponse:
        request = visit.request
        if request.headers.get(hdrs.ACCEPT, "").startswith("text/event-stream"):
            # The one answer after which a browser asks no more, and complains of nothing.
            return web.Response(status=HTTPStatus.NO_CONTENT)
        wanted = request.path_qs if request.method == "GET" and not visit.is_fragment else ROOT
        return visit.go(LOGIN, next=local(wanted)) if wanted != ROOT else visit.go(LOGIN)


def _refusal(visit: PageContext, error: CallerError, *, status: int = 0) -> web.Response:
    """An error as a page, or for a script as a line."""
    status = status or error.http_status or _STATUS.get(error.code, 400)
    if visit.is_fragment:
        page = visit.page("parts/error.html", status=status, error=error)
        page.headers.update({"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"})
        return page
    return visit.page("error.html", status=status, error=error)
