"""Decides which calls another node must answer, and has them answered there.
``endpoints`` and the console ask it.

``Hops.destination`` is where that is decided, for every call of every route: once its caller is known and admitted, and
before anything of it is done.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace

from openwx.api.access import Access
from openwx.api.answers import Answer, cors_headers
from openwx.api.callers import Caller, Scope
from openwx.api.elsewhere import Whereabouts
from openwx.api.parameters import JSON, RequestParams
from openwx.api.peers.answer import MayContinue, for_ever
from openwx.api.peers.call import PeerCall, headers_of, query_of
from openwx.api.peers.forwarding import Forwarding
from openwx.api.peers.gathering import Gathering
from openwx.api.peers.relay import PeerStream
from openwx.api.peers.spool import IN_MEMORY, Spool
from openwx.api.routing import Route
from openwx.cluster.directory import Owner
from openwx.reasons import ReasonCode
from openwx.schemas import ListedClient

_JSON = {hdrs.CONTENT_TYPE: JSON}


class Destination(msgspec.Struct, frozen=True):
    """An account, and the other node that owns it."""

    account: str
    owner: Owner


class Hops:
    """The calls of one server for accounts of other nodes."""

    def __init__(
        self, forwarding: Forwarding, gathering: Gathering, access: Access, folder: Path
    ) -> None:
        self._forwarding = forwarding
        self._gathering = gathering
        self._access = access
        self._folder = folder

    async def stop(self) -> None:
        """End the streams of other nodes, because the server stops."""
        await self._forwarding.stop()

    async def destination(
        self, row: Route, texts: Mapping[str, str], caller: Caller
    ) -> Destination | None:
        """Return where a call must be answered; None for here.

        Raise CallerError: -2 for an unknown account, -4 where no node runs it.
        """
        if not row.needs_account:
            return None
        name = await self._forwarding.account_of(texts.get("client") or None, caller)
        owner = await self._forwarding.elsewhere(name)
        return None if owner is None else Destination(name, owner)

    async def listed(
        self, caller: Caller, asked: Collection[Whereabouts]
    ) -> dict[str, ListedClient | ReasonCode]:
        """Return what the nodes of these accounts say of them, or why a node that was asked says nothing."""
        return await self._gathering.listed(caller, asked)

    def spool(self, request: web.BaseRequest) -> Spool | None:
        """Return what the body of a request is read from, so that it can be forwarded afterwards."""
        return Spool(request.content, self._folder) if request.body_exists else None

    def is_long(self, request: web.BaseRequest) -> bool:
        """Return whether a body is forwarded as it comes, if the head says for which account it is."""
        length = request.content_length
        return request.body_exists and (length is None or length > IN_MEMORY)

    async def respond(
        self,
        request: web.Request,
        call: PeerCall,
        to: Destination,
        origin: str | None,
        may_continue: MayContinue = for_ever,
    ) -> web.StreamResponse:
        """Answer a request as the owner does. Raise CallerError, before the answer has begun.

        A stream ends when it may not continue.
        """
        return await self._forwarding.respond(
            request, call, to.owner, cors_headers(origin), may_continue
        )

    async def answer(self, call: PeerCall, to: Destination, params: RequestParams) -> Answer:
        """Make a call with these parameters that came over a WebSocket. Raise CallerError."""
        body = msgspec.json.encode(params.texts)
        call = replace(call, method="POST", query="", headers=_JSON, body=body)
        return await self._forwarding.answer(call, to.owner)

    def stream(self, call: PeerCall, to: Destination) -> PeerStream:
        """Return the owner's stream, for a WebSocket."""
        return self._forwarding.stream(call, to.owner)

    async def owner_of(self, account: str) -> Destination | None:
        """Return the other node that owns an account; None where this one does, or none. Raise CallerError."""
        owner = await self._forwarding.running_elsewhere(account)
        return None if owner is None else Destination(account, owner)

    def page(
        self, request: web.Request, caller: Caller, to: Destination, body: Spool | None
    ) -> PeerCall:
        """Return the request for a page of the console as it is forwarded. Its form was judged."""
        only_reads = request.method != hdrs.METH_POST
        return PeerCall(
            account=to.account,
            caller=caller,
            address=self._access.address(request),
            allows_jsonp=False,
            method=request.method,
            path=request.rel_url.raw_path,
            query=query_of(request),
            headers=headers_of(request, is_page=True),
            body=body,
            size=request.content_length if body is not None else None,
            is_repeatable=only_reads,
            only_reads=only_reads,
        )

    def call(
        self,
        request: web.Request,
        row: Route,
        caller: Caller,
        to: Destination,
        texts: Mapping[str, str],
        body: Spool | None = None,
    ) -> PeerCall:
        """Return a call as it is forwarded. CallerError -8 where the caller may not make it."""
        scope = row.scope_of(texts)
        caller.require(scope)
        return PeerCall(
            account=to.account,
            caller=caller,
            address=self._access.address(request),
            allows_jsonp=self._access.allows_jsonp(request),
            # aiohttp makes a GET again by itself where the connection breaks.
            method=request.method if row.only_reads(request.method) else hdrs.METH_POST,
            path=row.paths[0],
            query=query_of(request),
            headers=headers_of(request),
            body=body,
            size=None if body is None else request.content_length,
            # A key that the route does not know makes two calls of it no single one.
            is_repeatable=scope is Scope.READ or (row.keyed and bool(texts.get("idempotency_key"))),
            only_reads=scope is Scope.READ,
        )
