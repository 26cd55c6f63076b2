"""Detects requests that a browser makes without its user's intent (contract, section 5.6). ``Endpoints`` asks.

A page can make a browser prefetch any address, a link leads anywhere, and what was pasted into the address bar is
opened again from the history. None of that may send a message. So routes that do something refuse such requests, and
accept programs, which send none of these headers, and scripts of the gateway's own pages.
"""

from collections.abc import Mapping

from aiohttp import hdrs, web

_AHEAD_OF_TIME = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""The headers of prefetching, prerendering and previews; the last two are those of older browsers."""
_NAVIGATIONS = frozenset({"navigate", "nested-navigate"})
_UPGRADE = "Upgrade-Insecure-Requests"
_PARTS_OF_A_PAGE = ("image/", "text/css", "audio/", "video/", "font/")
"""The Accept of pictures, styles and media, also of browsers that send no ``Sec-Fetch-Dest``."""
_BROWSER = "Mozilla/5.0"
_SOURCE_HEADERS = (hdrs.ORIGIN, hdrs.REFERER, "Sec-Fetch-Site", "Sec-Fetch-Mode")


def why_unwanted(headers: Mapping[str, str]) -> str:
    """Return the header that shows that a browser requests this by itself; empty if none does."""
    for name in _AHEAD_OF_TIME:
        if name in headers:
            return name
    if headers.get("Sec-Fetch-Dest", "empty").strip().lower() != "empty":
        return "Sec-Fetch-Dest"
    if is_navigation(headers):
        return "Sec-Fetch-Mode" if "Sec-Fetch-Mode" in headers else _UPGRADE
    if headers.get(hdrs.ACCEPT, "").startswith(_PARTS_OF_A_PAGE):
        return hdrs.ACCEPT
    if is_silent_browser(headers):
        return hdrs.ACCEPT_LANGUAGE
    return ""


def is_silent_browser(headers: Mapping[str, str]) -> bool:
    """Return whether a browser does not say for which page it asks, as for ``<script referrerpolicy="no-referrer">``.

    By ``http``, browsers send ``Sec-Fetch-…`` to loopback addresses only; ``0.0.0.0`` and ``[::ffff:127.0.0.1]``, which
    lead here as well, are none to them. Programs that imitate a browser's User-Agent send no Accept-Language.
    """
    return (
        hdrs.ACCEPT_LANGUAGE in headers
        and headers.get(hdrs.USER_AGENT, "").startswith(_BROWSER)
        and not any(name in headers for name in _SOURCE_HEADERS)
    )


def is_navigation(headers: Mapping[str, str]) -> bool:
    """Return whether an address is opened. Without https only ``Upgrade-Insecure-Requests`` shows it."""
    return headers.get("Sec-Fetch-Mode", "").strip().lower() in _NAVIGATIONS or _UPGRADE in headers


def opens_a_page(request: web.BaseRequest) -> bool:
    """Return whether a person may be looking at the answer."""
    accepted = request.headers.get(hdrs.ACCEPT, "").lower()
    return request.method == "GET" and is_navigation(request.headers) and "text/html" in accepted
