"""Files that a model may send: those below the configured folders, and what it wrote itself, in base64.
``sending`` asks.
"""

import base64
import binascii
from pathlib import Path

from openwx import localfile
from openwx.config import Settings

MOST_BASE64 = 2 * 1024**2
"""Bytes of a file that the model gives itself."""


class NotAllowedError(ValueError):
    """A file that may not be sent, or is none; the text says why, and tells nothing about files elsewhere."""


def read(settings: Settings, path: str) -> tuple[bytes, str]:
    """Read a file below ``mcp.files``; return its bytes and name. Blocks. Raises ``NotAllowedError``.

    Links are followed first, and then the very file must be below a folder. Hidden files and folders are left out, and
    so are the files of openwx itself, wherever the folders are.
    """
    if not settings.mcp.files:
        raise NotAllowedError(
            "path may not be given: the configuration names no folder in [mcp] files"
        )
    for folder in settings.mcp.files:
        try:
            root = folder.resolve()
            file = (root / path).resolve()
        except (OSError, ValueError, RuntimeError):
            continue
        if file.is_relative_to(root) and not _is_private(settings, root, file):
            try:
                return _read(root, file, settings.media.max_size), file.name
            except OSError:
                continue
    raise NotAllowedError(
        "path must be that of a file below one of the folders in [mcp] files: absolute, or as seen from the folder;"
        " hidden ones are not sent"
    )


def decode(data: str) -> bytes:
    """Decode base64. Raises ``NotAllowedError``."""
    if len(data) > MOST_BASE64 * 4 // 3 + 4:
        raise NotAllowedError(f"data_base64 must be at most {MOST_BASE64} bytes, decoded")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise NotAllowedError("data_base64 must be base64, without line breaks") from None


def _is_private(settings: Settings, root: Path, file: Path) -> bool:
    if any(part.startswith(".") for part in file.relative_to(root).parts):
        return True
    own = [one.resolve() for one in settings.own_files]
    data, media = settings.data_dir.resolve(), settings.media_dir.resolve()
    return file in own or (file.is_relative_to(data) and not file.is_relative_to(media))


def _read(root: Path, file: Path, most: int) -> bytes:
    """Read a file. Raises ``OSError``, and ``NotAllowedError`` where it is too large."""
    with localfile.open_below(str(root), str(file)) as opened:
        parts, size = [], 0
        while part := opened.read(2**20):
            size += len(part)
            if size > most:
                raise NotAllowedError(f"the file must be at most {most} bytes (media.max_size)")
            parts.append(part)
    return b"".join(parts)
