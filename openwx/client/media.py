"""Media to send, as parameters of a call."""

import os
from pathlib import Path
from typing import IO, Any

Medium = bytes | str | os.PathLike[str]
"""Bytes; the path of a file on this machine, which is uploaded; or an ``http(s)://`` URL, which the gateway fetches."""

_URLS = ("http://", "https://")


class FilePart:
    """A file in the body of a call."""

    def __init__(self, medium: bytes | os.PathLike[str] | str, name: str | None) -> None:
        self._medium = medium
        self.name = name or ("media" if isinstance(medium, bytes) else Path(medium).name)

    def open(self) -> bytes | IO[Any]:
        """Open its content from the beginning: each attempt reads it anew. Blocks. Raises ``OSError``."""
        return self._medium if isinstance(self._medium, bytes) else Path(self._medium).open("rb")


def parameters(
    media: Medium | None, media_path: str | None, media_name: str | None
) -> dict[str, Any]:
    """Make the parameters of a call for a media file."""
    if isinstance(media, str) and media.lower().startswith(_URLS):
        if media_path is not None:
            raise ValueError("give media or media_path, not both")
        media, media_path = None, media
    part = None if media is None else FilePart(media, media_name)
    return {"media": part, "media_path": media_path, "media_name": media_name}
