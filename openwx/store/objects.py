"""Files of media in a bucket of S3, or of what speaks like it, by the package ``obstore``.
``store.open_files`` makes it.

Endpoint, region and credentials come from the usual variables of the environment (``AWS_ACCESS_KEY_ID``,
``AWS_ENDPOINT_URL``, …). An object is there as a whole or not at all, also where it was put in parts.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from openwx.cancelling import open_in_thread
from openwx.store.files import (
    KEY,
    PIECE,
    FileStoreError,
    FileStoreRefusedError,
    NotStoredError,
    damaged,
    require_key,
    too_large,
)

_PART = 5 * PIECE
"""The least that S3 takes as a part."""
_PARTS_AT_ONCE = 2
_LISTED = 10_000
_CHECKED = "00000000-0000000000000000"
_REFUSED = (FileNotFoundError, PermissionError, PermissionDeniedError, UnauthenticatedError)
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class S3Store:
    """Implements ``openwx.store.files.MediaStore``. ``url`` is ``s3://bucket/prefix``."""

    is_shared = True
    has_copies = True

    def __init__(self, url: str) -> None:
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        try:
            self._objects: ObjectStore = from_url(
                url,
                client_options={
                    "connect_timeout": "5s",
                    "timeout": "30s",
                    "allow_http": endpoint.startswith("http://"),
                },
                retry_config={
                    "max_retries": 3,
                    "retry_timeout": timedelta(seconds=20),
                    "backoff": {
                        "init_backoff": timedelta(milliseconds=100),
                        "max_backoff": timedelta(seconds=2),
                        "base": 2,
                    },
                },
            )
        except (BaseError, ValueError) as error:
            raise FileStoreRefusedError(f"{url} cannot be used: {_worded(error)}") from error

    async def put(self, key: str, file: Path) -> None:
        require_key(key)
        async with _worded_errors():
            await obstore.put_async(
                self._objects, key, file, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE
            )

    async def get(self, key: str, file: Path, *, most: int) -> None:
        require_key(key)
        done = 0
        with await open_in_thread(lambda: file.open("xb")) as sink:
            async with _worded_errors(key):
                found = await obstore.get_async(self._objects, key)
                size = found.meta["size"]
                if size > most:
                    raise too_large(key, most)
                async for piece in found.stream(min_chunk_size=PIECE):
                    done += len(piece)
                    if done > size:
                        break
                    await asyncio.to_thread(sink.write, piece)
        if done != size:
            raise damaged(key, done, size)

    async def has(self, key: str) -> bool:
        require_key(key)
        async with _worded_errors():
            try:
                await obstore.head_async(self._objects, key)
            except FileNotFoundError:
                return False
            return True

    async def now(self) -> float:
        return time.time()

    async def delete(self, keys: Collection[str], *, put_before: float) -> None:
        for key in keys:
            require_key(key)
            async with _worded_errors():
                try:
                    found = await obstore.head_async(self._objects, key)
                    if found["last_modified"].timestamp() <= put_before:
                        await obstore.delete_async(self._objects, key)
                except FileNotFoundError:
                    continue  # only some services say so

    async def older(self, than_s: float) -> list[str]:
        before = datetime.now(UTC) - timedelta(seconds=than_s)
        keys: list[str] = []
        async with _worded_errors():
            async for page in obstore.list(self._objects, chunk_size=1000):
                keys += [
                    one["path"]
                    for one in page
                    if one["last_modified"] < before and KEY.fullmatch(one["path"])
                ]
                if len(keys) >= _LISTED:
                    break
        return keys

    async def check(self) -> None:
        async with _worded_errors():
            await obstore.put_async(self._objects, _CHECKED, b"x")
            await obstore.get_async(self._objects, _CHECKED)
            await obstore.delete_async(self._objects, _CHECKED)


@asynccontextmanager
async def _worded_errors(wanted: str = "") -> AsyncIterator[None]:
    """Raise ``FileStoreError`` for what the client raises; ``NotStoredError`` where the ``wanted`` key is not there."""
    try:
        yield
    except (FileNotFoundError, PermissionError, BaseError, ValueError) as error:
        if wanted and isinstance(error, FileNotFoundError):
            raise NotStoredError(f"{wanted} is not in the bucket") from error
        kind = FileStoreRefusedError if isinstance(error, _REFUSED) else FileStoreError
        raise kind(f"the store of media cannot be used: {_worded(error)}") from error


def _worded(error: Exception) -> str:
    """Say it in one line: the client adds its inner structures in others."""
    return str(error).partition("\n")[0][:300] or type(error).__name__
