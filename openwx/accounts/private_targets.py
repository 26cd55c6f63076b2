"""Addresses that a caller gives to an account: checked like those of media, unless the configuration allows them all.
A proxy that is not the configuration's is refused: it would resolve names, and its own name is resolved elsewhere.
``Account`` and ``AccountManager`` check them here.

The configuration may name any address. What came through ``start_client`` is a caller's, also after a restart. An
address is checked when it is connected to, at every redirect.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from openwx import __version__
from openwx.accounts.media import fetcher
from openwx.accounts.media.fetcher import ForbiddenError, PublicOnly
from openwx.config import AccountSettings, ReportSettings, Settings
from openwx.config.contract import POST_API
from openwx.errors import CallerError, Code
from openwx.lease import Gate
from openwx.neterrors import PRIVATE_ADDRESS, PrivateAddressError
from openwx.transports.sessions import through_gate

KEYS = (POST_API, "poll_api", "base_url", "targets", "proxy")
TO_WECHAT = frozenset({"base_url", "proxy"})
"""Those of ``KEYS`` that an account reaches WeChat by."""
_CHECK_S = 5.0
"""Time-out of a check, in seconds."""


def given_by_caller(settings: Settings, account: AccountSettings) -> frozenset[str]:
    """List which of ``KEYS`` a caller gave to an account, without those that the configuration has too."""
    tables = [settings.report, *settings.accounts.values()]
    given = frozenset(
        key
        for key in KEYS
        if key in account.model_fields_set
        and (value := getattr(account, key))
        and all(value != getattr(table, key, None) for table in tables)
    )
    # Where a proxy resolves the name of a base_url, nobody looks where it leads.
    return given | {"proxy"} if "base_url" in given and account.proxy else given


def addresses_of(account: AccountSettings, keys: Collection[str]) -> dict[str, str]:
    """List the addresses under these of ``KEYS``, by the names of their parameters."""
    single = {key: getattr(account, key) for key in keys if key != "targets"}
    if "targets" not in keys:
        return single
    return single | {
        f"targets[{number}].url": target.url or "" for number, target in enumerate(account.targets)
    }


def trusted_backends(report: ReportSettings, guarded: Collection[str]) -> list[URL]:
    """List the backends that media may come from although they are private: those that no caller gave."""
    return [
        URL(target.url)
        for target in report.all_targets()
        if (POST_API if target.is_post_api else "targets") not in guarded
    ]


class AddressGuard:
    """The connections to addresses that callers gave. ``private_hosts`` may be private. Close it in the end."""

    def __init__(self, private_hosts: Iterable[str]) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._resolver = PublicOnly(self._private_hosts)
        self.connector = _Connector(self._private_hosts, self._resolver)
        self.http = session(self.connector)

    async def close(self) -> None:
        await self.http.close()

    async def check(self, addresses: Mapping[str, str]) -> None:
        """Raise ``CallerError`` (-8) where one of these, by the names of their parameters, is private now. One that
        does not resolve in time is checked when it is used."""
        if "proxy" in addresses:
            raise CallerError(Code.FORBIDDEN, _PROXY_WORDS)
        for key, address in addresses.items():
            url = URL(address)
            try:
                async with asyncio.timeout(_CHECK_S):
                    await self._check(url.host or "", url.port or 0)
            except ForbiddenError:
                raise CallerError(Code.FORBIDDEN, f"{key} {PRIVATE_ADDRESS}") from None
            except (OSError, UnicodeError):
                continue

    async def _check(self, host: str, port: int) -> None:
        if host in self._private_hosts:
            return
        if not fetcher.is_public(host):
            raise ForbiddenError
        if not _is_address(host):
            await self._resolver.resolve(host, port)


_PROXY_WORDS = (
    "proxy must be one that the configuration names, and without a base_url of your own, or empty;"
    " access.allow_private_targets = true allows all"
)


class _Connector(aiohttp.TCPConnector):
    """A connector that refuses private addresses, except for ``private_hosts``."""

    def __init__(self, private_hosts: frozenset[str], resolver: PublicOnly) -> None:
        super().__init__(limit=0, resolver=resolver, use_dns_cache=False)
        self._private_hosts = private_hosts

    async def connect(
        self,
        req: ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.connector.Connection:
        host = req.url.host or ""
        # aiohttp resolves names only: a literal address is checked here.
        if host not in self._private_hosts and not fetcher.is_public(host):
            raise aiohttp.ClientConnectorError(req.connection_key, PrivateAddressError())
        try:
            return await super().connect(req, traces, timeout)
        except aiohttp.ClientConnectorError as error:
            if not isinstance(error.os_error, ForbiddenError):
                raise
            raise aiohttp.ClientConnectorError(req.connection_key, PrivateAddressError()) from None


def session(connector: aiohttp.BaseConnector, gate: Gate | None = None) -> aiohttp.ClientSession:
    """Open the session for calls to backends, or one of an account whose calls pass the ``gate`` once more when they
    have a connection; its connector is not its own."""
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=gate is None,
        request_class=ClientRequest if gate is None else through_gate(gate),
        headers={"User-Agent": f"openwx/{__version__}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
    )


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()
