"""Reads a call: who makes it, and with which parameters. ``Endpoints`` uses it, but for what comes over a socket."""

import msgspec
from aiohttp import web

from openwx.api import statuses
from openwx.api.access import Access, unauthenticated, unwanted
from openwx.api.callers import Caller
from openwx.api.models import STRICT
from openwx.api.parameters import BodyLimits, RequestParams, read_body, read_query
from openwx.api.routing import Route
from openwx.api.texts import UnusableBodyError
from openwx.errors import CallerError, Code

IDEMPOTENCY_KEY = "Idempotency-Key"


class Asked(msgspec.Struct):
    """What is known of a call so far, also of one that is refused while it is read."""

    caller: Caller | None = None
    """Whose token it has."""
    params: RequestParams = msgspec.field(default_factory=lambda: RequestParams({}, {}))


class CallReader:
    """Reads calls."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def read(
        self,
        request: web.Request,
        row: Route,
        limits: BodyLimits,
        why_unwanted: str,
        asked: Asked,
    ) -> Caller:
        """Read query and body into ``asked``, and return the caller.

        Raises ``CallerError``; ``asked`` then has what was read before. A caller without a token, or without the
        route's scope, learns of no other error.

        A request that is unwanted for the given reason needs a token, even if no other request does.
        """
        access = self._access
        if why_unwanted and not access.needs_token:
            raise unwanted(why_unwanted)
        caller: Caller | None = None
        query = RequestParams({}, {})
        try:
            asked.params = query = read_query(request, row.known)
            asked.caller = caller = access.caller(request, query.texts)
            is_known = caller is not None and caller.has(row.scope)
            allowed = limits if is_known else limits.for_strangers()
            body = await read_body(request, allowed, row.known)
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
        if IDEMPOTENCY_KEY in request.headers:
            _merge_key(params, request.headers[IDEMPOTENCY_KEY])
        if statuses.STRICT_HEADER in request.headers:
            params.texts.setdefault(STRICT, request.headers[statuses.STRICT_HEADER])
        return caller

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


def _merge_key(params: RequestParams, key: str) -> None:
    """Treat the header as the parameter; if both are there, they must agree."""
    if params.texts.setdefault("idempotency_key", key) != key:
        params.discard_files()
        words = "idempotency_key must be given once; the header says something else"
        raise CallerError(Code.BAD_PARAMETER, words)
