"""The true type of a file, by its content; its name is a hint where the content says little.
Whatever stores a file asks it.
"""

import asyncio
import importlib
import mimetypes
import os
import re
import sys
from typing import Any

if sys.platform != "win32" and "magic" not in sys.modules:
    # It sets environment variables by which magic finds its library and its data: before there are threads, and before
    # magic is imported. Where it was imported already it may use another library, which these data would not fit.
    importlib.import_module("pylibmagic")

ENOUGH = 64 * 1024
"""Bytes from the beginning that decide the type."""

UNKNOWN = "application/octet-stream"
"""The type of unknown content."""
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
_AMBIGUOUS = (
    (_TEXT, _TEXT),
    (re.compile("application/(?:zip|java-archive)"), _ZIP),
    (re.compile(r"application/(?:CDFV2.*|x-ole-storage|encrypted|msword|vnd\.ms-.*)"), _OLE),
)
"""Types of content that may be another type of the same sort, and these types: here the name decides."""
_CERTAIN = re.compile(r"(?:image|video)/.+|application/(?:pdf|gzip|x-bzip2|x-xz)")
"""Types of content, besides those above, that need no name."""
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
"""Types that the table of this Python, or of the system, may not have yet."""


def _types() -> mimetypes.MimeTypes:
    """Load the types of extensions, with the system's."""
    types = mimetypes.MimeTypes(filter(os.path.isfile, mimetypes.knownfiles))
    for extension, mime in _YOUNGER.items():
        if types.guess_type(f"x{extension}")[0] is None:
            types.add_type(mime, extension)
    return types


_types_of_extensions = _types()


def library() -> Any:
    """Load libmagic. The first time this searches with ``ldconfig``, and perhaps with a compiler: 5 to 100 ms.

    Raises ``ImportError`` and ``OSError`` where it is not available.
    """
    return importlib.import_module("magic")


async def mime_of(head: bytes, name: str = "") -> str:
    """Find the MIME type, such as ``image/jpeg``, of a file that begins with ``head``. The ``name`` decides between
    types that content does not distinguish."""
    mime = await asyncio.to_thread(_by_content, head[:ENOUGH])
    named = _type_of_suffix(_suffix(name))
    if named in (None, UNKNOWN) or _is_certain(mime) or (_TEXT.fullmatch(mime) and mime != PLAIN):
        return mime
    return named if _may_be(mime, named) else mime


def _by_content(head: bytes) -> str:
    mime = str(library().from_buffer(head, mime=True))
    return UNKNOWN if mime == "inode/x-empty" else mime


def extension_of(mime: str, name: str = "") -> str:
    """Choose the extension, without its dot: that of the name where it fits the type, else the usual one."""
    own = _suffix(name)
    return own if own and _fits(mime, own) else _usual(mime) or "bin"


def completed(name: str, mime: str) -> str:
    """Append the usual extension to a name that has none (a suffix counts only where it is known), where the type is
    certain."""
    own, usual = _suffix(name), _usual(mime)
    is_known = own and (own == usual or _type_of_suffix(own) or _fits(mime, own))
    if is_known or usual is None or mime == UNKNOWN or _TEXT.fullmatch(mime):
        return name
    return f"{name}.{usual}"


def _suffix(name: str) -> str:
    """Get what follows the last dot, where that may be an extension, in lower case."""
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
        return not _is_certain(mime) and suffix[0].isalpha()
    return _may_be(mime, named)


def _is_certain(mime: str) -> bool:
    """Whether the content alone decides the type."""
    if mime == UNKNOWN or any(content.fullmatch(mime) for content, _ in _AMBIGUOUS):
        return False
    return _usual(mime) is not None


def _may_be(mime: str, named: str) -> bool:
    """Whether content of type ``mime`` may be of the type that its name suggests."""
    if named == mime:
        return True
    for content, others in _AMBIGUOUS:
        if content.fullmatch(mime):
            return others.fullmatch(named) is not None
    certain = (_CERTAIN, *(sort for _, sort in _AMBIGUOUS))
    return not _is_certain(mime) and not any(sort.fullmatch(named) for sort in certain)


def _usual(mime: str) -> str | None:
    """Get the usual extension of a type, where one is known."""
    known = _EXTENSIONS.get(mime) or _types_of_extensions.guess_extension(mime)
    if known is None and (short := re.fullmatch(r"(?:audio|image|video)/x-(\w{2,4})", mime)):
        known = short[1]
    if known is None and _TEXT.fullmatch(mime):
        known = _EXTENSIONS[PLAIN]
    return known.removeprefix(".") if known else None
