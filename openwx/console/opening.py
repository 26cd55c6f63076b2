"""Files that messages name: only below the folders of media, only regular ones, without waiting."""

import os
import stat
from pathlib import Path


def head_of(path: str, roots: list[Path], enough: int) -> tuple[Path, bytes] | None:
    """The file, links resolved, and its first bytes; None where there is none that may be read. Blocks."""
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
