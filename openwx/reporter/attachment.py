"""``media_data``: a file's content in base64, put into an upload's JSON while it is sent.

So neither the journal nor the memory holds it. The lines are of 76 characters, each with its newline,
as the original document shows them.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from openwx import metrics
from openwx.localfile import open_regular

log = logging.getLogger("openwx.report")

_BYTES_A_LINE = 57
_AT_ONCE = _BYTES_A_LINE * 4096
_HEAD = b',"media_data":"'
_TAIL = b'"}'


def pieces(body: bytes, attachment: str) -> Iterator[bytes]:
    """The JSON object ``body`` with the file as its last member. Blocks. Raises ``OSError``."""
    with open_regular(attachment) as file:
        yield body.removesuffix(b"}") + _HEAD
        while chunk := _read(file):
            yield base64.encodebytes(chunk).replace(b"\n", b"\\n")
    yield _TAIL


def _read(file: BinaryIO) -> bytes:
    """As much as fits into whole lines; less at the end alone."""
    parts: list[bytes] = []
    wanted = _AT_ONCE
    while wanted and (part := file.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


async def stream(body: bytes, attachment: str) -> AsyncIterator[bytes]:
    """``pieces``, read in a thread."""
    source = pieces(body, attachment)
    while piece := await asyncio.to_thread(next, source, b""):
        yield piece


def whole(body: bytes, attachment: str) -> bytes:
    """All of ``pieces``; the body alone where the file is gone. Blocks."""
    try:
        return b"".join(pieces(body, attachment))
    except OSError as error:
        metrics.dropped(log, "media_data", "media_data is left out: %s", error)
        return body
