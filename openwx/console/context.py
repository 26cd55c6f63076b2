"""One request for a page: who asks for what, in which language, and how it is answered."""

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
from openwx.api.parameters import RequestParams
from openwx.console.health import Health, health_of
from openwx.console.links import linked, may_follow
from openwx.console.messages import KINDS, failure_words, recall_words
from openwx.console.translation import translate
from openwx.errors import CallerError, Code
from openwx.language import Language
from openwx.safetext import plain

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.accounts.manager import AccountManager
    from openwx.console.pages import PageFrame

ROOT = "/console"
LOGIN = f"{ROOT}/login"
HINT_IS_HIDDEN = "openwx_hint_is_hidden"
"""The cookie of a browser in which the hint how to set a token is hidden."""

_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_SECTION_OF = {"chat": "chats", "contact": "contacts", "delivery": "deliveries"}


class PageContext(msgspec.Struct):
    """One request for a page, admitted."""

    frame: "PageFrame"
    request: web.Request
    language: Language
    given: RequestParams
    logged_in: bool

    @property
    def gateway(self) -> "AccountManager":
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
    def media_roots(self) -> list[Path]:
        """Below these lie the files of messages."""
        return [self.gateway.folder.path, *self.gateway.settings.media_roots]

    @property
    def section(self) -> str:
        """Which of an account's pages this belongs to, as the end of its address."""
        parts = self.request.path.split("/")
        name = parts[4] if len(parts) > 4 else ""
        return "/" + _SECTION_OF.get(name, name) if name else ""

    def health(self, account: "Account") -> Health:
        gateway = self.gateway
        is_last = len(gateway.accounts) == 1 and account.stop_requested
        stopping = gateway.stopping or is_last or not self.frame.is_running
        return health_of(account, self.t, wanted=gateway.should_run(account), stopping=stopping)

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

    @property
    def wants_token_hint(self) -> bool:
        """Whether to say that no token is set, and how to set one."""
        return not self.frame.sessions.needed and HINT_IS_HIDDEN not in self.request.cookies

    def may_follow(self, url: str) -> bool:
        """Whether an address that somebody sent may be a link."""
        return may_follow(url, self.frame.access.answers_to)

    def linked(self, text: str) -> Markup:
        """A text of somebody's, with links."""
        return linked(plain(text), self.frame.access.answers_to)

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
            recall_words=recall_words,
            failure_words=failure_words,
            must_log_in=self.frame.sessions.needed,
            **values,
        )

    def go(self, path: str, **query: str) -> web.Response:
        """Send the browser to another page."""
        where = f"{path}?{urlencode(query)}" if query else path
        if self.is_fragment:
            return web.Response(headers={"HX-Redirect": where})
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: where})


View = Callable[[PageContext], Awaitable[web.StreamResponse]]


def base_of(account: "Account") -> str:
    """Where an account's pages are."""
    return f"{ROOT}/accounts/{quote(account.name)}"


def local(path: str) -> str:
    """A path of the console, whatever a visitor wrote there."""
    is_ours = path == ROOT or path.startswith((f"{ROOT}/", f"{ROOT}?"))
    is_plain = path.isprintable() and "\\" not in path and ".." not in unquote(path)
    return path if is_ours and is_plain else ROOT
