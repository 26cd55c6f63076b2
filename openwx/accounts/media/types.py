"""The true type of a medium, by its content; its name is a hint where the content says little."""

import asyncio
import importlib
import mimetypes
import os
import re
import sys
from typing import Any

if sys.platform != "win32" and "magic" not in sys.modules:
    # It tells magic, in the environment, where its library is, and that one's data: before there are threads, and
    # before anybody imports magic. Who has done so already may have another library, which these data would not fit.
    importlib.import_module("pylibmagic")

ENOUGH = 64 * 1024
"""So many bytes from the beginning decide."""

UNKNOWN = "application/octet-stream"
"""Of content that tells nothing."""
PLAIN = "text/plain"

_TEXT = re.compile(
    r"text/.+|message/rfc822|image/svg\+xml|application/(?:.*[+.-])?(?:json|xml|javascript|ecmascript|sql|yaml|toml"
    r"|c?sh|tcl|tex|latex|texinfo|troff|perl|ruby|php|python|typescript|mpegurl|pgp-keys)"
)
_ZIP = re.compile(
    r"application/(?:zip|java-archive|vnd\.(?:openxmlformats|oasis\.opendocument|android\.package|apple\.).*"
    r"|vnd\.ms-.*macroenabled.*|.*\+zip)",
    re.IGNORECASE,
)
_OLE = re.compile(
    r"application/(?:CDFV2.*|x-ole-storage|encrypted|msword|vnd\.(?:ms-|visio|openxmlformats).*)"
)
_NOT_TOLD = (
    (_TEXT, _TEXT),
    (re.compile("application/(?:zip|java-archive)"), _ZIP),
    (re.compile(r"application/(?:CDFV2.*|x-ole-storage|encrypted|msword|vnd\.ms-.*)"), _OLE),
)
"""Types of content that may be of another type of the same sort, and those which: here the name decides."""
_ALWAYS_TOLD = re.compile(r"(?:image|video)/.+|application/(?:pdf|gzip|x-bzip2|x-xz)")
"""Content of these types, and of those above, is known by itself."""
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/x-ms-bmp": "bmp",
    "image/webp": "webp",
    "audio/mpeg": "mp3",
    "audio/amr": "amr",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    PLAIN: "txt",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz",
    "application/x-rar": "rar",
}
_OFFICE = "application/vnd.openxmlformats-officedocument"
_YOUNGER = {
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".apk": "application/vnd.android.package-archive",
    ".jar": "application/java-archive",
    ".7z": "application/x-7z-compressed",
    ".rar": "application/x-rar",
    ".m4v": "video/x-m4v",
    ".m4a": "audio/x-m4a",
    ".flac": "audio/flac",
    ".amr": "audio/amr",
    ".webp": "image/webp",
    ".md": "text/markdown",
}
"""What the table of this Python, or of the system, may not know yet."""


def _types() -> mimetypes.MimeTypes:
    """The types of extensions, as the system knows them too."""
    types = mimetypes.MimeTypes(filter(os.path.isfile, mimetypes.knownfiles))
    for extension, mime in _YOUNGER.items():
        if types.guess_type(f"x{extension}")[0] is None:
            types.add_type(mime, extension)
    return types


_types_of_extensions = _types()


def library() -> Any:
    """Libmagic. The first time it is looked for with ``ldconfig``, and perhaps with a compiler: 5 to 100 ms.

    Raises ``ImportError`` and ``OSError`` where it cannot be had.
    """
    return importlib.import_module("magic")


async def mime_of(head: bytes, name: str = "") -> str:
    """The MIME type of what begins with ``head``, such as ``image/jpeg``. The ``name`` decides between types that
    content does not tell apart."""
    mime = await asyncio.to_thread(_told, head[:ENOUGH])
    named = _type_of_suffix(_suffix(name))
    if named in (None, UNKNOWN) or _is_told(mime) or (_TEXT.fullmatch(mime) and mime != PLAIN):
        return mime
    return named if _may_be(mime, named) else mime


def _told(head: bytes) -> str:
    mime = str(library().from_buffer(head, mime=True))
    return UNKNOWN if mime == "inode/x-empty" else mime


def extension_of(mime: str, name: str = "") -> str:
    """The extension without its dot: the name's own where content of that type may have it, else the usual one."""
    own = _suffix(name)
    return own if own and _fits(mime, own) else _usual(mime) or "bin"


def completed(name: str, mime: str) -> str:
    """The name, with the usual extension where it has none (a suffix is one only where it is known) and the content
    tells which."""
    own, usual = _suffix(name), _usual(mime)
    is_known = own and (own == usual or _type_of_suffix(own) or _fits(mime, own))
    if is_known or usual is None or mime == UNKNOWN or _TEXT.fullmatch(mime):
        return name
    return f"{name}.{usual}"


def _suffix(name: str) -> str:
    """What follows the last dot, where that may be an extension, in lower case."""
    stem, _, own = name.rpartition(".")
    usable = own.isascii() and own.isalnum() and len(own) <= 10
    return own.lower() if usable and stem.strip(" .") else ""


def _type_of_suffix(suffix: str) -> str | None:
    mime, encoding = _types_of_extensions.guess_type(f"x.{suffix}") if suffix else (None, None)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else f"application/x-{encoding}"
    return mime


def _fits(mime: str, suffix: str) -> bool:
    named = _type_of_suffix(suffix)
    if named is None or named == UNKNOWN:
        return not _is_told(mime) and suffix[0].isalpha()
    return _may_be(mime, named)


def _is_told(mime: str) -> bool:
    """Whether the content alone tells the type."""
    if mime == UNKNOWN or any(content.fullmatch(mime) for content, _ in _NOT_TOLD):
        return False
    return _usual(mime) is not None


def _may_be(mime: str, named: str) -> bool:
    """Whether content that says ``mime`` may be of the type that its name says."""
    if named == mime:
        return True
    for content, others in _NOT_TOLD:
        if content.fullmatch(mime):
            return others.fullmatch(named) is not None
    others_told = (_ALWAYS_TOLD, *(sort for _, sort in _NOT_TOLD))
    return not _is_told(mime) and not any(sort.fullmatch(named) for sort in others_told)


def _usual(mime: str) -> str | None:
    """The extension that files of this type have, where one is known."""
    known = _EXTENSIONS.get(mime) or _types_of_extensions.guess_extension(mime)
    if known is None and (short := re.fullmatch(r"(?:audio|image|video)/x-(\w{2,4})", mime)):
        known = short[1]
    if known is None and _TEXT.fullmatch(mime):
        known = _EXTENSIONS[PLAIN]
    return known.removeprefix(".") if known else None
