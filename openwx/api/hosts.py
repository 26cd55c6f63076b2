"""Names under which a server may be reached, although nobody listed them: none that a stranger's DNS could lead here.

A page of ``evil.example`` can have that name point to this machine (DNS rebinding), and is then of the same origin as
this server. An address, a name without a dot, and the names that public name servers must not answer for (RFC 6761,
6762, 8375; ``internal`` by ICANN) are nobody's to point anywhere.
"""

import functools
import re
from ipaddress import IPv4Address, IPv6Address, ip_address

_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_LABELS = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_PRIVATE_ENDS = (".localhost", ".local", ".internal", ".home.arpa")


def hostname(host: str) -> str:
    """A Host without port, brackets and final dot, in small letters."""
    host = host.strip().lower()
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        is_address = bracket and ":" in name and re.fullmatch(r"(:\d*)?", rest, re.ASCII)
        return name if is_address else host
    if host.count(":") == 1:
        name, _, port = host.partition(":")
        host = name if not port or port.isdigit() else host
    return host.removesuffix(".")


@functools.lru_cache(maxsize=256)
def is_address_of_ours(host: str) -> bool:
    """``is_private`` of a Host as it came; most callers always send the same one."""
    return is_private(hostname(host))


def is_private(name: str) -> bool:
    """Whether a host name cannot have been made to point here by somebody else's DNS."""
    if name in _LOOPBACK_NAMES:
        return True
    try:
        ip_address(name)
    except ValueError:
        return _LABELS.fullmatch(name) is not None and (
            "." not in name or name.endswith(_PRIVATE_ENDS)
        )
    return True


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a peer has or a header names, IPv4 where it is mapped into IPv6; None for what is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
