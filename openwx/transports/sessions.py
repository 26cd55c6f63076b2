"""The HTTP sessions of one account, direct and through its proxy; and what fails at the proxy, told from the rest.
The ``Http`` of each transport has them.

A request passes the account's gate twice: before it takes a connection, where it waits, and when it has one, which can
take seconds. Only then it leaves.

aiohttp itself speaks to HTTP proxies: by CONNECT for https, and with whole addresses for http. ``socks`` is for the
others. All that fails while a connector makes a connection failed at the proxy or behind it, and nothing was sent yet.
"""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any, cast

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from openwx.config.proxies import Proxy
from openwx.errors import BadResponse, NeverReached, ProxyTrouble
from openwx.lease import Gate, always_open
from openwx.neterrors import cause, describe
from openwx.transports.proxytrouble import ProxyTroubleError


def connect_s(total_s: float) -> float:
    """Return how long a call may connect: less than the whole, so that it is told what did not answer."""
    return min(10.0, total_s / 2)


async def read_answer(call: str, answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Read an answer. Raise ``BadResponse`` where it has more than ``most`` bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > most:
            raise BadResponse(call, f"the answer is larger than {most} bytes")
        parts.append(part)
    return b"".join(parts)


class HeldBackError(aiohttp.ClientConnectionError):
    """The lease ended while a connection was made, so nothing was sent."""


class HttpSessions:
    """A direct session on a connector that others use too, and one through the ``proxy`` on a connector of its own.

    ``options`` are those of ``aiohttp.ClientSession``.
    """

    def __init__(
        self,
        connector: aiohttp.BaseConnector,
        proxy: Proxy | None,
        *,
        gate: Gate | None = None,
        **options: Any,
    ) -> None:
        self.gate = gate or always_open()
        self._proxy = proxy
        options["request_class"] = through_gate(self.gate)
        self._direct = aiohttp.ClientSession(connector=connector, connector_owner=False, **options)
        self._proxied = _through(proxy, options) if proxy else self._direct

    @property
    def closed(self) -> bool:
        return self._direct.closed

    async def close(self) -> None:
        await self._direct.close()
        await self._proxied.close()

    async def permitted(self, call: str, within_s: float) -> None:
        """Wait until requests may be made for the account.

        Raise ``NeverReached`` if that takes too long, and ``LeaseLost``.
        """
        try:
            await self.gate.passed(within_s)
        except TimeoutError:
            words = f"not called: this process had no lease for {within_s:.0f} seconds"
            raise NeverReached(call, words) from None

    def request(
        self, method: str, url: URL, **options: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Yield the answer to a request. Raises what aiohttp does, ``ProxyTroubleError``, and if nothing may be sent
        any more ``HeldBackError`` or ``LeaseLost``."""
        if self._proxy is None or not self._proxy.serves(url.host or ""):
            return self._direct.request(method, url, **options)
        return self._request_through(self._proxy, method, url, **options)

    @asynccontextmanager
    async def _request_through(
        self, proxy: Proxy, method: str, url: URL, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._proxied.request(method, url, **options) as answer:
            if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and url.scheme == "http":
                raise _unauthorised(proxy)
            yield answer


def through_gate(gate: Gate) -> type[ClientRequest]:
    """Return what makes requests that leave only while the gate is open; else ``HeldBackError`` or ``LeaseLost``."""
    return cast("type[ClientRequest]", functools.partial(_GatedRequest, gate))


class _GatedRequest(ClientRequest):
    """A request that leaves only while the gate is open.


    One class for all accounts: Python looks attributes up much more slowly where each has a class of its own.
    """

    def __init__(self, gate: Gate, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._gate = gate

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if not self._gate.is_open:
            self._gate.require_mine()
            raise HeldBackError("not called: the lease of this process has ended")
        return await super().send(conn)

    async def write_bytes(
        self,
        writer: AbstractStreamWriter,
        conn: aiohttp.connector.Connection,
        content_length: int | None = None,
    ) -> None:
        # Before Python 3.12 this is a task of its own, which a paused process begins much later.
        if not self._gate.is_open:
            conn.close()  # the head has not left either
            return
        await super().write_bytes(writer, conn, content_length)


def _through(proxy: Proxy, options: dict[str, Any]) -> aiohttp.ClientSession:
    if proxy.scheme == "socks5":
        # Benchmark rows `start` and `idle`: only who uses it pays for the library.
        from openwx.transports.socks import SocksConnector  # noqa: PLC0415

        return aiohttp.ClientSession(connector=SocksConnector(proxy), **options)
    connector = _HttpProxyConnector(proxy)
    return aiohttp.ClientSession(connector=connector, proxy=URL(proxy.url), **options)


class _HttpProxyConnector(aiohttp.TCPConnector):
    """Makes connections through an HTTP proxy, each within the time that a request has for connecting."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(limit=0)
        self._through = proxy

    async def connect(
        self,
        req: ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.connector.Connection:
        try:
            async with asyncio.timeout(timeout.sock_connect):
                return await super().connect(req, traces, timeout)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _trouble(self._through, error) from None


def _trouble(proxy: Proxy, error: Exception) -> ProxyTroubleError:
    """Tell the proxy's own troubles from those behind it."""
    match error:
        case aiohttp.ClientHttpProxyError(status=HTTPStatus.PROXY_AUTHENTICATION_REQUIRED):
            return _unauthorised(proxy)
        case aiohttp.ClientHttpProxyError():
            words = f"it answers HTTP {error.status} to CONNECT"
            return ProxyTroubleError(ProxyTrouble.CANNOT_REACH, proxy, words)
        case aiohttp.ClientConnectorError() if (error.host, error.port) != (proxy.host, proxy.port):
            return ProxyTroubleError(ProxyTrouble.CANNOT_REACH, proxy, describe(error))
        case aiohttp.ClientConnectorDNSError():
            return ProxyTroubleError(ProxyTrouble.UNREACHABLE, proxy, "its name is not known (DNS)")
        case aiohttp.ClientConnectorCertificateError():
            return ProxyTroubleError(ProxyTrouble.UNREACHABLE, proxy, describe(error))
        case aiohttp.ClientConnectorError():
            return ProxyTroubleError(ProxyTrouble.UNREACHABLE, proxy, cause(error.os_error))
        case _:
            return ProxyTroubleError(ProxyTrouble.BROKEN, proxy, describe(error))


def _unauthorised(proxy: Proxy) -> ProxyTroubleError:
    return ProxyTroubleError(ProxyTrouble.AUTH, proxy, "it answers HTTP 407")
