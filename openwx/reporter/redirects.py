"""Where a redirect of ``post_api`` leads, and whether it is followed there: on the same host alone."""

from yarl import URL

from openwx.config.addresses import masked

FOLLOWED = frozenset({301, 302, 307, 308})
"""With POST and the same body. 303 says that the answer is elsewhere, to be fetched with GET: nothing to POST to."""
MOST = 5
"""Redirects of one upload in a row."""

_MOST_SHOWN = 200


def next_url(url: URL, location: str) -> URL | str:
    """Where to POST next; or why nowhere."""
    try:
        target = url.join(URL(location))
        host, port = target.host, target.port
    except ValueError:
        return "to no address"
    if target.scheme not in ("http", "https") or not host or port is None:
        return "to no http address"
    if _host(target) != _host(url):
        return "to another host"
    if url.scheme == "https" and target.scheme == "http":
        return "from https to http"
    if target.user is None and target.password is None and _is_same_place(url, target):
        target = target.with_user(url.user).with_password(url.password)
    return target


def shown(location: str) -> str:
    """A ``Location`` to show: in one line, not too long, and without what may be a secret."""
    text = masked(location)
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe if len(safe) <= _MOST_SHOWN else f"{safe[:_MOST_SHOWN]}…"


def _host(url: URL) -> str:
    return (url.host or "").rstrip(".").lower()


def _is_same_place(url: URL, target: URL) -> bool:
    """Whether the credentials of ``url`` are meant for ``target``, too: another port may be another's."""
    if url.port == target.port and url.scheme == target.scheme:
        return True
    return url.is_default_port() and target.is_default_port()
