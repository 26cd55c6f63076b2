"""Resolves the media that a caller names, be it a local file, a URL, base64 or a file part, to local media.
``MediaRegistry`` and ``Sender`` call it.
"""

import asyncio
import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from functools import partial
from pathlib import PurePath
from typing import BinaryIO

import msgspec
from yarl import URL

from openwx.accounts.media import names, types
from openwx.accounts.media.fetcher import Fetcher
from openwx.accounts.media.folder import EmptyError, MediaFolder, TooLargeError
from openwx.accounts.media.local import AllowedFiles
from openwx.cancelling import open_in_thread
from openwx.domain.media import LocalMedia, StoredFile, sendable_kind
from openwx.errors import CallerError, Code
from openwx.localfile import fingerprint

_READ = 1024 * 1024


class MediaInput(msgspec.Struct, frozen=True):
    """Media as a caller names it, in one of these forms. ``path`` is a local path or a URL; beside ``data`` it is only
    a name, as in the original. ``name`` is what the receiver sees."""

    path: str | None = None
    data: str | None = None
    file: StoredFile | None = None
    name: str | None = None


class MediaResolver:
    """Resolves media of one account. ``local`` decides which local files may be sent."""

    def __init__(
        self, folder: MediaFolder, local: AllowedFiles, fetcher: Fetcher, trusted: Iterable[URL]
    ) -> None:
        self._folder = folder
        self._local_media = local
        self._fetcher = fetcher
        self._trusted = list(trusted)

    async def resolve(self, media: MediaInput, *, copy: bool = False) -> LocalMedia:
        """Bring media to the disk, and type it by its content. ``copy`` a local file where it may change.

        Raises ``CallerError``: -2, -3 or -8.
        """
        try:
            file = await self._file(media, copy=copy)
        except (TooLargeError, EmptyError) as error:
            raise CallerError(Code.MEDIA, f"the media cannot be sent: {error}") from None
        except OSError as error:
            words = error.strerror or str(error)
            raise CallerError(Code.MEDIA, f"the media cannot be accepted: {words}") from None
        return medium_of(file, media.name)

    async def _file(self, media: MediaInput, *, copy: bool) -> StoredFile:
        if media.file is not None:
            return media.file
        if media.data is not None:
            return await self._decode(media.data, names.safe(names.last_part(media.path or "")))
        path = media.path or ""
        if is_url(path):
            return await self._fetch(path)
        return await self._local(path.removeprefix("file://"), copy=copy)

    async def _local(self, path: str, *, copy: bool) -> StoredFile:
        real, file = await open_in_thread(
            partial(self._local_media.open, path), lambda opened: opened[1].close()
        )
        with file:
            status = os.fstat(file.fileno())
            if status.st_size > self._folder.max_size:
                raise TooLargeError(
                    f"{status.st_size} bytes are more than media.max_size, {self._folder.max_size}"
                )
            if status.st_size == 0:
                raise EmptyError
            name = names.safe(PurePath(path).name)
            if not copy:
                return await _described(file, real, name, status)
            async with self._folder.receive(name) as incoming:
                while data := await asyncio.to_thread(file.read, _READ):
                    await incoming.write(data)
                return await incoming.finish()

    async def _decode(self, data: str, name: str) -> StoredFile:
        try:
            content = await asyncio.to_thread(_from_base64, data)
        except (binascii.Error, ValueError):
            raise CallerError(Code.BAD_PARAMETER, "media_data must be base64") from None
        async with self._folder.receive(name) as incoming:
            await incoming.write(content)
            return await incoming.finish()

    async def _fetch(self, address: str) -> StoredFile:
        async with self._fetcher.fetch(address, trusted=self._trusted) as fetched:
            if fetched.size is not None and fetched.size > self._folder.max_size:
                raise TooLargeError(
                    f"{fetched.size} bytes are more than media.max_size, {self._folder.max_size}"
                )
            async with self._folder.receive(fetched.name) as incoming:
                async for chunk in fetched.content.iter_any():
                    await incoming.write(chunk)
                return await incoming.finish()


def is_url(path: str) -> bool:
    """Return whether a path is a URL to be fetched rather than a file on this machine."""
    return path.partition(":")[0].lower() in ("http", "https")


async def _described(file: BinaryIO, path: str, name: str, status: os.stat_result) -> StoredFile:
    head, md5 = await asyncio.to_thread(_digest, file)
    mime = await types.mime_of(head, name)
    return StoredFile(
        path=path,
        name=name,
        size=status.st_size,
        mime=mime,
        ext=types.extension_of(mime, name),
        md5=md5,
        mtime=int(status.st_mtime),
        fingerprint=fingerprint(status),
    )


def _digest(file: BinaryIO) -> tuple[bytes, str]:
    md5 = hashlib.md5(usedforsecurity=False)
    head = b""
    while data := file.read(_READ):
        head = head or data[: types.ENOUGH]
        md5.update(data)
    return head, md5.hexdigest()


def _from_base64(data: str) -> bytes:
    """Decode base64, with or without newlines. A space is a ``+`` that a form replaced; the head of a data: URL and
    needless padding are skipped. Raises ``binascii.Error``."""
    if data.startswith("data:"):
        data = data.partition(",")[2]
    altchars = b"-_" if "-" in data or "_" in data else None
    found = bytearray()
    rest, padding = "", 0
    for begin in range(0, len(data), _READ):  # in pieces: decoding one holds the GIL
        compact = "".join(data[begin : begin + _READ].replace(" ", "+").split())
        content = compact.rstrip("=")
        if "=" in content or (padding and content):
            raise binascii.Error("data after the padding")
        padding += len(compact) - len(content)
        rest += content
        whole = len(rest) // 4 * 4
        found += base64.b64decode(rest[:whole], altchars=altchars, validate=True)
        rest = rest[whole:]
    missing = -len(rest) % 4
    if padding < missing or (padding and not rest and not found):
        raise binascii.Error("the padding does not fit")
    return bytes(found) + base64.b64decode(rest + "=" * missing, altchars=altchars, validate=True)


def medium_of(file: StoredFile, name: str | None) -> LocalMedia:
    """Make a file sendable, under ``name`` where one was given."""
    shown = types.completed(names.of_client(name or "") or file.name, file.mime)
    return LocalMedia(
        kind=sendable_kind(file.mime, file.size),
        path=file.path,
        name=shown,
        size=file.size,
        mime=file.mime,
        ext=types.extension_of(file.mime, shown),
        md5=file.md5,
        mtime=file.mtime,
        fingerprint=file.fingerprint,
        kept_as=file.kept_as,
    )
