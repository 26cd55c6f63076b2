"""The folder of media: what was received, and copies of what is to be sent.
Downloads, uploads and ``Keeper`` use it.
"""

import asyncio
import errno
import hashlib
import logging
import os
import re
import secrets
import time
import unicodedata
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from openwx.accounts.media import types
from openwx.cancelling import open_in_thread
from openwx.domain.media import StoredFile
from openwx.store.files import KEY

log = logging.getLogger("openwx.media")

_MOST_NAME_BYTES = 120
_AT_ONCE = 256 * 1024
"""Bytes that are buffered before a thread writes them."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_UNFINISHED = ".part"
_KEPT_AS = re.compile(
    rf'({KEY.pattern})(?:-[^\x00-\x1f\x7f/\\:*?"<>|]+|\.[\w+-]{{1,16}})', re.ASCII
)
"""The name of a file: its key, and the name for people, or an extension."""
_DAY_S = 86_400.0


class TooLargeError(Exception):
    """More came than is allowed; the text says how much that is."""


class EmptyError(Exception):
    """The error for media without content."""

    def __init__(self) -> None:
        super().__init__("it has 0 bytes")


class MediaFolder:
    """The folder ``media_dir``. Its files are readable for their owner only."""

    def __init__(self, path: Path, *, max_size: int) -> None:
        self.path = path
        self.max_size = max_size

    @asynccontextmanager
    async def receive(self, name: str = "") -> AsyncIterator["IncomingFile"]:
        """Open a new file to write into. It is deleted in the end unless it was finished. Raises ``OSError``."""
        incoming = await open_in_thread(partial(IncomingFile, self, name), IncomingFile.discard)
        try:
            yield incoming
        finally:
            incoming.discard()

    def path_of(self, attachment: str) -> Path:
        """Return where a file is that the journal names, if it is here at all.

        Journals of former versions, and files that are not openwx's own, are named by their paths. Raises ``OSError``
        for what no file is called.
        """
        path = Path(attachment)
        if path.is_absolute():
            return path
        key_of(attachment)
        return self.path / attachment

    def own_name(self, attachment: str) -> str:
        """Return the name in this folder of a file that the journal names; empty for a file from elsewhere."""
        path = Path(attachment)
        is_here = path.parent == self.path if path.is_absolute() else path.name == attachment
        return path.name if is_here and _KEPT_AS.fullmatch(path.name) else ""

    @asynccontextmanager
    async def fill(self, kept_as: str) -> AsyncIterator[Path]:
        """Have a file of this name written: it has it once the block has ended well. Raises ``OSError``."""
        path = self.path_of(kept_as)
        part = self.path / f"{key_of(kept_as)}-{secrets.token_hex(8)}{_UNFINISHED}"
        await asyncio.to_thread(self.path.mkdir, parents=True, exist_ok=True, mode=0o700)
        try:
            yield part
            await asyncio.to_thread(part.chmod, 0o600)
            await asyncio.to_thread(part.replace, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    def clean(self, keep_days: float, needed: Set[str]) -> int:
        """Delete files that are older, but not those that the journal names: ``needed``, by their names or paths.

        The number of deleted files. Blocks.
        """
        before = time.time() - keep_days * _DAY_S
        gone = 0
        for file in self.path.iterdir() if self.path.is_dir() else ():
            try:
                is_needed = file.name in needed or str(file) in needed
                if not is_needed and file.lstat().st_mtime < before:
                    file.unlink()
                    gone += 1
            except OSError as error:
                log.warning("%s cannot be deleted: %s", file, error)
        return gone


class IncomingFile:
    """A file that is being written. ``write`` buffers, and writes in a thread; ``finish`` gives it its name."""

    def __init__(self, folder: MediaFolder, name: str) -> None:
        self._most = folder.max_size
        self.name = name
        """Its name for people."""
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._stem = folder.path / f"{time.strftime('%Y%m%d')}-{secrets.token_hex(8)}"
        self._path = self._stem.with_name(self._stem.name + _UNFINISHED)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: BinaryIO = os.fdopen(handle, "wb", buffering=0)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._head = b""
        self._buffer = bytearray()
        self._mime = ""
        self.size = 0

    def discard(self) -> None:
        """Close it, and delete what was not finished."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises ``TooLargeError``, or ``OSError`` where they cannot be written."""
        self.size += len(data)
        if self.size > self._most:
            raise TooLargeError(f"it is larger than media.max_size, {self._most} bytes")
        if len(self._head) < types.ENOUGH:
            self._head += data[: types.ENOUGH - len(self._head)]
        self._buffer += data
        if len(self._buffer) >= _AT_ONCE:
            await self._flush()

    async def mime(self) -> str:
        """Type what has come, by its content."""
        if not self._mime:
            self._mime = await types.mime_of(self._head, self.name)
        return self._mime

    async def finish(self) -> StoredFile:
        """Write the file to the disk, type it by its content, and give it its name, which no other file has.

        Raises ``EmptyError``, or ``OSError`` where it cannot be written.
        """
        if self.size == 0:
            raise EmptyError
        await self._flush()
        mime = await self.mime()
        ext = types.extension_of(mime, self.name)
        path = await asyncio.to_thread(self._finish, ext)
        name = self.name or path.name
        return StoredFile(
            path=str(path),
            name=name,
            size=self.size,
            mime=mime,
            ext=ext,
            md5=self._md5.hexdigest(),
            mtime=int(path.stat().st_mtime),
            kept_as=path.name,
        )

    async def _flush(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        if data:
            await asyncio.to_thread(self._write_now, data)

    def _write_now(self, data: bytearray) -> None:
        self._md5.update(data)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def _finish(self, ext: str) -> Path:
        os.fsync(self._file.fileno())
        self._file.close()
        safe = safe_name(self.name)
        ending = f"-{safe}" if safe else f".{ext}"
        path = self._stem.with_name(self._stem.name + ending)
        self._path.replace(path)
        return path


def key_in(attachment: str) -> str:
    """Return the key of a file that a journal names, wherever its folder is; empty for a file that has none."""
    found = _KEPT_AS.fullmatch(Path(attachment).name)
    return found[1] if found else ""


def key_of(kept_as: str) -> str:
    """Return the key of a file: the part of its name that openwx made. Raises ``OSError`` for any other name."""
    found = _KEPT_AS.fullmatch(kept_as)
    if found is None:
        raise OSError(errno.EINVAL, "no name of a file in the folder of media")
    return found[1]


def safe_name(name: str) -> str:
    """Make a file name of a stranger's that stays in its folder: its last part, without what file systems refuse.

    Empty where nothing is left of it.
    """
    last = PureWindowsPath(PurePosixPath(name).name).name
    shown = "".join(c for c in last if not unicodedata.category(c).startswith("C"))
    shown = _UNSAFE.sub("_", shown).strip(" .")
    encoded = shown.encode("utf-8", "ignore")
    if len(encoded) > _MOST_NAME_BYTES:
        stem, dot, suffix = shown.rpartition(".")
        tail = (dot + suffix).encode("utf-8", "ignore") if stem and len(suffix) <= 10 else b""
        encoded = encoded[: _MOST_NAME_BYTES - len(tail)].decode("utf-8", "ignore").encode() + tail
    return encoded.decode("utf-8", "ignore")
