"""Serves a WebSocket: a stream of events, and calls of routes.
``endpoints`` makes them.

The server sends JSON objects with a ``type``: ``cursor`` (where to go on), ``event``, ``missed``, ``answer`` (to a
call) and ``end``. A client sends ``{"token": …}`` if the handshake had none, and calls:
``{"id": …, "call": …, "params": {…}}``.
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn, ParamSpec, TypeVar

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from openwx.accounts.streams import Missed, Reader, StreamEnded
from openwx.api import answers, routing
from openwx.api.access import Access, unauthenticated
from openwx.api.answers import JSON_TYPE, Answer
from openwx.api.call_reader import merge_once
from openwx.api.callers import Caller
from openwx.api.connection import authenticate, upgrade
from openwx.api.disconnect import has_begun
from openwx.api.json_body import Bounded, bounded, texts_of
from openwx.api.parameters import MAX_BODY, PARSED_AT_ONCE, RequestParams, read_query
from openwx.api.peers.relay import PeerReader, Relayed
from openwx.api.slow_client import SlowClient, SlowClientError
from openwx.api.stream_models import Socket, body_of, missed_range
from openwx.api.texts import Known
from openwx.errors import CallerError, Code
from openwx.store.base import JournalError
from openwx.store.records import PublishedReport

log = logging.getLogger("openwx.web")

PING_S = 20.0
SILENT_S = 90.0
"""Time after which a client that answers no ping is disconnected, in seconds."""
AUTHENTICATE_S = 10.0
"""Time-out for the token in the first message, in seconds."""
CALLS_AT_ONCE = 16
"""Number of calls that one socket may have in progress."""
_LONGEST_REASON = 120

SLOW = WSCloseCode.TRY_AGAIN_LATER
BUG = "internal error; the log of openwx has the details"

_encode = msgspec.json.encode

CallRoute = Callable[[web.Request, Caller, str, RequestParams], Awaitable[Answer]]
"""Calls a route for a socket and who opened it; an error is an answer, too."""


class _Message(msgspec.Struct):
    """A message of a client."""

    call: str = ""
    id: msgspec.Raw = msgspec.Raw(b"null")
    params: msgspec.Raw = msgspec.Raw(b"{}")
    token: str = ""


class _Closed(Exception):
    """The server closes the socket, for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Sockets:
    """The endpoint. ``follow`` is the handler of its route; it raises ``CallerError``."""

    def __init__(
        self,
        access: Access,
        *,
        follow: Callable[[web.Request, RequestParams, Caller], Awaitable[Socket]],
        call: CallRoute,
        why_ended: Callable[[str], str],
        known: Known,
        longest: int,
    ) -> None:
        self._access = access
        self._follow = follow
        self._call = call
        self._why_ended = why_ended
        self._known = known
        self._longest = longest

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a socket until it is closed. Raises ``CallerError`` if the request does not become one."""
        self._access.admit(request)
        params = read_query(request, self._known)
        if client := self._access.account_of(request):
            merge_once("client", params, client)
        caller = self._access.caller(request, params.texts)
        if caller is None and self._access.is_presented(request, params.texts):
            await self._access.guesses.slow_down(request)
            raise unauthenticated()
        # Without a token, messages must be short.
        ws = web.WebSocketResponse(
            autoping=False,
            compress=False,
            max_msg_size=MAX_BODY if caller is None else self._longest,
        )
        if request.method != "GET" or not ws.can_prepare(request):
            words = "this is a WebSocket: it needs GET with Upgrade: websocket (RFC 6455)"
            raise CallerError(Code.BAD_PARAMETER, words)
        session = SocketSession(request, ws, self._call, params.texts.get("client", ""))
        if caller is not None:
            reply = await self._follow(request, params, caller)
            with reply.slots.taking():
                upgrade(request, is_authenticated=True)
                if not await has_begun(ws, request):
                    return (
                        web.Response()
                    )  # to nobody; a WebSocket that has not begun cannot be ended
                await session.serve(reply, caller, self._why_ended)
            return ws
        upgrade(request, is_authenticated=False)
        if not await has_begun(ws, request):
            return web.Response()
        caller = await session.authenticate(self._access)
        if caller is None:
            return ws
        authenticate(request)
        try:
            reply = await self._follow(request, params, caller)
            with reply.slots.taking():
                await session.serve(reply, caller, self._why_ended)
        except CallerError as error:
            await session.refuse(error)
        return ws


class SocketSession:
    """One WebSocket."""

    def __init__(
        self, request: web.Request, ws: web.WebSocketResponse, call: CallRoute, client: str
    ) -> None:
        self._request = request
        self._ws = ws
        self._call = call
        self._client = client
        """The account whose events are sent; calls are for it, too, unless they name another."""
        self._slow_client = SlowClient(request)
        self._cursor = -1
        """Everything up to this id was sent, or did not match the filter."""
        self._is_ending = False
        self._in_progress = 0
        self._received_at = self._now()

    async def authenticate(self, access: Access) -> Caller | None:
        """Wait for a token in the first message, and return whose it is; None if the socket was closed instead."""
        token = ""
        with suppress(TimeoutError, CallerError):
            async with asyncio.timeout(AUTHENTICATE_S):
                message = await self._ws.receive()
                while message.type in (WSMsgType.PING, WSMsgType.PONG):
                    message = await self._ws.receive()
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    token = _read(_bytes(message.data))[0].token
        caller = access.with_token(token)
        if not self._ws.closed and caller is None:
            if token:
                await access.guesses.slow_down(self._request)
            words = 'the first message must be {"token": "…"} with a valid token'
            await self._end(_Closed(WSCloseCode.POLICY_VIOLATION, words))
        return None if self._ws.closed else caller

    async def refuse(self, error: CallerError) -> None:
        """Close the socket because of an error."""
        later = (Code.QUEUE_FULL, Code.NOT_RUNNING)
        code = SLOW if error.code in later else WSCloseCode.POLICY_VIOLATION
        await self._end(_Closed(code, error.status))

    async def serve(self, reply: Socket, caller: Caller, why_ended: Callable[[str], str]) -> None:
        """Send events and answer the calls of ``caller`` until one side ends it; calls that have begun are finished."""
        try:
            await self._serve(reply, caller, why_ended)
        except JournalError as error:
            await self._end(_Closed(WSCloseCode.INTERNAL_ERROR, str(error)))
        except CallerError as error:  # of the node that owns the account
            await self.refuse(error)
        except Exception:
            log.exception("a WebSocket failed")
            await self._end(_Closed(WSCloseCode.INTERNAL_ERROR, BUG))

    async def _serve(self, reply: Socket, caller: Caller, why_ended: Callable[[str], str]) -> None:
        stream = reply.stream
        async with (
            stream.read(reply.after, reply.filter) as reader,
            asyncio.TaskGroup() as tasks,
        ):
            sending = tasks.create_task(
                self._send_until_closed(reply, reader, why_ended), name="socket: events"
            )
            try:
                await self._receive(caller, tasks)
            finally:
                if not self._is_ending:
                    sending.cancel()

    # -- events ------------------------------------------------------------------------------------------------

    async def _send_until_closed(
        self, reply: Socket, reader: Reader | PeerReader, why_ended: Callable[[str], str]
    ) -> None:
        """Send events until there is a reason to close the socket."""
        try:
            await self._send_events(reply, reader)
        except ConnectionError:
            return
        except StreamEnded as ended:
            closed = _Closed(WSCloseCode.GOING_AWAY, why_ended(str(ended)))
        except SlowClientError as slow:
            closed = _Closed(SLOW, str(slow))
        except JournalError as error:
            log.warning("a stream of events ends: %s", error)
            closed = _Closed(WSCloseCode.INTERNAL_ERROR, str(error))
        except _Closed as ours:
            closed = ours
        except Exception:
            log.exception("a stream of events failed")
            closed = _Closed(WSCloseCode.INTERNAL_ERROR, BUG)
        await self._end(closed)

    async def _send_events(self, reply: Socket, reader: Reader | PeerReader) -> NoReturn:
        pinged_at = self._now()
        while True:
            if self._cursor != reader.cursor:  # what came last did not match the filter
                self._cursor = reader.cursor
                await self._send(b'{"type":"cursor","after":%d}' % self._cursor)
            for item in await reader.more(max(0.0, pinged_at + PING_S - self._now())):
                await self._send_item(item, reply, reader)
            if self._now() >= pinged_at + PING_S:
                if self._now() > self._received_at + SILENT_S:
                    words = f"no ping was answered for {SILENT_S:g} seconds"
                    raise _Closed(WSCloseCode.POLICY_VIOLATION, words)
                pinged_at = self._now()
                with self._slow_client.writing():
                    await self._ws.ping()

    async def _send_item(
        self,
        item: PublishedReport | Missed | Relayed,
        reply: Socket,
        reader: Reader | PeerReader,
    ) -> None:
        if isinstance(item, Relayed):
            self._cursor = item.cursor
            await self._send_text(item.text)
            return
        if isinstance(item, Missed):
            await self._send(_encode({"type": "missed"} | missed_range(item)))
            return
        if reply.media_data and item.attachment:
            assert isinstance(reader, Reader)  # the other one relays
            item = await reader.with_file(item)
            async with reply.slots.media:
                await self._send_event(item, await body_of(item))
        else:
            await self._send_event(item, item.body)

    async def _send_event(self, item: PublishedReport, body: bytes) -> None:
        head = b'{"type":"event","id":%d,"name":%s,"event":' % (item.id, _encode(item.kind))
        self._cursor = item.id
        await self._send(head + body + b"}")

    async def _send(self, message: bytes) -> None:
        await self._send_text(message.decode())

    async def _send_text(self, message: str) -> None:
        with self._slow_client.writing():
            await self._ws.send_str(message)
        self._slow_client.check()

    async def _end(self, closed: _Closed) -> None:
        """Send why the socket is closed and where to go on; the close frame says the same."""
        self._is_ending = True
        self._slow_client.end()
        last: dict[str, Any] = {"type": "end", "code": int(closed.code), "reason": str(closed)}
        words = str(closed)
        if self._cursor >= 0:
            last["after"] = self._cursor
            words = f"{words[:60]}; go on with after={self._cursor}"
        with suppress(ConnectionError):
            await self._ws.send_str(_encode(last).decode())
            await self._ws.close(code=closed.code, message=_cut(words))

    # -- calls -------------------------------------------------------------------------------------------------

    async def _receive(self, caller: Caller, tasks: asyncio.TaskGroup) -> None:
        """Receive messages until the socket is closed."""
        while True:
            message = await self._ws.receive()
            self._received_at = self._now()
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    await self._begin_call(caller, _bytes(message.data), tasks)
                case WSMsgType.PING:
                    with suppress(ConnectionError), self._slow_client.writing():
                        await self._ws.pong(message.data)
                case WSMsgType.PONG:
                    pass
                case _:
                    return

    async def _begin_call(self, caller: Caller, data: bytes, tasks: asyncio.TaskGroup) -> None:
        """Begin the call of a message, or answer what is wrong with it."""
        id_ = b"null"
        try:
            message, long = await _parsed(len(data), _read, data)
            if message.token and not message.call:
                return  # a token that was not needed
            id_ = bytes(message.id)
            self._check(message)
            params = await _parsed(len(data), _params, message, long)
        except CallerError as error:
            await self._answer(id_, answers.failure(error))
            return
        self._in_progress += 1
        finish = self._finish_call(caller, id_, message.call, params)
        tasks.create_task(finish, name=f"socket: {message.call[:40]}")

    def _check(self, message: _Message) -> None:
        """Check whether the call can begin. CallerError otherwise."""
        if not message.call:
            words = 'a message must be {"id": …, "call": "the name of a route", "params": {…}}'
            raise CallerError(Code.BAD_PARAMETER, words)
        if self._in_progress >= CALLS_AT_ONCE:
            words = f"{CALLS_AT_ONCE} calls of this socket are under way, which is the most"
            raise CallerError(Code.QUEUE_FULL, words)

    async def _finish_call(
        self, caller: Caller, id_: bytes, name: str, params: RequestParams
    ) -> None:
        if self._client:
            params.texts.setdefault("client", self._client)
        try:
            answer = await self._call(self._request, caller, name, params)
        finally:
            self._in_progress -= 1
        await self._answer(id_, answer)

    async def _answer(self, id_: bytes, answer: Answer) -> None:
        """Send an answer: its JSON, or the bytes of a picture in base64 and their type."""
        head = b'{"type":"answer","id":%s,"http_status":%d,' % (id_, answer.status)
        if answer.content_type == JSON_TYPE:
            body = b'"answer":%s}' % answer.body
        else:
            data = base64.b64encode(answer.body)
            body = b'"content_type":%s,"data":"%s"}' % (_encode(answer.content_type), data)
        try:
            await self._send(head + body)
        except SlowClientError as slow:
            await self._end(_Closed(SLOW, str(slow)))
        except ConnectionError:
            log.debug("the client disconnected before its answer")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


_P = ParamSpec("_P")
_R = TypeVar("_R")


async def _parsed(size: int, parse: Callable[_P, _R], *args: _P.args, **more: _P.kwargs) -> _R:
    """Parse a long message in a thread."""
    if size > PARSED_AT_ONCE:
        return await asyncio.to_thread(parse, *args, **more)
    return parse(*args, **more)


def _bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data


def _read(data: bytes) -> tuple[_Message, dict[str, bytes]]:
    """Decode a message, without its long strings, which are returned apart. CallerError -2."""
    small = bounded(data, "message")
    try:
        message = msgspec.json.decode(small.text, type=_Message)
        msgspec.json.decode(message.id)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        words = f"a message must be a JSON object with a call, its params and an id: {error}"
        raise CallerError(Code.BAD_PARAMETER, words) from None
    id_ = bytes(message.id)
    if len(id_) > 1000 or any(name.encode() in id_ for name in small.long):
        raise CallerError(Code.BAD_PARAMETER, "id must be at most 1000 bytes of JSON")
    return message, small.long


def _params(message: _Message, long: dict[str, bytes]) -> RequestParams:
    """Read the parameters of a call. CallerError -2."""
    row = routing.find(message.call)
    params = bytes(message.params)
    if params.strip() == b"null":
        return RequestParams({}, {})
    texts = texts_of(Bounded(params, long), "params", row.known if row else None)
    return RequestParams(texts.values, {}, texts.ignored)


def _cut(words: str) -> bytes:
    """Cut a text to what fits into a close frame."""
    return words.encode()[:_LONGEST_REASON].decode(errors="ignore").encode()
