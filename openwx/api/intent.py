"""Whether somebody wants what a request asks for (contract, section 5.6).

A browser fetches addresses that nobody has decided upon: a page can have it prefetch any, a link leads anywhere, and
what was pasted into its address bar is opened again from its history. None of that may send a message. So a route that
does something wants more than an address: a program, which sends none of these headers, or a script of our own pages.
"""

from collections.abc import Mapping

from aiohttp import hdrs, web

_AHEAD_OF_TIME = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""The headers of prefetching, prerendering and previews; the last two are those of older browsers."""
_NAVIGATIONS = frozenset({"navigate", "nested-navigate"})
_UPGRADE = "Upgrade-Insecure-Requests"
_PARTS_OF_A_PAGE = ("image/", "text/css", "audio/", "video/", "font/")
"""What pictures, styles and media are asked for with, also by browsers that send no ``Sec-Fetch-Dest``."""
_BROWSER = "Mozilla/5.0"
_SAYS_WHENCE = (hdrs.ORIGIN, hdrs.REFERER, "Sec-Fetch-Site", "Sec-Fetch-Mode")


def why_unwanted(headers: Mapping[str, str]) -> str:
    """Which header says that a browser asks for this by itself; empty where none does."""
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
    """Whether a browser asks and does not say for which page, as for ``<script referrerpolicy="no-referrer">``.

    By ``http`` only loopback addresses are told ``Sec-Fetch-…``; ``0.0.0.0`` and ``[::ffff:127.0.0.1]``, which lead
    here as well, are none to a browser. Programs that call themselves a browser do not also say what they like to read.
    """
    return (
        hdrs.ACCEPT_LANGUAGE in headers
        and headers.get(hdrs.USER_AGENT, "").startswith(_BROWSER)
        and not any(name in headers for name in _SAYS_WHENCE)
    )


def is_navigation(headers: Mapping[str, str]) -> bool:
    """Whether an address is opened. Without https a browser says so by ``Upgrade-Insecure-Requests`` alone."""
    return headers.get("Sec-Fetch-Mode", "").strip().lower() in _NAVIGATIONS or _UPGRADE in headers


def opens_a_page(request: web.BaseRequest) -> bool:
    """Whether a person may be looking at the answer."""
    accepted = request.headers.get(hdrs.ACCEPT, "").lower()
    return request.method == "GET" and is_navigation(request.headers) and "text/html" in accepted
