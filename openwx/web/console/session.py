"""Who is logged in to the console, and proof that a form was one of ours.

A session is a random cookie; the server remembers its digest alone, for a bounded time. Where no token is configured
nobody logs in, and everybody who may reach the API may use the console.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from aiohttp import hdrs, web

from openwx.web.access import Access

LIFETIME_S = 12 * 3600
MOST_SESSIONS = 1000
PATH = "/console"
"""The cookie goes nowhere else."""
_FREE_TRIES = 5
_LONGEST_WAIT_S = 60.0
_MOST_CALLERS = 10_000


class Sessions:
    """``port`` tells the cookies of several gateways on one machine apart: browsers do not."""

    def __init__(
        self,
        access: Access,
        port: Callable[[], int],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._port = port
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        """When each session ends, by its digest; the oldest first."""

    @property
    def needed(self) -> bool:
        """Whether one must log in."""
        return self._access.needs_token

    def admits(self, request: web.Request) -> bool:
        """Whether the request belongs to a session, or none is needed."""
        if not self.needed:
            return True
        until = self._until.get(_digest(self._cookie(request)))
        return until is not None and self._clock() < until

    def begin(self, request: web.Request, response: web.StreamResponse) -> None:
        """Log in. The token was right."""
        self.end(request, response)
        cookie = secrets.token_urlsafe(32)
        self._until[_digest(cookie)] = self._clock() + LIFETIME_S
        while len(self._until) > MOST_SESSIONS:
            self._until.popitem(last=False)
        response.set_cookie(
            self._name,
            cookie,
            max_age=LIFETIME_S,
            path=PATH,
            httponly=True,
            samesite="Strict",
            secure=is_secure(request),
        )

    def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """Log out, for good."""
        self._until.pop(_digest(self._cookie(request)), None)
        response.del_cookie(self._name, path=PATH, httponly=True, samesite="Strict")

    def form_key(self, request: web.Request) -> str:
        """What a form must carry: a page of another origin cannot read it."""
        session = self._cookie(request) if self.needed and self.admits(request) else ""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    def is_form_key(self, request: web.Request, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.form_key(request).encode())

    @property
    def _name(self) -> str:
        return f"openwx_console_{self._port()}"

    def _cookie(self, request: web.Request) -> str:
        return request.cookies.get(self._name, "")


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()


def is_secure(request: web.Request) -> bool:
    """Whether the browser came by https, perhaps to a proxy before this server."""
    return request.secure or request.headers.get(hdrs.ORIGIN, "").startswith("https://")


class Throttle:
    """Wrong tokens cost time: after five in a row the next try must wait, longer each time, up to a minute."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """How many in a row, and when the next try may be, by caller."""

    def wait_s(self, remote: str | None) -> float:
        """So long this caller must wait; 0 where it may try now."""
        _, free_at = self._failures.get(_caller(remote), (0, 0.0))
        return max(0.0, free_at - self._clock())

    def failed(self, remote: str | None) -> None:
        caller = _caller(remote)
        count = self._failures.pop(caller, (0, 0.0))[0] + 1
        pause_s = min(_LONGEST_WAIT_S, 2.0 ** min(count - _FREE_TRIES, 10))
        free_at = self._clock() + (pause_s if count >= _FREE_TRIES else 0.0)
        self._failures[caller] = count, free_at
        if len(self._failures) > _MOST_CALLERS:
            self._failures.popitem(last=False)

    def succeeded(self, remote: str | None) -> None:
        self._failures.pop(_caller(remote), None)


def _caller(remote: str | None) -> str:
    """An address; of IPv6 the network, since one caller has all of that."""
    try:
        address = ip_address(remote or "")
    except ValueError:
        return remote or ""
    if isinstance(address, IPv6Address):
        return str(int(address) >> 64)
    return str(address)
