"""A route is declared once: its name, request model, reply type and docstring are the table row.

A handler takes, by these names, what it needs of ``gateway``, ``account`` and ``call``; it returns
a reply and raises errors, and never touches aiohttp::

    @route("send_friend_message")
    async def send_friend_message(account: "Account", call: SendFriendMessage) -> MessageSent:
        ...
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import msgspec
from aiohttp import hdrs, web

from openwx import metrics
from openwx.about import also
from openwx.errors import CallerError, Code, WeChatError
from openwx.report.journal import JournalError
from openwx.web import answers
from openwx.web.access import Access, unauthenticated
from openwx.web.answers import Answer
from openwx.web.following import EventStream, Listing, Socket
from openwx.web.models import Call
from openwx.web.parameters import Given, Limits, read_body, read_query
from openwx.web.socket import Sockets
from openwx.web.streaming import stream_events

if TYPE_CHECKING:
    from openwx.gateway.gateway import Gateway

logger = logging.getLogger(__name__)

METHODS = ("GET", "POST")
IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"
LOOK_S = 0.5
"""So often it is seen whether somebody who waits is still there."""
FINISH_S = 0.5
"""So long what waits for an account that has stopped has to come to its end."""

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Image(msgspec.Struct, frozen=True):
    """A reply that is a picture."""

    data: bytes
    content_type: str
    cache_control: str = "no-cache"
    etag: str = ""
    """Made of the data; who has it already is told so (304)."""


class LongPoll(msgspec.Struct, Generic[T], frozen=True):
    """A reply that waits. Nothing is taken for a caller who is not there any more.

    ``ready`` waits for at most the given seconds, ``take`` removes and returns what there is, ``encode`` makes
    JSON of it, and ``put_back`` undoes ``take``.
    """

    ready: Callable[[float], Awaitable[None]]
    take: Callable[[], list[T]]
    encode: Callable[[list[T]], Awaitable[list[bytes]]]
    put_back: Callable[[list[T]], None]
    timeout_s: float


class Route(msgspec.Struct, frozen=True):
    """One row of the table of routes."""

    name: str
    other_names: tuple[str, ...]
    any_state: bool
    doc: str
    model: type[Call] | None
    reply: Any
    handler: Callable[..., Awaitable[object]]
    takes: frozenset[str] = frozenset()
    media: bool = False
    """Its body may hold a medium."""
    attended: bool = False
    """It ends when its caller goes away."""

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(f"/openwx/{name}" for name in (self.name, *self.other_names))

    @property
    def topic(self) -> str:
        """The file that declares it."""
        return self.handler.__module__.rpartition(".")[2]


_routes: dict[str, Route] = {}


def route(
    name: str,
    *other_names: str,
    any_state: bool = False,
    media: bool = False,
    attended: bool = False,
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Declare a route. ``any_state``: it works while the account is not running, too. ``media``: it takes media.
    ``attended``: it waits, and is cancelled when its caller goes away."""

    def declare(handler: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        signature = inspect.signature(handler)
        takes = frozenset(signature.parameters)
        unknown = takes - {"gateway", "account", "call"}
        assert not unknown, f"{name}: a handler takes gateway, account and call, not {unknown}"
        assert not _routes.keys() & {name, *other_names}, f"{name} is declared twice"
        call = signature.parameters.get("call")
        row = Route(
            name=name,
            other_names=other_names,
            any_state=any_state,
            doc=inspect.getdoc(handler) or "",
            model=None if call is None else call.annotation,
            reply=signature.return_annotation,
            handler=handler,
            takes=takes,
            media=media,
            attended=attended,
        )
        _routes.update(dict.fromkeys((name, *other_names), row))
        return handler

    return declare


def declared() -> list[Route]:
    """All routes, each once, in the order of their declaration."""
    return list({id(row): row for row in _routes.values()}.values())


class Endpoints:
    """Makes the aiohttp handlers: one wrapper a route, which does all that is common to them."""

    def __init__(self, gateway: "Gateway", access: Access) -> None:
        self._gateway = gateway
        self._access = access
        self._polls: set[asyncio.Future[Any]] = set()
        """What long polls wait for: it would go on."""
        self._attended: set[asyncio.Task[Any]] = set()

    async def stop_waiting(self) -> None:
        """Answer all who wait, because the server stops. All accounts have stopped by now, so that what waits for one
        comes to its own end at once."""
        for poll in self._polls:
            poll.cancel()
        if self._attended:
            await asyncio.wait(set(self._attended), timeout=FINISH_S)
        for task in self._attended:
            task.cancel()

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
            try:
                origin = access.admit(request)
                given = await self._read(request, limits)
                if row.reply is EventStream and request.headers.get(LAST_EVENT_ID):
                    given.texts["after"] = request.headers[LAST_EVENT_ID]
                with given.unless_refused():
                    callback = access.callback(given.texts)
                    work = prepare(given)
                reply = await (self._attend(request, work) if row.attended else work)
                if isinstance(reply, EventStream):
                    headers = {} if origin is None else answers.cors_headers(origin)
                    response = await stream_events(request, reply, headers, self._why_ended)
                    count(0)
                    return response
                if isinstance(reply, list):
                    count(0)
                    return answers.listed(reply, callback, origin)
                made = await self._render(request, reply)
            except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
                made = _failed(row.name, error)
            count(made.code)
            return made.response(callback, origin)

        return endpoint

    def _socket(self, row: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The aiohttp handler of a route that is a WebSocket."""
        count = metrics.OfRoute(row.name).answered
        sockets = Sockets(
            self._access,
            follow=cast("Callable[[Given], Awaitable[Socket]]", self._preparer(row)),
            call=self._call,
            why_ended=self._why_ended,
            longest=Limits.for_media(self._gateway.folder).body,
        )

        async def socket(request: web.Request) -> web.StreamResponse:
            try:
                ws = await sockets.serve(request)
            except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
                answer = _failed(row.name, error)
                count(answer.code)
                return answer.response()
            count(0)
            return ws

        return socket

    async def _call(self, request: web.Request, name: str, given: Given) -> Answer:
        """The answer of a route that is called over a socket, whose handshake ``request`` is."""
        row = _routes.get(name)
        if row is None:
            return answers.failure(
                CallerError(Code.NO_ROUTE, f"there is no route {name[:40]!a} to call")
            )
        try:
            if row.reply in (EventStream, Socket):
                words = f"{name} cannot be called over a socket, which tells the same events"
                raise CallerError(Code.BAD_PARAMETER, words)  # noqa: TRY301 - as a handler would
            work = self._preparer(row)(given)
            reply = await (self._attend(request, work) if row.attended else work)
            answer = await self._render(request, reply)
        except Exception as error:  # noqa: BLE001 - what it is decides, and bugs are logged
            answer = _failed(name, error)
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

    def _preparer(self, row: Route) -> Callable[[Given], Coroutine[Any, Any, object]]:
        """What finds what a route needs of account, state and model, and nothing else; it returns the call."""
        gateway, model = self._gateway, row.model
        handler = cast("Callable[..., Coroutine[Any, Any, object]]", row.handler)
        takes_gateway, takes_account = "gateway" in row.takes, "account" in row.takes
        any_state = row.any_state

        def prepare(given: Given) -> Coroutine[Any, Any, object]:
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

    async def _read(self, request: web.Request, limits: Limits) -> Given:
        """Parameters of query and body. Without the token nobody hears what else is wrong."""
        has_token = False
        query: dict[str, str] = {}
        try:
            query = read_query(request)
            has_token = self._access.has_token(request, query)
            body = await read_body(request, limits if has_token else limits.for_strangers())
        except CallerError:
            if not has_token and not self._access.has_token(request, query):
                raise unauthenticated() from None
            raise
        given = Given(query, {}) if body is None else Given({**query, **body.texts}, body.files)
        with given.unless_refused():
            if body is not None:
                has_token = self._access.has_token(request, given.texts)
            if not has_token:
                raise unauthenticated()
            if IDEMPOTENCY_KEY in request.headers:
                _take_key(given.texts, request.headers[IDEMPOTENCY_KEY])
        return given

    async def _render(self, request: web.Request, reply: object) -> Answer:
        if isinstance(reply, Image):
            headers: dict[str, str] = {hdrs.CACHE_CONTROL: reply.cache_control}
            if reply.etag:
                headers["ETag"] = f'"{reply.etag}"'
                if _has_it(request, reply.etag):
                    return Answer(b"", 304, content_type=reply.content_type, headers=headers)
            return Answer(reply.data, content_type=reply.content_type, headers=headers)
        if isinstance(reply, LongPoll):
            return Answer(b"[" + b",".join(await self._poll(request, reply)) + b"]")
        if isinstance(reply, Listing):
            return Answer(b"[" + b",".join(reply.uploads) + b"]", headers=dict(reply.headers))
        return answers.success(reply)

    async def _attend(self, request: web.Request, work: Coroutine[Any, Any, object]) -> object:
        """Do what waits, for as long as the caller is there and the server runs."""
        task = asyncio.create_task(work)
        self._attended.add(task)
        try:
            while not task.done() and not _has_gone(request):
                await asyncio.wait([task], timeout=LOOK_S)
            task.cancel()
            await asyncio.wait([task])
        finally:
            task.cancel()
            self._attended.discard(task)
        if task.cancelled():
            raise CallerError(Code.NOT_RUNNING, "the server stops")
        return task.result()

    async def _poll(self, request: web.Request, poll: LongPoll[Any]) -> list[bytes]:
        """Wait and take. From the last look to the socket the caller cannot go away unseen."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + poll.timeout_s
        while True:
            left = max(0.0, deadline - loop.time())
            if not await self._wait(request, poll.ready(left)):
                return []
            await asyncio.sleep(0)  # a caller's farewell that has arrived is noticed now
            if _has_gone(request):
                return []
            taken = poll.take()
            if taken or loop.time() >= deadline:
                encoded = await poll.encode(taken)
                if not _has_gone(request):
                    return encoded
                poll.put_back(taken)
                return []

    async def _wait(self, request: web.Request, ready: Awaitable[None]) -> bool:
        """Whether it came to its end; False where the server stops, or nobody waits any more."""
        task = asyncio.ensure_future(ready)
        self._polls.add(task)
        try:
            while not task.done() and not _has_gone(request):
                await asyncio.wait([task], timeout=LOOK_S)
        finally:
            task.cancel()
            self._polls.discard(task)
        if not task.done() or task.cancelled():
            return False
        task.result()
        return True


def _failed(name: str, error: Exception) -> Answer:
    """The answer that an error is. A bug's traceback goes into the log."""
    match error:
        case CallerError():
            return answers.failure(error)
        case WeChatError():
            return answers.wechat_failure(error)
        case JournalError():
            return answers.failure(CallerError(Code.GAVE_UP, str(error)))
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


def _has_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
