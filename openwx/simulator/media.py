"""Pictures, voices, films and files: held, generated when asked for, or only measured."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Self

from .samples import GIF, JPEG, MP3, MP4, PNG, blocks_of, bytes_of, mime_of

__all__ = ["GIF", "JPEG", "MP3", "MP4", "PNG", "Medium", "bytes_of"]

_SERVED = 2**18


class Medium:
    """The bytes of a message, and what is said of them.

    Held as they are; or made anew from `seed` whenever they are asked for (a gigabyte needs no
    room); or neither, if the account sent them and `settings.keep_media` is off: then `size` and
    `md5` are all that is left.
    """

    def __init__(
        self, data: bytes | None = None, *, size: int | None = None, seed: int | None = None,
        md5: str = "", name: str = "", mime: str = "", kind: str = "doc", media_id: str = "",
    ) -> None:  # fmt: skip
        self.size = len(data) if data is not None else size or 0
        self.name = name
        self.mime = mime or mime_of(data or b"")
        self.kind = kind
        """`pic`, `video` or `doc`, as the upload calls it (`mediatype`)."""
        self.media_id = media_id
        self.since = time.time()
        """When it was uploaded."""
        self._data = data
        self._seed = seed
        self._md5 = md5

    @classmethod
    def generated(
        cls, size: int, seed: int = 1, *, name: str = "", mime: str = "", kind: str = "doc"
    ) -> Self:
        """As many bytes as you like, the same as `bytes_of(size, seed)`, never held as a whole."""
        return cls(size=size, seed=seed, name=name, mime=mime, kind=kind)

    def __repr__(self) -> str:
        return f"<Medium {self.kind} {self.name!r} {self.size} bytes>"

    @property
    def is_kept(self) -> bool:
        """Whether its bytes can be had."""
        return self._data is not None or self._seed is not None

    @property
    def data(self) -> bytes:
        """All bytes; LookupError if they were not kept."""
        return b"".join(self.blocks())

    @property
    def md5(self) -> str:
        """Of all bytes, in hex; a generated medium is read through for it once."""
        if not self._md5:
            digest = hashlib.md5(usedforsecurity=False)
            for block in self.blocks():
                digest.update(block)
            self._md5 = digest.hexdigest()
        return self._md5

    def blocks(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `begin` up to `end`, in pieces; LookupError if they were not kept."""
        left = (self.size if end is None else min(end, self.size)) - begin
        if self._data is not None:
            whole = memoryview(self._data)
            source: Iterator[bytes] = (
                bytes(whole[at : at + _SERVED]) for at in range(begin, self.size, _SERVED)
            )
        elif self._seed is not None:
            source = blocks_of(self.size, self._seed, begin)
        else:
            raise LookupError(f"the bytes of {self!r} were not kept")
        for block in source:
            if left <= 0:
                return
            yield block[:left]
            left -= len(block)


def medium_of(what: bytes | Medium, *, name: str = "", kind: str = "doc") -> Medium:
    """The medium itself, or one that holds these bytes."""
    if isinstance(what, Medium):
        what.name = what.name or name
        return what
    return Medium(what, name=name, kind=kind)
