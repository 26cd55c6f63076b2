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

from aiohttp import hdrs, web

from openwx.api.access import Access

LIFETIME_S = 12 * 3600
MOST_SESSIONS = 1000
PATH = "/console"
"""The cookie goes nowhere else."""


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
