"""Reads the parameters of a request: query, form, JSON or multipart, as one dictionary of texts.
``call_reader`` and the console call it.

The body wins over the query (contract, section 1). What cannot be read is the caller's error (code -2), never a crash
and never a guess; a body that the route does not need is ignored instead (section 5.1).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from aiohttp import hdrs, web

from openwx import mediatype
from openwx.accounts.media.folder import MediaFolder
from openwx.api.compressed import encoding_of, uncompressed
from openwx.api.json_body import read_json
from openwx.api.multipart import FilePart, MultipartForm
from openwx.api.multipart_reader import BodyBytes
from openwx.api.texts import Known, UnusableBodyError, refuse, refuse_size
from openwx.api.urlencoded import is_plain, read_plain, read_urlencoded

MAX_BODY = 1024 * 1024
"""Bytes of a body without media."""
BODY_TIMEOUT_S = 30.0
"""Time-out for the whole body. aiohttp leaves a body with broken chunks waiting, too."""
MEDIA_BODY_TIMEOUT_S = 600.0
PARSED_AT_ONCE = 64 * 1024
"""Bytes that are parsed in the event loop; more is parsed in a thread."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"


class BodyLimits(msgspec.Struct, frozen=True):
    """The limits of a body. Files go to ``folder``; if it is None, they are ignored."""

    body: int = MAX_BODY
    timeout_s: float = msgspec.field(default_factory=lambda: BODY_TIMEOUT_S)
    folder: MediaFolder | None = None

    @classmethod
    def for_media(cls, folder: MediaFolder) -> "BodyLimits":
        """Return the limits for media, also as base64 in a form, where every third character is escaped."""
        return cls(2 * folder.max_size + MAX_BODY, MEDIA_BODY_TIMEOUT_S, folder)

    def for_strangers(self) -> "BodyLimits":
        """Return the limits for a caller without the token, which may still come in the body."""
        return BodyLimits(MAX_BODY, folder=self.folder)


class RequestParams(msgspec.Struct, frozen=True):
    """The parameters of one call: texts, and the files of a multipart body.

    ``ignored`` are names that the route does not know; ``unread`` says why the body was ignored, if it was.
    """

    texts: dict[str, str]
    files: dict[str, FilePart]
    ignored: list[str] = []
    unread: str = ""

    @contextmanager
    def discard_on_error(self) -> Iterator[None]:
        """Delete the files if the call is refused within."""
        try:
            yield
        except BaseException:
            self.discard_files()
            raise

    def discard_files(self) -> None:
        for part in self.files.values():
            part.discard()


NONE = RequestParams({}, {})
"""What was read of a call of which nothing is read yet."""


def read_query(request: web.BaseRequest, known: Known = None) -> RequestParams:
    """Read the parameters of the query string."""
    query = request.raw_path.partition("?")[2]
    if not query:
        return RequestParams({}, {})
    query = query.partition("#")[0]
    if is_plain(query):  # benchmark row `routes`: a twentieth of get_user_info
        texts = read_plain(query, "query", known)
    else:
        label = mediatype.of_headers(request.headers).charset
        texts = read_urlencoded(query.encode("utf-8", "surrogateescape"), "query", known, label)
    return RequestParams(texts.values, {}, texts.ignored)


async def read_body(
    request: web.BaseRequest,
    limits: BodyLimits,
    known: Known = None,
    content: BodyBytes | None = None,
) -> RequestParams | None:
    """Read the parameters of the body; None without a body. Raises ``UnusableBodyError`` and other ``CallerError``.

    ``content``: what its bytes are read from instead of the request.
    """
    if not request.body_exists:
        return None
    if (request.content_length or 0) > limits.body:
        refuse_size(limits.body)
    content_type, charset = mediatype.of_headers(request.headers)
    encoding = encoding_of(request)
    if encoding and content_type == MULTIPART:
        refuse(f"a {MULTIPART} body must not be compressed", http_status=415)
    content = content or request.content
    try:
        async with asyncio.timeout(limits.timeout_s):
            if content_type == MULTIPART:
                return await _multipart(request, content, limits, known)
            data = await _read(content, limits.body)
    except TimeoutError:
        refuse("the body was not complete in time", http_status=408)
    except (web.RequestPayloadError, ConnectionError):
        refuse("the body is broken or ends early")
    if not data:
        return None
    if encoding:
        data = await uncompressed(data, encoding, limits.body)
    parse = _PARSERS.get(content_type)
    if parse is None:
        words = f"the body must be {FORM}, {JSON} or {MULTIPART}, and its Content-Type must say so"
        raise UnusableBodyError(words)
    if len(data) > PARSED_AT_ONCE:
        return await asyncio.to_thread(parse, data, known, charset)
    return parse(data, known, charset)


async def _read(content: BodyBytes, limit: int) -> bytes:
    body = bytearray()
    while data := await content.readany():
        body += data
        if len(body) > limit:
            refuse_size(limit)
    return bytes(body)


def _form(data: bytes, known: Known, label: str | None) -> RequestParams:
    texts = read_urlencoded(data.rstrip(b"\r\n"), "body", known, label)
    unread = ""
    if not texts.values and data.lstrip()[:1] in (b"{", b"["):
        unread = f"it looks like JSON, and then its Content-Type must be {JSON}"
    return RequestParams(texts.values, {}, texts.ignored, unread)


def _json(data: bytes, known: Known, label: str | None) -> RequestParams:
    try:
        texts = read_json(data, "body", known, label)
    except UnusableBodyError as error:
        if not error.is_empty:
            raise
        return RequestParams({}, {}, unread=error.status)
    return RequestParams(texts.values, {}, texts.ignored)


_PARSERS: dict[str, Callable[[bytes, Known, str | None], RequestParams]] = {
    FORM: _form,
    JSON: _json,
}


async def _multipart(
    request: web.BaseRequest, content: BodyBytes, limits: BodyLimits, known: Known
) -> RequestParams:
    if "boundary" not in request.headers.get(hdrs.CONTENT_TYPE, ""):
        await _read(content, limits.body)
        raise UnusableBodyError(f"the body must be valid {MULTIPART}, with a boundary in its label")
    files: dict[str, FilePart] = {}
    with RequestParams({}, files).discard_on_error():
        form = MultipartForm(request.headers, content, limits.body, limits.folder, known)
        texts = await form.read(files)
    return RequestParams(texts.values, files, texts.ignored)
