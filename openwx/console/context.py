"""One request for a page: its parameters, its account, its language, and how it is answered. Each view gets one."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

import msgspec
from aiohttp import hdrs, web
from markupsafe import Markup

from openwx import __version__
from openwx.api.callers import NOBODY, Caller, Scope
from openwx.api.parameters import RequestParams
from openwx.api.visible import VisibleGateway
from openwx.console.health import StatusView, Tone, health_of
from openwx.console.links import linked, may_follow
from openwx.console.messages import recall_words
from openwx.console.services import ConsoleServices
from openwx.console.translation import Translator
from openwx.console.wording import PageError, category_words, delivery_words, failure_words
from openwx.errors import Code
from openwx.language import Language
from openwx.safetext import without_controls

if TYPE_CHECKING:
    from openwx.accounts.account import Account

ROOT = "/console"
LOGIN = f"{ROOT}/login"
HINT_IS_HIDDEN = "openwx_hint_is_hidden"
"""The cookie of a browser in which the hint how to set a token is hidden."""

_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_SECTION_OF = {"chat": "chats", "search": "chats", "contact": "contacts", "delivery": "deliveries"}


class Entry(msgspec.Struct, frozen=True):
    """An account in the list of all."""

    name: str
    tone: Tone
    is_current: bool


class PageContext(msgspec.Struct):
    """One admitted request for a page."""

    services: ConsoleServices
    request: web.Request
    t: Translator
    params: RequestParams
    caller: Caller | None = None
    """Who has logged in; None before."""
    code: int = 0
    """How it ended, for the audit log: set by a view that shows an error without raising it."""
    is_forwarded: bool = False
    """Whether another node answers, and has it in its audit log."""

    @property
    def logged_in(self) -> bool:
        return self.caller is not None

    @property
    def manager(self) -> VisibleGateway:
        """The gateway as the visitor sees it."""
        services = self.services
        caller = self.caller or NOBODY
        return VisibleGateway(services.manager, caller, services.node, services.hops)

    async def may_continue(self) -> bool:
        """Return whether a stream may go on: the server runs, and the visitor is still logged in."""
        is_logged_in = await self.services.sessions.caller(self.request) is not None
        return self.services.is_running and is_logged_in

    @property
    def sees_all(self) -> bool:
        """Whether the visitor sees all accounts there are."""
        return self.caller is not None and self.caller.accounts is None

    def may(self, scope: Scope) -> bool:
        return self.caller is not None and self.caller.has(scope)

    @property
    def language(self) -> Language:
        return self.t.language

    @property
    def texts(self) -> dict[str, str]:
        """The parameters that are no files."""
        return self.params.texts

    @property
    def is_fragment(self) -> bool:
        """Whether a script asks for a part of a page."""
        return self.request.headers.get("HX-Request") == "true"

    def account(self) -> "Account":
        """Return the account that the address names. Raises ``PageError`` (100)."""
        name = self.request.match_info["account"]
        account = self.manager.accounts.get(name)
        if account is None:
            raise PageError(Code.NOT_FOUND, "error.no_account", name=name[:100])
        return account

    @property
    def media_roots(self) -> list[Path]:
        """The folders that hold the files of messages."""
        return [self.manager.folder.path, *self.manager.settings.media_roots]

    @property
    def section(self) -> str:
        """Which of an account's pages this belongs to, as the end of its address."""
        parts = self.request.path.split("/")
        name = parts[4] if len(parts) > 4 else ""
        return "/" + _SECTION_OF.get(name, name) if name else ""

    def health(self, account: "Account") -> StatusView:
        manager = self.manager
        is_last = manager.has_one_account and account.stop_requested
        stopping = manager.stopping or is_last or not self.services.is_running
        return health_of(account, self.t, wanted=manager.should_run(account), stopping=stopping)

    def tone(self, account: "Account") -> Tone:
        return self.health(account).tone

    def id_in_path(self) -> int:
        """Return the id in the address. Raises ``PageError`` (100)."""
        text = self.request.match_info["id"]
        if not _ID.fullmatch(text):
            raise PageError(Code.NOT_FOUND, "error.no_page")
        return int(text)

    @property
    def wants_token_hint(self) -> bool:
        """Whether to say that no token is set, and how to set one."""
        return not self.services.sessions.needed and HINT_IS_HIDDEN not in self.request.cookies

    def may_follow(self, url: str) -> bool:
        """Whether an address that somebody sent may be a link."""
        return may_follow(url, self.services.access.answers_to)

    def linked(self, text: str) -> Markup:
        """Show somebody's text with its addresses as links."""
        return linked(without_controls(text), self.services.access.answers_to)

    def number(self, name: str) -> int | None:
        """Return a parameter that is an id; None if it is missing. Raises ``PageError`` (-2)."""
        text = self.texts.get(name, "")
        if not text:
            return None
        if not _ID.fullmatch(text):
            raise PageError(Code.BAD_PARAMETER, "error.number", name=name)
        return int(text)

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """Answer with a page, or a part of one, from a template."""
        body = self.render(template, **values)
        return web.Response(text=body, status=status, content_type="text/html", charset="utf-8")

    def render(self, template: str, **values: Any) -> str:
        account: Account | None = values.pop("account", None)
        return self.services.templates.get_template(template).render(
            page=self,
            t=self.t,
            language=self.language,
            version=__version__,
            accounts=self._entries(account),
            may_send=self.may(Scope.SEND),
            may_change=self.may(Scope.FULL),
            account=account,
            base="" if account is None else base_of(account.name),
            can=frozenset() if account is None else account.capabilities,
            here=self.request.path_qs,
            form_key=self.services.sessions.form_key(self.request, self.caller),
            must_log_in=self.services.sessions.needed,
            recall_words=recall_words,
            failure_words=failure_words,
            delivery_words=delivery_words,
            category=category_words,
            **values,
        )

    def _entries(self, current: "Account | None") -> list[Entry]:
        """Return all accounts that the visitor sees."""
        own = self.manager.accounts
        return [
            Entry(
                name,
                self.tone(own[name]) if name in own else "idle",
                current is not None and current.name == name,
            )
            for name in self.manager.names
        ]

    def redirect(self, path: str, **query: str) -> web.Response:
        """Send the browser to another page."""
        where = f"{path}?{urlencode(query)}" if query else path
        if self.is_fragment:
            return web.Response(headers={"HX-Redirect": where})
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: where})


View = Callable[[PageContext], Awaitable[web.StreamResponse]]


def base_of(name: str) -> str:
    """Return the address of the pages of the account with this name."""
    return f"{ROOT}/accounts/{quote(name)}"


def local_path(path: str) -> str:
    """Return a path only if it is one of the console, else the console's first page."""
    is_ours = path == ROOT or path.startswith((f"{ROOT}/", f"{ROOT}?"))
    is_plain = path.isprintable() and "\\" not in path and ".." not in unquote(path)
    return path if is_ours and is_plain else ROOT
