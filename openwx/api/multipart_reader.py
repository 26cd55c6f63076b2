"""Reads the parts of a ``multipart/form-data`` body one after the other, as it comes (RFC 2046 and 7578).
``multipart`` calls it.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from typing import Protocol

from openwx import mediatype

MAX_LINES = 20_000
"""Lines outside of the parts' contents: boundaries, headers, and what stands before the first part."""
_MAX_HEADERS = 128
_MAX_LINE = 8190
_MAX_BOUNDARY = 70
_MAX_QUOTED = 1024 * 1024
"""Bytes of a quoted-printable part, which is decoded at once."""
_LAST = b"--"
"""The end of the last boundary."""
_NOT_BASE64 = bytes(
    byte
    for byte in range(256)
    if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)

Headers = dict[str, str]
"""The headers of a part by their names in lower case. Bytes that are not UTF-8 are surrogates."""


class BodyBytes(Protocol):
    """The bytes of a body, as they come."""

    async def readany(self) -> bytes:
        """Wait for the next bytes; none are the end."""


class MultipartError(ValueError):
    """The body is no valid multipart, or has too much besides the contents of its parts."""


class BodyTooLargeError(ValueError):
    """The body, or what is decoded at once of it, is longer than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class MultipartReader:
    """Reads a body of at most ``limit`` bytes. ``content_type`` is the header with the boundary.

    ``async for part in reader`` yields each part's headers; ``read_part`` yields its contents, and may be left out.
    Raises ``MultipartError`` and ``BodyTooLargeError``.
    """

    def __init__(self, content_type: str, content: BodyBytes, limit: int) -> None:
        boundary = mediatype.parse(content_type).get_boundary("")
        if not 0 < len(boundary) <= _MAX_BOUNDARY:
            raise MultipartError
        self._delimiter = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
        self._content = content
        self._limit = limit
        self._size = 0
        self._lines = 0
        self._buffer = bytearray()
        self._is_in_part = False

    async def __aiter__(self) -> AsyncIterator[Headers]:
        boundary = self._delimiter[2:]
        while (line := await self._read_line()) not in (boundary, boundary + _LAST):
            pass
        rest = line.removeprefix(boundary)
        while rest != _LAST:
            headers = await self._read_headers()
            self._is_in_part = True
            yield headers
            if self._is_in_part:
                async for _ in self._read_raw():
                    pass
            rest = await self._read_line()
            if rest not in (b"", _LAST):
                raise MultipartError
        while await self._fill():  # the epilogue, which means nothing
            self._buffer.clear()

    async def read_part(self, headers: Headers) -> AsyncIterator[bytes]:
        """Yield the contents of the part, decoded: quoted-printable at once, and all else in pieces."""
        encoding = headers.get("content-transfer-encoding", "").strip().lower()
        match encoding:
            case "" | "7bit" | "8bit" | "binary":
                async for piece in self._read_raw():
                    yield piece
            case "base64":
                rest, padding = b"", 0
                async for piece in self._read_raw():
                    data = piece.translate(None, _NOT_BASE64)
                    content = data.rstrip(b"=")
                    if b"=" in content or (padding and content):
                        raise MultipartError
                    padding += len(data) - len(content)
                    rest += content
                    whole = len(rest) - len(rest) % 4
                    yield base64.b64decode(rest[:whole])
                    rest = rest[whole:]
                yield base64.b64decode(rest + b"=" * min(padding, -len(rest) % 4))
            case "quoted-printable":
                quoted = bytearray()
                async for piece in self._read_raw():
                    quoted += piece
                    if len(quoted) > _MAX_QUOTED:
                        raise BodyTooLargeError(_MAX_QUOTED)
                yield binascii.a2b_qp(bytes(quoted))
            case _:
                raise MultipartError

    async def _read_raw(self) -> AsyncIterator[bytes]:
        buffer, delimiter = self._buffer, self._delimiter
        buffer[:0] = (
            b"\r\n"  # the end of the headers, which an empty part shares with its delimiter
        )
        skip = 2
        while (end := buffer.find(delimiter)) < 0:
            safe = len(buffer) - len(delimiter) + 1
            if safe > skip:
                yield bytes(buffer[skip:safe])
                del buffer[:safe]
                skip = 0
            if not await self._fill():
                raise MultipartError
        data = bytes(buffer[skip:end])
        del buffer[: end + len(delimiter)]
        self._is_in_part = False
        if data:
            yield data

    async def _read_headers(self) -> Headers:
        headers: Headers = {}
        name, value = "", ""
        for _ in range(_MAX_HEADERS):
            line = await self._read_line()
            if line[:1] in (b" ", b"\t") and name:
                value += line.decode("utf-8", "surrogateescape")
                continue
            if name:
                headers.setdefault(name.strip().lower(), value.strip())
            if not line:
                return headers
            raw_name, colon, rest = line.partition(b":")
            if not colon or not raw_name.isascii() or not raw_name.strip():
                raise MultipartError
            name, value = raw_name.decode(), rest.decode("utf-8", "surrogateescape")
        raise MultipartError

    async def _read_line(self) -> bytes:
        """Return the next line without its end and the spaces before it."""
        begin = 0
        while (end := self._buffer.find(b"\n", begin)) < 0:
            begin = len(self._buffer)
            if begin > _MAX_LINE:
                raise MultipartError
            if not await self._fill():
                end = begin
                if not end:
                    raise MultipartError
                break
        self._lines += 1
        if self._lines > MAX_LINES or end > _MAX_LINE:
            raise MultipartError
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.rstrip()

    async def _fill(self) -> bool:
        """Wait for more of the body; False at its end."""
        data = await self._content.readany()
        self._size += len(data)
        if self._size > self._limit:
            raise BodyTooLargeError(self._limit)
        self._buffer += data
        await asyncio.sleep(
            0
        )  # what has come already is read without a pause: others get their turn here
        return bool(data)
