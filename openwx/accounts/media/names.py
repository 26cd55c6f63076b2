"""Names of media for people, from all the forms in which they come. Downloads and ``MediaResolver`` call these.

Reports and WeChat get a name as its author wrote it. It is made safe only where it becomes a path
(``folder.safe_name``).
"""

import re
import unicodedata
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header
from itertools import count
from urllib.parse import quote_from_bytes, unquote_to_bytes

from yarl import URL

from openwx import charsets

_SEPARATORS = str.maketrans("/\\", "／＼")
"""No file has these in its name, and programs join names to folders: they become characters that look alike."""
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They display a name in another order: ``\\u202e`` makes ``gpj.exe`` of ``exe.jpg``."""
_PATH = re.compile(r"(?:[A-Za-z]:)?[/\\]|\.{1,2}[/\\]|~[/\\]|file:", re.IGNORECASE)
_PARAMETER = re.compile(
    r';\s*([\w!#$&+.^`|~*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"(?=\s*(?:;|$))|([^;]*))', re.DOTALL
)
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_ALL_ESCAPED = re.compile(r"(?:[A-Za-z0-9_.~!'()*-]|%[0-9A-Fa-f]{2})+")
_WORDS = re.compile(r"(?:\s*=\?[\w.-]+(?:\*[\w-]*)?\?[bq]\?[^?\s]*\?=)+\s*", re.IGNORECASE)


def safe(name: str) -> str:
    """Remove control characters, and replace what would make it a path; ``""`` where nothing is left."""
    name = name.replace("\r\n", "\n").translate(_SEPARATORS)
    visible = "".join(_visible(character) for character in name)
    return "" if visible.strip(" .") == "" else visible


def of_client(name: str) -> str:
    """As ``safe``; of a path, as some programs send it, the last part."""
    return safe(last_part(name) if _PATH.match(name) else name)


def of_part(name: str) -> str:
    """Return the file name of a part of a form. Only Windows uses a backslash as a separator."""
    return safe(last_part(name)) if "/" in name else of_client(name)


def last_part(path: str) -> str:
    """Get what follows the last separator of any system."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def of_url(url: URL) -> str:
    """Get the last part of a URL's path; ``""`` where it has none."""
    data = unquote_to_bytes(url.raw_name)
    try:
        return safe(last_part(charsets.utf8_or_gb(data)))
    except UnicodeDecodeError:
        return safe(url.name)


def disposition(header: str) -> dict[str, str]:
    """Parse the parameters of a Content-Disposition. ``filename`` is decoded from any of its forms (RFC 2047, 2231 and
    5987, percent-encoded, or plain), with a path if it has one.

    Raises ``UnicodeDecodeError`` where its bytes are no text.
    """
    text = charsets.utf8_or_gb(header.encode("utf-8", "surrogateescape"))
    found: dict[str, str] = {}
    for key, quoted, bare in _PARAMETER.findall(text):
        value = re.sub(r'\\(["\\])', r"\1", quoted) or bare.strip().strip('"')
        found.setdefault(key.lower(), value)
    extended = _extended(found)
    if extended is not None:
        found["filename"] = extended
    elif "filename" in found:
        found["filename"] = _plain(found["filename"])
    return found


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zl", "Zp") or character in "\t\n\r\v\f":
        return " "
    is_odd = (
        category in ("Cc", "Cs") or character in _DIRECTIONS or ord(character) & 0xFFFE == 0xFFFE
    )
    return "" if is_odd else character


def _extended(parameters: Mapping[str, str]) -> str | None:
    """Decode ``filename*=UTF-8''%E4%BD%A0``, or its pieces ``filename*0*``, ``filename*1`` …; None without them."""
    whole = parameters.get("filename*")
    if whole is None:
        whole = "".join(_pieces(parameters)) or None
    if whole is None or whole.count("'") < 2:
        return None
    charset, _, escaped = whole.split("'", 2)
    data = unquote_to_bytes(escaped)
    try:
        return charsets.decoded(data, charset or "utf-8")
    except (LookupError, ValueError):
        return _decoded_or_none(data)


def _decoded_or_none(data: bytes) -> str | None:
    try:
        return charsets.utf8_or_gb(data)
    except UnicodeDecodeError:
        return None


def _pieces(parameters: Mapping[str, str]) -> list[str]:
    pieces: list[str] = []
    for number in count():
        name = f"filename*{number}"
        plain, escaped = parameters.get(name), parameters.get(f"{name}*")
        if plain is None and escaped is None:
            break
        if escaped is not None:
            pieces.append(escaped)
        else:
            pieces.append(("" if pieces else "''") + quote_from_bytes(str(plain).encode()))
    return pieces


def _plain(name: str) -> str:
    """Decode a plain ``filename``, which some programs encode all the same."""
    if _WORDS.fullmatch(name):
        try:
            return "".join(
                part if isinstance(part, str) else charsets.decoded(part, charset or "utf-8")
                for part, charset in decode_header(name)
            )
        except (HeaderParseError, LookupError, ValueError):
            return name
    if _ALL_ESCAPED.fullmatch(name) and _ESCAPED.search(name):
        try:
            return unquote_to_bytes(name).decode()
        except UnicodeDecodeError:
            return name
    # Browsers escape what would end the header.
    for escaped, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        name = name.replace(escaped, character)
    return name
