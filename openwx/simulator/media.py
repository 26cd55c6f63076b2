"""Pictures, voices, films and files: their bytes, or only their size and MD5; and uploads in progress.
`scenario` makes them, the services send them.

Messages carry media in both directions; `service.ranges` sends them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Self

from .samples import GIF, JPEG, MP3, MP4, PNG, SILK, blocks_of, bytes_of, mime_of

__all__ = ["GIF", "JPEG", "MP3", "MP4", "PNG", "SILK", "Medium", "bytes_of"]

_SERVED = 2**18


class Medium:
    """The bytes of a message, with name and type.

    Held as they are; or generated from `seed` at each use (a gigabyte needs no memory); or neither,
    if the account sent them and `settings.keep_media` is off: then only `size` and `md5` are left.
    """

    def __init__(
        self, data: bytes | None = None, *, size: int | None = None, seed: int | None = None,
        md5: str = "", name: str = "", mime: str = "", kind: str = "doc", media_id: str = "",
    ) -> None:  # fmt: skip
        self.size = len(data) if data is not None else size or 0
        self.name = name
        self.mime = mime or mime_of(data or b"")
        self.kind = kind
        """`pic`, `video` or `doc`: the `mediatype` of the upload."""
        self.media_id = media_id
        self.since = time.time()
        """The time of the upload."""
        self._data = data
        self._seed = seed
        self._md5 = md5

    @classmethod
    def generated(
        cls, size: int, seed: int = 1, *, name: str = "", mime: str = "", kind: str = "doc"
    ) -> Self:
        """Make a medium of any size: the bytes of `bytes_of(size, seed)`, never held as a whole."""
        return cls(size=size, seed=seed, name=name, mime=mime, kind=kind)

    def __repr__(self) -> str:
        return f"<Medium {self.kind} {self.name!r} {self.size} bytes>"

    @property
    def is_kept(self) -> bool:
        """Whether its bytes are available."""
        return self._data is not None or self._seed is not None

    @property
    def data(self) -> bytes:
        """All bytes. Raises LookupError if they were not kept."""
        return b"".join(self.blocks())

    @property
    def md5(self) -> str:
        """The MD5 of all bytes, in hex. A generated medium is read once for it."""
        if not self._md5:
            digest = hashlib.md5(usedforsecurity=False)
            for block in self.blocks():
                digest.update(block)
            self._md5 = digest.hexdigest()
        return self._md5

    def blocks(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `begin` up to `end`, in pieces. Raises LookupError if they were not kept."""
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
    """Return the medium itself, or one that holds these bytes."""
    if isinstance(what, Medium):
        what.name = what.name or name
        return what
    return Medium(what, name=name, kind=kind)


class Upload:
    """An upload in progress, chunk by chunk. A repeated chunk changes nothing."""

    def __init__(
        self, kind: str, name: str, mime: str, total: int, md5: str, *, keeps: bool
    ) -> None:
        self.kind = kind
        self.name = name
        self.mime = mime
        self.total = total
        self.md5 = md5
        """As the client states it; wechat4u states none."""
        self.received = 0
        self.media_id = ""
        """Set once it is complete."""
        self._next_chunk = 0
        self._data = bytearray() if keeps else None
        self._digest = hashlib.md5(usedforsecurity=False)
        self._head = b""

    def add(self, number: int, data: bytes) -> None:
        """Add the next chunk. Raises ValueError if one is missing before it, or it is too long."""
        if number < self._next_chunk:
            return
        if number > self._next_chunk or self.received + len(data) > self.total:
            raise ValueError("not the next chunk")
        self._head = self._head or data[:16]
        self._digest.update(data)
        if self._data is not None:
            self._data += data
        self.received += len(data)
        self._next_chunk += 1

    def finish(self, media_id: str) -> Medium:
        """Return the uploaded medium and release the bytes held here.

        Raises ValueError if size or MD5 differ from what the client stated.
        """
        data = None if self._data is None else bytes(self._data)
        self._data, md5 = None, self._digest.hexdigest()
        if self.received != self.total or (self.md5 and self.md5 != md5):
            raise ValueError("another size or MD5 than stated")
        self.media_id = media_id
        return Medium(
            data, size=self.received, md5=md5, name=self.name,
            mime=self.mime or mime_of(self._head), kind=self.kind, media_id=media_id,
        )  # fmt: skip
