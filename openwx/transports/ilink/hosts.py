"""The addresses of the iLink bot API, and which of those that answers and messages name are accepted. ``Http`` asks.

Strangers can put any address into a message, so media are fetched from the CDN's own host alone, and a bot's token is
sent only to hosts of WeChat.
"""

import re
from collections.abc import Mapping

from yarl import URL

from openwx.transports.hosts import ILINK_CDN_HOST, ILINK_HOST
from openwx.urls import parsed

WECHAT_DOMAIN = "weixin.qq.com"
CALLS = "/ilink/bot/"
CDN = "/c2c/"

_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}", re.ASCII)
_LONGEST = 8192
"""In characters, of a URL."""


class Hosts:
    """Builds addresses. ``base_url`` is one origin that stands for every host: the simulator, or a relay."""

    def __init__(self, base_url: str = "") -> None:
        self._base = URL(base_url).origin() if base_url else None

    @property
    def first(self) -> URL:
        """The origin of login codes, and of all calls until a login names another."""
        return self._base or URL(f"https://{ILINK_HOST}")

    def at(self, host: str) -> URL | None:
        """Return the origin of the data centre at ``host``; None unless it is WeChat's."""
        if self._base is not None:
            return self._base
        name = host.strip().lower().rstrip(".")
        return URL(f"https://{name}") if _is_wechat(name) else None

    def of(self, base_url: str) -> URL | None:
        """Return the origin for calls that a login names; None unless it is WeChat's, by https."""
        if self._base is not None:
            return self._base
        url = _parsed(base_url)
        if url is None:
            return None
        is_ours = url.scheme == "https" and url.port == 443 and _is_wechat(url.host or "")
        return url.origin() if is_ours else None

    def media(self, path: str, query: Mapping[str, str]) -> URL:
        """Return the address on the CDN of ``path``, ``upload`` or ``download``."""
        origin = self._base or URL(f"https://{ILINK_CDN_HOST}")
        return origin.with_path(CDN + path).with_query(dict(query))

    def media_at(self, full_url: str) -> URL | None:
        """Return the address of a file that a message or an answer names; None unless it is on the CDN.

        With a ``base_url``, its path and query are taken on that origin.
        """
        url = _parsed(full_url)
        if url is None or not url.raw_path.startswith(CDN) or ".." in url.path:
            return None
        if self._base is None:
            is_cdn = (url.scheme, url.host, url.port) == ("https", ILINK_CDN_HOST, 443)
            return url if is_cdn else None
        if url.host != ILINK_CDN_HOST and url.origin() != self._base:
            return None
        return URL(str(self._base) + url.raw_path_qs, encoded=True)


def _parsed(text: str) -> URL | None:
    """Parse an address as it stands, without user and fragment; None where it is none."""
    if not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable():
        return None
    try:
        url = parsed(text.strip(), encoded=True)
        if url.scheme not in ("http", "https") or not url.host or url.user is not None:
            return None
        return url.with_fragment(None) if url.port else None
    except ValueError:
        return None


def _is_wechat(host: str) -> bool:
    fits = _HOST.fullmatch(host) is not None
    return fits and (host == WECHAT_DOMAIN or host.endswith(f".{WECHAT_DOMAIN}"))
