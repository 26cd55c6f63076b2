"""The way of each account to WeChat: direct, or through a proxy. The composition makes one ``Network`` for all."""

from typing import NamedTuple, NoReturn

import aiohttp
from aiohttp.client_reqrep import ClientRequest

from openwx.config import AccountSettings
from openwx.config.proxies import NO_PROXIES, EnvironmentProxies, Proxy
from openwx.lease import Gate


class Way(NamedTuple):
    """How an account's calls reach WeChat. An ``Http`` is made of it."""

    direct: aiohttp.BaseConnector
    """The connector of direct connections."""
    proxy: Proxy | None = None
    """That of the others; None where all are direct."""
    base_url: str = ""
    """One origin that replaces every host: the simulator or a relay."""
    timeout_s: float = 30.0
    gate: Gate | None = None
    """What every call passes; None is one that is always open."""


class Network:
    """``guarded`` is the connector for addresses that came from callers, None where these may be private.
    ``environment`` has the proxies of accounts that name none."""

    def __init__(
        self,
        connector: aiohttp.BaseConnector,
        guarded: aiohttp.BaseConnector | None = None,
        environment: EnvironmentProxies = NO_PROXIES,
    ) -> None:
        self._connector = connector
        self._guarded = guarded
        self._environment = environment

    def way(
        self, settings: AccountSettings, *, is_guarded: bool, timeout_s: float, gate: Gate | None
    ) -> Way:
        """Return the way of an account. ``is_guarded``: its ``base_url`` or ``proxy`` came from a caller.

        Such a ``base_url`` is reached directly: a proxy would resolve its name, and nobody would look where it leads.
        """
        if is_guarded and self._guarded is not None:
            direct, proxy = _Closed() if settings.proxy else self._guarded, None
        else:
            direct, proxy = self._connector, settings.proxy_with(self._environment)
        return Way(direct, proxy, settings.base_url or "", timeout_s, gate)


class _Closed(aiohttp.TCPConnector):
    """Connects to nothing: the operator allowed this way once, and does not any more."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,
    ) -> NoReturn:
        words = "a caller gave its proxy: access.allow_private_targets = true would allow that"
        raise aiohttp.ClientConnectorError(req.connection_key, OSError(words))
