"""Which node answers a call, and what happens until it has.
``hops`` calls it.

Nothing that may have taken effect is done twice: a call that perhaps left for a node that is lost is made again only
where it changes nothing, or where its key makes it one call. What certainly did not leave is made again in any case.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from aiohttp import hdrs, web

from openwx import metrics
from openwx.accounts.manager import chosen
from openwx.api.answers import Answer
from openwx.api.callers import ANYBODY, Caller
from openwx.api.peers.answer import Answered, MayContinue, begin, pass_on, pass_on_stream
from openwx.api.peers.call import PeerCall
from openwx.api.peers.client import Lost, NotAsked, NotOwner, PeerClient, Refusing, outcome_of
from openwx.api.peers.hop import refusal_in
from openwx.api.peers.relay import PeerStream
from openwx.api.peers.spool import Spool
from openwx.api.visible import VisibleGateway
from openwx.cluster.directory import Owner
from openwx.errors import CallerError, Code
from openwx.steady import steady
from openwx.store.base import JournalError

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager
    from openwx.cluster.node import ClusterNode

log = logging.getLogger("openwx.web")

ASK_S = 30.0
"""Time in which a call that may be made again is made again, in seconds; a takeover takes less."""
PAUSE_S = 0.5
"""Time between two of these, in seconds."""
RETRY_AFTER_S = 5

T = TypeVar("T")

_STATE = "init"
"""The state of an account that no node runs."""


class Forwarding:
    """Forwards calls for accounts that other nodes own."""

    def __init__(self, gateway: "AccountManager", node: "ClusterNode", client: PeerClient) -> None:
        self._gateway = gateway
        self._node = node
        self._directory = node.directory
        self._client = client
        self._streams: set[aiohttp.ClientResponse] = set()
        self._giving: set[asyncio.Task[None]] = set()
        self._sockets: set[aiohttp.ClientWebSocketResponse] = set()

    async def stop(self) -> None:
        """End the streams, because the server stops."""
        for response in self._streams:
            response.close()
        for socket in list(self._sockets):
            await socket.close()
        if self._giving:
            await asyncio.wait(set(self._giving))

    # -- who answers -------------------------------------------------------------------------------------------

    async def account_of(self, name: str | None, caller: Caller) -> str:
        """Return which of the caller's accounts is meant: the one of this name, or the only one. CallerError -2."""
        if name is not None and caller.sees(name) and await self._knows(name):
            return name
        names = await self._names(caller)
        if name is not None and name not in names:  # perhaps it is newer than what was read
            self._directory.forget()
            names = await self._names(caller)
        return chosen({one: one for one in names}, name)

    async def _knows(self, name: str) -> bool:
        if name in self._gateway.accounts:
            return True
        try:
            return await self._directory.knows(name)
        except JournalError:  # as it was seen last
            return name in self._node.rows.by_name

    async def _names(self, caller: Caller) -> list[str]:
        gateway = VisibleGateway(self._gateway, caller, self._node)
        return sorted({*gateway.accounts, *await gateway.whereabouts()})

    async def elsewhere(self, account: str) -> Owner | None:
        """Return the node that must be asked about an account; None where this one runs it.

        Raise CallerError -4 where no node does.
        """
        if account in self._gateway.accounts:
            return None
        owner = await self.running_elsewhere(account)
        if owner is None:  # a node may have taken it since
            self._directory.forget()
            owner = await self.running_elsewhere(account)
        if owner is None:
            gateway = VisibleGateway(self._gateway, ANYBODY, self._node)
            raise (await gateway.where_is(account)).refusal()
        return owner

    async def running_elsewhere(self, account: str) -> Owner | None:
        """Return the other node that owns an account; None where this one does, or none."""
        owner = await self._owner(account)
        is_mine = owner is not None and owner.node.incarnation == self._directory.incarnation
        return None if account in self._gateway.accounts or is_mine else owner

    async def _owner(self, account: str, but: Owner | None = None) -> Owner | None:
        try:
            return await self._directory.owner_of(account, but=but)
        except JournalError as error:
            raise _unknown_owner(error) from error

    # -- asking ------------------------------------------------------------------------------------------------

    async def respond(
        self,
        request: web.BaseRequest,
        call: PeerCall,
        owner: Owner,
        headers: dict[str, str],
        may_continue: MayContinue,
    ) -> web.StreamResponse:
        """Answer a request as the owner does, with more headers. Raise CallerError, before the answer has begun."""
        answered, owner = await self._answered(call, owner, lambda: _is_gone(request))
        if answered.taken and _is_gone(request):
            self._give_back(call, owner, answered.taken)
        try:
            if not answered.is_stream:
                return await pass_on(request, answered, headers)
            self._streams.add(answered.response)
            why, says_why = self._why_ended, call.path.startswith("/openwx/")
            return await pass_on_stream(
                request, answered, headers, why, may_continue, says_why=says_why
            )
        finally:
            self._streams.discard(answered.response)
            answered.end()

    async def answer(self, call: PeerCall, owner: Owner) -> Answer:
        """Make a call that came over a WebSocket, and return its answer. Raise CallerError."""
        answered, _ = await self._answered(call, owner, lambda: False)
        try:
            body = await answered.whole(self._client.longest)
        except Lost as error:
            raise _failed(call, error, is_unknown=True) from error
        finally:
            answered.end()
        content_type = answered.response.headers.get(hdrs.CONTENT_TYPE, "")
        return Answer(body, answered.status, content_type)

    def stream(self, call: PeerCall, owner: Owner) -> PeerStream:
        """Return the owner's stream, for a WebSocket."""

        async def connect(owner: Owner) -> aiohttp.ClientWebSocketResponse:
            try:
                return await self._client.connect(owner, call)
            except aiohttp.WSServerHandshakeError as error:
                raise refusal_in(error.headers or {}) or _refused(error.status) from error

        @asynccontextmanager
        async def connected() -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
            socket = await self._insist(call, owner, connect, lambda: False)
            self._sockets.add(socket)
            try:
                yield socket
            finally:
                self._sockets.discard(socket)
                await socket.close()

        return PeerStream(connected, self._why_ended)

    def _give_back(self, call: PeerCall, owner: Owner, name: str) -> None:
        """Give back what was taken for a caller who has left. It goes on where the call is cancelled meanwhile."""

        async def give() -> None:
            try:
                await self._client.give_back(owner, call, name)
            except (NotAsked, Lost) as error:
                words = "%s: events that a caller who left would have got were not given back: %s"
                log.warning(words, call.account, error)

        giving = asyncio.create_task(give(), name=f"give back {call.account}")
        self._giving.add(giving)
        giving.add_done_callback(self._giving.discard)

    async def _answered(
        self, call: PeerCall, owner: Owner, is_gone: Callable[[], bool]
    ) -> tuple[Answered, Owner]:
        is_again = False

        async def ask(owner: Owner) -> tuple[Answered, Owner]:
            nonlocal is_again
            was_asked, is_again = is_again, call.is_repeatable
            response = await self._client.ask(owner, call)
            if was_asked and response.status == HTTPStatus.SERVICE_UNAVAILABLE:
                response.close()
                raise NotAsked("it has taken the account, and does not run it yet")
            try:
                return await begin(response), owner
            except BaseException:
                response.close()
                raise

        return await self._insist(call, owner, ask, is_gone)

    async def _insist(
        self,
        call: PeerCall,
        owner: Owner,
        ask: Callable[[Owner], Awaitable[T]],
        is_gone: Callable[[], bool],
    ) -> T:
        """Ask the owner, and where it does not answer, the owner of then, as often as is right for the call.

        One that refuses is not asked again: it would refuse until it is another process.
        """
        until = steady() + ASK_S
        asked: Owner | None = owner
        why: Exception = NotOwner(call.account)
        is_first, is_unknown = True, False
        while True:
            goes_on = call.is_repeatable
            if asked is not None:
                try:
                    answer = await ask(asked)
                except (NotAsked, Lost) as error:
                    _require_whole(call)
                    why = error
                else:
                    metrics.HOPS.labels(asked.node.node, "answered").inc()
                    return answer
                metrics.HOPS.labels(asked.node.node, outcome_of(why)).inc()
                level = logging.WARNING if is_first else logging.DEBUG
                words = "%s: the node %s does not answer a call: %s"
                if isinstance(why, Refusing):
                    words = "%s: the node %s takes no call of this one: %s"
                log.log(level, words, call.account, asked.node.node, why)
                is_unknown = is_unknown or isinstance(why, Lost)
                goes_on = call.is_repeatable or (is_first and not is_unknown)
            if not goes_on or steady() > until or is_gone():
                raise _failed(call, why, is_unknown=is_unknown)
            former, asked = asked, await self._owner(call.account, asked)
            if isinstance(why, Refusing) and asked is not None and asked.is_still(former):
                raise _failed(call, why, is_unknown=is_unknown)
            if not is_first or asked is None or asked.is_still(former):
                await asyncio.sleep(PAUSE_S)
            is_first = False

    def _why_ended(self) -> str:
        if self._gateway.stopping:
            return "the server stops"
        return "the node that ran the account does not answer any more"


def _require_whole(call: PeerCall) -> None:
    """Raise CallerError where it was the body that failed."""
    if isinstance(call.body, Spool) and call.body.error is not None:
        raise call.body.error


def _is_gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


def _failed(call: PeerCall, why: Exception, *, is_unknown: bool) -> CallerError:
    if is_unknown and not call.only_reads:
        words = (
            f"the node that runs {call.account} was lost during the call: the outcome is unknown"
        )
        return CallerError(Code.UNREACHABLE, words, http_status=504)
    words = f"not done: the node that runs {call.account} does not answer now"
    if isinstance(why, NotOwner):
        words = f"not done: {call.account} goes over to another node"
    elif isinstance(why, Refusing):
        words = f"not done: the node that runs {call.account} takes no calls of this one: {why}"
    return CallerError(Code.NOT_RUNNING, words, state=_STATE, retry_after=RETRY_AFTER_S)


def _refused(status: int) -> CallerError:
    """Word that an owner opens no stream, and does not say why."""
    words = f"the node that runs the account opens no stream now (HTTP {status})"
    return CallerError(Code.NOT_RUNNING, words, retry_after=RETRY_AFTER_S)


def _unknown_owner(error: JournalError) -> CallerError:
    words = f"it is not known now which node runs the account: {error}"
    return CallerError(Code.NOT_RUNNING, words, state=_STATE, retry_after=RETRY_AFTER_S)
