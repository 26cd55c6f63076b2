"""The way in and out, and the choice of a language."""

import math

from aiohttp import web

from openwx.console.context import HINT_IS_HIDDEN, LOGIN, ROOT, PageContext, local
from openwx.console.session import is_secure
from openwx.language import COOKIE, REMEMBERED_S


class Entry:
    """The log-in form and what it does."""

    async def form(self, visit: PageContext) -> web.StreamResponse:
        if visit.logged_in:
            return visit.go(_wanted(visit))
        return visit.page("login.html", next=_wanted(visit), problem="")

    async def log_in(self, visit: PageContext) -> web.StreamResponse:
        """A right token is let in at once, whatever came before it from the same address."""
        request, access = visit.request, visit.frame.access
        if not access.is_token(visit.texts.get("token", "").strip()):
            return self._wrong(visit, math.ceil(await access.guesses.slow_down(request)))
        response = web.Response(status=303, headers={"Location": _wanted(visit)})
        visit.frame.sessions.begin(request, response)
        return response

    def _wrong(self, visit: PageContext, seconds: int) -> web.StreamResponse:
        if not seconds:
            words = visit.t("Wrong token.")
            return visit.page("login.html", status=401, next=_wanted(visit), problem=words)
        words = visit.t("Too many wrong tokens: try again in {seconds} s.", seconds=seconds)
        page = visit.page("login.html", status=429, next=_wanted(visit), problem=words)
        page.headers["Retry-After"] = str(seconds)
        return page

    async def log_out(self, visit: PageContext) -> web.StreamResponse:
        response = web.Response(status=303, headers={"Location": LOGIN})
        visit.frame.sessions.end(visit.request, response)
        return response

    async def choose_language(self, visit: PageContext) -> web.StreamResponse:
        language = "zh" if visit.texts.get("language") == "zh" else "en"
        return _remember(visit, COOKIE, language)

    async def hide_token_hint(self, visit: PageContext) -> web.StreamResponse:
        return _remember(visit, HINT_IS_HIDDEN, "1")


def _remember(visit: PageContext, cookie: str, value: str) -> web.Response:
    """Keep a choice in the browser, and return to the page that the visitor came from."""
    response = web.Response(status=303, headers={"Location": _wanted(visit)})
    response.set_cookie(
        cookie,
        value,
        max_age=REMEMBERED_S,
        path=ROOT,
        httponly=True,
        samesite="Strict",
        secure=is_secure(visit.request),
    )
    return response


def _wanted(visit: PageContext) -> str:
    return local(visit.texts.get("next", ROOT))
