"""One lock for each key. A lock exists only while it is held or waited for.
``accounts`` and ``mutations`` hold them.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class _Entry:
    """A lock, and how many tasks hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class KeyedLock:
    """Tasks with the same key take turns, in the order of their calls."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}

    def __len__(self) -> int:
        """Return the number of keys that are in use."""
        return len(self._entries)

    def users(self, key: Hashable) -> int:
        """Return the number of tasks that hold the lock of a key or wait for it."""
        return self._entries[key].users if key in self._entries else 0

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Hold the lock of a key, for ``async with``."""
        entry = self._entries.setdefault(key, _Entry())
        entry.users += 1
        try:
            async with entry.lock:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[key]
