"""Makes the aiohttp handlers of all routes: what is common to them, around what each one declares.
``app`` makes them.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from aiohttp import hdrs, web

from openwx import logcontext, metrics
from openwx.accounts import journal_guard
from openwx.accounts.event_filter import EVERYTHING
from openwx.api import answers, audit, confirm, routing, statuses
from openwx.api.access import CLIENT, Access
from openwx.api.answers import Answer
from openwx.api.call_reader import IDEMPOTENCY_KEY, Asked, CallReader
from openwx.api.callers import Caller
from openwx.api.capabilities import require
from openwx.api.disconnect import PendingCalls
from openwx.api.ignored import IgnoredReport
from openwx.api.intent import opens_a_page, why_unwanted
from openwx.api.models import STRICT
from openwx.api.parameters import BodyLimits, RequestParams, read_query
from openwx.api.routing import METHODS, ImageReply, LongPoll, Route
from openwx.api.sse import stream_events
from openwx.api.stream_models import EventStream, Listing, Socket
from openwx.api.visible import VisibleGateway
from openwx.api.websocket import Sockets
from openwx.errors import CallerError, Code, LeaseLost, WeChatError
from openwx.store.base import InDoubt, JournalError

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager
    from openwx.api.peers.hops import Destination, Hops
    from openwx.cluster.node import ClusterNode

logger = logging.getLogger(__name__)

LAST_EVENT_ID = "Last-Event-ID"
_RENDERED = frozenset({EventStream, list, ImageReply, LongPoll, Listing})
"""The kinds of replies that are more than an object to encode."""

Prepare = Callable[[RequestParams, Caller], Coroutine[Any, Any, object]]
"""Judges a call, and returns the coroutine of its handler."""


class Endpoints:
    """Makes one handler a route."""

    def __init__(
        self,
        gateway: "AccountManager",
        access: Access,
        node: "ClusterNode | None" = None,
        hops: "Hops | None" = None,
    ) -> None:
        """``node``: this process as one of several. ``hops``: what it asks the others."""
        self._gateway = gateway
        self._node = node
        self._access = access
        self._hops = hops
        self._reader = CallReader(access, hops)
        self.pending = PendingCalls()
        self._ignored = IgnoredReport()

    async def stop(self) -> None:
        """End the calls that wait, and the streams of other nodes, because the server stops."""
        if self._hops is not None:
            await self._hops.stop()
        await self.pending.stop()

    def endpoint(self, row: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the aiohttp handler of a route."""
        if row.reply is Socket:
            return self._socket(row)
        count = metrics.REQUESTS.of(row.name).answered
        limits = BodyLimits.for_media(self._gateway.folder) if row.media else BodyLimits()
        prepare = self._preparer(row)
        reading = {method for method in row.methods if row.only_reads(method)}
        is_audited = row.is_audited

        async def endpoint(request: web.Request) -> web.StreamResponse:
            logcontext.begin(route=row.name)
            asked = Asked()
            try:
                why = "" if request.method in reading else why_unwanted(request.headers)
                made = await self._answered(request, row, limits, prepare, why, asked)
            except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
                made = _failed(row.name, error, asked.params, request)
            finally:
                if not asked.is_begun:
                    asked.params.discard_files()
                if asked.body is not None:
                    await asked.body.close()
            if asked.to is not None and isinstance(made, web.StreamResponse):
                return made  # its owner counts it
            code = made.code if isinstance(made, Answer) else 0
            count(code)
            if asked.caller is not None:
                metrics.CALLS.of(asked.caller.name).answered(code)
                if is_audited:
                    self._audit(row, request, asked.caller, code, asked.params, asked.reply, "http")
            if not isinstance(made, Answer):
                return made
            made.headers |= asked.headers
            return made.response(asked.callback, asked.origin)

        return endpoint

    async def _answered(
        self,
        request: web.Request,
        row: Route,
        limits: BodyLimits,
        prepare: Prepare,
        why_unwanted: str,
        asked: Asked,
    ) -> Answer | web.StreamResponse:
        """Read a call, and have its route answer it, or the node that owns its account."""
        if why_unwanted and (page := self._confirm_page(row, request)) is not None:
            return page
        asked.origin = self._access.admit(request)
        caller = await self._reader.read(request, row, limits, why_unwanted, asked)
        params = asked.params
        logcontext.also(key=caller.name)
        asked.callback = self._access.callback(request, params.texts)
        if self._hops is not None and asked.to is None:
            asked.to = await self._hops.destination(row, params.texts, caller)
        if asked.to is not None:
            params.discard_files()
            return await self._forwarded(request, row, caller, asked)
        if params.ignored or params.unread:
            asked.headers[answers.IGNORED] = self._ignored.log(row, params)
        if row.reply is EventStream and request.headers.get(LAST_EVENT_ID):
            params.texts["after"] = request.headers[LAST_EVENT_ID]
        work = prepare(params, caller)
        asked.is_begun = True
        reply = asked.reply = await (
            self.pending.run(request, work) if row.cancel_on_disconnect else work
        )
        if type(reply) not in _RENDERED:
            return answers.success(reply)
        if isinstance(reply, EventStream):
            headers = asked.headers | answers.cors_headers(asked.origin)
            return await stream_events(request, reply, headers, self._why_ended)
        if isinstance(reply, list):
            return answers.listed(reply, asked.callback, asked.origin, asked.headers)
        return await self._render(request, reply)

    def _audit(
        self,
        row: Route,
        request: web.Request,
        caller: Caller,
        code: int,
        params: RequestParams,
        reply: object,
        via: audit.Via,
    ) -> None:
        """Log a call that changes something."""
        audit.changed(
            caller,
            self._access.address(request),
            via,
            row.name,
            code,
            account=audit.account_of(params.texts),
            about=audit.about_of(params.texts, reply),
        )

    def _socket(self, row: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the aiohttp handler of a route that is a WebSocket."""
        count = metrics.REQUESTS.of(row.name).answered
        prepare = cast("Callable[[RequestParams, Caller], Awaitable[Socket]]", self._preparer(row))

        async def follow(request: web.Request, params: RequestParams, caller: Caller) -> Socket:
            logcontext.begin(key=caller.name)
            self._ignored.log(row, params)
            hops, to = self._hops, await self._destination(row, params.texts, caller)
            if hops is not None and to is not None:
                call = hops.call(request, row, caller, to, params.texts)
                stream = hops.stream(call, to)
                return Socket(stream, self._gateway.streams, None, EVERYTHING, media_data=False)
            reply = await prepare(params, caller)
            metrics.CALLS.of(caller.name).answered(0)
            return reply

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
                answer = _failed(row.name, error, RequestParams({}, {}), request)
                count(answer.code)
                return answer.response()
            count(0)
            return ws

        return socket

    async def _call(
        self, request: web.Request, caller: Caller, name: str, params: RequestParams
    ) -> Answer:
        """Call a route over a WebSocket, whose handshake was ``request``."""
        row = routing.find(name)
        if row is None:
            words = f"there is no route {name[:40]!a} to call{answers.did_you_mean(name)}"
            return answers.failure(CallerError(Code.NO_ROUTE, words))
        logcontext.begin(route=row.name, key=caller.name)  # the socket may be about another account
        reply: object = None
        try:
            self._ignored.log(row, params)
            if row.reply in (EventStream, Socket):
                words = f"{name} cannot be called over a socket, which sends the same events"
                raise CallerError(Code.BAD_PARAMETER, words)  # noqa: TRY301 - as a handler would
            hops, to = self._hops, await self._destination(row, params.texts, caller)
            work: Coroutine[Any, Any, object]
            if hops is not None and to is not None:
                hop = hops.call(request, row, caller, to, params.texts)
                work = hops.answer(hop, to, params)
            else:
                work = self._preparer(row)(params, caller)
            reply = await (self.pending.run(request, work) if row.cancel_on_disconnect else work)
            if isinstance(reply, Answer):
                return reply
            answer = await self._render(request, reply)
        except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
            answer = _failed(name, error, params, request)
        metrics.REQUESTS.of(row.name).answered(answer.code)
        metrics.CALLS.of(caller.name).answered(answer.code)
        if row.is_audited:
            self._audit(row, request, caller, answer.code, params, reply, "ws")
        return answer

    async def _destination(
        self, row: Route, texts: Mapping[str, str], caller: Caller
    ) -> "Destination | None":
        """Return the other node that must answer a call; None where this one does. Raise CallerError."""
        if self._hops is None:
            return None
        return await self._hops.destination(row, texts, caller)

    async def _forwarded(
        self, request: web.Request, row: Route, caller: Caller, asked: Asked
    ) -> web.StreamResponse:
        """Answer as the owner does, who counts the call and has it in its audit log."""
        hops, to = self._hops, asked.to
        assert hops is not None
        assert to is not None
        call = hops.call(request, row, caller, to, asked.params.texts, asked.body)
        work = hops.respond(request, call, to, asked.origin)
        if not row.cancel_on_disconnect:
            return await work
        return cast("web.StreamResponse", await self.pending.run(request, work))

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
                f"Authorization, Content-Type, {IDEMPOTENCY_KEY}, {LAST_EVENT_ID},"
                f" {statuses.STRICT_HEADER}, {CLIENT}"
            )
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"
            if request.headers.get("Access-Control-Request-Private-Network") == "true":
                headers["Access-Control-Allow-Private-Network"] = "true"
        return web.Response(status=204, headers=headers)

    def _preparer(self, row: Route) -> Prepare:
        """Return the function that judges a caller, finds account and model for a route, and returns the coroutine of
        its handler. Every call of every route passes here."""
        manager, node, hops, model = self._gateway, self._node, self._hops, row.model
        handler = cast("Callable[..., Coroutine[Any, Any, object]]", row.handler)
        takes_gateway, takes_account = "gateway" in row.takes, "account" in row.takes
        any_state, keyed, needs, lists = row.any_state, row.keyed, row.needs, row.lists

        def prepare(params: RequestParams, caller: Caller) -> Coroutine[Any, Any, object]:
            caller.require(row.scope_of(params.texts) if row.reads_with else row.scope)
            if STRICT in params.texts:
                statuses.check(params)
            gateway = VisibleGateway(manager, caller, node, hops)
            arguments: dict[str, object] = {}
            has_none = False
            if takes_gateway:
                arguments["gateway"] = gateway
            if takes_account:
                name = params.texts.get("client") or None
                account = gateway.account(name)
                if account is None:
                    return _runs_elsewhere(gateway, name)
                logcontext.also(account=account.name)
                if needs:
                    require(account, *needs)
                if not (any_state or (keyed and params.texts.get("idempotency_key"))):
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
            if access.needs_token and access.caller(request, read_query(request, ("token",)).texts):
                return None
            return confirm.page(row, request, needs_token=access.needs_token)
        except CallerError:
            return None  # the usual answer says that its query cannot be read

    async def _render(self, request: web.Request, reply: object) -> Answer:
        headers: dict[str, str]
        if isinstance(reply, ImageReply):
            headers = {hdrs.CACHE_CONTROL: reply.cache_control}
            if reply.etag:
                headers["ETag"] = f'"{reply.etag}"'
                if _is_cached(request, reply.etag):
                    return Answer(b"", 304, content_type=reply.content_type, headers=headers)
            return Answer(reply.data, content_type=reply.content_type, headers=headers)
        if isinstance(reply, LongPoll):
            encoded, taken = await self.pending.poll(request, reply)
            headers = self._access.note_taken(reply, taken)
            return Answer(b"[" + b",".join(encoded) + b"]", headers=headers)
        if isinstance(reply, Listing):
            return Answer(b"[" + b",".join(reply.reports) + b"]", headers=dict(reply.headers))
        return answers.success(reply)


async def _nothing() -> list[object]:
    """Answer for a list of what the transport cannot have."""
    return []


async def _runs_elsewhere(gateway: VisibleGateway, name: str | None) -> object:
    """Raise ``CallerError`` for an account that does not run in this process: -4, or -2 if there is no such one."""
    raise (await gateway.where_is(name)).refusal()


def _failed(name: str, error: Exception, params: RequestParams, request: web.Request) -> Answer:
    """Encode an error, whose HTTP status is another one where the call is strict."""
    answer = _failure(name, error, params)
    if answer.status == HTTPStatus.OK and statuses.is_strict(request, params):
        answer.status = statuses.strict(answer.code)
    return answer


def _failure(name: str, error: Exception, params: RequestParams) -> Answer:
    """Encode an error. The traceback of a bug is logged."""
    match error:
        case CallerError(code=Code.BAD_PARAMETER) if params.unread:
            words = f"{error.status}; the body was ignored: {params.unread}"
            return answers.failure(CallerError(error.code, words, **error.extra))
        case CallerError():
            return answers.failure(error)
        case WeChatError():
            return answers.wechat_failure(error)
        case JournalError() | InDoubt() | LeaseLost():
            return answers.failure(journal_guard.refusal(error))
        case _:
            logger.error("%s failed", name, exc_info=error)
            return answers.internal_failure()


def _is_cached(request: web.Request, etag: str) -> bool:
    """Return whether the caller has this copy (RFC 9110, section 13.1.2)."""
    return any(tag.value in (etag, "*") for tag in request.if_none_match or ())
