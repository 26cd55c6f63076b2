"""The HTTP status of each code: the usual one, and the one for callers who ask for it (`strict=1`).
``answers`` and ``openapi`` ask.

The original answered 200 for every outcome that it could express (contract, section 1), and programs read the code.
Others look at the HTTP status alone. With ``strict=1`` or the header ``Openwx-Strict: 1`` they see a failure there.
"""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import Field

from openwx.api.models import STRICT, Flag, RequestModel
from openwx.api.parameters import RequestParams, read_query
from openwx.errors import CallerError, Code

STRICT_HEADER = "Openwx-Strict"
"""The parameter ``strict`` as a header; the parameter wins."""

_USUAL: dict[int, HTTPStatus] = {
    Code.BAD_PARAMETER: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.NO_ROUTE: HTTPStatus.NOT_FOUND,
    Code.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
    Code.NOT_RUNNING: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.NOT_SUPPORTED: HTTPStatus.NOT_IMPLEMENTED,
}
"""Always answered so. All other codes are 200, unless the error has a status of its own or the call is strict."""

_STRICT: dict[int, HTTPStatus] = {
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.NOT_POSSIBLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.AMBIGUOUS: HTTPStatus.CONFLICT,
    Code.EMPTY_LIST: HTTPStatus.BAD_REQUEST,
    Code.MEDIA: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.REFUSED: HTTPStatus.BAD_GATEWAY,
    Code.UNREACHABLE: HTTPStatus.BAD_GATEWAY,
    Code.GAVE_UP: HTTPStatus.BAD_GATEWAY,
    1205: HTTPStatus.TOO_MANY_REQUESTS,
}
"""Answered so instead of 200 if the call is strict; every other ``Ret`` of WeChat's is 502."""


def usual(code: int) -> int:
    return _USUAL.get(code, HTTPStatus.OK)


def strict(code: int) -> int:
    """Return the status of a code that is usually answered with 200."""
    return _STRICT.get(code, HTTPStatus.BAD_GATEWAY) if code else HTTPStatus.OK


class Strictness(RequestModel):
    """What every route takes beside its own parameters."""

    strict: Annotated[
        Flag,
        Field(
            description="1 (a code other than 0 is answered with HTTP 4xx or 5xx) or 0;"
            f" also as the header {STRICT_HEADER}"
        ),
    ] = False


def check(params: RequestParams) -> None:
    """Raise ``CallerError`` (-2) if ``strict`` is neither yes nor no."""
    Strictness.read(params)


def is_strict(request: web.Request, params: RequestParams) -> bool:
    """Return whether a call that failed is strict, even if its body could not be read.

    Over a WebSocket, ``request`` is the handshake, which says it for all calls that do not say it themselves.
    """
    header: str = request.headers.get(STRICT_HEADER, "")
    given = params.texts.get(STRICT, "") or _in_the_query(request) or header
    try:
        return Strictness.read(RequestParams({STRICT: given}, {})).strict
    except CallerError:
        return False  # the call was refused for that, or before that


def _in_the_query(request: web.Request) -> str:
    try:
        return read_query(request, (STRICT,)).texts.get(STRICT, "")
    except CallerError:
        return ""
