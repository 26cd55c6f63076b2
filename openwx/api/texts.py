"""Names and values as callers send them become texts: one value for each name that a route knows.

Only known parameters are judged. What a route does not know may be of any shape: it is noted by its name and ignored.
Bytes are UTF-8 whatever they are labelled; where they are not, a label of the GB family counts.
"""

import codecs
from collections.abc import Container, Iterable, Sequence
from typing import Any, NoReturn

import msgspec

from openwx import charsets
from openwx.errors import CallerError, Code

MAX_PARAMETERS = 1000
IGNORED = "_"
"""A parameter that callers add to get past caches."""
FILE_NAME = "media_name"
"""Programs on Chinese Windows write it in GB18030, without a label."""
MOST_IGNORED = 20
"""So many names that a route does not know are noted."""

Known = Container[str] | None
"""The names that a route knows; None where it knows all."""


class Texts(msgspec.Struct, frozen=True):
    """The parameters of one place, and the names there that nobody knows."""

    values: dict[str, str] = msgspec.field(default_factory=dict)
    ignored: list[str] = msgspec.field(default_factory=list)


class UnusableBodyError(CallerError):
    """Nothing that parameters can be read from: who needs none of it may ignore it.

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
    """One value for each name: two different ones are no order that anybody can follow. None is not given.

    CallerError -2 for a known name whose value is no text.
    """
    texts = Texts()
    for name, value in pairs:
        if name == IGNORED:
            continue
        if known is not None and name not in known:
            note(texts.ignored, name)
            continue
        if value is None:
            continue
        if "\0" in name or not is_text(name):
            refuse(f"the name {name[:40]!a} of a parameter in the {place} is not valid text")
        if "\0" in value or not is_text(value):
            refuse(f"{name} must be valid Unicode text without NUL characters")
        if texts.values.setdefault(name, value) != value:
            refuse(f"{name} must be given once; the {place} has it with different values")
    return texts


def note(ignored: list[str], name: str) -> None:
    """Add a name that is not known."""
    if len(ignored) < MOST_IGNORED and name not in ignored:
        ignored.append(name)


def is_text(value: str) -> bool:
    """Without lone surrogates, which JSON can express and UTF-8 cannot."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Pair(msgspec.Struct, frozen=True):
    """A parameter as bytes. ``label`` is the character set that it is said to be in."""

    name: str
    value: bytes
    label: str | None = None


def collect_bytes(pairs: Sequence[Pair], place: str, known: Known) -> Texts:
    """``collect`` for values that are bytes still. They are of one encoding where they have one label."""
    try:
        return collect(((one.name, _utf8(one, known)) for one in pairs), place, known)
    except UnicodeDecodeError:
        return collect(((one.name, _gb18030(one, known)) for one in pairs), place, known)


def _utf8(pair: Pair, known: Known) -> str:
    if pair.name == FILE_NAME and (text := decoded(pair.value, "gb18030")) is not None:
        return text
    return pair.value.decode(errors=_errors(pair, known))


def _gb18030(pair: Pair, known: Known) -> str:
    """CallerError -2 where it is not labelled so, or is none."""
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
    """The text that these bytes are; None where they are none. A mark of UTF-8 at the beginning is left out."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return charsets.utf8_or_gb(data) if charsets.is_gb(label) else data.decode()
    except UnicodeDecodeError:
        return None
