"""Knows which tasks of an account's sends only wait, so that a stop can end them.
``Sender`` and ``Attempts`` tell it.
"""

import asyncio
import contextlib
from collections.abc import Iterator


class Resting:
    """The tasks of which nothing is on its way to WeChat or the journal."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Let ``end`` cancel the current task while it waits here."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def end(self) -> None:
        """Cancel all of them."""
        for task in self._tasks:
            task.cancel()
