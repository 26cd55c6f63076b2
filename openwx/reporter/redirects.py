"""Redirects of ``post_api``: followed only on the same host. ``Poster`` asks."""

from yarl import URL

from openwx.config.addresses import masked
from openwx.reporter.delivery_error import DeliveryErrorCode
from openwx.urls import parsed

FOLLOWED = frozenset({301, 302, 307, 308})
"""With POST and the same body. After 303 an answer would have to be fetched with GET, so it is not followed."""
MAX_REDIRECTS = 5
"""Redirects of one report in a row."""

_MAX_SHOWN = 200


def next_url(url: URL, location: str) -> URL | DeliveryErrorCode:
    """Return where to POST next, or why nowhere."""
    try:
        target = url.join(parsed(location))
        host, port = target.host, target.port
    except ValueError:
        return DeliveryErrorCode.REDIRECT_TO_NO_ADDRESS
    if target.scheme not in ("http", "https") or not host or port is None:
        return DeliveryErrorCode.REDIRECT_TO_NO_HTTP
    if _host(target) != _host(url):
        return DeliveryErrorCode.REDIRECT_TO_OTHER_HOST
    if url.scheme == "https" and target.scheme == "http":
        return DeliveryErrorCode.REDIRECT_FROM_HTTPS
    if target.user is None and target.password is None and is_same_place(url, target):
        target = target.with_user(url.user).with_password(url.password)
    return target


def in_words(location: str) -> str:
    """Return a ``Location`` for an error: in one line, not too long, and without possible secrets."""
    text = masked(location)
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= _MAX_SHOWN else f"{safe[:_MAX_SHOWN]}…"


def _host(url: URL) -> str:
    return (url.host or "").rstrip(".").lower()


def is_same_place(url: URL, target: URL) -> bool:
    """Return whether the secrets for ``url`` hold for ``target``: another port may be another program."""
    if url.port == target.port and url.scheme == target.scheme:
        return True
    return url.is_default_port() and target.is_default_port()
