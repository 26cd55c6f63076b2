"""Handlers outside of the table of routes: Host and Origin are judged for them, too."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from openwx.errors import CallerError
from openwx.web import answers
from openwx.web.access import Access
from openwx.web.answers import Answer

Probe = Callable[[web.Request], Awaitable[Answer]]


def guarded(access: Access, probe: Probe) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler that asks ``probe`` once the request is admitted."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin = None
        try:
            origin = access.admit(request)
            answer = await probe(request)
        except CallerError as error:
            answer = answers.failure(error)
        return answer.response(origin=origin)

    return handle
