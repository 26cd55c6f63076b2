"""Checks Host and Origin for handlers outside of the table of routes.
``probes``, ``/metrics`` and ``/docs`` have it.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from openwx import metrics
from openwx.api import answers
from openwx.api.access import Access
from openwx.api.answers import Answer
from openwx.errors import CallerError

Probe = Callable[[web.Request], Awaitable[Answer]]


def guarded(access: Access, probe: Probe) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler that calls ``probe`` once the request is admitted."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin = None
        try:
            origin = access.admit(request)
            answer = await probe(request)
        except CallerError as error:
            answer = answers.failure(error)
        metrics.REQUESTS.of(_path_of(request)).answered(answer.code)
        return answer.response(origin=origin)

    return handle


def _path_of(request: web.Request) -> str:
    """Return the path as it was declared: the values of its ``{…}`` must not become labels."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else metrics.OTHER
