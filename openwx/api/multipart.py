"""Parameters and files of a ``multipart/form-data`` body."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    BodyPartReader,
    MultipartReader,
    StreamReader,
    hdrs,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError

from openwx.accounts.media import names
from openwx.accounts.media.folder import EmptyError, MediaFolder, StoredFile, TooLargeError
from openwx.api.texts import (
    MAX_PARAMETERS,
    Known,
    Pair,
    Texts,
    collect_bytes,
    note,
    refuse,
    refuse_number,
    refuse_size,
)
from openwx.errors import CallerError, Code

log = logging.getLogger("openwx.web")

# Aiohttp reads the first part's Content-Disposition too, and complains of what is read here all the same: in the words
# of whoever sent it, and it remembers each.
for _category in (BadContentDispositionHeader, BadContentDispositionParam):
    warnings.filterwarnings("ignore", category=_category)

_PIECE = 64 * 1024
MOST_LINES = 20_000
"""Lines outside of the parts' contents: boundaries, headers, and what stands before and behind."""
_LINES_AT_ONCE = 50
_MOST_QUOTED = 1024 * 1024
"""Bytes of a part that is quoted-printable or the like, which is decoded at once."""


class FilePart(msgspec.Struct, frozen=True):
    """A file that came in a multipart body; it is on the disk already."""

    filename: str
    file: StoredFile

    def discard(self) -> None:
        """Delete it."""
        try:
            Path(self.file.path).unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be deleted: %s", self.file.path, error)


class _Content:
    """The body as aiohttp's reader reads it, but with an end of its lines.

    What has come already is read without a pause, so others get their turn here.
    """

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._lines = 0
        self.read = content.read
        self.at_eof = content.at_eof
        self.unread_data = content.unread_data

    async def readline(self, **limits: Any) -> bytes:
        self._lines += 1
        if self._lines > MOST_LINES:
            refuse("the body must be valid multipart/form-data, without so many lines of its own")
        if self._lines % _LINES_AT_ONCE == 0:
            await asyncio.sleep(0)
        return await self._content.readline(**limits)


class Reading:
    """Reads one body of at most ``limit`` bytes. ``folder`` is where files go, None where none are wanted."""

    def __init__(
        self, request: web.BaseRequest, limit: int, folder: MediaFolder | None, known: Known
    ) -> None:
        self._request = request
        self._limit = limit
        self._folder = folder
        self._known = known

    async def read(self, files: dict[str, FilePart]) -> Texts:
        """The parameters. Files are put into ``files`` as they come. CallerError -2 or -3."""
        pairs: list[Pair] = []
        ignored: list[str] = []
        number = 0
        try:
            content = cast("StreamReader", _Content(self._request.content))
            parts = MultipartReader(self._request.headers, content)
            while (part := await parts.next()) is not None:
                if not isinstance(part, BodyPartReader):
                    refuse("a part of the multipart body must not be multipart itself")
                if "Content-Encoding" in part.headers:
                    refuse("a part of the multipart body must not be compressed")
                number += 1
                if number > MAX_PARAMETERS:
                    refuse_number()
                await self._take(part, pairs, files, ignored)
        except (ValueError, LookupError, RuntimeError, AssertionError, HttpProcessingError):
            # What aiohttp's reader raises for boundaries, headers and encodings that make no sense.
            refuse("the body must be valid multipart/form-data")
        texts = collect_bytes(pairs, "body", self._known)
        for name in ignored:
            note(texts.ignored, name)
        return texts

    async def _take(
        self,
        part: BodyPartReader,
        pairs: list[Pair],
        files: dict[str, FilePart],
        ignored: list[str],
    ) -> None:
        name, filename = _names_of(part)
        is_known = name is not None and (self._known is None or name in self._known)
        if name is None or (filename is not None and (self._folder is None or not is_known)):
            async for _ in self._chunks(part):
                pass
            note(ignored, "?" if name is None else name)
        elif filename is None or self._folder is None:
            data = await self._data(part)
            label = part.get_charset(default=self._request.charset or "")
            pairs.append(Pair(name, data, label))
        elif name in files:
            refuse(f"{name[:40]!a} must be given once")
        elif (file := await self._file(part, filename, self._folder)) is not None:
            files[name] = FilePart(filename, file)

    async def _chunks(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        """A part's bytes as they come, before any decoding. CallerError -2 where the body becomes too large."""
        while chunk := await part.read_chunk(_PIECE):
            if self._request.content.total_bytes > self._limit + _PIECE:
                refuse_size(self._limit)
            yield bytes(chunk)
            await asyncio.sleep(0)

    async def _decoded(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        """As ``_chunks``, decoded: base64 by pieces, as aiohttp cuts it; quoted-printable (for texts) at once."""
        encoding = part.headers.get("Content-Transfer-Encoding", "").lower()
        if encoding in ("", "base64"):
            async for chunk in self._chunks(part):
                yield bytes(part.decode(chunk)) if encoding else chunk
            return
        data = bytearray()
        async for chunk in self._chunks(part):
            data += chunk
            if len(data) > _MOST_QUOTED:
                refuse_size(_MOST_QUOTED)
        yield bytes(part.decode(bytes(data)))

    async def _data(self, part: BodyPartReader) -> bytes:
        data = bytearray()
        async for chunk in self._decoded(part):
            data += chunk
        return bytes(data)

    async def _file(
        self, part: BodyPartReader, filename: str, folder: MediaFolder
    ) -> StoredFile | None:
        """The file of a part; None where a form's field for a file was left empty.

        CallerError: -3 where it is empty, or larger than media may be, or cannot be kept.
        """
        try:
            async with folder.receive(names.of_part(filename)) as incoming:
                async for chunk in self._decoded(part):
                    await incoming.write(chunk)
                return await incoming.finish()
        except EmptyError as error:
            if not filename:
                return None
            raise CallerError(Code.MEDIA, f"the file {filename!a}: {error}") from None
        except TooLargeError as error:
            raise CallerError(Code.MEDIA, f"the file {filename!a}: {error}") from None
        except OSError as error:
            words = f"the file {filename!a} cannot be kept: {error.strerror or error}"
            raise CallerError(Code.MEDIA, words) from None


def _names_of(part: BodyPartReader) -> tuple[str | None, str | None]:
    """The name of a part, and that of its file; None where it has none."""
    header = part.headers.get(hdrs.CONTENT_DISPOSITION, "")
    try:
        given = names.disposition(header)
    except UnicodeDecodeError:
        known = header.encode("ascii", "ignore").decode()
        name = names.disposition(known).get("name", "media")
        refuse(f"the file name of {name[:40]!a} must be UTF-8 (or GB18030)")
    return given.get("name"), given.get("filename")
