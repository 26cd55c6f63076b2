"""Makes all HTTP calls to the gateway: time-outs, and when a call is retried.

A call that changes nothing at the gateway, or a send (which carries an ``Idempotency-Key``), is retried after a lost
connection until ``retry_for_s`` seconds have passed since then. Everything else is retried only if the connection could
not be established, so that nothing can have been done. A call that was answered is not retried, except for -4 and -7
after a lost connection, which do not tell the outcome of the call before.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any, NamedTuple, Self, TypeVar, cast
from urllib.parse import quote
from weakref import WeakSet

import aiohttp
import msgspec
from aiohttp import hdrs

import openwx
from openwx.client import errors
from openwx.client.media import FilePart

T = TypeVar("T")

URL = "http://127.0.0.1:3000"
CONNECT_S = 10.0
OUTCOME_S = 150.0
"""Time-out for calls that wait for WeChat, in seconds; the gateway's own is 120."""
BODY_S = 600.0
"""Time-out for a body with media, in seconds; the same as the gateway's."""
MOST_BYTES = 2**30
"""Size of an answer: one with all members of all groups may be large."""
SILENCE_S = 45.0
"""Time after which a silent stream is lost, in seconds; its heartbeat comes every 15."""
FIRST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0
_NOT_NOW = frozenset({502, 503, 504})


class _Status(msgspec.Struct):
    """The members of every failure."""

    code: int = 0
    status: str = ""


class Calls:
    """A connection to one gateway, for one of its accounts.

    ``token`` is the gateway's ``access.token``, ``account`` the name of an account, if there are several. The time-out
    of an answer is ``timeout_s`` seconds, and 150 for calls that wait for WeChat. ``retry_for_s``: see the module; with
    0 nothing is retried, and no keys are made. ``tls`` is for https with your own certificate. ``headers`` are sent
    with every call, for a proxy that needs some.
    """

    def __init__(
        self,
        url: str = URL,
        *,
        token: str | None = None,
        account: str | None = None,
        timeout_s: float = 30.0,
        retry_for_s: float = 60.0,
        tls: ssl.SSLContext | bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"url must begin with http:// or https://, not be {url!r}")
        self.url = url.rstrip("/").removesuffix("/openwx")
        self.account = account
        self._timeout_s = timeout_s
        self._retry_for_s = retry_for_s
        self._tls = tls
        self._headers = {"User-Agent": f"openwx-client/{openwx.__version__}", **(headers or {})}
        if token is not None:
            self._headers[hdrs.AUTHORIZATION] = f"Bearer {token}"
        self._http: aiohttp.ClientSession | None = None
        self._streams: WeakSet[aiohttp.ClientResponse] = WeakSet()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Calling it again has no effect."""
        for response in list(self._streams):
            response.close()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def call(self, route: str, **parameters: Any) -> Any:
        """Call any route, also an unknown one, and return its JSON. Never retried after a lost answer."""
        return await self._call(route, cast("type[Any]", Any), parameters, wait_s=OUTCOME_S)

    async def _call(
        self,
        route: str,
        answer: type[T],
        parameters: dict[str, Any],
        *,
        wait_s: float | None = None,
        again: bool = False,
        key: str | None = None,
    ) -> T:
        """Call a route and decode its answer. ``again``: it may be done twice. Raises ``CallFailed``."""
        decoder = msgspec.json.Decoder(answer)
        call = self._prepare(route, parameters, wait_s or self._timeout_s, again=again, key=key)
        answered = await call.answer(self._retry_for_s)
        return _decoded(route, answered.body, decoder.decode)

    async def _list(
        self, route: str, parameters: dict[str, Any], *, wait_s: float
    ) -> tuple[list[msgspec.Raw], Mapping[str, str]]:
        """Get a list with its headers; retried after a lost answer."""
        call = self._prepare(route, parameters, wait_s, again=True)
        answered = await call.answer(self._retry_for_s)
        return _decoded(route, answered.body, _LIST.decode), answered.headers

    async def _image(self, route: str, parameters: dict[str, Any]) -> tuple[bytes, str]:
        call = self._prepare(route, parameters, OUTCOME_S, again=True)
        answered = await call.answer(self._retry_for_s)
        return answered.body, answered.type

    async def _stream(self, route: str, parameters: dict[str, Any]) -> aiohttp.ClientResponse:
        """Open a stream, which is closed with the client. Raises ``CallFailed``.

        Read it within ``failing``, which converts errors; a stream that is silent too long is lost.
        """
        call = self._prepare(route, parameters, SILENCE_S)
        response = await call.stream()
        self._streams.add(response)
        return response

    def _prepare(
        self, route: str, parameters: dict[str, Any], wait_s: float, **options: Any
    ) -> "_Call":
        if self._http is None:
            raise RuntimeError("the client is not open: use it in `async with Client(…) as wx`")
        parameters = {"client": self.account, **parameters}
        return _Call(self._http, self.url, route, parameters, wait_s, **options)


class _Answered(NamedTuple):
    """A successful answer."""

    body: bytes
    type: str
    headers: Mapping[str, str]


class _Call:
    """One call with all of its attempts."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        route: str,
        parameters: dict[str, Any],
        wait_s: float,
        *,
        again: bool = False,
        key: str | None = None,
    ) -> None:
        self._http = http
        self._url = f"{url}/openwx/{route}"
        self._route = route
        self._texts = {
            name: text for name, value in parameters.items() if (text := _text(value)) is not None
        }
        self._files = {name: one for name, one in parameters.items() if isinstance(one, FilePart)}
        self._again = again or key is not None
        self._key = key
        self._timeout = aiohttp.ClientTimeout(
            total=CONNECT_S + wait_s + (BODY_S if self._files else 0.0),
            sock_connect=CONNECT_S,
            sock_read=wait_s,
        )

    async def answer(self, retry_for_s: float) -> "_Answered":
        lost: errors.OutcomeUnknown | None = None
        deadline: float | None = None
        pause_s = FIRST_PAUSE_S
        now = asyncio.get_running_loop().time
        while True:
            try:
                return await self._try()
            except errors.NotConnected as error:
                failed: errors.CallFailed = error
            except errors.OutcomeUnknown as error:
                error.idempotency_key = self._key
                if error.code is not None or not self._again:
                    raise
                failed = lost = error
            except (errors.NotRunning, errors.QueueFull) as error:
                if lost is None:
                    raise
                failed = error
            deadline = now() + retry_for_s if deadline is None else deadline
            if now() + pause_s > deadline:
                raise (lost or failed) from failed
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MOST_PAUSE_S)

    async def stream(self) -> aiohttp.ClientResponse:
        """Open a stream, whose beginning has a time-out of its own."""
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=SILENCE_S)
        with failing(self._route):
            async with asyncio.timeout(self._timeout.total):
                response = await self._http.post(
                    self._url, data=self._texts, timeout=timeout, allow_redirects=False
                )
                if response.content_type == "text/event-stream":
                    return response
                async with response:
                    self._check(response, await _read(self._route, response))
            raise errors.NotOpenwx(self._route, f"{response.content_type} is no stream")

    async def _try(self) -> "_Answered":
        headers = {} if self._key is None else {"Idempotency-Key": self._key}
        async with AsyncExitStack() as stack:
            data = await self._body(stack)
            stack.enter_context(failing(self._route))
            response = await stack.enter_async_context(
                self._http.post(
                    self._url,
                    data=data,
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                )
            )
            return self._check(response, await _read(self._route, response))

    async def _body(self, stack: AsyncExitStack) -> aiohttp.MultipartWriter | dict[str, str]:
        if not self._files:
            return self._texts
        form = aiohttp.MultipartWriter("form-data")
        for name, text in self._texts.items():
            form.append(text, _headers(f'name="{name}"'))
        for name, part in self._files.items():
            content = await asyncio.to_thread(part.open)
            if not isinstance(content, bytes):
                stack.callback(content.close)
            named = quote(part.name, safe="", errors="surrogateescape")
            headers = _headers(f"name=\"{name}\"; filename*=UTF-8''{named}")
            form.append(content, headers | {hdrs.CONTENT_TYPE: "application/octet-stream"})
        return form

    def _check(self, response: aiohttp.ClientResponse, body: bytes) -> "_Answered":
        status, kind = response.status, response.content_type
        if kind.startswith("image/") and status == 200:
            return _Answered(body, kind, response.headers)
        if kind != "application/json":
            words = f"HTTP {status} with {kind}, which is no answer of openwx"
            if hdrs.LOCATION in response.headers:
                words = f"HTTP {status}: give the address that it leads to, {response.headers[hdrs.LOCATION]}"
            raise (errors.OutcomeUnknown if status in _NOT_NOW else errors.NotOpenwx)(
                self._route, words, http_status=status
            )
        if body.startswith(b"{"):
            answered: _Status = _decoded(self._route, body, _STATUS.decode)
            if answered.code != 0 or status != 200:
                extra = _decoded(self._route, body, msgspec.json.decode)
                extra = {name: extra[name] for name in extra if name not in ("code", "status")}
                raise errors.failure(self._route, answered.code, answered.status, status, extra)
        return _Answered(body, kind, response.headers)


@contextmanager
def failing(route: str) -> Iterator[None]:
    """Convert exceptions of aiohttp to a ``CallFailed`` of this route."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise errors.NotOpenwx(route, f"its certificate is not valid: {error}") from error
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise errors.NotConnected(route, f"no connection: {error}") from error
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        words = f"the answer was lost: {str(error) or type(error).__name__}"
        raise errors.OutcomeUnknown(route, words) from error


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_STATUS = msgspec.json.Decoder(_Status)


def _headers(said: str) -> dict[str, str]:
    return {hdrs.CONTENT_DISPOSITION: f"form-data; {said}"}


async def _read(route: str, response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise errors.NotOpenwx(route, f"an answer of more than {MOST_BYTES} bytes")
    return bytes(body)


def _decoded(route: str, body: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(body)
    except errors.UNREADABLE as error:
        raise errors.NotOpenwx(route, f"the answer cannot be understood: {error}") from error


def _text(value: object) -> str | None:
    """Return a parameter as a text; None for an absent one, and for files."""
    match value:
        case None | FilePart():
            return None
        case bool():
            return "1" if value else "0"
        case list() | tuple() | set() | frozenset():
            return ",".join(str(one) for one in value)
        case _:
            return str(value)
