"""Makes the handlers of pages: admission, form keys, headers, and errors as pages.
``Console`` makes one for each view.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from openwx import logcontext
from openwx.accounts import journal_guard
from openwx.api import answers, audit
from openwx.api.callers import Scope
from openwx.api.connection import authenticate
from openwx.api.parameters import BodyLimits, RequestParams, read_body, read_query
from openwx.console.context import LOGIN, ROOT, PageContext, View, local_path
from openwx.console.elsewhere import answer as answer_elsewhere
from openwx.console.services import ConsoleServices
from openwx.console.translation import Translator
from openwx.console.wording import Explanation, PageError, error_reason, trouble_reason
from openwx.errors import CallerError, Code, LeaseLost, WeChatError
from openwx.language import language_of
from openwx.store.base import InDoubt, JournalError

if TYPE_CHECKING:
    from openwx.api.peers.spool import Spool

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
    Code.NOT_RUNNING: 503,
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageHandlers:
    """Turns views into aiohttp handlers."""

    def __init__(self, services: ConsoleServices) -> None:
        self._services = services

    def handler(
        self, view: View, scope: Scope | None, *, audited: bool = False, media: bool = False
    ) -> Handler:
        """Make the handler of a page. ``scope``: what the visitor's key must have; None if no login is needed.
        ``audited``: it changes something. ``media``: the form may carry a file."""

        async def handle(request: web.Request) -> web.StreamResponse:
            t = Translator(language_of(request))
            context = PageContext(self._services, request, t, RequestParams({}, {}))
            hops = self._services.hops
            spool = None if hops is None else hops.spool(request)
            try:
                response = await self._answer(context, view, scope, spool, media=media)
            except CallerError as error:
                context.code = error.code
                status = error.http_status or _STATUS.get(error.code, 400)
                response = _error_page(context, error_reason(error, t), status)
            except WeChatError as error:
                context.code = answers.wechat_failure(error).code
                response = _error_page(context, trouble_reason(error, t), 502)
            except JournalError as error:
                context.code = Code.GAVE_UP
                response = _error_page(context, Explanation(t("error.journal"), str(error)), 502)
            except (InDoubt, LeaseLost) as error:
                told = journal_guard.refusal(error)
                context.code = told.code
                response = _error_page(context, error_reason(error, t), told.http_status or 503)
            except web.HTTPException:
                raise
            except Exception:
                log.exception("%s failed", request.path)
                context.code = Code.UNREACHABLE
                response = _error_page(context, Explanation(t("error.bug")), 500)
            finally:
                if spool is not None:
                    await spool.close()
            if audited and not context.is_forwarded:
                self._note(context)
            if not response.prepared:
                for name, value in HEADERS.items():
                    response.headers.setdefault(name, value)
            return response

        return handle

    async def _answer(
        self,
        context: PageContext,
        view: View,
        scope: Scope | None,
        spool: "Spool | None",
        *,
        media: bool,
    ) -> web.StreamResponse:
        request, services = context.request, self._services
        services.access.admit_visit(request)
        context.caller = await services.sessions.caller(request)
        if context.caller is not None and services.sessions.needed:
            authenticate(request)
        if context.caller is not None:
            logcontext.begin(key=context.caller.name)
        if scope is not None:
            if context.caller is None:
                return _to_login(context)
            if not context.caller.has(scope):
                key, has = context.caller.name, context.caller.scope.word
                raise PageError(Code.FORBIDDEN, "error.scope", scope=scope.word, key=key, has=has)
        context.params = read_query(request)
        if request.method == "POST":
            folder = services.manager.folder
            limits = BodyLimits.for_media(folder) if media else BodyLimits(MOST_OF_A_FORM)
            body = await read_body(request, limits, content=spool) or RequestParams({}, {})
            with body.discard_on_error():
                given = body.texts.pop(FORM_KEY, "")
                if not services.sessions.is_form_key(request, context.caller, given):
                    raise PageError(Code.FORBIDDEN, "error.old_form")
            context.params = RequestParams({**context.texts, **body.texts}, body.files)
        with context.params.discard_on_error():
            elsewhere = await self._elsewhere(context, spool)
        if elsewhere is not None:
            context.params.discard_files()
            return elsewhere
        return await view(context)

    async def _elsewhere(
        self, context: PageContext, spool: "Spool | None"
    ) -> web.StreamResponse | None:
        """Answer for an account that this process does not run; None for all else."""
        if context.caller is None:
            return None
        return await answer_elsewhere(context, context.caller, spool)

    def _note(self, context: PageContext) -> None:
        """Log what a visitor changed in the audit log; what nobody was let in for has no line."""
        if context.caller is None:
            return
        request = context.request
        resource = request.match_info.route.resource
        audit.changed(
            context.caller,
            self._services.access.address(request),
            "console",
            "" if resource is None else resource.canonical,
            context.code,
            account=request.match_info.get("account", ""),
            about=audit.about_of(context.texts, None),
        )


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
