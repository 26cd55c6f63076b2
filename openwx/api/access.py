"""Decides who may call: the request's origin, CORS, JSONP, and the token (contract, sections 4 and 5.6).
``endpoints``, the guards of pages and the console ask it.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from openwx import instance
from openwx.api.callers import ANYBODY, Caller, Callers
from openwx.api.connection import authenticate
from openwx.api.parameters import read_query
from openwx.api.peers.hop import HOP
from openwx.api.routing import LongPoll
from openwx.api.wrong_tokens import Guesses
from openwx.errors import CallerError, Code
from openwx.origins import ForeignRequestError, OriginRules, follows_link

if TYPE_CHECKING:
    from openwx.config import AccessSettings

CLIENT = "Openwx-Client"
"""The parameter ``client`` as a header."""

_CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*", re.ASCII)
_MAX_CALLBACK = 128


class Access:
    """The ``[access]`` rules."""

    def __init__(self, settings: "AccessSettings") -> None:
        self.instance_id = instance.new_id()
        """The id by which the commands beside this gateway recognise it."""
        self._callers = Callers(settings)
        self.needs_token = self._callers.needs_token
        self._has_origins = bool(settings.cors_origins)
        self._rules = OriginRules(settings.allowed_hosts, settings.cors_origins)
        self.max_connections = settings.max_connections
        self.guesses = Guesses(settings.trusted_proxies)

    def admit(self, request: web.BaseRequest) -> str | None:
        """Return the listed foreign origin that the request comes from, if any.

        CallerError -8 if it may not come. Neither body nor token is looked at.
        """
        headers = request.headers
        if HOP in headers:
            raise _endless()
        if headers.get(instance.WANTED, self.instance_id) != self.instance_id:
            raise CallerError(Code.FORBIDDEN, "this is not the openwx that is asked for")
        host = headers.get(hdrs.HOST, "")
        try:
            if host or request.version >= HttpVersion11:
                self._rules.check_host(host)
            return self._rules.check_origin(headers)
        except ForeignRequestError as error:
            raise _forbidden(error) from None

    def answers_to(self, host: str) -> bool:
        """Return whether a request with this Host is allowed."""
        return self._rules.has_host(host)

    def admit_visit(self, request: web.BaseRequest) -> None:
        """Admit a page that a person opens, also by a link on another website.

        No other origin is allowed beyond that, not even one that ``access.cors_origins`` lists.
        """
        if HOP in request.headers:
            raise _endless()
        try:
            self._rules.check_host(request.headers.get(hdrs.HOST, ""))
        except ForeignRequestError as error:
            raise _forbidden(error) from None
        if not follows_link(request.method, request.headers) and self.admit(request) is not None:
            raise CallerError(Code.FORBIDDEN, "a page of another origin may not use the console")

    def caller(self, request: web.BaseRequest, texts: Mapping[str, str]) -> Caller | None:
        """Return whose token the header has, else the parameter ``token``; anybody where none is needed.

        None for a stranger. Where both have a valid one, the header decides.
        """
        if not self.needs_token:
            return ANYBODY
        scheme, _, bearer = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        find = self._callers.with_token
        caller = find(bearer.strip()) if scheme.lower() == "bearer" else None
        caller = caller or find(texts.get("token", ""))
        if caller is not None:
            authenticate(request)
        return caller

    async def caller_by_query(self, request: web.BaseRequest) -> Caller | None:
        """As ``caller``, for pages whose only parameter is ``token`` in the query. Wrong tokens are slowed down."""
        texts = read_query(request, ("token",)).texts
        caller = self.caller(request, texts)
        if caller is None and self.is_presented(request, texts):
            await self.guesses.slow_down(request)
        return caller

    def is_presented(self, request: web.BaseRequest, texts: Mapping[str, str]) -> bool:
        """Return whether there is any token, right or wrong."""
        return hdrs.AUTHORIZATION in request.headers or bool(texts.get("token"))

    def with_token(self, text: str) -> Caller | None:
        """Return whose token this is, in a time that tells nothing about it; None for a wrong or an empty one."""
        return self._callers.with_token(text)

    def visitor(self, request: web.BaseRequest) -> Caller | None:
        """Return who opens a page of the console, where that is known without a session."""
        return None

    def account_of(self, request: web.BaseRequest) -> str:
        """Return the account that the call is for, as its head says beside the query; empty if it does not.

        CallerError -2 where it names several.
        """
        named = request.headers.getall(CLIENT, ())
        if not named:
            return ""
        if len(set(named)) > 1:
            words = (
                f"{CLIENT} must be given once; the head of the request has it with different values"
            )
            raise CallerError(Code.BAD_PARAMETER, words)
        return named[0]

    def address(self, request: web.BaseRequest) -> str:
        """Return the address of the caller, behind the trusted proxies."""
        return self.guesses.address(request)

    def allows_jsonp(self, request: web.BaseRequest) -> bool:
        """Return whether the answer may be a script."""
        return self._has_origins

    def note_taken(self, poll: LongPoll[Any], taken: list[Any]) -> dict[str, str]:
        """Note what is taken for a caller who may have left. Return headers that tell how to give it back."""
        return {}

    def proof_of(self, name: str, key: bytes) -> bytes:
        """Return what shows to all who have ``key`` that a caller's token has not changed."""
        return self._callers.proof_of(name, key)

    def proven(self, name: str, proof: bytes, key: bytes) -> Caller | None:
        """Return the caller of this name; None where there is none any more, or its token is another one."""
        return self._callers.proven(name, proof, key)

    def callback(self, request: web.BaseRequest, texts: Mapping[str, str]) -> str | None:
        """Return the function to wrap the answer in (JSONP), or None. The request was admitted before."""
        if texts.get("datatype", "").lower() != "jsonp":
            return None
        if not self.allows_jsonp(request):
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


def _endless() -> CallerError:
    """Return the refusal (-8, HTTP 508) of a hop: forwarded from an address for callers, it would never end."""
    words = "a call of another node came to an address for callers: correct cluster.advertise"
    return CallerError(Code.FORBIDDEN, words, http_status=HTTPStatus.LOOP_DETECTED)


def _forbidden(error: ForeignRequestError) -> CallerError:
    shown = ascii(error.value[:100])
    match error.header:
        case "Host":
            words = (
                f"the Host {shown} is none of this server's names; access.allowed_hosts can list it"
            )
        case "Sec-Fetch-Site":
            words = (
                "a web page of another origin may not call this (Sec-Fetch-Site);"
                " access.cors_origins can list its origin"
            )
        case header:
            words = f"the {header} {shown} is not allowed; access.cors_origins can list it"
    return CallerError(Code.FORBIDDEN, words)


def unauthenticated() -> CallerError:
    return CallerError(
        Code.UNAUTHENTICATED,
        "a valid token is needed:"
        " as the header Authorization: Bearer TOKEN, or as the parameter token"
        " (with a body of more than 1 MiB, in the query)",
    )


def unwanted(header: str) -> CallerError:
    """Return the refusal of what a browser requests by itself, as this header says (``intent.py``)."""
    return CallerError(
        Code.FORBIDDEN,
        f"a browser sent this by itself ({header}), and it would do something: opened addresses, links, prefetches and"
        " parts of pages may only read; programs and the fetch() of a page of this server may call it, and so may"
        " everybody with the token",
    )
