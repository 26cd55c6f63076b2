"""Makes HTTP responses of replies and errors: envelope, status, JSONP and headers (contract, section 1).
``endpoints``, ``connection`` and all pages that answer in JSON use it.
"""

import math
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web
from aiohttp.http_exceptions import InvalidURLError, LineTooLong
from multidict import CIMultiDict

from openwx.api import routing, statuses
from openwx.api.chunked_json import FEW, ChunkedJson
from openwx.errors import CallerError, Code, NotLoggedIn, Rejected, WeChatError

JSON_TYPE = "application/json; charset=utf-8"
SCRIPT_TYPE = "application/javascript; charset=utf-8"
LAST_ID = "X-Openwx-Last-Id"
MISSED = "X-Openwx-Missed"
IGNORED = "Openwx-Ignored"
"""Header with the names of parameters that a route does not know."""
RETRY_AFTER_S = 5
"""Sent with a full queue if the error does not say when to try again."""

_CALL_ENDS = b");"
_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
_USUAL = CIMultiDict({hdrs.CONTENT_TYPE: JSON_TYPE, **_NO_SNIFF})
"""The headers of most answers; each response copies them."""
_encode = msgspec.json.Encoder(enc_hook=str).encode


class Answer(msgspec.Struct):
    """An answer before it becomes a response of aiohttp."""

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    headers: dict[str, str] = {}
    code: int = 0
    """The code in its body, if it has one."""

    def response(
        self, callback: str | None = None, origin: str | None = None
    ) -> web.StreamResponse:
        """Make the response: a call of ``callback`` (JSONP), readable for pages of ``origin`` (CORS)."""
        body, content_type = self.body, self.content_type
        if callback is not None and content_type == JSON_TYPE:
            body = _call_of(callback) + _in_script(body) + _CALL_ENDS
            content_type = SCRIPT_TYPE
        headers = _headers(content_type, self.headers, origin)
        return web.Response(body=body, status=self.status, headers=headers)


def _headers(content_type: str, more: dict[str, str], origin: str | None) -> Mapping[str, str]:
    if content_type == JSON_TYPE and not more and origin is None:
        return _USUAL
    return {hdrs.CONTENT_TYPE: content_type, **_NO_SNIFF, **more, **cors_headers(origin)}


def _call_of(callback: str) -> bytes:
    """Begin with a comment: a caller who chose the first byte could have a script taken for a picture."""
    return b"/**/" + callback.encode() + b"("


def _in_script(json: bytes) -> bytes:
    """Escape U+2028 and U+2029, which end a line in older JavaScript."""
    return json.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


def success(reply: object) -> Answer:
    """Encode what a handler returned."""
    return Answer(_encode(reply), code=getattr(reply, "code", 0))


def listed(
    items: list[object], callback: str | None, origin: str | None, headers: dict[str, str]
) -> web.StreamResponse:
    """Make the response with a list; a long one is encoded and written in chunks."""
    if len(items) <= FEW:
        return Answer(_encode(items), headers=headers).response(callback, origin)
    chunks = ChunkedJson(items, _encode)
    if (complete := chunks.complete) is not None:
        return Answer(complete, headers=headers).response(callback, origin)
    if callback is None:
        return web.Response(body=chunks.stream(), headers=_headers(JSON_TYPE, headers, origin))
    body = _in_call(callback, chunks.stream())
    return web.Response(body=body, headers=_headers(SCRIPT_TYPE, headers, origin))


async def _in_call(callback: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield _call_of(callback)
    async for chunk in chunks:
        yield _in_script(chunk)
    yield _CALL_ENDS


def failure(error: CallerError) -> Answer:
    """Encode an error."""
    body = _encode({"code": int(error.code), "status": error.status, **error.extra})
    status = error.http_status or statuses.usual(error.code)
    headers = _failure_headers(status, error.extra)
    return Answer(body, status, headers=headers, code=int(error.code))


def _failure_headers(status: int, extra: dict[str, Any]) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {hdrs.WWW_AUTHENTICATE: "Bearer"}
    if status == HTTPStatus.TOO_MANY_REQUESTS or "retry_after" in extra:
        return {hdrs.RETRY_AFTER: str(math.ceil(extra.get("retry_after", RETRY_AFTER_S)))}
    return {}


def wechat_failure(error: WeChatError) -> Answer:
    """Encode an error of WeChat's."""
    if isinstance(error, Rejected):
        return failure(
            CallerError(Code.REFUSED, str(error), ret=error.ret, errmsg=error.errmsg),
        )
    code = Code.NOT_RUNNING if isinstance(error, NotLoggedIn) else Code.UNREACHABLE
    return failure(CallerError(code, str(error)))


def did_you_mean(name: str) -> str:
    """Suggest routes with a similar name."""
    near = routing.near(name)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def http_failure(error: web.HTTPException, path: str) -> Answer:
    """Encode what aiohttp itself refused: an unknown path, a method, a body."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        words = f"this takes {allowed}, not {error.method[:40]}"
        answer = failure(CallerError(Code.NO_ROUTE, words, http_status=error.status))
        answer.headers[hdrs.ALLOW] = allowed
        return answer
    if isinstance(error, web.HTTPNotFound):
        near = did_you_mean(path.rstrip("/").rpartition("/")[2])
        words = f"no such route{near or '; they are /openwx/NAME;'} /docs lists them all"
        return failure(CallerError(Code.NO_ROUTE, words))
    code = (
        Code.UNREACHABLE if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Code.BAD_PARAMETER
    )
    words = HTTPStatus(error.status).phrase.lower() if error.status in _KNOWN else "bad request"
    return failure(CallerError(code, words, http_status=error.status))


_KNOWN = frozenset(int(status) for status in HTTPStatus)


def malformed(error: BaseException | None) -> Answer:
    """Encode why aiohttp could not parse a request."""
    if isinstance(error, LineTooLong):
        words = "the request line or a header is too long; a long text fits into a POST body"
        return failure(CallerError(Code.BAD_PARAMETER, words, http_status=413))
    words = "this is not valid HTTP"
    if isinstance(error, InvalidURLError):
        words = "the address is not valid; Chinese text and spaces in it must be percent-encoded"
    return failure(CallerError(Code.BAD_PARAMETER, words))


def internal_failure() -> Answer:
    """Encode a bug. Its traceback is for the log only."""
    words = "internal error; the log of openwx has the details"
    return failure(CallerError(Code.UNREACHABLE, words, http_status=500))


def cors_headers(origin: str | None) -> dict[str, str]:
    """Return what lets pages of a listed origin read the answer."""
    if origin is None:
        return {}
    return {
        hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
        hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: f"{hdrs.RETRY_AFTER}, {LAST_ID}, {MISSED}, {IGNORED}",
        hdrs.VARY: hdrs.ORIGIN,
    }
