"""Who may call: Host, Origin, Referer, Sec-Fetch-Site, CORS, JSONP, token (contract, section 4).

The web pages that the owner's browser shows can reach this server too. A page cannot choose its
Host, Origin or Sec-Fetch-Site, so these tell it apart from the owner's own scripts, which send no
Origin at all.
"""

import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from openwx import instance
from openwx.api.connection import authenticate
from openwx.api.hosts import hostname, is_address_of_ours
from openwx.api.parameters import read_query
from openwx.api.wrong_tokens import Guesses
from openwx.errors import CallerError, Code

if TYPE_CHECKING:
    from openwx.config import Access as AccessSettings

_DEFAULT_PORTS = {"http": 80, "https": 443}
_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*", re.ASCII)
_MAX_CALLBACK = 128


class Access:
    """The ``[access]`` rules, made ready for judging requests."""

    def __init__(self, settings: "AccessSettings") -> None:
        self.instance_id = instance.new_id()
        """By which the commands beside this gateway know it from another."""
        self._token = None if settings.token is None else settings.token.encode()
        self._origins = frozenset(settings.cors_origins)
        self._hosts = frozenset(settings.allowed_hosts)
        self.max_connections = settings.max_connections
        self.guesses = Guesses(settings.trusted_proxies)

    def admit(self, request: web.BaseRequest) -> str | None:
        """The listed foreign origin that the request comes from, if any.

        CallerError -8 if it may not come. Reads no body and asks for no token.
        """
        headers = request.headers
        if headers.get(instance.WANTED, self.instance_id) != self.instance_id:
            raise CallerError(Code.FORBIDDEN, "this is not the openwx that is asked for")
        host = headers.get(hdrs.HOST, "")
        if host or request.version >= HttpVersion11:
            self._check_host(host)
        origin, referer = headers.get(hdrs.ORIGIN), headers.get(hdrs.REFERER)
        site = headers.get("Sec-Fetch-Site", "none").strip().lower()
        if not origin and not referer and site in ("none", "same-origin"):
            return None
        return self._judge_page(host, origin, referer, site)

    def answers_to(self, host: str) -> bool:
        """Whether a request with this Host may be let in."""
        return is_address_of_ours(host) or hostname(host) in self._hosts

    def _check_host(self, host: str) -> None:
        if not self.answers_to(host):
            raise CallerError(
                Code.FORBIDDEN,
                f"the Host {host[:100]!a} is none of this server's names;"
                " access.allowed_hosts can list it",
            )

    def _judge_page(
        self, host: str, origin: str | None, referer: str | None, site: str
    ) -> str | None:
        own = {origin_of(f"http://{host}"), origin_of(f"https://{host}")}
        for name, value in (("Origin", origin), ("Referer", referer)):
            if not value:
                continue
            page = origin_of(value) or value
            if page in self._origins:
                return origin
            if page not in own:
                raise CallerError(
                    Code.FORBIDDEN,
                    f"the {name} {page[:100]!a} is not allowed; access.cors_origins can list it",
                )
        if site not in ("none", "same-origin"):
            raise CallerError(
                Code.FORBIDDEN,
                "a web page of another origin may not call this (Sec-Fetch-Site);"
                " access.cors_origins can list its origin",
            )
        return None

    def admit_visit(self, request: web.BaseRequest) -> None:
        """As ``admit``, for pages that a person opens: following a link from elsewhere is no call of a page's.

        No other origin is allowed beyond that, also none that ``access.cors_origins`` lists.
        """
        headers = request.headers
        self._check_host(headers.get(hdrs.HOST, ""))
        follows_a_link = (
            request.method in ("GET", "HEAD")
            and headers.get("Sec-Fetch-Mode") == "navigate"
            and headers.get("Sec-Fetch-Dest") == "document"
        )
        if not follows_a_link and self.admit(request) is not None:
            raise CallerError(Code.FORBIDDEN, "a page of another origin may not use the console")

    @property
    def needs_token(self) -> bool:
        return self._token is not None

    def has_token(self, request: web.BaseRequest, texts: Mapping[str, str]) -> bool:
        """Whether the header or the parameter ``token`` carries the token, or none is needed."""
        if self._token is None:
            return True
        scheme, _, bearer = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        is_given = scheme.lower() == "bearer" and self.is_token(bearer.strip())
        if is_given or self.is_token(texts.get("token", "")):
            authenticate(request)
            return True
        return False

    async def shows_token(self, request: web.BaseRequest) -> bool:
        """As ``has_token``, for what has no parameters but ``token`` in the query. Guesses take time."""
        texts = read_query(request, ("token",)).texts
        if self.has_token(request, texts):
            return True
        if self.is_presented(request, texts):
            await self.guesses.slow_down(request)
        return False

    def is_presented(self, request: web.BaseRequest, texts: Mapping[str, str]) -> bool:
        """Whether a token was given at all."""
        return hdrs.AUTHORIZATION in request.headers or bool(texts.get("token"))

    def is_token(self, given: str) -> bool:
        """Whether this is the configured token, in constant time."""
        presented = given.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(presented, self._token or b"") and bool(presented)

    def callback(self, texts: Mapping[str, str]) -> str | None:
        """The function to wrap the answer in (JSONP), or None. The request was admitted before."""
        if texts.get("datatype", "").lower() != "jsonp":
            return None
        if not self._origins:
            raise CallerError(
                Code.FORBIDDEN, "datatype=jsonp is off until access.cors_origins lists an origin"
            )
        callback = texts.get("callback", "")
        if len(callback) > _MAX_CALLBACK or not _CALLBACK.fullmatch(callback):
            raise CallerError(
                Code.BAD_PARAMETER,
                "callback must be the name of a JavaScript function, such as show or app.show",
            )
        return callback


def unauthenticated() -> CallerError:
    return CallerError(
        Code.UNAUTHENTICATED,
        "a valid token is needed:"
        " as the header Authorization: Bearer TOKEN, or as the parameter token"
        " (with a body of more than 1 MiB, in the query)",
    )


def unwanted(header: str) -> CallerError:
    """The refusal of what a browser asks for by itself, as this header says (``will.py``)."""
    return CallerError(
        Code.FORBIDDEN,
        f"a browser sent this by itself ({header}), and it would do something: opened addresses, links, prefetches and"
        " parts of pages may only read; programs and the fetch() of a page of this server may call it, and so may"
        " everybody with the token",
    )


def origin_of(url: str) -> str | None:
    """Scheme, host and port of a URL as browsers write an origin; None where it has none."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not parts.scheme or not host:
        return None
    if ":" in host:
        host = f"[{host}]"
    shown = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"
