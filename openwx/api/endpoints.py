"""The aiohttp handlers of all routes: what is common to them is done here, around what each one declares."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from aiohttp import hdrs, web

from openwx import metrics
from openwx.accounts.journal_guard import not_kept
from openwx.api import answers, confirm, routing
from openwx.api.access import Access, unauthenticated, unwanted
from openwx.api.answers import Answer
from openwx.api.disconnect import Waiting
from openwx.api.ignored import Ignored
from openwx.api.intent import opens_a_page, why_unwanted
from openwx.api.parameters import Limits, RequestParams, read_body, read_query
from openwx.api.routing import METHODS, Image, LongPoll, Route
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
    """Makes the aiohttp handlers: one wrapper a route, which does all that is common to them."""

    def __init__(self, gateway: "AccountManager", access: Access) -> None:
        self._gateway = gateway
        self._access = access
        self.waiting = Waiting()
        self._ignored = Ignored()

    def endpoint(self, row: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The aiohttp handler of a route."""
        if row.reply is Socket:
            return self._socket(row)
        access, prepare = self._access, self._preparer(row)
        count = metrics.OfRoute(row.name).answered
        limits = Limits.for_media(self._gateway.folder) if row.media else Limits()

        async def endpoint(request: web.Request) -> web.StreamResponse:
            also(route=row.name)
            origin = callback = None
            given = RequestParams({}, {})
            headers: dict[str, str] = {}
            try:
                why = "" if row.only_reads(request.method) else why_unwanted(request.headers)
                if why and (page := self._instead(row, request)) is not None:
                    count(page.code)
                    return page.response()
                origin = access.admit(request)
                given = await self._read(request, row, limits, why)
                if given.ignored or given.unread:
                    headers[answers.IGNORED] = self._ignored.say(row, given)
                if row.reply is EventStream and request.headers.get(LAST_EVENT_ID):
                    given.texts["after"] = request.headers[LAST_EVENT_ID]
                with given.unless_refused():
                    callback = access.callback(given.texts)
                    work = prepare(given)
                reply = await (self.waiting.attend(request, work) if row.attended else work)
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
                made = _failed(row.name, error, given)
            count(made.code)
            made.headers |= headers
            return made.response(callback, origin)

        return endpoint

    def _socket(self, row: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The aiohttp handler of a route that is a WebSocket."""
        count = metrics.OfRoute(row.name).answered
        prepare = cast("Callable[[RequestParams], Awaitable[Socket]]", self._preparer(row))

        async def follow(given: RequestParams) -> Socket:
            self._ignored.say(row, given)
            return await prepare(given)

        sockets = Sockets(
            self._access,
            follow=follow,
            known=row.known,
            call=self._call,
            why_ended=self._why_ended,
            longest=Limits.for_media(self._gateway.folder).body,
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

    async def _call(self, request: web.Request, name: str, given: RequestParams) -> Answer:
        """The answer of a route that is called over a socket, whose handshake ``request`` is."""
        row = routing.find(name)
        if row is None:
            words = f"there is no route {name[:40]!a} to call{answers.did_you_mean(name)}"
            return answers.failure(CallerError(Code.NO_ROUTE, words))
        also(route=row.name)
        try:
            self._ignored.say(row, given)
            if row.reply in (EventStream, Socket):
                words = f"{name} cannot be called over a socket, which tells the same events"
                raise CallerError(Code.BAD_PARAMETER, words)  # noqa: TRY301 - as a handler would
            work = self._preparer(row)(given)
            reply = await (self.waiting.attend(request, work) if row.attended else work)
            answer = await self._render(request, reply)
        except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
            answer = _failed(name, error, given)
        metrics.OfRoute(row.name).answered(answer.code)
        return answer

    def _why_ended(self, why: str) -> str:
        return "the server stops" if self._gateway.stopping else why

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """OPTIONS: which pages may call, and how."""
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
        """What finds what a route needs of account, state and model, and nothing else; it returns the call."""
        gateway, model = self._gateway, row.model
        handler = cast("Callable[..., Coroutine[Any, Any, object]]", row.handler)
        takes_gateway, takes_account = "gateway" in row.takes, "account" in row.takes
        any_state = row.any_state

        def prepare(given: RequestParams) -> Coroutine[Any, Any, object]:
            arguments: dict[str, object] = {}
            if takes_gateway:
                arguments["gateway"] = gateway
            if takes_account:
                account = gateway.account(given.texts.get("client") or None)
                also(account=account.name)
                if not any_state:
                    account.require_running()
                arguments["account"] = account
            if model is not None:
                arguments["call"] = model.read(given)
            return handler(**arguments)

        return prepare

    def _instead(self, row: Route, request: web.Request) -> Answer | None:
        """The page for a person who opened the address of a call that does something, but for one with the token."""
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
            return None  # its query cannot be read, which the usual answer says

    async def _read(
        self, request: web.Request, row: Route, limits: Limits, why_unwanted: str
    ) -> RequestParams:
        """Parameters of query and body. Without the token nobody hears what else is wrong.

        What is unwanted for this reason needs the token, also where nobody else does.
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
        given = query if body is None else _together(row, query, body)
        with given.unless_refused():
            if body is not None:
                has_token = self._access.has_token(request, given.texts)
            if not has_token:
                raise await self._refusal(request, given, why_unwanted)
            if IDEMPOTENCY_KEY in request.headers:
                _take_key(given.texts, request.headers[IDEMPOTENCY_KEY])
        return given

    async def _refusal(
        self, request: web.Request, given: RequestParams, why_unwanted: str
    ) -> CallerError:
        """The error for a caller without the right token, delayed where it guesses."""
        if self._access.is_presented(request, given.texts):
            await self._access.guesses.slow_down(request)
        return unwanted(why_unwanted) if why_unwanted else unauthenticated()

    async def _render(self, request: web.Request, reply: object) -> Answer:
        if isinstance(reply, Image):
            headers: dict[str, str] = {hdrs.CACHE_CONTROL: reply.cache_control}
            if reply.etag:
                headers["ETag"] = f'"{reply.etag}"'
                if _has_it(request, reply.etag):
                    return Answer(b"", 304, content_type=reply.content_type, headers=headers)
            return Answer(reply.data, content_type=reply.content_type, headers=headers)
        if isinstance(reply, LongPoll):
            return Answer(b"[" + b",".join(await self.waiting.poll(request, reply)) + b"]")
        if isinstance(reply, Listing):
            return Answer(b"[" + b",".join(reply.uploads) + b"]", headers=dict(reply.headers))
        return answers.success(reply)


def _together(row: Route, query: RequestParams, body: RequestParams) -> RequestParams:
    """The body wins over the query. One that has nothing for this route is ignored where the query suffices."""
    has_nothing = not body.texts and not body.files
    if has_nothing and body.ignored and row.needs_no_body(query.texts):
        why = body.unread or "it has none of this route's parameters"
        return RequestParams(query.texts, {}, query.ignored, why)
    ignored = list(dict.fromkeys((*query.ignored, *body.ignored)))
    return RequestParams({**query.texts, **body.texts}, body.files, ignored, body.unread)


def _failed(name: str, error: Exception, given: RequestParams) -> Answer:
    """The answer that an error is. A bug's traceback goes into the log."""
    match error:
        case CallerError(code=Code.BAD_PARAMETER) if given.unread:
            words = f"{error.status}; the body was ignored: {given.unread}"
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


def _has_it(request: web.Request, etag: str) -> bool:
    """Whether the caller's copy is this very one (RFC 9110, section 13.1.2)."""
    return any(tag.value in (etag, "*") for tag in request.if_none_match or ())


def _take_key(texts: dict[str, str], key: str) -> None:
    """The header is as good as the parameter; both at once must agree."""
    if texts.setdefault("idempotency_key", key) != key:
        words = "idempotency_key must be given once; the header says something else"
        raise CallerError(Code.BAD_PARAMETER, words)
