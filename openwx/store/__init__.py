"""The durable store. ``open`` returns the journal; ``base.py`` says what it promises."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from openwx.store.base import Journal, JournalError
from openwx.store.sqlite.journal import SQLiteJournal


def open(  # noqa: A001 - read as `store.open`
    location: str | Path, *, beside: Sequence[Path] = (), clock: Callable[[], float] = time.time
) -> AbstractAsyncContextManager[Journal]:
    """Return the journal at a path or URL (``sqlite:///path``), to be entered with ``async with``.

    Leaving it completes all writes. ``beside`` are files without which the journal must not be written, such as the
    lock of its folder. Raise ``JournalError`` for an unknown kind of URL.
    """
    return SQLiteJournal(_path(location), beside=beside, clock=clock)


def _path(location: str | Path) -> Path:
    if isinstance(location, Path) or "://" not in location:
        return Path(location)
    url = urlsplit(location)
    if url.scheme != "sqlite" or url.netloc:
        raise JournalError(f"no store for {url.scheme}: URLs; sqlite:///path is known")
    return Path(unquote(url.path))
