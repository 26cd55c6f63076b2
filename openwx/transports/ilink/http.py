"""Sends every ``Call`` to the iLink bot API, and the bytes of media to and from its CDN. Converts all foreign
exceptions to openwx's own. ``ILinkClient`` and ``Transfer`` have one between them.
"""

import base64
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

import aiohttp
import msgspec
from aiohttp import hdrs
from yarl import URL

from openwx import __version__
from openwx.errors import BadResponse, NeverReached, ProxyFailed, Rejected, Unreachable
from openwx.lease import Gate
from openwx.neterrors import OfCallerError, describe, of_caller
from openwx.transports.ilink import wire
from openwx.transports.ilink.hosts import CALLS, Hosts
from openwx.transports.network import Way
from openwx.transports.proxytrouble import ProxyTroubleError
from openwx.transports.sessions import HeldBackError, HttpSessions, connect_s, read_answer

CLIENT_VERSION = "2.4.9"
"""The version of the official client that openwx speaks like. With one that is too old, the phone says after the scan
that the interface must be upgraded; without it, polls are answered -14 (both observed in 2026)."""

BASE_INFO = {"channel_version": CLIENT_VERSION, "bot_agent": f"openwx/{__version__}"[:256]}
"""In the body of every call after the login code; for the service's statistics."""

LARGEST_ANSWER = 16 * 1024 * 1024
"""In bytes."""
PIECE = 64 * 1024
SECOND_POLLER = 403

R = TypeVar("R", bound=wire.Reply)
T = TypeVar("T")
Put = Callable[[bytes], Awaitable[object]]


class SecondPollerError(Rejected):
    """403 to ``getupdates``: another program polls the same bot."""


class Call(msgspec.Struct, Generic[R], frozen=True):
    """One request below ``ilink/bot/``: a POST where it has a body. ``name`` is for errors and logs."""

    name: str
    path: str
    reply: type[R]
    origin: URL
    query: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = None
    token: str = ""
    timeout_s: float | None = None


class Http:
    """The HTTP client of one account. There are no cookies."""

    def __init__(self, way: Way) -> None:
        self.hosts = Hosts(way.base_url)
        self._timeout_s = way.timeout_s
        self._http = HttpSessions(
            way.direct,
            way.proxy,
            gate=way.gate,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={hdrs.USER_AGENT: f"openwx/{__version__}"},
        )

    @property
    def gate(self) -> Gate:
        """What every request passes."""
        return self._http.gate

    async def close(self) -> None:
        await self._http.close()

    async def send(self, call: Call[R]) -> R:
        """Send a call and return its answer, whatever Content-Type that has.

        Raises ``Unreachable``, ``BadResponse``, or the class of ``Rejected`` that its codes mean; ``LeaseLost``.
        """
        post, total_s = call.body is not None, call.timeout_s or self._timeout_s
        options: dict[str, Any] = {
            "headers": _headers(call),
            "timeout": aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s(total_s)),
        }
        if call.body is not None:
            options["data"] = wire.encode(call.body)
        url = call.origin.with_path(CALLS + call.path).with_query(dict(call.query))

        async def take(answer: aiohttp.ClientResponse) -> bytes:
            _require_ok(call.name, answer)
            return await read_answer(call.name, answer, LARGEST_ANSWER)

        data = await self._exchange(call.name, "POST" if post else "GET", url, options, take)
        reply = wire.decode(call.name, data, call.reply)
        wire.raise_refusal(call.name, reply)
        return reply

    async def download(self, url: URL, put: Put, *, longest_s: float) -> None:
        """Pass the bytes at an address of the CDN to ``put`` as they arrive.

        Raises ``Unreachable``, ``BadResponse`` and ``Rejected`` itself, and what ``put`` raises.
        """

        async def take(answer: aiohttp.ClientResponse) -> None:
            _require_media("download", answer)
            async for data in answer.content.iter_chunked(PIECE):
                with of_caller():
                    await put(data)

        await self._exchange("download", "GET", url, {"timeout": self._long(longest_s)}, take)

    async def upload(
        self, url: URL, body: AsyncIterator[bytes], size: int, *, longest_s: float
    ) -> str:
        """Post ``size`` bytes to an address of the CDN, and return the parameter by which a message names them.

        Raises ``Unreachable`` where that may be tried again, ``Rejected`` where not, and what ``body`` raises.
        """

        async def guarded() -> AsyncIterator[bytes]:
            with of_caller():
                async for data in body:
                    yield data

        async def take(answer: aiohttp.ClientResponse) -> str:
            _require_media("upload", answer)
            param = wire.token(answer.headers.get("x-encrypted-param", ""), 8192)
            if not param:
                raise Unreachable("upload", "the answer has no x-encrypted-param")
            return param

        headers = {hdrs.CONTENT_TYPE: "application/octet-stream", hdrs.CONTENT_LENGTH: str(size)}
        options = {"data": guarded(), "headers": headers, "timeout": self._long(longest_s)}
        return await self._exchange("upload", "POST", url, options, take)

    def _long(self, longest_s: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=longest_s, sock_connect=connect_s(self._timeout_s), sock_read=self._timeout_s
        )

    async def _exchange(
        self,
        name: str,
        method: str,
        url: URL,
        options: Mapping[str, Any],
        take: Callable[[aiohttp.ClientResponse], Awaitable[T]],
    ) -> T:
        """Return what ``take`` makes of an answer. Convert every error, also those within the body."""
        await self._http.permitted(name, options["timeout"].total)
        if self._http.closed:
            raise NeverReached(name, "the account has stopped")
        started = time.monotonic()
        try:
            async with self._http.request(method, url, allow_redirects=False, **options) as answer:
                return await take(answer)
        except OfCallerError as error:
            raise error.error from None
        except ProxyTroubleError as error:
            raise ProxyFailed(name, error.trouble, error.proxy, error.detail) from None
        except HeldBackError as error:
            raise NeverReached(name, str(error)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NeverReached(name, describe(error)) from None
        except TimeoutError:
            waited = time.monotonic() - started
            raise Unreachable(name, f"no answer within {waited:.0f} seconds") from None
        except aiohttp.ClientError as error:
            # Without its cause: a log of that would show the address with the code or the file's parameter in it.
            if isinstance(own := error.__cause__, OfCallerError):
                raise own.error from None
            raise Unreachable(name, describe(error)) from None
        except (OSError, UnicodeError) as error:
            raise Unreachable(name, str(error)) from None


def _headers(call: Call[Any]) -> dict[str, str]:
    """Return the headers of the official client. A fresh random number is part of each POST."""
    headers = {"iLink-App-Id": "bot", "iLink-App-ClientVersion": str(version_number())}
    if call.body is not None:
        drawn = str(random.getrandbits(32)).encode()
        headers[hdrs.CONTENT_TYPE] = "application/json"
        headers["AuthorizationType"] = "ilink_bot_token"
        headers["X-WECHAT-UIN"] = base64.b64encode(drawn).decode()
        if call.token:
            headers[hdrs.AUTHORIZATION] = f"Bearer {call.token}"
    return headers


def version_number() -> int:
    """Return ``CLIENT_VERSION`` as the service counts it: a byte each of major, minor and patch."""
    major, minor, patch = map(int, CLIENT_VERSION.split("."))
    return major << 16 | minor << 8 | patch


def _require_ok(name: str, answer: aiohttp.ClientResponse) -> None:
    if answer.status >= 500:
        raise Unreachable(name, f"HTTP status {answer.status}")
    if answer.status == SECOND_POLLER and name == "getupdates":
        raise SecondPollerError(name, SECOND_POLLER, "another program polls this bot")
    if answer.status != 200:
        raise BadResponse(name, f"HTTP status {answer.status}")


def _require_media(name: str, answer: aiohttp.ClientResponse) -> None:
    """Raise for a status other than 200: below 500 the CDN's word is final."""
    if answer.status >= 500:
        raise Unreachable(name, f"HTTP status {answer.status}")
    if answer.status != 200:
        code = wire.whole(answer.headers.get("x-error-code", ""))
        words = wire.text(answer.headers.get("x-error-message", ""), 1000)
        raise Rejected(name, code or answer.status, words or f"HTTP status {answer.status}")
