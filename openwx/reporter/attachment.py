"""``media_data``: a file's content in base64, added to a report's JSON while it is sent.
``Poster``, streams and ``check_event`` add it.

So neither the journal nor the memory holds it. Lines have 76 characters and a newline each, as in the original
document.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from openwx import metrics
from openwx.localfile import open_regular

log = logging.getLogger("openwx.report")

_BYTES_PER_LINE = 57
_PIECE_BYTES = _BYTES_PER_LINE * 4096
_HEAD = b',"media_data":"'
_TAIL = b'"}'


def pieces(body: bytes, attachment: str) -> Iterator[bytes]:
    """Yield the JSON object ``body`` with the file as its last member. Block; raise ``OSError``."""
    with open_regular(attachment) as file:
        yield body.removesuffix(b"}") + _HEAD
        while chunk := _read(file):
            yield base64.encodebytes(chunk).replace(b"\n", b"\\n")
    yield _TAIL


def _read(file: BinaryIO) -> bytes:
    """Read as much as fills whole lines, and less only at the end."""
    parts: list[bytes] = []
    missing = _PIECE_BYTES
    while missing and (part := file.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


async def stream(body: bytes, attachment: str) -> AsyncIterator[bytes]:
    """Yield ``pieces``, which are read in a thread."""
    source = pieces(body, attachment)
    while piece := await asyncio.to_thread(next, source, b""):
        yield piece


def whole(body: bytes, attachment: str) -> bytes:
    """Return all of ``pieces``; the body alone if the file is gone. Block."""
    try:
        return b"".join(pieces(body, attachment))
    except OSError as error:
        metrics.dropped(log, "media_data", "media_data is left out: %s", error)
        return body
