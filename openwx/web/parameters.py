"""What a caller sent along: query, form, JSON or multipart, read into one dictionary of texts.

The body wins over the query (contract, section 1). Everything is UTF-8; what cannot be read is the
caller's error (code -2), never a crash and never a guess.
"""

import asyncio
import json
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import BadContentDispositionHeader, BodyPartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from openwx.errors import CallerError, Code
from openwx.gateway import names
from openwx.gateway.mediafolder import (
    EmptyError,
    MediaFolder,
    StoredFile,
    TooLargeError,
)

log = logging.getLogger("openwx.web")

# Aiohttp reads the first part's Content-Disposition too, and complains of what is read here all the same.
warnings.filterwarnings("ignore", category=BadContentDispositionHeader)

MAX_BODY = 1024 * 1024
"""Bytes, where no medium is wanted."""
MAX_PARAMETERS = 1000
BODY_TIMEOUT_S = 30.0
"""For the whole body. aiohttp also leaves a body waiting whose chunks turn out to be broken."""
MEDIA_BODY_TIMEOUT_S = 600.0
PARSED_AT_ONCE = 256 * 1024
"""Bytes; to parse more would be felt by everybody else."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"

NAME = "media_name"
"""A file's name: programs on Chinese Windows write it in GB18030."""
IGNORED = "_"
"""A parameter that callers add to get past caches."""


class FilePart(msgspec.Struct, frozen=True):
    """A file that came in a multipart body; it is on the disk already."""

    filename: str
    file: StoredFile

    def discard(self) -> None:
        """Delete it."""
        try:
            Path(self.file.path).unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be deleted: %s", self.file.path, error)


class Limits(msgspec.Struct, frozen=True):
    """How much a route takes. ``folder`` is where files go, None where none are wanted."""

    body: int = MAX_BODY
    timeout_s: float = msgspec.field(default_factory=lambda: BODY_TIMEOUT_S)
    folder: MediaFolder | None = None

    @classmethod
    def for_media(cls, folder: MediaFolder) -> "Limits":
        """A body that may hold a medium, also as base64 in a form, where every third character is escaped."""
        return cls(2 * folder.max_size + MAX_BODY, MEDIA_BODY_TIMEOUT_S, folder)

    def for_strangers(self) -> "Limits":
        """For a caller whose token, if he has one, is still to come in the body."""
        return Limits(MAX_BODY, folder=self.folder)


class Given(msgspec.Struct, frozen=True):
    """The parameters of one call: texts, and the files of a multipart body."""

    texts: dict[str, str]
    files: dict[str, FilePart]

    def unless_refused(self) -> "_UnlessRefused":
        """A context that deletes the files where a call is refused before anybody uses them."""
        return _UnlessRefused(self.files)


class _UnlessRefused:
    """A class, because every request goes through it a few times: as a generator it takes four times as long."""

    __slots__ = ("_files",)

    def __init__(self, files: dict[str, FilePart]) -> None:
        self._files = files

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            for part in self._files.values():
                part.discard()


def read_query(request: web.BaseRequest) -> dict[str, str]:
    """The parameters of the query string."""
    query = request.raw_path.partition("?")[2].partition("#")[0]
    return _urlencoded(query.encode("utf-8", "surrogateescape"), "query") if query else {}


async def read_body(request: web.BaseRequest, limits: Limits) -> Given | None:
    """The parameters of the body; None where there is none."""
    if not request.body_exists:
        return None
    if (request.content_length or 0) > limits.body:
        _refuse_size(limits.body)
    try:
        async with asyncio.timeout(limits.timeout_s):
            if request.content_type == MULTIPART:
                _check_charset(request)
                return await _multipart(request, limits)
            data = await _read(request, limits.body)
    except TimeoutError:
        _refuse("the body did not come to its end in time", http_status=408)
    except (web.RequestPayloadError, ConnectionError):
        _refuse("the body is broken or ends early")
    if not data:
        return None
    parse = _PARSERS.get(request.content_type)
    if parse is None:
        _refuse(f"the body must be {FORM}, {JSON} or {MULTIPART}, and its Content-Type must say so")
    _check_charset(request)
    if len(data) > PARSED_AT_ONCE:
        return Given(await asyncio.to_thread(parse, data), {})
    return Given(parse(data), {})


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    body = bytearray()
    async for data in request.content.iter_any():
        body += data
        if len(body) > limit:
            _refuse_size(limit)
    return bytes(body)


def _refuse(status: str, **more: Any) -> NoReturn:
    raise CallerError(Code.BAD_PARAMETER, status, **more)


def _refuse_size(limit: int) -> NoReturn:
    _refuse(f"the body must be at most {limit} bytes", http_status=413)


def _check_charset(request: web.BaseRequest) -> None:
    charset = request.charset
    if charset is not None and charset.lower() not in ("utf-8", "utf8"):
        _refuse(f"the body must be UTF-8, not {charset[:40]!a}")


def _collect(pairs: Iterable[tuple[str, str]], place: str) -> dict[str, str]:
    """One value for each name; a name with two values is no order that anybody can follow."""
    texts: dict[str, str] = {}
    for name, value in pairs:
        if name == IGNORED:
            continue
        if "\0" in name or not _is_text(name):
            _refuse(f"the name {name[:40]!a} of a parameter in the {place} is not valid text")
        if "\0" in value or not _is_text(value):
            _refuse(f"{name} must be valid Unicode text without NUL characters")
        if texts.setdefault(name, value) != value:
            _refuse(f"{name} must be given once; the {place} has it with different values")
    return texts


def _is_text(value: str) -> bool:
    """Without lone surrogates, which JSON can express and UTF-8 cannot."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _urlencoded(data: bytes, place: str = "body") -> dict[str, str]:
    pieces = data.split(b"&")
    if len(pieces) > MAX_PARAMETERS:
        _refuse(f"at most {MAX_PARAMETERS} parameters are read")
    pairs = (piece.partition(b"=") for piece in pieces if piece)
    return _collect(
        ((_unquote(name, name), _unquote(value, name)) for name, _, value in pairs), place
    )


def _unquote(quoted: bytes, name: bytes) -> str:
    if b"%" in quoted or b"+" in quoted:
        quoted = unquote_to_bytes(quoted.replace(b"+", b" "))
    try:
        return names.decoded(quoted) if name == NAME.encode() else quoted.decode()
    except UnicodeDecodeError:
        _refuse(f"{name[:40].decode('utf-8', 'replace')} must be UTF-8, percent-encoded")


class _Object(list[tuple[str, Any]]):
    """A JSON object as its members, so that a name that is there twice is seen."""


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def read_json(data: bytes, place: str = "body") -> dict[str, str]:
    """The parameters of a JSON object."""
    try:
        # Numbers keep the digits that they came with: they are as good as their string form.
        members = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_Object,
            parse_int=str,
            parse_float=str,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        _refuse(f"the {place} must be valid JSON in UTF-8")
    if not isinstance(members, _Object):
        _refuse(f"the {place} must be a JSON object")
    if len(members) > MAX_PARAMETERS:
        _refuse(f"at most {MAX_PARAMETERS} parameters are read")
    return _collect(
        ((name, _json_text(name, value)) for name, value in members if value is not None), place
    )


def _json_text(name: str, value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case _:
            _refuse(
                f"{name[:40]!a} must be a text, a number, true or false, not a list or an object"
            )


_PARSERS: dict[str, Callable[[bytes], dict[str, str]]] = {
    FORM: lambda data: _urlencoded(data.rstrip(b"\r\n")),
    JSON: read_json,
}


async def _multipart(request: web.BaseRequest, limits: Limits) -> Given:
    given = Given({}, {})
    with given.unless_refused():
        await _read_parts(request, limits, given)
    return given


async def _read_parts(request: web.BaseRequest, limits: Limits, given: Given) -> None:
    """Put the parts into ``given`` as they come."""
    texts: list[tuple[str, str]] = []
    files = given.files
    try:
        parts = await request.multipart()
        while (part := await parts.next()) is not None:
            if not isinstance(part, BodyPartReader):
                _refuse("a part of the multipart body must not be multipart itself")
            if "Content-Encoding" in part.headers:
                _refuse("a part of the multipart body must not be compressed")
            if len(texts) + len(files) >= MAX_PARAMETERS:
                _refuse(f"at most {MAX_PARAMETERS} parameters are read")
            name, filename = _names_of(part)
            if filename is None or limits.folder is None or name is None:
                data = await _part_data(request, part, limits.body)
                if name is not None and filename is None:
                    texts.append((name, _part_text(name, part, data)))
                continue
            if name in files:
                _refuse(f"{name[:40]!a} must be given once")
            file = await _part_file(request, part, filename, limits.folder, limits.body)
            if file is None:
                continue
            files[name] = FilePart(filename, file)
    except (ValueError, LookupError, RuntimeError, AssertionError, HttpProcessingError):
        # What aiohttp's reader raises for boundaries, headers and encodings that make no sense.
        _refuse("the body must be valid multipart/form-data")
    given.texts.update(_collect(texts, "body"))


async def _chunks(
    request: web.BaseRequest, part: BodyPartReader, limit: int
) -> AsyncIterator[bytes]:
    """A part's bytes as they come, before any decoding. CallerError -2 where the body becomes too large."""
    while chunk := await part.read_chunk(64 * 1024):
        if request.content.total_bytes > limit + 64 * 1024:
            _refuse_size(limit)
        yield bytes(chunk)


async def _part_data(request: web.BaseRequest, part: BodyPartReader, limit: int) -> bytes:
    data = bytearray()
    async for chunk in _chunks(request, part, limit):
        data += chunk
    return bytes(part.decode(bytes(data)))


def _names_of(part: BodyPartReader) -> tuple[str | None, str | None]:
    """The name of a part, and that of its file; None where it has none."""
    header = part.headers.get(hdrs.CONTENT_DISPOSITION, "")
    try:
        given = names.disposition(header)
    except UnicodeDecodeError:
        known = header.encode("ascii", "ignore").decode()
        name = names.disposition(known).get("name", "media")
        _refuse(f"the file name of {name[:40]!a} must be UTF-8 (or GB18030)")
    return given.get("name"), given.get("filename")


async def _part_file(
    request: web.BaseRequest,
    part: BodyPartReader,
    filename: str,
    folder: MediaFolder,
    limit: int,
) -> StoredFile | None:
    """The file of a part; None where a form's field for a file was left empty.

    CallerError: -3 where it is empty, or larger than media may be, or cannot be kept.
    """
    try:
        async with folder.receive(names.of_part(filename)) as incoming:
            if "Content-Transfer-Encoding" in part.headers:
                await incoming.put(await _part_data(request, part, limit))
            else:
                async for chunk in _chunks(request, part, limit):
                    await incoming.put(chunk)
            return await incoming.keep()
    except EmptyError as error:
        if not filename:
            return None
        raise CallerError(Code.MEDIA, f"the file {filename!a}: {error}") from None
    except TooLargeError as error:
        raise CallerError(Code.MEDIA, f"the file {filename!a}: {error}") from None
    except OSError as error:
        words = f"the file {filename!a} cannot be kept: {error.strerror or error}"
        raise CallerError(Code.MEDIA, words) from None


def _part_text(name: str, part: BodyPartReader, data: bytes) -> str:
    charset = part.get_charset(default="utf-8")
    try:
        if name == NAME:
            return names.decoded(data)
        if charset.lower() in ("utf-8", "utf8", "us-ascii"):
            return data.decode()
    except UnicodeDecodeError:
        pass
    _refuse(f"{name[:40]!a} must be UTF-8")
