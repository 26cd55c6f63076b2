"""Tells a server's own pages and programs from other websites, by Host, Origin, Referer and Sec-Fetch-Site.
``Access`` asks for each request.

Pages that a browser shows can reach servers on this machine. A page cannot choose these headers, and programs send no
Origin at all. A page of ``evil.example`` can make that name lead here (DNS rebinding), and is then of the same origin
as the server; so a Host must be an address, a name without a dot, a name that public name servers must not answer for
(RFC 6761, 6762, 8375; ``internal`` by ICANN), or one that the configuration lists.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_LABELS = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")


class ForeignRequestError(Exception):
    """A request that another website may have caused. ``header`` gives it away by its ``value``."""

    def __init__(self, header: str, value: str) -> None:
        super().__init__(f"{header}: {value}")
        self.header = header
        self.value = value


class OriginRules:
    """The hosts under which a server may be reached besides private ones, and the origins that may call it."""

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)

    def has_host(self, host: str) -> bool:
        """Return whether a request with this Host may be for this server."""
        return _is_private_host(host) or hostname(host) in self._hosts

    def check_host(self, host: str) -> None:
        if not self.has_host(host):
            raise ForeignRequestError("Host", host)

    def check_origin(self, headers: Mapping[str, str]) -> str | None:
        """Return the listed foreign origin that a request comes from; None for the server's own and for programs.

        Raises ``ForeignRequestError`` for every other website.
        """
        origin, referer = headers.get("Origin"), headers.get("Referer")
        site = headers.get("Sec-Fetch-Site", "none").strip().lower()
        is_own_site = site in ("none", "same-origin")
        if not origin and not referer and is_own_site:
            return None
        host = headers.get("Host", "")
        own = {origin_of(f"http://{host}"), origin_of(f"https://{host}")}
        for name, value in (("Origin", origin), ("Referer", referer)):
            if not value:
                continue
            page = origin_of(value) or value
            if page in self._origins:
                return origin
            if page not in own:
                raise ForeignRequestError(name, page)
        if not is_own_site:
            raise ForeignRequestError("Sec-Fetch-Site", site)
        return None


def follows_link(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a browser opens the address as a page of its own, which a link on any website may make it do."""
    return (
        method in ("GET", "HEAD")
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
    )


def hostname(host: str) -> str:
    """Return a Host without port, brackets and final dot, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        is_address = bracket and ":" in name and re.fullmatch(r"(:\d*)?", rest, re.ASCII)
        return name if is_address else host
    if host.count(":") == 1:
        name, _, port = host.partition(":")
        host = name if not port or port.isdigit() else host
    return host.removesuffix(".")


@functools.lru_cache(maxsize=256)  # benchmark row `routes`: a tenth of get_user_info
def _is_private_host(host: str) -> bool:
    return is_private(hostname(host))


def is_private(name: str) -> bool:
    """Return whether nobody else's name server can have made this host name lead here."""
    if name in _LOOPBACK_NAMES:
        return True
    try:
        ip_address(name)
    except ValueError:
        return _LABELS.fullmatch(name) is not None and (
            "." not in name or name.endswith(_PRIVATE_SUFFIXES)
        )
    return True


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address of a peer or in a header, IPv4 where it is mapped into IPv6; None for other text."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def origin_of(url: str) -> str | None:
    """Return scheme, host and port of a URL as browsers write an origin; None where it has none."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not parts.scheme or not host:
        return None
    if ":" in host:
        host = f"[{host}]"
    shown = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"
