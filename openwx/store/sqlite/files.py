"""The files that the journal was opened in: whether they are still in their places, and whether there is room.

A file that was deleted, moved or replaced takes what is written to it, as before, but no start will find it there.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from openwx.store.sqlite.schema import JournalError

SCARCE_BYTES = 1024 * 1024
"""With less room than this it is tried whether there is enough."""
ENOUGH_BYTES = 64 * 1024
"""That much room at least must be there for the next units."""
MOST_BYTES = 1024 * 1024
"""So much is tried to be written at most, again and again: disks wear out."""

_WRITE = "INSERT OR REPLACE INTO state (account, key, value) VALUES ('', 'probe', randomblob(?))"
_DELETE = "DELETE FROM state WHERE account = '' AND key = 'probe'"
_Identity = tuple[int, int]
"""Device and inode."""
_UNSEEN = (-1, -1)


class Files:
    """Those of the journal at ``path``, and others ``beside`` it without which it must not be used. All block."""

    def __init__(self, path: Path, beside: Iterable[Path] = ()) -> None:
        self._path = path
        ours = [path.with_name(f"{path.name}{end}") for end in ("", "-wal", "-shm")]
        self._all = [os.fspath(one) for one in (*ours, *beside)]
        self._written = self._all[:2]
        self._opened: dict[str, _Identity] = {}
        self._free = -1

    def note(self) -> None:
        """These are the files: the journal has just been opened."""
        found = {path: _identity(path) for path in self._all}
        self._opened = {path: what for path, what in found.items() if what is not None}

    def require_written(self) -> None:
        """Raise ``JournalError`` where one of those that units go to is not in its place any more.

        Not all of them: each look gives the GIL away, as a statement does.
        """
        self._require(self._written)

    def require_all(self) -> None:
        """Raise ``JournalError`` where one of them is not in its place any more."""
        self._require(self._all)

    def _require(self, paths: Iterable[str]) -> None:
        for path in paths:
            if path in self._opened and _identity(path) != self._opened[path]:
                raise JournalError(
                    f"{Path(path).name} was deleted, moved or replaced in data_dir while openwx"
                    " ran: put it back, or start openwx anew"
                )

    def are_scarcer(self) -> bool:
        """Whether there is little room, and another amount of it than the last time."""
        former, self._free = self._free, shutil.disk_usage(self._path.parent).free
        return self._free < SCARCE_BYTES and self._free != former


class Look:
    """Whether the journal can be written. ``failed``: bytes that could not be the last time; None: nothing failed."""

    def __init__(self, files: Files, failed: int | None, busy_timeout_s: float) -> None:
        self._files = files
        self._failed = failed
        self._busy_timeout_s = busy_timeout_s

    def __call__(self, db: sqlite3.Connection) -> None:
        self._files.require_all()
        if self._failed is not None or self._files.are_scarcer():
            self._write(db, ENOUGH_BYTES + min(self._failed or 0, MOST_BYTES))

    def _write(self, db: sqlite3.Connection, size: int) -> None:
        db.execute("PRAGMA busy_timeout = 0")  # others wait behind this
        try:
            db.execute(_WRITE, (size,))
            db.execute(_DELETE)
        finally:
            db.execute(f"PRAGMA busy_timeout = {self._busy_timeout_s * 1000:.0f}")


def _identity(path: str) -> _Identity | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - before every write
    except FileNotFoundError:
        return None
    except OSError:
        return _UNSEEN
    return status.st_dev, status.st_ino
