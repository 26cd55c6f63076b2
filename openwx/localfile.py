"""Opens files that others could change meanwhile: only regular ones, and only the very file that was judged.
Whatever sends or shows a file opens it here.
"""

import os
import stat
from pathlib import PurePath
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_CAN_WALK = os.open in os.supports_dir_fd and bool(_NO_LINK)


class NotRegularError(OSError):
    """The path is a folder, a device, a FIFO or a socket."""

    def __init__(self) -> None:
        super().__init__(0, "no regular file")


class ChangedError(OSError):
    """The path is another file by now."""

    def __init__(self) -> None:
        super().__init__(0, "it was changed since it was named")


def open_regular(path: str, fingerprint: str = "") -> BinaryIO:
    """Open a regular file, unbuffered; with ``fingerprint``, only that file. Blocks, but never waits as a FIFO would.
    Raises ``OSError``."""
    return _checked(os.open(path, _FLAGS), fingerprint)


def open_below(root: str, path: str) -> BinaryIO:
    """Open like ``open_regular`` a ``path`` below ``root``, both with links resolved: a link found all the same was
    put there meanwhile and is not followed."""
    if not _CAN_WALK:
        return open_regular(path)
    *folders, name = PurePath(path).relative_to(root).parts or ("",)
    if not name:
        raise NotRegularError
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=here)
            os.close(here)
            here = there
        return _checked(os.open(name, _FLAGS | _NO_LINK, dir_fd=here), "")
    finally:
        os.close(here)


def fingerprint(status: os.stat_result) -> str:
    """Return what distinguishes a file from another at its path, or from itself with other content."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"


def _checked(handle: int, wanted: str) -> BinaryIO:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise NotRegularError
    if wanted and fingerprint(status) != wanted:
        os.close(handle)
        raise ChangedError
    return os.fdopen(handle, "rb", buffering=0)
