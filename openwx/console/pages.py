"""Makes the handlers of pages: admission, form keys, headers, and errors as pages."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import hdrs, web

from openwx.api.connection import authenticate
from openwx.api.parameters import BodyLimits, RequestParams, read_body, read_query
from openwx.console.context import LOGIN, ROOT, PageContext, View, local_path
from openwx.console.services import ConsoleServices
from openwx.console.translation import Translator
from openwx.console.wording import Explanation, PageError, error_reason, trouble_reason
from openwx.errors import CallerError, Code, WeChatError
from openwx.language import language_of
from openwx.store.base import JournalError

log = logging.getLogger("openwx.console")

FORM_KEY = "form_key"
MOST_OF_A_FORM = 16 * 1024
"""The largest form without a file, in bytes."""

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

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageHandlers:
    """Turns views into aiohttp handlers."""

    def __init__(self, services: ConsoleServices) -> None:
        self._services = services

    def handler(self, view: View, *, public: bool = False, media: bool = False) -> Handler:
        """Make the handler of a page. ``public``: no login is needed. ``media``: the form may carry a file."""

        async def handle(request: web.Request) -> web.StreamResponse:
            t = Translator(language_of(request))
            context = PageContext(
                self._services, request, t, RequestParams({}, {}), logged_in=False
            )
            try:
                response = await self._answer(context, view, public=public, media=media)
            except CallerError as error:
                status = error.http_status or _STATUS.get(error.code, 400)
                response = _error_page(context, error_reason(error, t), status)
            except WeChatError as error:
                response = _error_page(context, trouble_reason(error, t), 502)
            except JournalError as error:
                response = _error_page(context, Explanation(t("error.journal"), str(error)), 502)
            except web.HTTPException:
                raise
            except Exception:
                log.exception("%s failed", request.path)
                response = _error_page(context, Explanation(t("error.bug")), 500)
            if not response.prepared:
                for name, value in HEADERS.items():
                    response.headers.setdefault(name, value)
            return response

        return handle

    async def _answer(
        self, context: PageContext, view: View, *, public: bool, media: bool
    ) -> web.StreamResponse:
        request, services = context.request, self._services
        services.access.admit_visit(request)
        context.logged_in = services.sessions.admits(request)
        if context.logged_in and services.sessions.needed:
            authenticate(request)
        if not public and not context.logged_in:
            return _to_login(context)
        context.params = read_query(request)
        if request.method == "POST":
            folder = services.manager.folder
            limits = BodyLimits.for_media(folder) if media else BodyLimits(MOST_OF_A_FORM)
            body = await read_body(request, limits) or RequestParams({}, {})
            with body.discard_on_error():
                if not services.sessions.is_form_key(request, body.texts.pop(FORM_KEY, "")):
                    raise PageError(Code.FORBIDDEN, "error.old_form")
            context.params = RequestParams({**context.texts, **body.texts}, body.files)
        return await view(context)


def _to_login(context: PageContext) -> web.StreamResponse:
    request = context.request
    if request.headers.get(hdrs.ACCEPT, "").startswith("text/event-stream"):
        # After a 204, and only then, EventSource neither reconnects nor logs an error.
        return web.Response(status=HTTPStatus.NO_CONTENT)
    wanted = request.path_qs if request.method == "GET" and not context.is_fragment else ROOT
    query = {} if wanted == ROOT else {"next": local_path(wanted)}
    return context.redirect(LOGIN, **query)


def _error_page(context: PageContext, reason: Explanation, status: int) -> web.Response:
    """Show an error as a page, or as a line if a script asked."""
    if context.is_fragment:
        page = context.page("parts/error.html", status=status, reason=reason)
        page.headers.update({"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"})
        return page
    return context.page("error.html", status=status, reason=reason)
