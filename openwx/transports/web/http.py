"""Sends every ``Call`` to WeChat and converts all foreign exceptions to openwx's own.
All modules that make calls have it.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Generic, Literal, TypeVar

import aiohttp
import msgspec
from aiohttp import hdrs
from yarl import URL

from openwx.errors import BadResponse, NeverReached, ProxyFailed, Unreachable, refused
from openwx.lease import Gate
from openwx.neterrors import OfCallerError, describe, of_caller
from openwx.transports.hosts import DEFAULT_DOMAIN, LOGIN_HOST
from openwx.transports.network import Way
from openwx.transports.proxytrouble import ProxyTroubleError
from openwx.transports.sessions import HeldBackError, HttpSessions, connect_s, read_answer
from openwx.transports.web import download_body, wire
from openwx.transports.web.cookies import Cookies
from openwx.transports.web.session import Cookie, Session

USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36"
)
LARGEST_ANSWER = 64 * 1024 * 1024
MAIN = "/cgi-bin/mmwebwx-bin/"

Role = Literal["login", "main", "push", "file"]
R = TypeVar("R")
T = TypeVar("T")


class Part(msgspec.Struct, frozen=True):
    """A file in a multipart body."""

    field: str
    filename: str
    content_type: str
    data: bytes


class Call(msgspec.Struct, Generic[R], frozen=True):
    """One request to WeChat, and the struct that its answer is decoded to; ``bytes`` where the answer is not JSON.

    ``path`` is relative to the host of the role (protocol reference, section 1); ``name`` is for errors and logs.
    """

    name: str
    path: str
    reply: type[R]
    role: Role = "main"
    method: Literal["GET", "POST"] = "GET"
    query: Mapping[str, str | int] = {}
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    part: Part | None = None
    """With a part, ``form`` is sent as multipart/form-data."""
    headers: Mapping[str, str] = {}
    timeout_s: float | None = None
    silence_s: float | None = None
    """The longest pause within an answer, in seconds."""


def post(
    session: Session, name: str, reply: type[R], body: Mapping[str, Any], **query: str | int
) -> Call[R]:
    """Return a call as most are: a POST of JSON that names its session twice."""
    return Call(
        name=name,
        path=MAIN + name,
        method="POST",
        reply=reply,
        query={**query, "lang": "zh_CN", "pass_ticket": session.pass_ticket},
        body={"BaseRequest": session.base_request(), **body},
    )


class Http:
    """The HTTP client of one account, with its cookies and hosts."""

    def __init__(self, way: Way) -> None:
        self._base = URL(way.base_url).origin() if way.base_url else None
        self._domain = DEFAULT_DOMAIN
        self._timeout_s = way.timeout_s
        self._cookies = Cookies(self._base)
        self._http = HttpSessions(
            way.direct,
            way.proxy,
            gate=way.gate,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            auto_decompress=True,
        )

    @property
    def gate(self) -> Gate:
        """What every request passes."""
        return self._http.gate

    async def close(self) -> None:
        await self._http.close()

    def enter_domain(self, domain: str) -> None:
        """Use the main, push and file hosts of ``domain`` from now on."""
        self._domain = domain

    @property
    def relayed(self) -> bool:
        return self._base is not None

    def origin(self, role: Role) -> URL:
        if self._base is not None:
            return self._base
        prefix = {"main": "", "push": "webpush.", "file": "file."}
        host = LOGIN_HOST if role == "login" else prefix[role] + self._domain
        return URL(f"https://{host}")

    def cookies(self) -> tuple[Cookie, ...]:
        return tuple(self._cookies)

    def resume(self, session: Session) -> None:
        """Use the hosts and cookies of a saved login."""
        self.enter_domain(session.domain)
        self.restore_cookies(session.cookies)

    def restore_cookies(self, cookies: tuple[Cookie, ...]) -> None:
        self._cookies.restore(cookies, self._domain)

    async def send(self, call: Call[R]) -> R:
        """Send a call and return the decoded answer.

        Raises ``Unreachable``, ``BadResponse``, or the class of ``Rejected`` that its ``Ret`` belongs to, and
        ``LeaseLost``.
        """
        data = await self._exchange(
            call, functools.partial(read_answer, call.name, most=LARGEST_ANSWER)
        )
        if call.reply is bytes:
            return data  # type: ignore[return-value]
        try:
            # Decoding a large contact list in the event loop would delay every other account.
            if len(data) > 256 * 1024:
                reply = await asyncio.to_thread(wire.decode, call.name, data, call.reply)
            else:
                reply = wire.decode(call.name, data, call.reply)
        except BadResponse:
            # A refusal may lack every field that an answer otherwise needs.
            if issubclass(call.reply, wire.Reply):
                _raise_refusal(call.name, wire.decode(call.name, data, wire.Reply))
            raise
        if isinstance(reply, wire.Reply):
            _raise_refusal(call.name, reply)
        return reply

    async def download(
        self,
        call: Call[bytes],
        put: download_body.Put,
        *,
        begin: int = 0,
        sizes: Collection[int] = (),
    ) -> download_body.Piece:
        """Pass the answer's bytes to ``put`` as they arrive. See ``download_body.take``.

        Raises ``Unreachable``, ``BadResponse`` and ``Rejected`` itself; exceptions of ``put`` pass unchanged.
        """

        async def put_own(data: bytes) -> None:
            with of_caller():
                await put(data)

        async def take(answer: aiohttp.ClientResponse) -> download_body.Piece:
            return await download_body.take(call.name, answer, put_own, begin=begin, sizes=sizes)

        return await self._exchange(call, take)

    async def _exchange(
        self, call: Call[Any], read: Callable[[aiohttp.ClientResponse], Awaitable[T]]
    ) -> T:
        """Return what ``read`` makes of an answer whose head arrived and is no error. Convert every error, also those
        within the body."""
        await self._http.permitted(call.name, call.timeout_s or self._timeout_s)
        if self._http.closed:
            raise NeverReached(call.name, "the account has stopped")
        url = self.origin(call.role).with_path(call.path)
        started = time.monotonic()
        try:
            async with self._request(call, url) as answer:
                if hdrs.SET_COOKIE in answer.headers:
                    self._cookies.take(answer.cookies, url)
                if answer.status >= 500:
                    raise Unreachable(call.name, f"HTTP status {answer.status}")
                if answer.status >= 400:
                    raise BadResponse(call.name, f"HTTP status {answer.status}")
                return await read(answer)
        except OfCallerError as error:
            raise error.error from None
        except ProxyTroubleError as error:
            raise ProxyFailed(call.name, error.trouble, error.proxy, error.detail) from None
        except HeldBackError as error:
            raise NeverReached(call.name, str(error)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NeverReached(call.name, describe(error)) from None
        except TimeoutError:
            waited = time.monotonic() - started
            raise Unreachable(call.name, f"no answer within {waited:.0f} seconds") from None
        except aiohttp.ClientError as error:
            # Without its cause: a log of that would show the address with the Skey and the ticket in it.
            raise Unreachable(call.name, describe(error)) from None
        except (OSError, UnicodeError) as error:
            raise Unreachable(call.name, str(error)) from None

    def _request(
        self, call: Call[Any], url: URL
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = {hdrs.REFERER: f"{self.origin('main')}/", **call.headers}
        if cookies := self._cookies.header(url):
            headers[hdrs.COOKIE] = cookies
        data: bytes | aiohttp.FormData | Mapping[str, str] | None = call.form
        if call.body is not None:
            headers[hdrs.CONTENT_TYPE] = "application/json; charset=UTF-8"
            data = wire.encode(call.body)
        elif call.part is not None:
            data = _multipart(call.form or {}, call.part)
        return self._http.request(
            call.method,
            url,
            params={key: str(value) for key, value in call.query.items()},
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=_timeout(call.timeout_s or self._timeout_s, call.silence_s),
        )


@functools.lru_cache(maxsize=64)
def _timeout(total_s: float, silence_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=total_s, sock_connect=connect_s(total_s), sock_read=silence_s
    )


def _multipart(form: Mapping[str, str], part: Part) -> aiohttp.FormData:
    """Encode a multipart body as browsers do: names in unescaped UTF-8."""
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in form.items():
        data.add_field(name, value)
    filename = part.filename.replace('"', "%22")
    data.add_field(part.field, part.data, filename=filename, content_type=part.content_type)
    return data


def _raise_refusal(call: str, reply: wire.Reply) -> None:
    if reply.BaseResponse.Ret != 0:
        raise refused(call, reply.BaseResponse.Ret, reply.BaseResponse.ErrMsg or "")
