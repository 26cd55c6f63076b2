"""Declares routes: a handler's name, request model, reply type and docstring make a row of the table.
The modules in ``routes`` declare with it; ``app`` reads the table.

A handler has some of the parameters ``gateway``, ``account`` and ``call``; it returns a reply or raises an error, and
never touches aiohttp::

    @route("send_friend_message", scope=Scope.SEND)
    async def send_friend_message(account: "Account", call: SendFriendMessage) -> MessageSent:
        ...
"""

import difflib
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

import msgspec

from openwx.api.callers import Scope
from openwx.api.models import OF_EVERY_ROUTE, RequestModel
from openwx.transports.base import Capability

METHODS = ("GET", "POST")

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class ImageReply(msgspec.Struct, frozen=True):
    """A reply that is a picture."""

    data: bytes
    content_type: str
    cache_control: str = "no-cache"
    etag: str = ""
    """A digest of the data; a caller who has it already is answered 304."""


class LongPoll(msgspec.Struct, Generic[T], frozen=True):
    """A reply that waits. Nothing is taken for a caller who has disconnected.

    ``ready`` waits for at most the given seconds, ``take`` removes and returns what there is, ``encode`` makes
    JSON of it, and ``put_back`` undoes ``take``.
    """

    ready: Callable[[float], Awaitable[None]]
    take: Callable[[], list[T]]
    encode: Callable[[list[T]], Awaitable[list[bytes]]]
    put_back: Callable[[list[T]], None]
    timeout_s: float


class Route(msgspec.Struct, frozen=True):
    """One row of the table of routes."""

    name: str
    other_names: tuple[str, ...]
    scope: Scope
    """The scope that a key needs for it."""
    any_state: bool
    doc: str
    model: type[RequestModel] | None
    reply: Any
    handler: Callable[..., Awaitable[object]]
    takes: frozenset[str] = frozenset()
    media: bool = False
    """Whether its body may contain media."""
    cancel_on_disconnect: bool = False
    keyed: bool = False
    """Whether a call with an ``idempotency_key`` comes to its handler in any state, since it may be a repetition."""
    reads_with: str = ""
    """The parameter with which it only reads."""
    needs: tuple[Capability, ...] = ()
    """What the account's transport must be able to do; it is answered with -10 otherwise."""
    lists: Capability | None = None
    """What it lists; of a transport that lacks this, it lists nothing."""
    known: frozenset[str] | None = OF_EVERY_ROUTE
    """The names of its parameters; None if it takes any."""

    @property
    def needs_account(self) -> bool:
        """Whether it can be answered only where its account runs."""
        return "account" in self.takes

    @property
    def reads(self) -> bool:
        """Whether it only reads."""
        return self.scope is Scope.READ

    @property
    def is_audited(self) -> bool:
        """Whether its calls have lines in the audit log. Taking what ``reads_with`` only reads has none."""
        return not self.reads and not self.reads_with

    def scope_of(self, texts: Mapping[str, str]) -> Scope:
        """Return the scope that a call with these parameters needs."""
        return Scope.READ if self.reads_with and texts.get(self.reads_with) else self.scope

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods; HEAD only for routes that change nothing: a link checker must not send messages."""
        return (*METHODS, "HEAD") if self.reads else METHODS

    def needs_no_body(self, query: Iterable[str]) -> bool:
        """Return whether the query is enough for a call whose body cannot be read."""
        if self.reads and self.known is not None and self.known <= OF_EVERY_ROUTE:
            return True
        own = {"client", *(self.model.names() if self.model else ())} - {"idempotency_key"}
        return not own.isdisjoint(query)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(f"/openwx/{name}" for name in (self.name, *self.other_names))

    def only_reads(self, method: str) -> bool:
        """Return whether a call by this method changes nothing (contract, 5.6): ``get_*`` read by GET and HEAD."""
        is_fetched = self.name.startswith("get_") and self.name != "get_client_info"
        return self.reads and not (is_fetched and method == "POST")

    @property
    def topic(self) -> str:
        """The name of the module that declares it."""
        return self.handler.__module__.rpartition(".")[2]


_routes: dict[str, Route] = {}


def route(
    name: str,
    *other_names: str,
    scope: Scope,
    reads_with: str = "",
    any_state: bool = False,
    media: bool = False,
    cancel_on_disconnect: bool = False,
    keyed: bool = False,
    needs: tuple[Capability, ...] = (),
    lists: Capability | None = None,
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Declare a route. ``scope``: the scope that a key needs; ``READ`` is for routes that change nothing, all others
    are refused if a browser requests them by itself (``intent.py``), and audited. ``reads_with``: the parameter with
    which it only reads. ``any_state``: it also works while the account is not running. ``media``: it takes media.
    ``keyed``: with an ``idempotency_key`` its handler decides whether the account must run.
    ``needs``: the transport must have these capabilities. ``lists``: without this one, the answer is ``[]``."""

    def declare(handler: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        signature = inspect.signature(handler)
        takes = frozenset(signature.parameters)
        unknown = takes - {"gateway", "account", "call"}
        assert not unknown, f"{name}: a handler takes gateway, account and call, not {unknown}"
        assert not _routes.keys() & {name, *other_names}, f"{name} is declared twice"
        call = signature.parameters.get("call")
        row = Route(
            name=name,
            other_names=other_names,
            any_state=any_state,
            doc=inspect.getdoc(handler) or "",
            model=None if call is None else call.annotation,
            reply=signature.return_annotation,
            handler=handler,
            takes=takes,
            media=media,
            cancel_on_disconnect=cancel_on_disconnect,
            keyed=keyed,
            scope=scope,
            reads_with=reads_with,
            needs=needs,
            lists=lists,
            known=OF_EVERY_ROUTE if call is None else call.annotation.known(),
        )
        _routes.update(dict.fromkeys((name, *other_names), row))
        return handler

    return declare


def find(name: str) -> Route | None:
    """Return the route of this name."""
    return _routes.get(name)


def near(name: str) -> list[str]:
    """Return routes with a similar name: for ``getUserInfo``, ``get-user-info``, ``get_user_infos``."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:60]).lower().replace("-", "_")
    return difflib.get_close_matches(snake, _routes, n=3)


def declared(modules: Sequence[str]) -> list[Route]:
    """Return the routes of these modules, each once: by the order of modules, then as they stand in the file."""
    rows = {row.name: row for row in _routes.values()}.values()
    return [row for module in modules for row in rows if row.handler.__module__ == module]
