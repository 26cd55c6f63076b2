"""Where the files of media are kept as long as another node may need them: the seam, and what a folder makes of it.
``AccountFiles`` and ``Keeper`` use it.

A store knows a file by its key, which openwx made: date and random digits, nothing that a stranger chose.
``open_files`` of the package returns one of three: the folder of media itself, the database, or a bucket of S3.
"""

import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from openwx.errors import OpenwxError

KEY = re.compile(r"\d{8}-[0-9a-f]{16}", re.ASCII)
"""What a key looks like."""
PIECE = 1024 * 1024
"""How much of a file is in memory at a time, in bytes."""


class FileStoreError(OpenwxError):
    """The store cannot be used now. Nothing is known to have been done."""


class FileStoreRefusedError(FileStoreError):
    """It will not work with these settings: a package or a bucket is missing, or the keys do not open it."""


class NotStoredError(OpenwxError):
    """The store does not have a file, or not all of it; the text says which of the two."""


class MediaStore(Protocol):
    """Files by key. Those of a key never differ. All methods raise ``FileStoreError``; none waits for ever."""

    @property
    def is_shared(self) -> bool:
        """Whether other nodes get what this one has put."""

    @property
    def has_copies(self) -> bool:
        """Whether it holds copies, to be deleted when nobody needs them. False of the folder of media itself."""

    async def put(self, key: str, file: Path) -> None:
        """Store a local file. All of it is there for other nodes when this returns, or nothing."""

    async def get(self, key: str, file: Path, *, most: int) -> None:
        """Write a stored file of up to ``most`` bytes to a new local one. Raise ``NotStoredError``, ``OSError``."""

    async def has(self, key: str) -> bool:
        """Return whether there is a file of this key."""

    async def now(self) -> float:
        """Return the time in Unix seconds, by the clock that says when files are put; a bucket's cannot be read, so by
        that of this machine."""

    async def delete(self, keys: Collection[str], *, put_before: float) -> None:
        """Delete what is stored under these keys. A key without a file is none of its business.

        Another process may need a file anew while this one waits: what was put since ``put_before`` stays. With a
        bucket that is so to the second, as far as the clocks agree (where this one is behind, ``older`` lists the
        file), and but for what is put between the look and the deletion.
        """

    async def older(self, than_s: float) -> list[str]:
        """Return keys of files that were put longer ago than so many seconds; perhaps not all of them at once."""

    async def check(self) -> None:
        """Find out whether it can be used: write, read and delete a few bytes."""


class FolderStore:
    """The folder of media itself: what lies in it is stored, and deleted with age alone, since reports name its paths.

    ``is_shared``: it is the same folder on every node.
    """

    has_copies = False

    def __init__(self, *, is_shared: bool) -> None:
        self.is_shared = is_shared

    async def put(self, key: str, file: Path) -> None:
        """Leave the file where it is."""

    async def get(self, key: str, file: Path, *, most: int) -> None:
        """Raise ``NotStoredError``: a file that is not in the folder is nowhere."""
        raise NotStoredError(f"{key} is not in the folder of media")

    async def has(self, key: str) -> bool:
        """Return whether it is in the folder: whoever asks has looked there."""
        return False

    async def now(self) -> float:
        """Return the time of this machine."""
        return time.time()

    async def delete(self, keys: Collection[str], *, put_before: float) -> None:
        """Leave files to their age."""

    async def older(self, than_s: float) -> list[str]:
        """Return nothing: the folder is cleaned by age."""
        return []

    async def check(self) -> None:
        """Return at once: the folder is made with its first file."""


def require_key(key: str) -> None:
    """Raise ``ValueError`` for what is no key."""
    if not KEY.fullmatch(key):
        raise ValueError(f"no key of a file: {key[:100]!r}")


def too_large(key: str, most: int) -> NotStoredError:
    """Make the error for a stored file that is larger than media may be."""
    return NotStoredError(f"{key} is larger than media.max_size, {most} bytes")


def damaged(key: str, has: int, should_have: int) -> NotStoredError:
    """Make the error for a stored file of which a part is missing."""
    return NotStoredError(f"{key} is damaged in the store: {has} of {should_have} bytes are there")
