"""Access to the control API: for programs of this machine, and the simulator's own page. `control` and the page ask.

The simulator is a tool without a password; but every page that is open in its user's browser can send requests to it.
So a browser's request has to come from the simulator's own page.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

PREFIX = "/_simulator"


def guard(listens_on: str) -> Middleware:
    """Return the middleware that refuses others (403), for the control API alone."""

    @web.middleware
    async def judge(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(PREFIX) and (wrong := _objection(request, listens_on)):
            return web.json_response({"error": wrong}, status=403)
        return await handler(request)

    return judge


def _objection(request: web.Request, listens_on: str) -> str:
    host, headers = request.headers.get("Host", ""), request.headers
    if not _is_ours(_name(host), listens_on):
        return f"Host should be an address of this machine or a plain name, not {host!r}"
    origin = headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != host:
        return f"Origin should be the simulator itself, not {origin!r}"
    site = headers.get("Sec-Fetch-Site", "none")
    # A link to the page may be followed; a page elsewhere may use nothing else.
    follows_link = request.method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in ("same-origin", "none") and not follows_link:
        return f"Sec-Fetch-Site should be same-origin, not {site!r}"
    return ""


def _name(host: str) -> str:
    """Return the name or address in a Host header, empty where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_ours(name: str, listens_on: str) -> bool:
    """Return whether it is an IP address, a name without dots (`localhost`, a container's), or the listener's.

    No attacker can direct any of these here, unlike a domain of their own (DNS rebinding).
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(".localhost") or name == listens_on)
    return True
