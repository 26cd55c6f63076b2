"""The true type of a medium, by its content; its name is a hint where the content says little."""

import asyncio
import importlib
import mimetypes
import sys
from pathlib import PurePath

if sys.platform != "win32":
    importlib.import_module("pylibmagic")  # it tells magic where its library is
magic = importlib.import_module("magic")

ENOUGH = 64 * 1024
"""So many bytes from the beginning decide."""

_VAGUE = frozenset({"application/octet-stream", "text/plain", "application/zip", "inode/x-empty"})
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


async def mime_of(head: bytes, name: str = "") -> str:
    """The MIME type of what begins with ``head``, such as ``image/jpeg``."""
    mime = str(await asyncio.to_thread(magic.from_buffer, head[:ENOUGH], mime=True))
    if mime in _VAGUE:
        return mimetypes.guess_type(name)[0] or mime
    return mime


def extension_of(mime: str, name: str = "") -> str:
    """The extension without its dot: the name's own where it is one of that type, or where the type says little."""
    own = PurePath(name).suffix.removeprefix(".").lower()
    usable = own.isascii() and own.isalnum() and len(own) <= 10
    if usable and (mime not in _EXTENSIONS or mimetypes.guess_type(f"x.{own}")[0] == mime):
        return own
    known = _EXTENSIONS.get(mime) or (mimetypes.guess_extension(mime) or "").removeprefix(".")
    return known or (own if usable else "bin")
