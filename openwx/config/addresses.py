"""Checks of hosts, addresses and origins, and their normal spelling. The models of settings check with them."""

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, PlainValidator

from openwx.config.values import BadValueError, found

_LABELS = re.compile(r"[\w-]+(\.[\w-]+)*")


def masked(url: str) -> str:
    """Show an address without user, password and query, which may contain a secret."""
    if (
        "@" in url.partition("?")[2]
    ):  # of the query, or of a password with a ? in it: who knows which
        scheme, slashes, _ = url.partition("//")
        return f"{scheme}//***" if slashes else "***"
    if "@" in url:
        before, _, after = url.rpartition("@")
        scheme, slashes, _ = before.partition("//")
        url = f"{scheme}//***@{after}" if slashes else f"***@{after}"
    address, mark, _ = url.partition("?")
    return f"{address}?***" if mark else address


def host_name(text: str) -> str | None:
    """Return a host in its normal spelling (lower case, ASCII, IPv6 without brackets), or None if it is none."""
    bare = text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    name = text.removesuffix(".")
    if not _LABELS.fullmatch(name) or name.rpartition(".")[2].isdigit():
        return None  # a name that ends in a number is a misspelt IPv4 address
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return name.lower() if len(name) <= 253 else None


def a_host(words: str) -> BeforeValidator:
    def check(value: Any) -> str:
        name = host_name(value) if isinstance(value, str) else None
        if name is None:
            raise BadValueError(f"must be {words}, not {found(value)}")
        return name

    return BeforeValidator(check)


def _split(value: object) -> tuple[SplitResult, str, int | None] | None:
    """Split an http(s) URL; return its parts, its host in normal spelling and its port, or None."""
    if not isinstance(value, str) or any(c.isspace() or not c.isprintable() for c in value):
        return None
    try:
        parts = urlsplit(value)
        name, port = host_name(parts.hostname or ""), parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or name is None or port == 0:
        return None
    return parts, name, port


def _found_url(value: object) -> str:
    return found(masked(value) if isinstance(value, str) else value)


def _url(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if _split(value) is None:
        raise BadValueError(
            f"must be an http:// or https:// address with a host, not {_found_url(value)}"
        )
    return str(value)


def _origin(value: Any) -> str:
    split = _split(value)
    if split is not None:
        parts, name, port = split
        bare = parts.path in ("", "/") and not parts.query and not parts.fragment
        if bare and "@" not in parts.netloc:
            shown = f"[{name}]" if ":" in name else name
            default = {"http": 80, "https": 443}[parts.scheme]
            return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, default) else "")
    raise BadValueError(
        "must be an origin such as http://127.0.0.1:8080 (scheme, host and port, nothing more), "
        f"not {_found_url(value)}"
    )


def _optional_origin(value: Any) -> str | None:
    return None if value is None or value == "" else _origin(value)


def _network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise BadValueError(
            f"must be an IP address or a network such as 10.0.0.0/8, not {found(value)}"
        ) from None


Url = Annotated[str | None, BeforeValidator(_url)]
"""An address or None. Empty text is None too, so that an account can undo ``[report]``'s."""
Origin = Annotated[str, BeforeValidator(_origin)]
OptionalOrigin = Annotated[str | None, BeforeValidator(_optional_origin)]
Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    PlainValidator(_network, json_schema_input_type=str),
]
"""A network, or a single address."""
