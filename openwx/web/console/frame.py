"""What all pages of the console have in common: who may see them, their headers, language, errors and templates."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import jinja2
from aiohttp import hdrs, web

from openwx import __version__
from openwx.errors import CallerError, Code, WeChatError
from openwx.report.journal import JournalError
from openwx.web.access import Access
from openwx.web.console.health import Health, health_of
from openwx.web.console.language import Language, language_of, translate
from openwx.web.console.messages import KINDS
from openwx.web.console.session import Sessions
from openwx.web.console.shown import FILTERS
from openwx.web.parameters import Given, Limits, read_body, read_query

if TYPE_CHECKING:
    from openwx.gateway.account import Account
    from openwx.gateway.gateway import Gateway

log = logging.getLogger("openwx.console")

ROOT = "/console"
LOGIN = f"{ROOT}/login"
FORM_KEY = "form_key"
MOST_OF_A_FORM = 16 * 1024
"""Bytes of a form without a file."""
OLD_FORM = (
    "this form is too old: openwx was restarted, or you logged in anew."
    " Go back, reload the page, and try again"
)

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}

_STATUS: dict[int, int] = {
    Code.NOT_FOUND: 404,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NO_ROUTE: 404,
}


_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_SECTION_OF = {"chat": "chats", "contact": "contacts", "delivery": "deliveries"}


@dataclass(slots=True)
class Visit:
    """One request for a page, admitted."""

    frame: "Frame"
    request: web.Request
    language: Language
    given: Given
    logged_in: bool

    @property
    def gateway(self) -> "Gateway":
        return self.frame.gateway

    @property
    def texts(self) -> dict[str, str]:
        """The parameters."""
        return self.given.texts

    @property
    def is_fragment(self) -> bool:
        """Whether a script asks for a part of a page."""
        return self.request.headers.get("HX-Request") == "true"

    def account(self) -> "Account":
        """The account that the address names. Raises ``CallerError`` (100)."""
        name = self.request.match_info["account"]
        account = self.gateway.accounts.get(name)
        if account is None:
            raise CallerError(Code.NOT_FOUND, f"there is no account {name[:100]!r}")
        return account

    @property
    def section(self) -> str:
        """Which of an account's pages this belongs to, as the end of its address."""
        parts = self.request.path.split("/")
        name = parts[4] if len(parts) > 4 else ""
        return "/" + _SECTION_OF.get(name, name) if name else ""

    def health(self, account: "Account") -> Health:
        return health_of(account, wanted=self.gateway.wants(account))

    def tone(self, account: "Account") -> str:
        return self.health(account).tone

    def id_in_path(self) -> int:
        """Raises ``CallerError`` (100)."""
        text = self.request.match_info["id"]
        if not _ID.fullmatch(text):
            raise CallerError(Code.NOT_FOUND, "no such id")
        return int(text)

    def t(self, english: str, **values: object) -> str:
        return translate(self.language, english, **values)

    def reason(self, reason: str) -> str:
        """Why an account is as it is: what comes after a colon are the words of others."""
        head, colon, tail = reason.partition(": ")
        return f"{self.t(head)}{colon}{self.t(tail)}" if colon else self.t(reason)

    def number(self, name: str) -> int | None:
        """A parameter that is an id; None where it is not given. Raises ``CallerError`` (-2)."""
        text = self.texts.get(name, "")
        if not text:
            return None
        if not _ID.fullmatch(text):
            raise CallerError(Code.BAD_PARAMETER, f"{name} must be a whole number")
        return int(text)

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A whole page, or a part of one, from a template."""
        body = self.render(template, **values)
        return web.Response(text=body, status=status, content_type="text/html", charset="utf-8")

    def render(self, template: str, **values: Any) -> str:
        account: Account | None = values.pop("account", None)
        return self.frame.templates.get_template(template).render(
            visit=self,
            t=self.t,
            language=self.language,
            version=__version__,
            accounts=list(self.gateway.accounts.values()),
            account=account,
            base="" if account is None else base_of(account),
            here=self.request.path_qs,
            proof=self.frame.sessions.form_key(self.request),
            kinds_of_media=KINDS,
            must_log_in=self.frame.sessions.needed,
            **values,
        )

    def go(self, path: str, **query: str) -> web.Response:
        """Send the browser to another page."""
        where = f"{path}?{urlencode(query)}" if query else path
        if self.is_fragment:
            return web.Response(headers={"HX-Redirect": where})
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: where})


View = Callable[[Visit], Awaitable[web.StreamResponse]]


def base_of(account: "Account") -> str:
    """Where an account's pages are."""
    return f"{ROOT}/accounts/{quote(account.name)}"


def local(path: str) -> str:
    """A path of the console, whatever a visitor wrote there."""
    is_ours = path == ROOT or path.startswith((f"{ROOT}/", f"{ROOT}?"))
    return path if is_ours and path.isprintable() and "\\" not in path else ROOT


class Frame:
    """Makes the aiohttp handlers of pages."""

    def __init__(self, gateway: "Gateway", access: Access) -> None:
        self.gateway = gateway
        self.access = access
        self.sessions = Sessions(access, lambda: gateway.port)
        self._stopping = asyncio.Event()
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.templates.policies["urlize.rel"] = "noopener noreferrer"
        self.templates.filters.update(FILTERS)

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
            visit = Visit(self, request, language_of(request), Given({}, {}), logged_in=False)
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
        self, visit: Visit, view: View, *, public: bool, media: bool
    ) -> web.StreamResponse:
        request = visit.request
        self.access.admit_visit(request)
        visit.logged_in = self.sessions.admits(request)
        if not public and not visit.logged_in:
            return self._to_log_in(visit)
        visit.given = Given(read_query(request), {})
        if request.method == "POST":
            limits = Limits.for_media(self.gateway.folder) if media else Limits(MOST_OF_A_FORM)
            body = await read_body(request, limits) or Given({}, {})
            with body.unless_refused():
                if not self.sessions.is_form_key(request, body.texts.pop(FORM_KEY, "")):
                    raise CallerError(Code.FORBIDDEN, OLD_FORM)
            visit.given = Given({**visit.texts, **body.texts}, body.files)
        return await view(visit)

    def _to_log_in(self, visit: Visit) -> web.StreamResponse:
        request = visit.request
        if request.headers.get(hdrs.ACCEPT, "").startswith("text/event-stream"):
            return web.Response(status=HTTPStatus.UNAUTHORIZED, text="log in")
        wanted = request.path_qs if request.method == "GET" and not visit.is_fragment else ROOT
        return visit.go(LOGIN, next=local(wanted)) if wanted != ROOT else visit.go(LOGIN)


def _refusal(visit: Visit, error: CallerError, *, status: int = 0) -> web.Response:
    """An error as a page, or for a script as a line."""
    status = status or error.http_status or _STATUS.get(error.code, 400)
    if visit.is_fragment:
        page = visit.page("parts/error.html", status=status, error=error)
        page.headers.update({"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"})
        return page
    return visit.page("error.html", status=status, error=error)
