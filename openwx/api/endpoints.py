"""Makes the aiohttp handlers of all routes: what is common to them, around what each one declares."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from aiohttp import hdrs, web

from openwx import metrics
from openwx.accounts.journal_guard import not_kept
from openwx.api import answers, confirm, routing
from openwx.api.access import Access, unauthenticated, unwanted
from openwx.api.answers import Answer
from openwx.api.capabilities import require
from openwx.api.disconnect import PendingCalls
from openwx.api.ignored import IgnoredReport
from openwx.api.intent import opens_a_page, why_unwanted
from openwx.api.parameters import BodyLimits, RequestParams, read_body, read_query
from openwx.api.routing import METHODS, ImageReply, LongPoll, Route
from openwx.api.sse import stream_events
from openwx.api.stream_models import EventStream, Listing, Socket
from openwx.api.texts import UnusableBodyError
from openwx.api.websocket import Sockets
from openwx.errors import CallerError, Code, WeChatError
from openwx.logcontext import also
from openwx.store.base import JournalError

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager

logger = logging.getLogger(__name__)

IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"


class Endpoints:
    """Makes one handler a route."""

    def __init__(self, gateway: "AccountManager", access: Access) -> None:
        self._gateway = gateway
        self._access = access
        self.pending = PendingCalls()
        self._ignored = IgnoredReport()

    def endpoint(self, row: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the aiohttp handler of a route."""
        if row.reply is Socket:
            return self._socket(row)
        access, prepare = self._access, self._preparer(row)
        count = metrics.OfRoute(row.name).answered
        limits = BodyLimits.for_media(self._gateway.folder) if row.media else BodyLimits()

        async def endpoint(request: web.Request) -> web.StreamResponse:
            also(route=row.name)
            origin = callback = None
            params = RequestParams({}, {})
            headers: dict[str, str] = {}
            try:
                why = "" if row.only_reads(request.method) else why_unwanted(request.headers)
                if why and (page := self._confirm_page(row, request)) is not None:
                    count(page.code)
                    return page.response()
                origin = access.admit(request)
                params = await self._read(request, row, limits, why)
                if params.ignored or params.unread:
                    headers[answers.IGNORED] = self._ignored.log(row, params)
                if row.reply is EventStream and request.headers.get(LAST_EVENT_ID):
                    params.texts["after"] = request.headers[LAST_EVENT_ID]
                try:
                    callback = access.callback(params.texts)
                    work = prepare(params)
                except BaseException:
                    params.discard_files()
                    raise
                reply = await (
                    self.pending.run(request, work) if row.cancel_on_disconnect else work
                )
                if isinstance(reply, EventStream):
                    if origin is not None:
                        headers |= answers.cors_headers(origin)
                    response = await stream_events(request, reply, headers, self._why_ended)
                    count(0)
                    return response
                if isinstance(reply, list):
                    count(0)
                    return answers.listed(reply, callback, origin, headers)
                made = await self._render(request, reply)
            except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
                made = _failed(row.name, error, params)
            count(made.code)
            made.headers |= headers
            return made.response(callback, origin)

        return endpoint

    def _socket(self, row: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the aiohttp handler of a route that is a WebSocket."""
        count = metrics.OfRoute(row.name).answered
        prepare = cast("Callable[[RequestParams], Awaitable[Socket]]", self._preparer(row))

        async def follow(params: RequestParams) -> Socket:
            self._ignored.log(row, params)
            return await prepare(params)

        sockets = Sockets(
            self._access,
            follow=follow,
            known=row.known,
            call=self._call,
            why_ended=self._why_ended,
            longest=BodyLimits.for_media(self._gateway.folder).body,
        )

        async def socket(request: web.Request) -> web.StreamResponse:
            try:
                ws = await sockets.serve(request)
            except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
                answer = _failed(row.name, error, RequestParams({}, {}))
                count(answer.code)
                return answer.response()
            count(0)
            return ws

        return socket

    async def _call(self, request: web.Request, name: str, params: RequestParams) -> Answer:
        """Call a route over a WebSocket, whose handshake was ``request``."""
        row = routing.find(name)
        if row is None:
            words = f"there is no route {name[:40]!a} to call{answers.did_you_mean(name)}"
            return answers.failure(CallerError(Code.NO_ROUTE, words))
        also(route=row.name)
        try:
            self._ignored.log(row, params)
            if row.reply in (EventStream, Socket):
                words = f"{name} cannot be called over a socket, which sends the same events"
                raise CallerError(Code.BAD_PARAMETER, words)  # noqa: TRY301 - as a handler would
            work = self._preparer(row)(params)
            reply = await (self.pending.run(request, work) if row.cancel_on_disconnect else work)
            answer = await self._render(request, reply)
        except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
            answer = _failed(name, error, params)
        metrics.OfRoute(row.name).answered(answer.code)
        return answer

    def _why_ended(self, why: str) -> str:
        return "the server stops" if self._gateway.stopping else why

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer OPTIONS: which pages may call, and how."""
        try:
            origin = self._access.admit(request)
        except CallerError as error:
            return answers.failure(error).response()
        headers: dict[str, str] = {hdrs.ALLOW: ", ".join((*METHODS, "OPTIONS"))}
        if origin is not None:
            headers |= answers.cors_headers(origin)
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = ", ".join(METHODS)
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = (
                f"Authorization, Content-Type, {IDEMPOTENCY_KEY}, {LAST_EVENT_ID}"
            )
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"
            if request.headers.get("Access-Control-Request-Private-Network") == "true":
                headers["Access-Control-Allow-Private-Network"] = "true"
        return web.Response(status=204, headers=headers)

    def _preparer(self, row: Route) -> Callable[[RequestParams], Coroutine[Any, Any, object]]:
        """Return the function that finds account and model for a route, and returns the coroutine of its handler."""
        gateway, model = self._gateway, row.model
        handler = cast("Callable[..., Coroutine[Any, Any, object]]", row.handler)
        takes_gateway, takes_account = "gateway" in row.takes, "account" in row.takes
        any_state, keyed, needs, lists = row.any_state, row.keyed, row.needs, row.lists

        def prepare(params: RequestParams) -> Coroutine[Any, Any, object]:
            arguments: dict[str, object] = {}
            has_none = False
            if takes_gateway:
                arguments["gateway"] = gateway
            if takes_account:
                account = gateway.account(params.texts.get("client") or None)
                also(account=account.name)
                require(account, *needs)
                if not (any_state or (keyed and "idempotency_key" in params.texts)):
                    account.require_running()
                arguments["account"] = account
                has_none = lists is not None and lists not in account.capabilities
            if model is not None:
                arguments["call"] = model.read(params)
            return _nothing() if has_none else handler(**arguments)

        return prepare

    def _confirm_page(self, row: Route, request: web.Request) -> Answer | None:
        """Return the page for a person without token who opened the address of a call that does something."""
        access = self._access
        if not opens_a_page(request) or not access.answers_to(request.headers.get(hdrs.HOST, "")):
            return None
        try:
            if access.needs_token and access.has_token(
                request, read_query(request, ("token",)).texts
            ):
                return None
            return confirm.page(row, request, needs_token=access.needs_token)
        except CallerError:
            return None  # the usual answer says that its query cannot be read

    async def _read(
        self, request: web.Request, row: Route, limits: BodyLimits, why_unwanted: str
    ) -> RequestParams:
        """Read query and body. Without the token, no other error is revealed.

        A request that is unwanted for the params reason needs the token, even if no other request does.
        """
        if why_unwanted and not self._access.needs_token:
            raise unwanted(why_unwanted)
        has_token = False
        query = RequestParams({}, {})
        try:
            query = read_query(request, row.known)
            has_token = self._access.has_token(request, query.texts)
            allowed = limits if has_token else limits.for_strangers()
            body = await read_body(request, allowed, row.known)
        except UnusableBodyError as error:
            if not has_token:
                raise await self._refusal(request, query, why_unwanted) from None
            if not row.needs_no_body(query.texts):
                raise
            body = RequestParams({}, {}, unread=error.status)
        except CallerError:
            if not self._access.has_token(request, query.texts):
                raise await self._refusal(request, query, why_unwanted) from None
            raise
        params = query if body is None else _merge(row, query, body)
        if body is not None:
            has_token = self._access.has_token(request, params.texts)
        if not has_token:
            params.discard_files()
            raise await self._refusal(request, params, why_unwanted)
        if IDEMPOTENCY_KEY in request.headers:
            _merge_key(params, request.headers[IDEMPOTENCY_KEY])
        return params

    async def _refusal(
        self, request: web.Request, params: RequestParams, why_unwanted: str
    ) -> CallerError:
        """Return the error for a caller without the right token, after a delay if it guesses."""
        if self._access.is_presented(request, params.texts):
            await self._access.guesses.slow_down(request)
        return unwanted(why_unwanted) if why_unwanted else unauthenticated()

    async def _render(self, request: web.Request, reply: object) -> Answer:
        if isinstance(reply, ImageReply):
            headers: dict[str, str] = {hdrs.CACHE_CONTROL: reply.cache_control}
            if reply.etag:
                headers["ETag"] = f'"{reply.etag}"'
                if _is_cached(request, reply.etag):
                    return Answer(b"", 304, content_type=reply.content_type, headers=headers)
            return Answer(reply.data, content_type=reply.content_type, headers=headers)
        if isinstance(reply, LongPoll):
            return Answer(b"[" + b",".join(await self.pending.poll(request, reply)) + b"]")
        if isinstance(reply, Listing):
            return Answer(b"[" + b",".join(reply.reports) + b"]", headers=dict(reply.headers))
        return answers.success(reply)


async def _nothing() -> list[object]:
    """Answer for a list of what the transport cannot have."""
    return []


def _merge(row: Route, query: RequestParams, body: RequestParams) -> RequestParams:
    """Merge both: the body wins. A body without parameters of this route is ignored if the query suffices."""
    is_useless = not body.texts and not body.files
    if is_useless and body.ignored and row.needs_no_body(query.texts):
        why = body.unread or "it has none of this route's parameters"
        return RequestParams(query.texts, {}, query.ignored, why)
    ignored = list(dict.fromkeys((*query.ignored, *body.ignored)))
    return RequestParams({**query.texts, **body.texts}, body.files, ignored, body.unread)


def _failed(name: str, error: Exception, params: RequestParams) -> Answer:
    """Encode an error. The traceback of a bug is logged."""
    match error:
        case CallerError(code=Code.BAD_PARAMETER) if params.unread:
            words = f"{error.status}; the body was ignored: {params.unread}"
            return answers.failure(CallerError(error.code, words, **error.extra))
        case CallerError():
            return answers.failure(error)
        case WeChatError():
            return answers.wechat_failure(error)
        case JournalError():
            return answers.failure(not_kept(error, "not done"))
        case _:
            logger.error("%s failed", name, exc_info=error)
            return answers.internal_failure()


def _is_cached(request: web.Request, etag: str) -> bool:
    """Return whether the caller has this copy (RFC 9110, section 13.1.2)."""
    return any(tag.value in (etag, "*") for tag in request.if_none_match or ())


def _merge_key(params: RequestParams, key: str) -> None:
    """Treat the header as the parameter; if both are there, they must agree."""
    if params.texts.setdefault("idempotency_key", key) != key:
        params.discard_files()
        words = "idempotency_key must be given once; the header says something else"
        raise CallerError(Code.BAD_PARAMETER, words)
