"""``/openapi.json``: the table of routes as an OpenAPI 3.1 document, for programs and for readers.

What is said there has one place each: parameters and answers in the models beside the handlers; what an answer looks
like in ``examples/``, recorded from calls of the real server; what codes, topics and fields mean in ``words``.
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
    """The handler. The document is made when it is first asked for."""

    def __init__(self, routes: Sequence[Route], access: Access) -> None:
        self._routes = routes
        self._access = access

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/openapi.json", guarded(self._access, self._tell))

    async def _tell(self, _: web.Request) -> Answer:
        return self._answer

    @functools.cached_property
    def _answer(self) -> Answer:
        return answers.success(document(self._routes))
