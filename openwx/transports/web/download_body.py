"""Reads the body of a download. Its bytes come from strangers and are never taken for WeChat's word (protocol
reference, section 5).

WeChat refuses a download with status 200 and ``{"BaseResponse":{"Ret":…}}`` in place of the bytes. A file that anybody
sends can have the same content, so it counts as a refusal only where it cannot be the file.
"""

import re
from collections.abc import Awaitable, Callable, Collection

import aiohttp
import msgspec
from aiohttp import hdrs

from openwx.errors import BadResponse, Rejected
from openwx.transports.web import wire

LARGEST_REFUSAL = 4096
"""Size of the longest refusal, in bytes."""
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)

Put = Callable[[bytes], Awaitable[object]]


class Piece(msgspec.Struct, frozen=True):
    """The part of a file that one answer contained: ``size`` bytes of ``total``, None where the answer does not say."""

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
    """Pass the bytes from ``begin`` on to ``put`` as they arrive. ``sizes`` are the sizes that the message allows, if
    it names any.

    Raises ``BadResponse`` where the answer is another part than requested, and ``Rejected``, but never a subclass: a
    download does not end a session.
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
    """Return what Content-Range says of the part; None where the answer is the whole file."""
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
    """Return whether the body may be a refusal: not where the headers name a file or a part of one."""
    whole = answer.status == 200 and begin == 0
    return whole and hdrs.CONTENT_DISPOSITION not in answer.headers


def _may_go_on_as_refusal(begun: bytes) -> bool:
    """Return whether the bytes so far can still be a refusal."""
    return len(begun) <= LARGEST_REFUSAL and begun.lstrip()[:1] in (b"", b"{")


def _raise_refusal(call: str, body: bytes) -> None:
    try:
        reply = wire.decode(call, body, wire.Reply)
    except BadResponse:
        return
    if reply.BaseResponse.Ret != 0:
        raise Rejected(call, reply.BaseResponse.Ret, reply.BaseResponse.ErrMsg or "")
