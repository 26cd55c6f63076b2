"""Parameters and files of a ``multipart/form-data`` body. ``parameters`` calls it."""

import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
from aiohttp import hdrs

from openwx import mediatype
from openwx.accounts.media import names
from openwx.accounts.media.folder import EmptyError, MediaFolder, TooLargeError
from openwx.api.multipart_reader import BodyBytes, BodyTooLargeError, Headers, MultipartReader
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
from openwx.domain.media import StoredFile
from openwx.errors import CallerError, Code

log = logging.getLogger("openwx.web")

_CHARSET = "_charset_"
"""The name of the part that names the character set of the others (RFC 7578, section 4.6)."""
_MAX_CHARSET = 32


class FilePart(msgspec.Struct, frozen=True):
    """A file of a multipart body; it is on the disk already."""

    filename: str
    file: StoredFile

    def discard(self) -> None:
        """Delete it."""
        try:
            Path(self.file.path).unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be deleted: %s", self.file.path, error)


class MultipartForm:
    """Reads one body of at most ``limit`` bytes. Files go to ``folder``; if it is None, they are ignored."""

    def __init__(
        self,
        headers: Mapping[str, str],
        content: BodyBytes,
        limit: int,
        folder: MediaFolder | None,
        known: Known,
    ) -> None:
        self._content_type = headers[hdrs.CONTENT_TYPE]
        self._content = content
        self._limit = limit
        self._folder = folder
        self._known = known
        self._charset = mediatype.of_headers(headers).charset or ""
        self._pairs: list[Pair] = []
        self._ignored: list[str] = []

    async def read(self, files: dict[str, FilePart]) -> Texts:
        """Return the parameters, and put files into ``files`` as they come. CallerError -2 or -3."""
        number = 0
        try:
            reader = MultipartReader(self._content_type, self._content, self._limit)
            async for headers in reader:
                number += 1
                if number > MAX_PARAMETERS:
                    refuse_number()
                if (
                    mediatype.parse(headers.get("content-type", "")).get_content_maintype()
                    == "multipart"
                ):
                    refuse("a part of the multipart body must not be multipart itself")
                if "content-encoding" in headers:
                    refuse("a part of the multipart body must not be compressed")
                await self._read_part(headers, reader.read_part(headers), files)
        except BodyTooLargeError as error:
            refuse_size(error.limit)
        except ValueError:
            refuse("the body must be valid multipart/form-data")
        texts = collect_bytes(self._pairs, "body", self._known)
        for name in self._ignored:
            note(texts.ignored, name)
        return texts

    async def _read_part(
        self, headers: Headers, data: AsyncIterator[bytes], files: dict[str, FilePart]
    ) -> None:
        name, filename = _names_of(headers)
        is_known = name is not None and (self._known is None or name in self._known)
        if name is None or (filename is not None and (self._folder is None or not is_known)):
            note(self._ignored, "?" if name is None else name)
        elif filename is None or self._folder is None:
            text = b"".join([piece async for piece in data])
            if name == _CHARSET:
                self._charset = text[:_MAX_CHARSET].decode("ascii", "replace").strip()
                return
            charset = mediatype.parse(headers.get("content-type", "")).get_content_charset(
                self._charset
            )
            self._pairs.append(Pair(name, text, charset))
        elif name in files:
            refuse(f"{name[:40]!a} must be given once")
        elif (file := await self._file(data, filename, self._folder)) is not None:
            files[name] = FilePart(filename, file)

    async def _file(
        self, data: AsyncIterator[bytes], filename: str, folder: MediaFolder
    ) -> StoredFile | None:
        """Return the file of a part; None where a form's field for a file was left empty.

        CallerError: -3 where it is empty, or larger than media may be, or cannot be stored.
        """
        try:
            async with folder.receive(names.of_part(filename)) as incoming:
                async for piece in data:
                    await incoming.write(piece)
                return await incoming.finish()
        except EmptyError as error:
            if not filename:
                return None
            raise CallerError(Code.MEDIA, f"the file {filename!a}: {error}") from None
        except TooLargeError as error:
            raise CallerError(Code.MEDIA, f"the file {filename!a}: {error}") from None
        except OSError as error:
            words = f"the file {filename!a} cannot be stored: {error.strerror or error}"
            raise CallerError(Code.MEDIA, words) from None


def _names_of(headers: Headers) -> tuple[str | None, str | None]:
    """Return the name of a part, and that of its file; None where it has none."""
    header = headers.get("content-disposition", "")
    try:
        given = names.disposition(header)
    except UnicodeDecodeError:
        known = header.encode("ascii", "ignore").decode()
        name = names.disposition(known).get("name", "media")
        refuse(f"the file name of {name[:40]!a} must be UTF-8 (or GB18030)")
    return given.get("name"), given.get("filename")
