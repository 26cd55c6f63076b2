"""Files of media in PostgreSQL, in rows of 1 MiB, over connections of their own: no unit waits behind a file.
``store.open_files`` makes it.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import asyncpg

from openwx.cancelling import open_in_thread
from openwx.store.files import (
    PIECE,
    FileStoreError,
    NotStoredError,
    damaged,
    require_key,
    too_large,
)
from openwx.store.postgres.connections import Address, Unreachable, close, taken
from openwx.store.postgres.errors import worded

# `size` is that of the whole file, in each of its rows; the database's clock says when it was put. Media is packed
# already, so it is not compressed.
TABLE = """
CREATE TABLE files (
    key text COLLATE "C" NOT NULL, part integer NOT NULL, size bigint NOT NULL, created double precision NOT NULL,
    data bytea NOT NULL, PRIMARY KEY (key, part));
ALTER TABLE files ALTER COLUMN data SET STORAGE EXTERNAL;
"""

AT_ONCE = 2
"""Connections, so that a large file on its way out does not hold up one that is wanted."""
DELETED_AT_ONCE = 10
"""Files that one statement deletes, which may be large, and a statement may not take for ever."""
_LISTED = 10_000
_CHECKED = "00000000-0000000000000000"

_PUT = """
INSERT INTO files VALUES ($1, $2, $3, extract(epoch FROM clock_timestamp()), $4)
ON CONFLICT (key, part) DO UPDATE SET size = excluded.size, created = excluded.created, data = excluded.data"""
_GET = "SELECT size, data FROM files WHERE key = $1 AND part = $2"
_HAS = "SELECT 1 FROM files WHERE key = $1 AND part = 0"
_NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_DELETE = "DELETE FROM files WHERE key = ANY($1::text[]) AND created <= $2"
_OLDER = """
SELECT key FROM files WHERE part = 0 AND created < extract(epoch FROM clock_timestamp()) - $1::double precision
ORDER BY created LIMIT $2"""


class DatabaseStore:
    """Implements ``openwx.store.files.MediaStore``. Use it as ``async with``; the journal has made its table."""

    is_shared = True
    has_copies = True

    def __init__(self, address: Address) -> None:
        address.require_valid()
        self._pool = address.pool(most=AT_ONCE)

    async def __aenter__(self) -> Self:
        await self._pool
        return self

    async def __aexit__(self, *_: object) -> None:
        await close(self._pool)

    async def put(self, key: str, file: Path) -> None:
        require_key(key)
        try:
            await self._put(key, file)
        except OSError as error:
            raise FileStoreError(f"{file.name} cannot be read: {error.strerror}") from error

    async def _put(self, key: str, file: Path) -> None:
        with await open_in_thread(lambda: file.open("rb")) as source:
            size = (await asyncio.to_thread(file.stat)).st_size
            async with self._connection() as connection, connection.transaction():
                part = 0
                while data := await asyncio.to_thread(source.read, PIECE):
                    await connection.execute(_PUT, key, part, size, data)
                    part += 1

    async def get(self, key: str, file: Path, *, most: int) -> None:
        require_key(key)
        done = part = 0
        size = 1
        with await open_in_thread(lambda: file.open("xb")) as sink:
            while done < size:
                async with self._connection() as connection:
                    row = await connection.fetchrow(_GET, key, part)
                if row is None and part == 0:
                    raise NotStoredError(f"{key} is not in the database")
                if row is None or not row["data"]:
                    raise damaged(key, done, size)
                size = row["size"]
                if max(size, done + len(row["data"])) > most:
                    raise too_large(key, most)
                await asyncio.to_thread(sink.write, row["data"])
                done += len(row["data"])
                part += 1
        if done != size:
            raise damaged(key, done, size)

    async def has(self, key: str) -> bool:
        async with self._connection() as connection:
            return await connection.fetchval(_HAS, key) is not None

    async def now(self) -> float:
        async with self._connection() as connection:
            return float(await connection.fetchval(_NOW))

    async def delete(self, keys: Collection[str], *, put_before: float) -> None:
        every = list(keys)
        for at in range(0, len(every), DELETED_AT_ONCE):
            async with self._connection() as connection:
                await connection.execute(_DELETE, every[at : at + DELETED_AT_ONCE], put_before)

    async def older(self, than_s: float) -> list[str]:
        async with self._connection() as connection:
            return [row["key"] for row in await connection.fetch(_OLDER, than_s, _LISTED)]

    async def check(self) -> None:
        async with self._connection() as connection:
            await connection.execute(_PUT, _CHECKED, 0, 1, b"x")
            await connection.fetchrow(_GET, _CHECKED, 0)
            await connection.execute(_DELETE, [_CHECKED], math.inf)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with taken(self._pool) as connection:
                yield connection
        except Unreachable as error:
            raise FileStoreError(f"the store of media cannot be used: {worded(error)}") from error
