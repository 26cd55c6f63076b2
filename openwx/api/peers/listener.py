"""Who may call at ``cluster.listen``: members of the cluster, for accounts that this node owns in the term they name.
``peering`` opens it.

The sender has judged its caller, so neither token nor Host nor Origin counts here.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from openwx.api import answers
from openwx.api.access import Access
from openwx.api.callers import Caller
from openwx.api.connection import authenticate
from openwx.api.peers.hop import BACK, TAKEN, Hop, read, with_refusal
from openwx.api.routing import LongPoll
from openwx.cluster.directory import Directory, Owner
from openwx.errors import CallerError, Code
from openwx.store.base import JournalError
from openwx.throttle import Throttle

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager
    from openwx.config import AccessSettings

log = logging.getLogger("openwx.web")

RETRY_AFTER_S = 5
_LOG_EVERY_S = 60.0
OWNER_S = 5.0
"""Time in which the store must say who owns an account, in seconds. Nothing of a body is read meanwhile, and the sender
takes a node that reads nothing for ``client.WATCHED``'s user time-out for cut off."""
TAKEN_S = 10.0
"""Time in which what was taken can be given back, in seconds."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HOP = web.RequestKey("openwx_hop", Hop)


class HopAccess(Access):
    """The rules at the listener for peers: the caller of a hop is the one that its sender names."""

    def __init__(self, settings: "AccessSettings") -> None:
        super().__init__(settings)
        self._taken: dict[str, tuple[LongPoll[Any], list[Any]]] = {}

    def admit(self, request: web.BaseRequest) -> str | None:
        _hop_of(request)
        return None

    def admit_visit(self, request: web.BaseRequest) -> None:
        _hop_of(request)

    def caller(self, request: web.BaseRequest, texts: Mapping[str, str]) -> Caller | None:
        return _hop_of(request).caller

    def visitor(self, request: web.BaseRequest) -> Caller | None:
        return _hop_of(request).caller

    def account_of(self, request: web.BaseRequest) -> str:
        return _hop_of(request).account

    def address(self, request: web.BaseRequest) -> str:
        return _hop_of(request).address

    def note_taken(self, poll: LongPoll[Any], taken: list[Any]) -> dict[str, str]:
        if not taken:
            return {}
        name = secrets.token_urlsafe()
        self._taken[name] = poll, taken
        asyncio.get_running_loop().call_later(TAKEN_S, self._taken.pop, name, None)
        return {TAKEN: name}

    def give_back(self, name: str) -> None:
        """Put back what was taken under this name."""
        poll, taken = self._taken.pop(name, (None, []))
        if poll is not None:
            poll.put_back(taken)

    def allows_jsonp(self, request: web.BaseRequest) -> bool:
        return _hop_of(request).allows_jsonp


def _hop_of(request: web.BaseRequest) -> Hop:
    hop: Hop | None = request.get(_HOP)
    if hop is None:
        raise CallerError(Code.FORBIDDEN, "only the nodes of this cluster may call here")
    return hop


class Doorman:
    """Admits hops. ``admit`` stands before all routes and pages of the listener for peers."""

    def __init__(
        self, gateway: "AccountManager", directory: Directory, secret: str, access: HopAccess
    ) -> None:
        self._gateway = gateway
        self._directory = directory
        self._secret = secret
        self._access = access
        self._told = Throttle(_LOG_EVERY_S)

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Have a hop handled: a middleware of aiohttp."""
        return with_refusal(request, await self._answer(request, handler))

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            hop = read(request, self._secret)
            await self._require_mine(hop)
        except CallerError as error:
            if error.code == Code.UNAUTHENTICATED:
                waited_s = await self._access.guesses.slow_down(request)
                if not waited_s:
                    log.warning("%s does not know the cluster.secret of this node", request.remote)
            is_other_version = error.http_status == HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
            if is_other_version and self._told.allows(request.remote):
                log.warning("%s: %s", request.remote, error.status)
            return answers.failure(error).response()
        authenticate(request)
        if name := request.headers.get(BACK):
            self._access.give_back(name)
            return web.Response(status=204)
        request[_HOP] = hop
        return await handler(request)

    async def _require_mine(self, hop: Hop) -> None:
        """Raise CallerError: with HTTP 421 where another node owns the account, or this one in another term; -4 where
        it is not run yet, or nobody can know."""
        if not hop.account:
            return
        runs = hop.account in self._gateway.accounts
        try:
            async with asyncio.timeout(OWNER_S):
                is_mine = runs and self._is_mine(hop, await self._directory.owner_of(hop.account))
                if not is_mine:  # perhaps what was read is old
                    self._directory.forget()
                    is_mine = self._is_mine(hop, await self._directory.owner_of(hop.account))
        except (JournalError, TimeoutError) as error:
            why = str(error) or "the store does not answer"
            raise _not_now(f"it is not known now who owns {hop.account}: {why}") from error
        if not is_mine:
            words = f"{self._directory.node} does not own {hop.account} in this term"
            raise CallerError(Code.NOT_RUNNING, words, http_status=421)
        if not runs:
            raise _not_now(f"{self._directory.node} begins to run {hop.account}")

    def _is_mine(self, hop: Hop, owner: Owner | None) -> bool:
        return (
            owner is not None
            and owner.node.incarnation == self._directory.incarnation
            and owner.epoch == hop.epoch
        )


def _not_now(words: str) -> CallerError:
    return CallerError(Code.NOT_RUNNING, words, state="init", retry_after=RETRY_AFTER_S)
