"""The web application: every route at ``/openwx/NAME``, the probes beside them, and the runner that serves it all."""

from typing import TYPE_CHECKING

from aiohttp import web

from openwx.web import (
    accounts,
    avatars,
    confirm,
    consult,
    events,
    friends,
    groups,
    info,
    outbox,
    parameters,
    recall,
    sending,
)
from openwx.web.access import Access
from openwx.web.console import Console
from openwx.web.docspage import DocsPage
from openwx.web.endpoints import Endpoints
from openwx.web.health import Health
from openwx.web.metrics import Metrics
from openwx.web.openapi import OpenApi
from openwx.web.routing import Route, declared
from openwx.web.server import Handler, Runner

if TYPE_CHECKING:
    from openwx.gateway.gateway import Gateway

TOPICS = (info, sending, recall, consult, groups, friends, avatars, events, accounts, outbox)
"""Imported for the routes that they declare."""


def routes() -> list[Route]:
    """The table of routes: for the application, for OpenAPI and for the documentation."""
    return declared()


def make_runner(gateway: "Gateway") -> Runner:
    """A runner to ``setup()``, put ``web.TCPSite`` s on and ``cleanup()``."""
    access = Access(gateway.settings.access)
    app = web.Application(client_max_size=parameters.MAX_BODY)
    endpoints = Endpoints(gateway, access)
    shortcuts: dict[tuple[str, str], Handler] = {}
    for row in routes():
        endpoint = endpoints.endpoint(row)
        for path in row.paths:
            for method in row.methods:
                app.router.add_route(method, path, endpoint)
                app.router.add_route(method, f"{path}/", endpoint)
                shortcuts[method, path] = endpoint
            app.router.add_route("OPTIONS", path, endpoints.preflight)
            app.router.add_route("OPTIONS", f"{path}/", endpoints.preflight)
    Health(gateway, access).add_to(app.router)
    Metrics(gateway, access).add_to(app.router)
    OpenApi(routes(), access).add_to(app.router)
    DocsPage(access).add_to(app.router)
    confirm.add_to(app.router)
    console = Console(gateway, access)
    console.add_to(app.router)

    async def stop_waiting(_: web.Application) -> None:
        await endpoints.waiting.stop()
        console.stop()

    app.on_shutdown.append(stop_waiting)
    return Runner(app, access, shortcuts)
