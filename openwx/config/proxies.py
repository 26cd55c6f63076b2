"""Which proxy an account reaches WeChat through: that of its setting ``proxy``, or that of the environment.
``Network`` asks.

The environment's are those that ``curl`` knows: ``HTTPS_PROXY`` and ``ALL_PROXY``, but not for the hosts in
``NO_PROXY``; the names in lower case win. An address without TLS has ``http_proxy``, in lower case only: with a web
server around it, ``HTTP_PROXY`` can be a header that a caller sent.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import BeforeValidator

from openwx.config.addresses import host_name
from openwx.config.values import BadValueError, kind

_PORTS = {"http": 80, "https": 443, "socks5": 1080}
_VARIABLES = {
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
    "http": ("http_proxy", "all_proxy", "ALL_PROXY"),
}
_LONGEST = 255
"""Of a user and of a password, in characters: SOCKS has a byte for their lengths (RFC 1929)."""
_WANTED = "must be http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. User and password are secrets; empty where there are none."""

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    source: str = "proxy"
    """The setting or variable that names it."""
    exceptions: tuple[str, ...] = ()
    """The hosts that are reached without it, as ``NO_PROXY`` has them."""

    @property
    def shown(self) -> str:
        """Its address without user and password."""
        return f"{self.scheme}://{self._at}"

    @property
    def url(self) -> str:
        """Its address, with the secrets."""
        if not self.user:
            return self.shown
        return f"{self.scheme}://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{self._at}"

    @property
    def _at(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{shown}:{self.port}"

    def serves(self, host: str) -> bool:
        """Return whether a host is reached through it."""
        return not any(_fits(host.lower(), one) for one in self.exceptions)


@dataclass(frozen=True, slots=True)
class EnvironmentProxies:
    """The proxies of the environment, by the scheme of WeChat's address."""

    by_scheme: Mapping[str, Proxy] = field(default_factory=dict)


NO_PROXIES = EnvironmentProxies()


def read_environment(environ: Mapping[str, str]) -> tuple[EnvironmentProxies, list[str]]:
    """Read the variables, and say which of them cannot be used."""
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    exceptions = tuple(one.lower() for one in re.split(r"[,\s]+", listed) if one)
    found, problems = {}, []
    for scheme, names in _VARIABLES.items():
        name = next((name for name in names if environ.get(name, "").strip()), None)
        if name is None:
            continue
        try:
            found[scheme] = _parse(_spelt_out(environ[name].strip()), name, exceptions)
        except BadValueError as error:
            problems.append(f"environment variable {name}: {error}")
    return EnvironmentProxies(found), list(dict.fromkeys(problems))


def uses_environment(proxy: str | None, base_url: str | None) -> bool:
    """Return whether an account with these settings looks at the environment: not for an address on this machine."""
    host = urlsplit(base_url).hostname if base_url else ""
    return proxy is None and not _is_loopback(host or "")


def choose(
    proxy: str | None, base_url: str | None, environment: EnvironmentProxies
) -> Proxy | None:
    """Return the proxy of an account with these settings; None where it has none."""
    if proxy:
        return _parse(proxy)
    if not uses_environment(proxy, base_url):
        return None
    return environment.by_scheme.get(urlsplit(base_url).scheme if base_url else "https")


def _spelt_out(value: str) -> str:
    """Add the scheme that others leave out, and replace that of desktops."""
    if "://" not in value:
        return f"http://{value}"
    return re.sub("^socks://", "socks5://", value, flags=re.IGNORECASE)


def _parse(value: str, source: str = "proxy", exceptions: tuple[str, ...] = ()) -> Proxy:
    """Read an address. Raises ``BadValueError``, whose text has only its scheme: the rest may be secret."""
    scheme, slashes, _ = value.partition("://")
    scheme = {"socks5h": "socks5"}.get(scheme.lower(), scheme.lower())
    if not slashes:
        raise BadValueError(f"{_WANTED}, not text without ://")
    if scheme not in _PORTS:
        raise BadValueError(f"{_WANTED}, not {ascii(scheme[:20])[1:-1]}://…")
    hint = "; in user:password@ before the host, write @ : / ? # % as %40 %3A %2F %3F %23 %25"
    try:
        parts = urlsplit(value)
        host, port = host_name(parts.hostname or ""), parts.port
    except ValueError:
        raise BadValueError(f"{_WANTED}, and nothing more{hint}") from None
    if host is None or port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadValueError(f"{_WANTED}, and nothing more{hint}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    _check_secrets(scheme, user, password)
    return Proxy(scheme, host, port or _PORTS[scheme], user, password, source, exceptions)


def _check_secrets(scheme: str, user: str, password: str) -> None:
    for name, text in (("user", user), ("password", password)):
        if len(text) > _LONGEST or not (text.isascii() and text.isprintable()):
            raise BadValueError(
                f"must have a {name} of up to {_LONGEST} ASCII characters before the @"
            )
    if password and not user:
        raise BadValueError("must have a user before the password")
    if ":" in user and scheme != "socks5":
        raise BadValueError("must have a user without a colon")
    if user and not password and scheme == "socks5":
        raise BadValueError(
            "must have user and password before the @, or neither: SOCKS wants both"
        )


def _setting(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadValueError(f'{_WANTED}, or "" for none, not {kind(value)}')
    return _parse(value).url if value else ""


def _fits(host: str, exception: str) -> bool:
    """Return whether a word of ``NO_PROXY`` means a host: ``*``, a name and all below it, an address, a network."""
    if exception == "*":
        return True
    name = re.sub(r"^\*?\.|:\d+$", "", exception) if exception.count(":") < 2 else exception
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name.strip("[]"), strict=False)
    except ValueError:
        return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


ProxyUrl = Annotated[str | None, BeforeValidator(_setting)]
"""A proxy's address with its secrets; empty text for none, and None where the environment decides."""
