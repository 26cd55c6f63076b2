"""Reads a call: who makes it, and with which parameters. ``Endpoints`` uses it, but for what comes over a socket."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from openwx.api import statuses
from openwx.api.access import CLIENT, Access, unauthenticated, unwanted
from openwx.api.callers import Caller
from openwx.api.models import STRICT
from openwx.api.parameters import NONE, BodyLimits, RequestParams, read_body, read_query
from openwx.api.routing import Route
from openwx.api.texts import UnusableBodyError
from openwx.errors import CallerError, Code

if TYPE_CHECKING:
    from openwx.api.peers.hops import Destination, Hops
    from openwx.api.peers.spool import Spool

IDEMPOTENCY_KEY = "Idempotency-Key"


class Asked(msgspec.Struct):
    """What is known of a call so far, also of one that is refused."""

    caller: Caller | None = None
    """Whose token it has."""
    params: RequestParams = NONE
    body: "Spool | None" = None
    """What was read of the body, where the call may have to be forwarded."""
    to: "Destination | None" = None
    """The other node that must answer; None where this one does."""
    origin: str | None = None
    """The listed foreign origin that it comes from."""
    callback: str | None = None
    """The function that its answer is wrapped in (JSONP)."""
    headers: dict[str, str] = {}
    """What its answer says beside the reply."""
    is_begun: bool = False
    """Whether the route's handler has what it brought, its files too."""
    reply: object = None
    """What the handler returned."""


class CallReader:
    """Reads calls."""

    def __init__(self, access: Access, hops: "Hops | None") -> None:
        self._access = access
        self._hops = hops

    async def read(
        self,
        request: web.Request,
        row: Route,
        limits: BodyLimits,
        why_unwanted: str,
        asked: Asked,
    ) -> Caller:
        """Read query and body into ``asked``, and return the caller.

        Raises ``CallerError``; ``asked`` then has what was read before, files too. A caller without a token, or without
        the route's scope, learns of no other error. Where another node must answer, ``asked.to`` is set if a long body
        is not read here.

        A request that is unwanted for the given reason needs a token, even if no other request does.
        """
        access = self._access
        if why_unwanted and not access.needs_token:
            raise unwanted(why_unwanted)
        caller: Caller | None = None
        query = asked.params
        if self._hops is not None:
            asked.body = self._hops.spool(request)
        try:
            asked.params = query = read_query(request, row.known)
            asked.caller = caller = access.caller(request, query.texts)
            body = None
            if request.body_exists:
                if caller is not None and await self._is_forwarded_unread(request, row, asked):
                    return caller
                is_known = caller is not None and caller.has(row.scope)
                allowed = limits if is_known else limits.for_strangers()
                body = await read_body(request, allowed, row.known, asked.body)
        except UnusableBodyError as error:
            if caller is None:
                raise await self._refusal(request, query, why_unwanted) from None
            caller.require(row.scope_of(query.texts))
            if not row.needs_no_body(query.texts):
                raise
            body = RequestParams({}, {}, unread=error.status)
        except CallerError:
            asked.caller = caller = access.caller(request, query.texts)
            if caller is None:
                raise await self._refusal(request, query, why_unwanted) from None
            caller.require(row.scope_of(query.texts))
            raise
        asked.params = params = query if body is None else _merge(row, query, body)
        if body is not None:
            asked.caller = caller = access.caller(request, params.texts)
        if caller is None:
            params.discard_files()
            raise await self._refusal(request, params, why_unwanted)
        self._merge_head(request, query, params)
        return caller

    def _merge_head(
        self, request: web.Request, query: RequestParams, params: RequestParams
    ) -> None:
        """Treat headers as parameters. CallerError -2 where they contradict each other."""
        keys = request.headers.getall(IDEMPOTENCY_KEY, ())
        for key in keys:
            if key or len(keys) > 1:  # an empty one alone is none
                merge_once("idempotency_key", params, key)
        if client := self._client_of_head(request, query):
            merge_once("client", params, client)
        if statuses.STRICT_HEADER in request.headers:
            params.texts.setdefault(STRICT, request.headers[statuses.STRICT_HEADER])

    def _client_of_head(self, request: web.Request, query: RequestParams) -> str:
        """Return the account that the head of a request names, so that its body cannot name another one.

        Where no other node has accounts, the ``client`` of the body wins over that of the query.
        """
        in_query = "" if self._hops is None else query.texts.get("client", "")
        client = self._access.account_of(request) or in_query
        if in_query not in ("", client):
            words = f"client must be the same in the query and in the header {CLIENT}"
            raise CallerError(Code.BAD_PARAMETER, words)
        return client

    async def _is_forwarded_unread(self, request: web.Request, row: Route, asked: Asked) -> bool:
        """Return whether another node must answer a call whose long body is not read here."""
        caller, query = asked.caller, asked.params
        if self._hops is None or not self._hops.is_long(request):
            return False
        client = self._client_of_head(request, query)
        if client and caller is not None and caller.has(row.scope):
            head = RequestParams(dict(query.texts), {}, query.ignored)
            self._merge_head(request, query, head)
            asked.to = await self._hops.destination(row, head.texts, caller)
            if asked.to is not None:
                asked.params = head
        return asked.to is not None

    async def _refusal(
        self, request: web.Request, params: RequestParams, why_unwanted: str
    ) -> CallerError:
        """Return the error for a caller without the right token, after a delay if it guesses."""
        if self._access.is_presented(request, params.texts):
            await self._access.guesses.slow_down(request)
        return unwanted(why_unwanted) if why_unwanted else unauthenticated()


def _merge(row: Route, query: RequestParams, body: RequestParams) -> RequestParams:
    """Merge both: the body wins. A body without parameters of this route is ignored if the query suffices."""
    is_useless = not body.texts and not body.files
    if is_useless and body.ignored and row.needs_no_body(query.texts):
        why = body.unread or "it has none of this route's parameters"
        return RequestParams(query.texts, {}, query.ignored, why)
    ignored = list(dict.fromkeys((*query.ignored, *body.ignored)))
    return RequestParams({**query.texts, **body.texts}, body.files, ignored, body.unread)


def merge_once(name: str, params: RequestParams, value: str) -> None:
    """Treat what the head says as the parameter; where both are there, they must agree."""
    if params.texts.setdefault(name, value) != value:
        words = f"{name} must be given once; the head of the request says something else"
        raise CallerError(Code.BAD_PARAMETER, words)
