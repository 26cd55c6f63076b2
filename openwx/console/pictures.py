"""Reads the sizes of pictures from the first bytes of their files, so that a page reserves room for them.
``chats`` and ``live`` ask.
"""

import asyncio
import struct
from collections.abc import Iterable
from pathlib import Path

from openwx.console.messages import PICTURES, AttachmentView, MessageView
from openwx.console.opening import head_of

WIDEST, HIGHEST = 280, 320
"""The largest size of a picture in a conversation, in CSS pixels."""
UNKNOWN = (240, 180)
"""The size of a picture whose file does not state it."""
_ENOUGH = 256 * 1024
"""The bytes to read: a JPEG may begin with a long preview of itself."""

Size = tuple[int, int]
Shown = tuple[float, float]
"""Not rounded to pixels: the page reserves exactly the room that the picture takes."""


async def sizes_of(messages: Iterable[MessageView], roots: list[Path]) -> dict[int, Shown]:
    """Compute the size at which the picture of each message is shown, by the message's number."""
    pictures = [
        (one.id, one.attachment)
        for one in messages
        if one.attachment is not None and one.attachment.mime in PICTURES
    ]
    return await asyncio.to_thread(_read_all, pictures, roots) if pictures else {}


def _read_all(pictures: list[tuple[int, AttachmentView]], roots: list[Path]) -> dict[int, Shown]:
    return {id: fitted(_read(one.path, roots)) for id, one in pictures}


def _read(path: str, roots: list[Path]) -> Size | None:
    found = head_of(path, roots, _ENOUGH)
    return size_of(found[1]) if found is not None else None


def fitted(size: Size | None) -> Shown:
    """Fit a picture of this size into a bubble: whole, and not enlarged."""
    if size is None:
        return UNKNOWN
    width, height = size
    scale = min(1.0, WIDEST / width, HIGHEST / height)
    return round(width * scale, 4), round(height * scale, 4)


def size_of(head: bytes) -> Size | None:
    """Read width and height as a picture is shown; None if these bytes do not state them."""
    try:
        size = _size_of(head)
    except (struct.error, IndexError):
        return None
    return size if size is not None and size[0] > 0 < size[1] else None


def _size_of(head: bytes) -> Size | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack_from(">II", head, 16)
        return width, height
    if head.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack_from("<HH", head, 6)
        return width, height
    if head.startswith(b"\xff\xd8"):
        return _of_jpeg(head)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _of_webp(head)
    return None


def _of_jpeg(head: bytes) -> Size | None:
    """Read the frame header, turned as the Exif data says."""
    at, turned = 2, False
    while at + 4 <= len(head):
        if head[at] != 0xFF:  # garbage between segments, which browsers skip as well
            at += 1
            continue
        marker, length = head[at + 1], struct.unpack_from(">H", head, at + 2)[0]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            return (height, width) if turned else (width, height)
        if marker == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            turned = _is_turned(head[at + 10 : at + 2 + length])
        at += 2 + length
    return None


def _is_turned(tiff: bytes) -> bool:
    """Check whether the camera was held upright (orientation 5 to 8), so that width and height swap."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return False
    at = struct.unpack_from(f"{order}I", tiff, 4)[0]
    count = struct.unpack_from(f"{order}H", tiff, at)[0]
    for number in range(count):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * number)
        if tag == 0x0112:
            return value in range(5, 9)
    return False


def _of_webp(head: bytes) -> Size | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
