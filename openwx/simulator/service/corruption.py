"""The effects of faults: `server` passes every call here before its handler, and the answer afterwards."""

from __future__ import annotations

from aiohttp import web

from ..faults import Fault, Rule
from .base import answer
from .ranges import MediumBody


async def corrupt_call(
    rule: Rule, refused: web.Response, request: web.Request
) -> web.Response | None:
    """Apply a fault before the call takes effect; None means that the call proceeds.

    `refused`: the answer with the rule's `ret`, in the format of the call.
    """
    match rule.fault:
        case Fault.DROP:
            return _hang_up(request)
        case Fault.SERVER_ERROR:
            return web.Response(status=rule.status, text=_HTML, content_type="text/html")
        case Fault.RET:
            return refused
        case Fault.HANG:
            await rule.hang()
    return None


def corrupt_answer(rule: Rule, request: web.Request, response: web.Response) -> web.Response:
    """Apply a fault to the answer of a call that took effect."""
    match rule.fault:
        case Fault.LOSE_ANSWER:
            return _hang_up(request)
        case Fault.GARBAGE:
            return web.Response(text=_HTML, content_type="text/html")
        case Fault.EMPTY:
            return answer("")
        case Fault.TRUNCATE:
            return _halved(response)
        case Fault.PARTIAL if isinstance(response.body, MediumBody):
            half = response.body.half()
            return half.as_part() if half.size else response
        case _:
            return response


def _halved(response: web.Response) -> web.Response:
    body = response.body
    if isinstance(body, MediumBody):
        return web.Response(body=body.half(), status=response.status)
    whole = body if isinstance(body, bytes) else b""
    return web.Response(body=whole[: len(whole) // 2], content_type="text/plain")


_HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
