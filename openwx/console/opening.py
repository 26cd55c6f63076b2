"""Opens the files that messages name: only regular ones below the folders of media, without blocking on a FIFO.
``media`` and ``pictures`` call it.
"""

import os
import stat
from pathlib import Path


def head_of(path: str, roots: list[Path], enough: int) -> tuple[Path, bytes] | None:
    """Return the file's resolved path and its first bytes; None if it may not be read. Blocks."""
    try:
        real = Path(path).resolve(strict=True)
        if not any(real.is_relative_to(root.resolve()) for root in roots):
            return None
        if not stat.S_ISREG(real.stat().st_mode):
            return None
        handle = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            return real, file.read(enough)
    except (OSError, ValueError):
        return None
