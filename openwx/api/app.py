"""The web application: every route at ``/openwx/NAME``, the probes beside them, and the runner that serves it all.
``service`` makes it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from openwx.api import confirm, parameters
from openwx.api.access import Access
from openwx.api.docs_page import DocsPage
from openwx.api.endpoints import Endpoints
from openwx.api.metrics_page import Metrics
from openwx.api.openapi import OpenApi
from openwx.api.probes import Health
from openwx.api.routes import (
    accounts,
    avatars,
    chats,
    consult,
    events,
    friends,
    groups,
    info,
    outbox,
    recall,
    sending,
)
from openwx.api.routing import Route, declared
from openwx.api.server import Handlers, Runner

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager
    from openwx.api.peers.hops import Hops
    from openwx.api.peers.listener import Doorman, HopAccess
    from openwx.cluster.node import ClusterNode

TOPICS = (info, chats, sending, recall, consult, groups, friends, avatars, events, accounts, outbox)
"""The modules that declare the routes, in the order of the table."""


def routes() -> list[Route]:
    """Return the table of routes: for the application, for OpenAPI and for the documentation."""
    return declared([topic.__name__ for topic in TOPICS])


class Pages(Protocol):
    """Pages served beside the routes, such as the console's."""

    def add_to(self, router: web.UrlDispatcher) -> None: ...

    def stop(self) -> None:
        """End the streams, because the server stops."""


def make_runner(
    gateway: "AccountManager",
    access: Access,
    pages: Iterable[Pages] = (),
    node: "ClusterNode | None" = None,
    hops: "Hops | None" = None,
) -> Runner:
    """Make a runner, for ``setup()``, ``listen()`` and ``cleanup()``.

    ``node``: this process as one of several. ``hops``: what it asks the others.
    """
    app = web.Application(client_max_size=parameters.MAX_BODY)
    endpoints = Endpoints(gateway, access, node, hops)
    handlers = _add_routes(app, endpoints)
    Health(gateway, access, node).add_to(app.router)
    Metrics(gateway, access, node).add_to(app.router)
    OpenApi(routes(), access).add_to(app.router)
    DocsPage(access).add_to(app.router)
    confirm.add_to(app.router)
    return _runner(app, access, endpoints, handlers, pages)


def make_peer_runner(
    gateway: "AccountManager",
    access: "HopAccess",
    doorman: "Doorman",
    node: "ClusterNode",
    pages: Iterable[Pages],
) -> Runner:
    """Make the runner for calls that other nodes forward: the routes and the console, and nothing else."""
    app = web.Application(client_max_size=parameters.MAX_BODY, middlewares=[doorman.admit])
    endpoints = Endpoints(gateway, access, node)
    _add_routes(app, endpoints)
    return _runner(app, access, endpoints, {}, pages)


def _add_routes(app: web.Application, endpoints: Endpoints) -> Handlers:
    """Add one resource for all routes, which takes half as long as one for each path and method."""
    handlers: Handlers = {}
    for row in routes():
        endpoint = endpoints.endpoint(row)
        by_method = {**dict.fromkeys(row.methods, endpoint), "OPTIONS": endpoints.preflight}
        for path in row.paths:
            handlers[path] = handlers[f"{path}/"] = by_method

    async def answer(request: web.Request) -> web.StreamResponse:
        by_method = handlers.get(request.rel_url.path_safe)
        if by_method is None:
            raise web.HTTPNotFound
        handler = by_method.get(request.method)
        if handler is None:
            raise web.HTTPMethodNotAllowed(request.method, by_method)
        return await handler(request)

    app.router.add_route("*", "/openwx/{name:.*}", answer)
    return handlers


def _runner(
    app: web.Application,
    access: Access,
    endpoints: Endpoints,
    handlers: Handlers,
    pages: Iterable[Pages],
) -> Runner:
    pages = list(pages)
    for more in pages:
        more.add_to(app.router)

    async def stop() -> None:
        await endpoints.stop()
        for more in pages:
            more.stop()

    return Runner(app, access, handlers, stop)
