"""The files of the journal: whether they are still in their places, and whether the disk has room.
``Transactions`` asks.

SQLite goes on writing into a file that was deleted, moved or replaced, but the next start will not find it there.
"""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from openwx.store.base import JournalError

SCARCE_BYTES = 1024 * 1024
"""Room on the disk below which it is probed by writing."""

_Identity = tuple[int, int]
"""Device and inode."""
_NO_ACCESS = (-1, -1)


class DatabaseFiles:
    """The journal's files at ``path``, and others ``beside`` them that are needed, too. All calls block."""

    def __init__(self, path: Path, beside: Iterable[Path] = ()) -> None:
        self._path = path
        own = [path.with_name(f"{path.name}{end}") for end in ("", "-wal", "-shm")]
        self._all = [*own, *beside]
        self._written = own[:2]
        self._opened: dict[Path, _Identity] = {}
        self._free = -1

    def note(self) -> None:
        """Remember which files are there now: the journal has just been opened."""
        found = {path: _identity(path) for path in self._all}
        self._opened = {path: what for path, what in found.items() if what is not None}

    def require_written(self) -> None:
        """Raise ``JournalError`` if a file that batches are written to is not in its place any more."""
        self._require(self._written)

    def require_all(self) -> None:
        """Raise ``JournalError`` if any of the files is not in its place any more."""
        self._require(self._all)

    def _require(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if path in self._opened and _identity(path) != self._opened[path]:
                raise JournalError(
                    f"{path.name} was deleted, moved or replaced in data_dir while openwx"
                    " ran: put it back, or start openwx anew"
                )

    def size(self) -> int:
        """Return the size of the database and its write-ahead log, in bytes."""
        size = 0
        for path in self._written:
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
        return size

    def is_room_scarcer(self) -> bool:
        """Return whether there is little room, and another amount of it than at the last call."""
        former, self._free = self._free, shutil.disk_usage(self._path.parent).free
        return self._free < SCARCE_BYTES and self._free != former


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return _NO_ACCESS
    return status.st_dev, status.st_ino
