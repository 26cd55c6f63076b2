"""Sessions of the console, and keys that prove that a form came from one of its pages.

A session is a random cookie, and belongs to the caller whose token began it. Only its digest is stored, for a bounded
time: in memory, so that no session outlives the configuration that allowed it, or where several nodes share a store, in
that, beside a proof of the token. Without a configured token there is no login, and every client that may call the API
may use the console.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from aiohttp import hdrs, web

from openwx.api.access import Access
from openwx.api.callers import ANYBODY, Caller
from openwx.steady import steady
from openwx.store.base import JournalError, Visits
from openwx.store.records import Visit

LIFETIME_S = 12 * 3600
MOST_SESSIONS = 100
"""Sessions of one caller, who cannot end those of others by beginning too many."""
PATH = "/console"
"""The only path to which browsers send the cookie."""
FRESH_S = 2.0
"""How long it is remembered whose session it is, in seconds: the time until all nodes know of a logout."""
_MOST_REMEMBERED = 1000


class SessionTable(Protocol):
    """Whose sessions there are, by the digests of their cookies. All raise ``JournalError``."""

    async def add(self, digest: bytes, caller: Caller) -> None: ...

    async def drop(self, digest: bytes) -> None: ...

    async def find(self, digest: bytes) -> Caller | None: ...


class OwnSessions:
    """Those of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        """The end of each session and whose it is, oldest first."""

    async def add(self, digest: bytes, caller: Caller) -> None:
        self._sessions[digest] = self._clock() + LIFETIME_S, caller
        own = [digest for digest, (_, whose) in self._sessions.items() if whose == caller]
        if len(own) > MOST_SESSIONS:
            del self._sessions[own[0]]

    async def drop(self, digest: bytes) -> None:
        self._sessions.pop(digest, None)

    async def find(self, digest: bytes) -> Caller | None:
        until, caller = self._sessions.get(digest, (0.0, None))
        return caller if self._clock() < until else None


class SharedSessions:
    """Those of all nodes that share a store. ``key`` is a secret that these have."""

    def __init__(self, visits: Visits, access: Access, key: bytes) -> None:
        self._visits = visits
        self._access = access
        self._key = key
        self._known: OrderedDict[bytes, tuple[float, Caller | None]] = OrderedDict()
        """When each was looked for, and whose it was."""

    async def add(self, digest: bytes, caller: Caller) -> None:
        proof = self._access.proof_of(caller.name, self._key)
        await self._visits.begin(digest, Visit(caller.name, proof), LIFETIME_S)
        self._remember(digest, caller)

    async def drop(self, digest: bytes) -> None:
        await self._visits.end(digest)
        self._remember(digest, None)

    async def find(self, digest: bytes) -> Caller | None:
        looked, caller = self._known.get(digest, (float("-inf"), None))
        if steady() - looked < FRESH_S:
            return caller
        try:
            visit = await self._visits.find(digest)
        except JournalError:
            if digest not in self._known:
                raise
            return caller
        caller = None
        if visit is not None:
            caller = self._access.proven(visit.key, visit.proof, self._key)
        self._remember(digest, caller)
        return caller

    def _remember(self, digest: bytes, caller: Caller | None) -> None:
        self._known[digest] = steady(), caller
        self._known.move_to_end(digest)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)


class Sessions:
    """The sessions as pages use them. ``name`` returns the name of the cookie: browsers share cookies between ports.

    ``key`` makes the keys of forms.
    """

    def __init__(
        self, access: Access, table: SessionTable, name: Callable[[], str], key: bytes
    ) -> None:
        self._access = access
        self._table = table
        self._name = name
        self._key = key

    @property
    def needed(self) -> bool:
        """Whether a login is needed."""
        return self._access.needs_token

    async def caller(self, request: web.Request) -> Caller | None:
        """Return whose session the request belongs to; anybody where none is needed, None without one.

        Raise ``JournalError``.
        """
        visitor = self._access.visitor(request)
        if visitor is not None:
            return visitor
        if not self.needed:
            return ANYBODY
        cookie = self._cookie(request)
        return await self._table.find(_digest(cookie)) if cookie else None

    async def begin(
        self, request: web.Request, response: web.StreamResponse, caller: Caller
    ) -> None:
        """Start a session of this caller, whose token was checked. Raise ``JournalError``."""
        await self.end(request, response)
        cookie = secrets.token_urlsafe(32)
        await self._table.add(_digest(cookie), caller)
        response.set_cookie(
            self._name(),
            cookie,
            max_age=LIFETIME_S,
            path=PATH,
            httponly=True,
            samesite="Strict",
            secure=is_secure(request),
        )

    async def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the session: its cookie is of no use any more. Raise ``JournalError``."""
        if cookie := self._cookie(request):
            await self._table.drop(_digest(cookie))
        response.del_cookie(self._name(), path=PATH, httponly=True, samesite="Strict")

    def form_key(self, request: web.Request, caller: Caller | None) -> str:
        """Make the key that a form must carry; a page of another origin cannot read it."""
        session = self._cookie(request) if self.needed and caller is not None else ""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    def is_form_key(self, request: web.Request, caller: Caller | None, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.form_key(request, caller).encode())

    def _cookie(self, request: web.Request) -> str:
        return request.cookies.get(self._name(), "")


def own_sessions(
    access: Access, port: Callable[[], int], clock: Callable[[], float] = time.monotonic
) -> Sessions:
    """Return the sessions of a process that shares them with no other."""

    def name() -> str:
        return f"openwx_console_{port()}"

    return Sessions(access, OwnSessions(clock), name, secrets.token_bytes(32))


def shared_sessions(access: Access, visits: Visits, secret: str) -> Sessions:
    """Return the sessions of all nodes that have this secret."""
    name = f"openwx_console_{_derived(secret, 'cookie').hex()[:16]}"
    table = SharedSessions(visits, access, _derived(secret, "proof"))
    return Sessions(access, table, lambda: name, _derived(secret, "form key"))


def _derived(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"openwx console {purpose}".encode(), "sha256")


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()


def is_secure(request: web.Request) -> bool:
    """Check whether the browser uses https, perhaps to a proxy before this server."""
    return request.secure or request.headers.get(hdrs.ORIGIN, "").startswith("https://")
