"""Decides which calls another node must answer, and has them answered there.

``Hops.destination`` is where that is decided, for every call of every route: once its caller is known and admitted, and
before anything of it is done.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace

from openwx.api.access import Access
from openwx.api.answers import Answer, cors_headers
from openwx.api.callers import Caller, Scope
from openwx.api.parameters import JSON, RequestParams
from openwx.api.peers.call import Call, headers_of, query_of
from openwx.api.peers.forwarding import Forwarding
from openwx.api.peers.relay import PeerStream
from openwx.api.peers.spool import IN_MEMORY, Spool
from openwx.api.routing import Route
from openwx.cluster.directory import Owner

_JSON = {hdrs.CONTENT_TYPE: JSON}


class Destination(msgspec.Struct, frozen=True):
    """An account, and the other node that owns it."""

    account: str
    owner: Owner


class Hops:
    """The calls of one server for accounts of other nodes."""

    def __init__(self, forwarding: Forwarding, access: Access, folder: Path) -> None:
        self._forwarding = forwarding
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
        name = texts.get("client", "")
        if row.needs_account:
            name = await self._forwarding.account_of(name or None, caller)
            owner = await self._forwarding.elsewhere(name)
        elif row.names_account and name and caller.sees(name):
            owner = await self._forwarding.running_elsewhere(name)
        else:
            return None
        return None if owner is None else Destination(name, owner)

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
        call: Call,
        to: Destination,
        origin: str | None,
    ) -> web.StreamResponse:
        """Answer a request as the owner does. Raise CallerError, before the answer has begun."""
        return await self._forwarding.respond(request, call, to.owner, cors_headers(origin))

    async def answer(self, call: Call, to: Destination, params: RequestParams) -> Answer:
        """Make a call with these parameters that came over a WebSocket. Raise CallerError."""
        body = msgspec.json.encode(params.texts)
        call = replace(call, method="POST", query="", headers=_JSON, body=body)
        return await self._forwarding.answer(call, to.owner)

    def stream(self, call: Call, to: Destination) -> PeerStream:
        """Return the owner's stream, for a WebSocket."""
        return self._forwarding.stream(call, to.owner)

    def call(
        self,
        request: web.Request,
        row: Route,
        caller: Caller,
        to: Destination,
        texts: Mapping[str, str],
        body: Spool | None = None,
    ) -> Call:
        """Return a call as it is forwarded. CallerError -8 where the caller may not make it."""
        scope = row.scope_of(texts)
        caller.require(scope)
        return Call(
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
            is_repeatable=scope is Scope.READ or "idempotency_key" in texts,
            only_reads=scope is Scope.READ,
        )
