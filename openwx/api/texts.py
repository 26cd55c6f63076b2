"""Decodes the names and values of parameters: one text for each name that a route knows.
``urlencoded``, ``json_body`` and ``multipart`` call it.

Only known parameters are checked. Others may have any value: they are ignored, and their names noted. Bytes are decoded
as UTF-8 whatever their label; if that fails, a label of the GB family counts.
"""

import codecs
from collections.abc import Container, Iterable, Sequence
from typing import Any, NoReturn

import msgspec

from openwx import charsets
from openwx.errors import CallerError, Code

MAX_PARAMETERS = 1000
IGNORED = "_"
"""A parameter that callers add to bypass caches."""
FILE_NAME = "media_name"
"""Programs on Chinese Windows write it in GB18030, without a label."""
MOST_IGNORED = 20
"""Number of unknown names that are noted."""

Known = Container[str] | None
"""The names that a route knows; None if it knows all."""


class Texts(msgspec.Struct, frozen=True):
    """The parameters of one place, and the unknown names there."""

    values: dict[str, str] = msgspec.field(default_factory=dict)
    ignored: list[str] = msgspec.field(default_factory=list)


class UnusableBodyError(CallerError):
    """A body without readable parameters; a route that needs none may ignore it.

    ``is_empty``: it is ``null`` or ``[]``, which some programs send for no parameters.
    """

    def __init__(self, status: str, *, is_empty: bool = False) -> None:
        super().__init__(Code.BAD_PARAMETER, status)
        self.is_empty = is_empty


def refuse(status: str, **more: Any) -> NoReturn:
    raise CallerError(Code.BAD_PARAMETER, status, **more)


def refuse_size(limit: int) -> NoReturn:
    refuse(f"the body must be at most {limit} bytes", http_status=413)


def refuse_number() -> NoReturn:
    refuse(f"at most {MAX_PARAMETERS} parameters are read")


def collect(pairs: Iterable[tuple[str, str | None]], place: str, known: Known) -> Texts:
    """Collect one value for each name; None counts as absent.

    CallerError -2 for a known name with two different values, or whose value is no text.
    """
    texts = Texts({}, [])
    for name, value in pairs:
        if name == IGNORED:
            continue
        if known is not None and name not in known:
            note(texts.ignored, name)
            continue
        if value is None:
            continue
        if known is None and ("\0" in name or not is_text(name)):
            refuse(f"the name {name[:40]!a} of a parameter in the {place} is not valid text")
        if "\0" in value or not is_text(value):
            refuse(f"{name} must be valid Unicode text without NUL characters")
        if texts.values.setdefault(name, value) != value:
            refuse(f"{name} must be given once; the {place} has it with different values")
    return texts


def note(ignored: list[str], name: str) -> None:
    """Add an unknown name."""
    if len(ignored) < MOST_IGNORED and name not in ignored:
        ignored.append(name)


def is_text(value: str) -> bool:
    """Return whether there are no lone surrogates, which JSON can express and UTF-8 cannot."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Pair(msgspec.Struct, frozen=True):
    """A parameter as bytes. ``label`` is the character set that the request names."""

    name: str
    value: bytes
    label: str | None = None


def collect_bytes(pairs: Sequence[Pair], place: str, known: Known) -> Texts:
    """Decode and ``collect`` values. Values with the same label have the same encoding."""
    try:
        return collect(((one.name, _utf8(one, known)) for one in pairs), place, known)
    except UnicodeDecodeError:
        return collect(((one.name, _gb18030(one, known)) for one in pairs), place, known)


def _utf8(pair: Pair, known: Known) -> str:
    if pair.name == FILE_NAME and (text := decoded(pair.value, "gb18030")) is not None:
        return text
    return pair.value.decode(errors=_errors(pair, known))


def _gb18030(pair: Pair, known: Known) -> str:
    """Decode GB18030. CallerError -2 if the label is another one, or the bytes are invalid."""
    if not charsets.is_gb(pair.label):
        try:
            return _utf8(pair, known)
        except UnicodeDecodeError:
            _refuse_bytes(pair.name)
    try:
        return pair.value.decode("gb18030", _errors(pair, known))
    except UnicodeDecodeError:
        _refuse_bytes(pair.name)


def _errors(pair: Pair, known: Known) -> str:
    return "strict" if known is None or pair.name in known else "replace"


def _refuse_bytes(name: str) -> NoReturn:
    words = "or GB18030 where the Content-Type says charset=gbk; in an address percent-encoded"
    refuse(f"{name[:40]} must be UTF-8, {words}")


def decoded(data: bytes, label: str | None) -> str | None:
    """Decode bytes without their byte order mark; None if they are no text."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return charsets.utf8_or_gb(data) if charsets.is_gb(label) else data.decode()
    except UnicodeDecodeError:
        return None
