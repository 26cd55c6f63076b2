"""The body of a download: a stranger's bytes, which are never WeChat's word (protocol reference, section 5).

WeChat refuses a download with status 200 and ``{"BaseResponse":{"Ret":…}}`` where the bytes should be. Anybody can send
a file that says the same, so that is believed only where it cannot be the medium.
"""

import re
from collections.abc import Awaitable, Callable, Collection

import aiohttp
import msgspec
from aiohttp import hdrs

from openwx.errors import BadResponse, Rejected
from openwx.transports.web import wire

LARGEST_REFUSAL = 4096
"""Bytes: no refusal is longer."""
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)

Put = Callable[[bytes], Awaitable[object]]


class Piece(msgspec.Struct, frozen=True):
    """What one answer brought: so many bytes of a medium of ``total``. None: it does not say how many there are."""

    size: int
    total: int | None = None


async def take(
    call: str,
    answer: aiohttp.ClientResponse,
    put: Put,
    *,
    begin: int = 0,
    sizes: Collection[int] = (),
) -> Piece:
    """Hand the bytes from ``begin`` on to ``put`` as they come. ``sizes``: those that the medium may have, as far as
    its message tells them.

    Raises ``BadResponse`` where it is another piece than was asked for, and ``Rejected``, never one of its subclasses:
    a session does not end by a download.
    """
    promised = _promised(call, answer, begin)
    size = 0
    held: bytes | None = b"" if _may_be_refusal(answer, begin) else None
    async for data in answer.content.iter_any():
        size += len(data)
        if held is None:
            await put(data)
            continue
        held += data
        if not _may_go_on_as_refusal(held):
            await put(held)
            held = None
    if held:
        if size not in sizes:
            _raise_refusal(call, held)
        await put(held)
    if promised is None:
        return Piece(size, size)
    if size != promised.size:
        words = f"{size} bytes came, and its Content-Range says {promised.size}"
        raise BadResponse(call, words)
    return promised


def _promised(call: str, answer: aiohttp.ClientResponse, begin: int) -> Piece | None:
    """What Content-Range says of the piece; None where nothing says that there is more."""
    if answer.status == 200 and begin == 0:
        return None
    if answer.status != 206:
        wanted = f", and bytes from {begin} on were asked for" if begin else ""
        raise BadResponse(call, f"HTTP status {answer.status}{wanted}")
    header = answer.headers.get(hdrs.CONTENT_RANGE, "")
    if not header and begin == 0:
        return None
    found = _RANGE.fullmatch(header.strip())
    if found is None or int(found[1]) != begin or int(found[2]) < begin:
        words = f"Content-Range is {header[:100]!a}, and bytes from {begin} on were asked for"
        raise BadResponse(call, words)
    size = int(found[2]) + 1 - begin
    return Piece(size, None if found[3] == "*" else int(found[3]))


def _may_be_refusal(answer: aiohttp.ClientResponse, begin: int) -> bool:
    """Where the answer names a file, or a part of one, its bytes are that file's."""
    whole = answer.status == 200 and begin == 0
    return whole and hdrs.CONTENT_DISPOSITION not in answer.headers


def _may_go_on_as_refusal(begun: bytes) -> bool:
    """Whether what has come so far may still be one as a whole."""
    return len(begun) <= LARGEST_REFUSAL and begun.lstrip()[:1] in (b"", b"{")


def _raise_refusal(call: str, body: bytes) -> None:
    try:
        reply = wire.decode(call, body, wire.Reply)
    except BadResponse:
        return
    if reply.BaseResponse.Ret != 0:
        raise Rejected(call, reply.BaseResponse.Ret, reply.BaseResponse.ErrMsg or "")
