"""Connections through a SOCKS5 proxy, which resolves the names. The protocol is that of python-socks.
``sessions`` makes them.
"""

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from typing import Any

import aiohttp
import aiohttp_socks
from aiohttp.client_reqrep import ClientRequest

from openwx.cancelling import cancel_and_close
from openwx.config.proxies import Proxy
from openwx.errors import ProxyTrouble
from openwx.neterrors import cause, describe
from openwx.transports.proxytrouble import ProxyTroubleError

_AUTH = frozenset(
    {
        "No acceptable authentication methods were offered",
        "Username and password authentication failure",
    }
)
"""What python-socks says where user and password are wrong or missing. A test compares."""


_CANCEL_AGAIN_S = 0.1
"""The pause before it is cancelled again, in seconds."""


class SocksConnector(aiohttp_socks.ProxyConnector):
    """Makes connections through a proxy. Raises ``ProxyTroubleError`` for all that fails meanwhile."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(
            host=proxy.host,
            port=proxy.port,
            proxy_type=aiohttp_socks.ProxyType.SOCKS5,
            username=proxy.user or None,
            password=proxy.password or None,
            rdns=True,
            limit=0,
        )
        self._through = proxy

    async def connect(
        self,
        req: ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.connector.Connection:
        try:
            return await _within(timeout.sock_connect, super().connect(req, traces, timeout))
        except (
            aiohttp_socks.ProxyConnectionError,
            aiohttp_socks.ProxyTimeoutError,
            aiohttp_socks.ProxyError,
            aiohttp.ClientError,
            EOFError,  # it closed the connection
            OSError,
            ValueError,  # it answered bytes that are no text
        ) as error:
            trouble, detail = _trouble(error, f"{req.host}:{req.port}")
            raise ProxyTroubleError(trouble, self._through, detail) from None


async def _within(
    limit_s: float | None, connecting: Coroutine[Any, Any, aiohttp.connector.Connection]
) -> aiohttp.connector.Connection:
    """Return the connection, with TLS behind the proxy. Raise ``TimeoutError`` after ``limit_s`` seconds.

    Where it broke off within TLS, python-socks waits for an end that may never be told: it is cancelled until it ends.
    """
    task = asyncio.ensure_future(connecting)
    try:
        try:
            await asyncio.wait({task}, timeout=limit_s)
        finally:
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_CANCEL_AGAIN_S)
    except asyncio.CancelledError:
        cancel_and_close(task, aiohttp.connector.Connection.close)
        raise
    if task.cancelled():
        raise TimeoutError
    return task.result()


def _trouble(error: Exception, target: str) -> tuple[ProxyTrouble, str]:
    """Tell the proxy's own troubles from those behind it."""
    match error:
        case aiohttp_socks.ProxyConnectionError():
            return ProxyTrouble.UNREACHABLE, _why(error)
        case aiohttp_socks.ProxyError(error_code=int()):
            return ProxyTrouble.CANNOT_REACH, str(error).lower()
        case aiohttp_socks.ProxyError() if str(error) in _AUTH:
            return ProxyTrouble.AUTH, str(error).lower()
        case aiohttp_socks.ProxyError():
            return ProxyTrouble.BROKEN, str(error).lower()
        case aiohttp_socks.ProxyTimeoutError():
            return ProxyTrouble.BROKEN, "no answer in time"
        case EOFError():
            return ProxyTrouble.BROKEN, "the connection was closed without an answer"
        case ssl.SSLCertVerificationError():
            words = f"the certificate of {target} is not trusted: {error.verify_message}"
            return ProxyTrouble.CANNOT_REACH, words
        case ssl.SSLError():
            return ProxyTrouble.CANNOT_REACH, f"{target}: {cause(error)}"
        case _:
            return ProxyTrouble.BROKEN, describe(error)


def _why(error: BaseException) -> str:
    """Find the system's error behind those of the libraries."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, socket.gaierror):
        return "its name is not known (DNS)"
    return cause(error) if isinstance(error, OSError) else "no connection"
