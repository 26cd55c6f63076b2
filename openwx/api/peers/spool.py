"""The body of a call while it is not yet known which node answers it: read once, and sent as often as needed.
``call_reader`` and the console read bodies through it.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from aiohttp import StreamReader, web

from openwx.cancelling import open_in_thread
from openwx.errors import CallerError, Code

IN_MEMORY = 256 * 1024
"""Bytes of a body that are kept in memory; a longer one is in a temporary file, which has no name."""
_PIECE = 64 * 1024


class Spool:
    """A body that comes from ``content``. What was read of it is kept, in memory or in a file of ``folder``."""

    def __init__(self, content: StreamReader, folder: Path) -> None:
        self._content = content
        self._folder = folder
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._size = 0
        self.error: CallerError | None = None
        """Why it cannot be read to its end; None while it can."""
        self._writing: asyncio.Future[None] | None = None

    async def readany(self) -> bytes:
        """Return what comes next, and keep it; nothing at the end. Raise what the body's reader raises.

        CallerError -3 where it cannot be kept.
        """
        try:
            data = await self._content.readany()
        except (web.RequestPayloadError, ConnectionError):
            words = "the body is broken or ends early"
            self.error = CallerError(Code.BAD_PARAMETER, words)
            raise
        if data:
            await self._keep(data)
        return data

    async def whole(self) -> AsyncIterator[bytes]:
        """Yield the body from its beginning: what is kept, and then what still comes."""
        at = 0
        while at < self._size:
            piece = await self._kept(at)
            if not piece:
                raise OSError("the end of the body was not kept")
            at += len(piece)
            yield piece
        while data := await self.readany():
            yield data

    async def close(self) -> None:
        """Forget the body."""
        await self._until_written()
        if self._file is not None:
            self._file.close()
        self._memory.clear()

    @property
    def _in_file(self) -> int:
        """How many of its bytes are in the file, or on their way there."""
        return self._size - len(self._memory)

    async def _keep(self, data: bytes) -> None:
        self._memory += data
        self._size += len(data)
        if self._size <= IN_MEMORY:
            return
        try:
            if self._file is None:
                self._file = await open_in_thread(partial(_open, self._folder))
            file = self._file
            await self._until_written()
            at, piece = self._in_file, bytes(self._memory)
            self._memory.clear()
            writing = asyncio.to_thread(_write, file.fileno(), piece, at)
            self._writing = asyncio.ensure_future(writing)
            await self._until_written()
            self._writing.result()
        except OSError as error:
            words = f"the body cannot be stored: {error.strerror or error}"
            self.error = CallerError(Code.MEDIA, words)
            raise self.error from None

    async def _kept(self, at: int) -> bytes:
        if self._file is None or at >= self._in_file:
            begin = at - self._in_file
            return bytes(self._memory[begin : begin + _PIECE])
        await self._until_written()
        return await asyncio.to_thread(os.pread, self._file.fileno(), _PIECE, at)

    async def _until_written(self) -> None:
        """Wait for the last write, which goes on where who began it is cancelled."""
        if self._writing is not None:
            await asyncio.wait({self._writing})


def _open(folder: Path) -> BinaryIO:
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=0, dir=folder))


def _write(handle: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(handle, data, at)
        data, at = data[written:], at + written
