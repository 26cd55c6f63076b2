"""Fetches media from URLs that callers and bots name, but never from private addresses. ``MediaResolver`` has it.

An address is checked when it is connected to, at every redirect: a name that resolves to a public address for
the check and to a private one for the connection gains nothing.
"""

import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import ClientTimeout, hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from openwx import __version__
from openwx.accounts.media import names
from openwx.errors import CallerError, Code
from openwx.urls import parsed

MOST_REDIRECTS = 5
TIMEOUT = ClientTimeout(total=300, sock_connect=10, sock_read=30)


class ForbiddenError(OSError):
    """The name resolves to an address that callers may not reach."""


class PublicOnly(AbstractResolver):
    """A resolver that refuses names with any address that is not public, except for ``private_hosts``."""

    def __init__(self, private_hosts: frozenset[str] = frozenset()) -> None:
        self._private_hosts = private_hosts
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if host not in self._private_hosts and not all(is_public(one["host"]) for one in found):
            raise ForbiddenError(f"{host} leads to a private address")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Fetched(msgspec.Struct, frozen=True):
    """A response. ``name`` is the file's name by its header or its address, or ``""``."""

    name: str
    size: int | None
    content: aiohttp.StreamReader


class Fetcher:
    """HTTP sessions for media. ``private_hosts`` may be private. Close it in the end."""

    def __init__(self, private_hosts: Iterable[str]) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._guarded = _session(PublicOnly())
        self._free = _session(None)

    async def close(self) -> None:
        await self._guarded.close()
        await self._free.close()

    @asynccontextmanager
    async def fetch(self, address: str, *, trusted: Iterable[URL]) -> AsyncIterator[Fetched]:
        """GET an address; the ``trusted`` origins may be private.

        Raises ``CallerError``: -3 where it fails, -8 where it is not allowed, -2 where it is no URL.
        """
        url = _url(address)
        origins = {one.origin() for one in trusted}
        try:
            for _ in range(MOST_REDIRECTS + 1):
                async with self._session_for(url, origins).get(
                    url, allow_redirects=False, timeout=TIMEOUT
                ) as answer:
                    if answer.status not in (301, 302, 303, 307, 308):
                        yield _fetched(answer, url)
                        return
                    url = _next(url, answer)
        except ForbiddenError:
            raise _forbidden(url) from None
        except TimeoutError:
            raise _failed(url, "no answer in time") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenError):
                raise _forbidden(url) from None
            raise _failed(url, f"cannot connect: {error.os_error.strerror or error}") from None
        except aiohttp.ClientPayloadError:
            raise _failed(url, "the answer breaks off or is not what its encoding says") from None
        except (aiohttp.ClientError, ValueError) as error:
            # Without its text, which may repeat the address and what is secret in it.
            raise _failed(url, type(error).__name__) from None
        except OSError as error:
            raise _failed(url, error.strerror or type(error).__name__) from None
        raise _failed(url, f"more than {MOST_REDIRECTS} redirects")

    def _session_for(self, url: URL, origins: set[URL]) -> aiohttp.ClientSession:
        if url.host in self._private_hosts or url.origin() in origins:
            return self._free
        # aiohttp resolves names only: a literal address is checked here.
        if not is_public(url.host or ""):
            raise ForbiddenError
        return self._guarded


def is_public(host: str) -> bool:
    """Whether a host is a public address; a name is checked when it is resolved."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return not _LEGACY_IPV4.fullmatch(host)
    if isinstance(address, ipaddress.IPv6Address):
        inner = _ipv4_within(address)
        if inner is not None:
            address = inner
        elif address not in _UNICAST:
            return False
    if address in _PLATFORM:
        return False
    return address.is_global and not address.is_multicast


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Get the IPv4 address within one of NAT64 or 6to4, or a mapped one."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
_PLATFORM = frozenset(map(ipaddress.ip_address, ("192.0.0.192", "168.63.129.16")))
"""Metadata services of Oracle and Azure: link-local addresses in all but name."""
_LEGACY_IPV4 = re.compile(
    r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?", re.IGNORECASE | re.ASCII
)
"""Spellings such as 2130706433 and 0x7f.1, which some resolvers take for 127.0.0.1."""


def _session(resolver: AbstractResolver | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=resolver is None, force_close=True
        ),
        headers={"User-Agent": f"openwx/{__version__}"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _url(address: str) -> URL:
    try:
        url = parsed(address)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise CallerError(Code.BAD_PARAMETER, "media_path must be a local path or an http(s) URL")
    return url


def _next(url: URL, answer: aiohttp.ClientResponse) -> URL:
    return _url(str(url.join(parsed(answer.headers.get("Location", "")))))


def _fetched(answer: aiohttp.ClientResponse, url: URL) -> Fetched:
    if answer.status != 200:
        raise _failed(url, f"HTTP status {answer.status}")
    return Fetched(_name(answer, url), answer.content_length, answer.content)


def _name(answer: aiohttp.ClientResponse, url: URL) -> str:
    header = answer.headers.get(hdrs.CONTENT_DISPOSITION, "")
    try:
        filename = names.disposition(header).get("filename", "")
    except UnicodeDecodeError:
        filename = ""
    return names.safe(names.last_part(filename)) or names.of_url(url)


def _shown(url: URL) -> str:
    """Cut what may be secret."""
    return str(url.with_query(None).with_fragment(None).with_user(None))[:200]


def _failed(url: URL, why: str) -> CallerError:
    return CallerError(Code.MEDIA, f"media_path {_shown(url)} cannot be fetched: {why}")


def _forbidden(url: URL) -> CallerError:
    return CallerError(
        Code.FORBIDDEN,
        f"media_path {_shown(url)} leads to a loopback, private or link-local address;"
        " media.private_hosts can list its host",
    )
