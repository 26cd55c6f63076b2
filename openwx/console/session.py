"""Sessions of the console, and keys that prove that a form came from one of its pages.

A session is a random cookie, and belongs to the caller whose token began it. The server stores only its digest, in
memory and for a bounded time, so that no session outlives the configuration that allowed it. Without a configured token
there is no login, and every client that may call the API may use the console.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import hdrs, web

from openwx.api.access import Access
from openwx.api.callers import ANYBODY, Caller

LIFETIME_S = 12 * 3600
MOST_SESSIONS = 100
"""Sessions of one caller, who cannot end those of others by beginning too many."""
PATH = "/console"
"""The only path to which browsers send the cookie."""


class Sessions:
    """The sessions of one gateway. Its ``port`` is part of the cookie's name: browsers share cookies between ports."""

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
        self._sessions: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        """The end of each session and whose it is, by its digest, oldest first."""

    @property
    def needed(self) -> bool:
        """Whether a login is needed."""
        return self._access.needs_token

    def caller(self, request: web.Request) -> Caller | None:
        """Return whose session the request belongs to; anybody where none is needed, None without one."""
        if not self.needed:
            return ANYBODY
        until, caller = self._sessions.get(_digest(self._cookie(request)), (0.0, None))
        return caller if self._clock() < until else None

    def begin(self, request: web.Request, response: web.StreamResponse, caller: Caller) -> None:
        """Start a session of this caller, whose token was checked."""
        self.end(request, response)
        cookie = secrets.token_urlsafe(32)
        self._sessions[_digest(cookie)] = self._clock() + LIFETIME_S, caller
        own = [digest for digest, (_, whose) in self._sessions.items() if whose == caller]
        if len(own) > MOST_SESSIONS:
            del self._sessions[own[0]]
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
        """End the session: its cookie is of no use any more."""
        self._sessions.pop(_digest(self._cookie(request)), None)
        response.del_cookie(self._name, path=PATH, httponly=True, samesite="Strict")

    def form_key(self, request: web.Request) -> str:
        """Make the key that a form must carry; a page of another origin cannot read it."""
        session = self._cookie(request) if self.needed and self.caller(request) else ""
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
    """Check whether the browser uses https, perhaps to a proxy before this server."""
    return request.secure or request.headers.get(hdrs.ORIGIN, "").startswith("https://")
