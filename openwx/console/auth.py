"""Logging in and out of the console, and the choices that a browser remembers. ``Console`` routes to it."""

import math

from aiohttp import web

from openwx.console.context import HINT_IS_HIDDEN, LOGIN, ROOT, PageContext, local_path
from openwx.console.session import is_secure
from openwx.errors import Code
from openwx.language import COOKIE, REMEMBERED_S


async def login_form(context: PageContext) -> web.StreamResponse:
    if context.logged_in:
        return context.redirect(_next_page(context))
    return context.page("login.html", next=_next_page(context), problem="")


async def log_in(context: PageContext) -> web.StreamResponse:
    """Admit a correct token at once, whatever wrong ones came from the same address."""
    request, services = context.request, context.services
    caller = services.access.with_token(context.texts.get("token", "").strip())
    if caller is None:
        context.code = Code.UNAUTHENTICATED
        return _wrong_token(context, math.ceil(await services.access.guesses.slow_down(request)))
    response = web.Response(status=303, headers={"Location": _next_page(context)})
    await services.sessions.begin(request, response, caller)
    context.caller = caller
    return response


def _wrong_token(context: PageContext, seconds: int) -> web.StreamResponse:
    where = _next_page(context)
    if not seconds:
        problem = context.t("login.wrong")
        return context.page("login.html", status=401, next=where, problem=problem)
    problem = context.t("login.too_many", seconds=seconds)
    page = context.page("login.html", status=429, next=where, problem=problem)
    page.headers["Retry-After"] = str(seconds)
    return page


async def log_out(context: PageContext) -> web.StreamResponse:
    response = web.Response(status=303, headers={"Location": LOGIN})
    await context.services.sessions.end(context.request, response)
    return response


async def choose_language(context: PageContext) -> web.StreamResponse:
    language = "zh" if context.texts.get("language") == "zh" else "en"
    return _remember(context, COOKIE, language)


async def hide_token_hint(context: PageContext) -> web.StreamResponse:
    return _remember(context, HINT_IS_HIDDEN, "1")


def _remember(context: PageContext, cookie: str, value: str) -> web.Response:
    """Store a choice in the browser, and return to the page that the visitor came from."""
    response = web.Response(status=303, headers={"Location": _next_page(context)})
    response.set_cookie(
        cookie,
        value,
        max_age=REMEMBERED_S,
        path=ROOT,
        httponly=True,
        samesite="Strict",
        secure=is_secure(context.request),
    )
    return response


def _next_page(context: PageContext) -> str:
    return local_path(context.texts.get("next", ROOT))
