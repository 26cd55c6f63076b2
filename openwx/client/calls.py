"""The only door to the gateway: one call, its time-outs, and when it is asked again.

A call that changes nothing at the gateway, or a send (which carries an ``Idempotency-Key``), is asked again after a
lost connection until ``retry_for_s`` seconds have passed since then. Everything else is asked again only where no
connection came about, so that nothing can have been done. An answer of the gateway's is an answer: it is never asked
for again, but for -4 and -7 after a connection was lost, which do not tell what became of the call before.
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
"""The gateway waits for WeChat for 120 seconds."""
BODY_S = 600.0
"""So long the gateway gives a body with a medium."""
SILENCE_S = 45.0
"""A stream has a heartbeat every 15 seconds."""
FIRST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0
_NOT_NOW = frozenset({502, 503, 504})


class _Told(msgspec.Struct):
    """What every failure has."""

    code: int = 0
    status: str = ""


class Calls:
    """A connection to one gateway, for one of its accounts.

    ``token`` is the gateway's ``access.token``, ``account`` the name of an account, where there are several. An answer
    is waited for ``timeout_s`` seconds, of what WeChat has to do with for 150. ``retry_for_s``: see the module; 0 asks
    nothing again, and makes no keys. ``tls`` is for https with a certificate of one's own. ``headers`` go with every
    call, for a proxy that wants some.
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
        """Close the connections; once more does nothing."""
        for response in list(self._streams):
            response.close()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def call(self, route: str, **parameters: Any) -> Any:
        """Any route, also one that this client does not know: its JSON. Never asked again after a lost answer."""
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
        """The answer of a route, as this type. ``again``: it may be done twice. Raises ``CallFailed``."""
        decoder = msgspec.json.Decoder(answer)
        call = _Call(self, route, parameters, wait_s or self._timeout_s, again, key)
        answered = await call.answer(self._retry_for_s)
        return _decoded(route, answered.body, decoder.decode)

    async def _list(
        self, route: str, parameters: dict[str, Any], *, wait_s: float
    ) -> tuple[list[msgspec.Raw], Mapping[str, str]]:
        """A list that is asked for again after a lost answer, and the headers that came with it."""
        call = _Call(self, route, parameters, wait_s, again=True, key=None)
        answered = await call.answer(self._retry_for_s)
        return _decoded(route, answered.body, _LIST.decode), answered.headers

    async def _image(self, route: str, parameters: dict[str, Any]) -> tuple[bytes, str]:
        call = _Call(self, route, parameters, OUTCOME_S, again=True, key=None)
        answered = await call.answer(self._retry_for_s)
        return answered.body, answered.type

    async def _stream(self, route: str, parameters: dict[str, Any]) -> aiohttp.ClientResponse:
        """The head of an answer whose body does not end by itself; it is closed with the client. Raises ``CallFailed``.

        While it is read, ``failing`` gives errors their names; one that is silent too long is lost.
        """
        call = _Call(self, route, parameters, SILENCE_S, again=False, key=None)
        response = await call.stream()
        self._streams.add(response)
        return response

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("the client is not open: use it in `async with Client(…) as wx`")
        return self._http


class _Answered(NamedTuple):
    """A success."""

    body: bytes
    type: str
    headers: Mapping[str, str]


class _Call:
    """One call, with all of its tries."""

    def __init__(
        self, calls: Calls, route: str, parameters: dict[str, Any], wait_s: float, again: bool, key: str | None
    ) -> None:  # fmt: skip
        self._http = calls._session()  # noqa: SLF001 - the other half of one thing
        self._url = f"{calls.url}/openwx/{route}"
        self._route = route
        given = {"client": calls.account, **parameters}
        self._texts = {
            name: text for name, value in given.items() if (text := _text(value)) is not None
        }
        self._files = {name: one for name, one in given.items() if isinstance(one, FilePart)}
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
        """A success with a body that does not end by itself."""
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=SILENCE_S)
        with failing(self._route):
            response = await self._http.post(
                self._url, data=self._texts, timeout=timeout, allow_redirects=False
            )
            if response.content_type == "text/event-stream":
                return response
            async with response:
                self._judged(response, await response.read())
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
            return self._judged(response, await response.read())

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

    def _judged(self, response: aiohttp.ClientResponse, body: bytes) -> "_Answered":
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
            told: _Told = _decoded(self._route, body, _TOLD.decode)
            if told.code != 0 or status != 200:
                extra = msgspec.json.decode(body)
                extra = {name: extra[name] for name in extra if name not in ("code", "status")}
                raise errors.failure(self._route, told.code, told.status, status, extra)
        return _Answered(body, kind, response.headers)


@contextmanager
def failing(route: str) -> Iterator[None]:
    """Foreign exceptions end here, as a ``CallFailed`` of this route."""
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
_TOLD = msgspec.json.Decoder(_Told)


def _headers(said: str) -> dict[str, str]:
    return {hdrs.CONTENT_DISPOSITION: f"form-data; {said}"}


def _decoded(route: str, body: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(body)
    except msgspec.MsgspecError as error:
        raise errors.NotOpenwx(route, f"an answer that nobody understands: {error}") from error


def _text(value: object) -> str | None:
    """A parameter as a text; None for what is not given, or no text."""
    match value:
        case None | FilePart():
            return None
        case bool():
            return "1" if value else "0"
        case list() | tuple() | set() | frozenset():
            return ",".join(str(one) for one in value)
        case _:
            return str(value)
