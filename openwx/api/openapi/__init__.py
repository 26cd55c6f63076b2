"""Serves ``/openapi.json``: the table of routes as an OpenAPI 3.1 document.
``app`` adds it.

Parameters come from the models beside the handlers, answers from ``openwx/schemas.py``, examples from ``examples/``,
where calls of the real server are recorded, and texts about codes, topics and fields from ``descriptions``.
"""

import functools
from collections.abc import Sequence

from aiohttp import web

from openwx.api import answers
from openwx.api.access import Access
from openwx.api.answers import Answer
from openwx.api.guard import guarded
from openwx.api.openapi.document import document
from openwx.api.routing import Route


class OpenApi:
    """The handler. The document is made at the first request."""

    def __init__(self, routes: Sequence[Route], access: Access) -> None:
        self._routes = routes
        self._access = access

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/openapi.json", guarded(self._access, self._serve))

    async def _serve(self, _: web.Request) -> Answer:
        return self._answer

    @functools.cached_property
    def _answer(self) -> Answer:
        return answers.success(document(self._routes))
