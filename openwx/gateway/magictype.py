"""The true type of a medium, by its content; its name is a hint where the content says little."""

import asyncio
import importlib
import mimetypes
import sys
from pathlib import PurePath
from typing import Any

if sys.platform != "win32" and "magic" not in sys.modules:
    # It tells magic, in the environment, where its library is, and that one's data: before there are threads, and
    # before anybody imports magic. Who has done so already may have another library, which these data would not fit.
    importlib.import_module("pylibmagic")

ENOUGH = 64 * 1024
"""So many bytes from the beginning decide."""

UNKNOWN = "application/octet-stream"
"""Of content that tells nothing."""

_VAGUE = frozenset({UNKNOWN, "text/plain", "application/zip", "inode/x-empty"})
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/x-ms-bmp": "bmp",
    "image/webp": "webp",
    "audio/mpeg": "mp3",
    "audio/amr": "amr",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "text/plain": "txt",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz",
}


def library() -> Any:
    """Libmagic. The first time it is looked for with ``ldconfig``, and perhaps with a compiler: 5 to 100 ms.

    Raises ``ImportError`` and ``OSError`` where it cannot be had.
    """
    return importlib.import_module("magic")


async def mime_of(head: bytes, name: str = "") -> str:
    """The MIME type of what begins with ``head``, such as ``image/jpeg``."""
    mime = await asyncio.to_thread(_told, head[:ENOUGH])
    if mime in _VAGUE:
        return mimetypes.guess_type(name)[0] or mime
    return mime


def _told(head: bytes) -> str:
    return str(library().from_buffer(head, mime=True))


def extension_of(mime: str, name: str = "") -> str:
    """The extension without its dot: the name's own where it is one of that type, or where the type says little."""
    own = PurePath(name).suffix.removeprefix(".").lower()
    usable = own.isascii() and own.isalnum() and len(own) <= 10
    if usable and (mime not in _EXTENSIONS or mimetypes.guess_type(f"x.{own}")[0] == mime):
        return own
    known = _EXTENSIONS.get(mime) or (mimetypes.guess_extension(mime) or "").removeprefix(".")
    return known or (own if usable else "bin")
