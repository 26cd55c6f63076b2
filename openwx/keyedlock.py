"""Locks by key: what concerns one thing happens one after the other, other things go on side by side."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec


class _Lock(msgspec.Struct):
    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    users: int = 0
    """Tasks that hold it or wait for it."""


class KeyedLock:
    """A fair lock for each key. It takes memory only while it is in use."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    def __len__(self) -> int:
        """The number of keys in use."""
        return len(self._locks)

    def users(self, key: str) -> int:
        """The number of tasks that hold the lock of a key or wait for it."""
        return self._locks[key].users if key in self._locks else 0

    @contextlib.asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key."""
        one = self._locks.setdefault(key, _Lock())
        one.users += 1
        try:
            async with one.lock:
                yield
        finally:
            one.users -= 1
            if not one.users:
                del self._locks[key]
