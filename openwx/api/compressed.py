"""Decompresses bodies (``Content-Encoding``), to no more than a body may be long.
``parameters`` calls it.

aiohttp would decompress each body as it comes, even if nothing reads it: a thousand times as much as was sent. So
its decompression is off; a body is decompressed here if a route needs it, once it is complete and known to be short.
"""

import asyncio
import zlib

from aiohttp import hdrs, web

from openwx.api.texts import refuse, refuse_size

_GZIP, _ZLIB, _RAW = 31, 15, -15


def encoding_of(request: web.BaseRequest) -> str:
    """Return how the body is compressed; empty if it is not. CallerError -2 (HTTP 415) for an unknown encoding."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
    if encoding in ("", "identity"):
        return ""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        refuse("the Content-Encoding of a body must be gzip or deflate", http_status=415)
    return encoding


async def uncompressed(data: bytes, encoding: str, limit: int) -> bytes:
    """Decompress a body. CallerError -2 if it is broken, or longer than ``limit`` bytes."""
    kind = _GZIP
    if encoding == "deflate":
        # Many programs send it without the zlib header, whose two bytes are a multiple of 31 (RFC 1950).
        is_wrapped = len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
        kind = _ZLIB if is_wrapped else _RAW
    return await asyncio.to_thread(_unpacked, data, kind, limit)


def _unpacked(data: bytes, kind: int, limit: int) -> bytes:
    unpacking = zlib.decompressobj(wbits=kind)
    try:
        found = unpacking.decompress(data, limit + 1)
    except zlib.error:
        refuse("the body is broken: it is not what its Content-Encoding says")
    if len(found) > limit:
        refuse_size(limit)
    if not unpacking.eof:
        refuse("the body is broken or ends early")
    return found
