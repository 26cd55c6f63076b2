"""Parses JSON from callers, after its size in every respect was checked.
``parameters`` and ``websocket`` call it.

A parser holds the interpreter until it is done, even in a thread: millions of members would stop the whole server. So
the text is scanned first, in pieces. Only media in base64 may be long: long strings are extracted, and the rest is
small enough to be parsed at once.
"""

import json
import re
import secrets
from typing import Any, NoReturn

import msgspec

from openwx.api.texts import (
    MAX_PARAMETERS,
    Known,
    Texts,
    UnusableBodyError,
    collect,
    decoded,
    refuse,
    refuse_number,
)
from openwx.errors import CallerError, Code

MAX_ELEMENTS = 20_000
"""Members of objects and items of lists, all together."""
MAX_DEPTH = 100
MAX_SHORT = 1024 * 1024
"""Bytes of everything but long strings."""
LONG = 64 * 1024
"""Bytes from which on a string is extracted."""
_PIECE = 256 * 1024
_MOST_ESCAPES = 100_000
"""Number of escaped quotation marks in all strings together."""
_STRUCTURE = re.compile(rb"[\[\]{},]")
_AN_ESCAPE = 12
"""Bytes of the longest escape: two that make one character, such as \\ud83d\\ude00."""


class Bounded(msgspec.Struct, frozen=True):
    """A small JSON text. ``long`` has the extracted strings by their placeholders."""

    text: bytes
    long: dict[str, bytes]


def bounded(data: bytes, place: str, label: str | None = None) -> Bounded:
    """Check a text and extract its long strings. ``label`` is the character set of its Content-Type.

    CallerError -2 if it is too large, or evidently no JSON.
    """
    data = _utf8(data, place, label)
    if len(data) <= LONG:
        return Bounded(data, {})
    scanner = _Scanner(data, place)
    mark = ""
    short = bytearray()
    long: dict[str, bytes] = {}
    end = 0
    while (begin := data.find(b'"', end)) >= 0:
        scanner.between(end, begin)
        short += data[end:begin]
        end = scanner.end_of_string(begin)
        if end - begin < LONG:
            short += data[begin:end]
        else:
            mark = mark or secrets.token_hex(16)
            name = f"{mark} {len(long)}"
            long[name] = data[begin + 1 : end - 1]
            short += b'"%s"' % name.encode()
        if len(short) > MAX_SHORT:
            _refuse_short(place)
    scanner.between(end, len(data))
    short += data[end:]
    if len(short) > MAX_SHORT:
        _refuse_short(place)
    return Bounded(bytes(short), long)


def _utf8(data: bytes, place: str, label: str | None) -> bytes:
    if data.isascii():
        return data
    text = decoded(data, label)
    if text is None:
        refuse(f"the {place} must be valid JSON in UTF-8; GBK only where its label says so")
    return text.encode()


class _Scanner:
    """A scan of a text from string to string, which counts."""

    def __init__(self, data: bytes, place: str) -> None:
        self._data = data
        self._place = place
        self._elements = 0
        self._depth = 0
        self._strings = 0
        self._escapes = 0

    def between(self, begin: int, end: int) -> None:
        """Scan what stands between two strings."""
        if end - begin > MAX_SHORT:
            _refuse_short(self._place)
        for found in _STRUCTURE.finditer(self._data, begin, end):
            sign = found[0]
            if sign in b"]}":
                self._depth -= 1
                if self._depth < 0:
                    raise _no_json(self._place)
                continue
            self._elements += 1
            if sign != b",":
                self._depth += 1
            if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
                _refuse_elements(self._place)

    def end_of_string(self, begin: int) -> int:
        """Return where the string ends that begins here."""
        self._strings += 1
        if self._strings > 2 * self._elements + 1:  # a name and a value each
            raise _no_json(self._place)
        last = begin
        while (quote := self._data.find(b'"', last + 1)) >= 0:
            if not self._is_escaped(last, quote):
                return quote + 1
            last = quote
            self._escapes += 1
            if self._escapes > _MOST_ESCAPES:
                _refuse_elements(self._place)
        raise _no_json(self._place)

    def _is_escaped(self, begin: int, quote: int) -> bool:
        """Return whether the quotation mark is escaped; ``begin`` is the mark before it."""
        if self._data[quote - 1] != ord("\\"):
            return False
        before = self._data[max(begin + 1, quote - LONG) : quote]
        backslashes = len(before) - len(before.rstrip(b"\\"))
        if backslashes == LONG:
            _refuse_elements(self._place)
        return backslashes % 2 == 1


class _Object(list[tuple[str, Any]]):
    """A JSON object as a list of its members, to notice duplicate names."""


def read_json(data: bytes, place: str, known: Known, label: str | None = None) -> Texts:
    """Read the parameters of a JSON object. CallerError -2. ``label`` is as for ``bounded``."""
    return texts_of(bounded(data, place, label), place, known)


def texts_of(json_text: Bounded, place: str, known: Known) -> Texts:
    """Read the parameters of a JSON object that was checked."""
    try:
        # Numbers stay as they were written: they are as good as their string form.
        members = json.loads(
            json_text.text.decode(),
            object_pairs_hook=_Object,
            parse_int=str,
            parse_float=str,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise _no_json(place) from None
    if not isinstance(members, _Object):
        is_empty = members is None or members == []
        raise UnusableBodyError(f"the {place} must be a JSON object", is_empty=is_empty)
    if len(members) > MAX_PARAMETERS:
        refuse_number()
    pairs: list[tuple[str, str | None]] = []
    for name, value in members:
        if known is None and name in json_text.long:
            refuse(f"the name of a parameter in the {place} is too long")
        if known is None or name in known:
            pairs.append((name, _text(name, value, json_text.long)))
        else:
            pairs.append((name, None))
    texts = collect(pairs, place, known)
    texts.ignored[:] = ["…" if name in json_text.long else name for name in texts.ignored]
    return texts


def _text(name: str, value: object, long: dict[str, bytes]) -> str | None:
    if isinstance(value, str):
        return _unescaped(name, long[value]) if value in long else value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    words = "must be a text, a number, true or false, not a list or an object"
    raise CallerError(Code.BAD_PARAMETER, f"{name[:40]!a} {words}")


def _unescaped(name: str, raw: bytes) -> str:
    """Decode a long string in pieces."""
    found = []
    begin = 0
    while begin < len(raw):
        end = _end_of_piece(name, raw, begin)
        try:
            found.append(json.loads(f'"{raw[begin:end].decode()}"'))
        except ValueError:
            refuse(f"{name} must be a valid JSON text")
        begin = end
    return "".join(found)


def _end_of_piece(name: str, raw: bytes, begin: int) -> int:
    """Return where a piece can end without splitting an escape or a character."""
    end = begin + _PIECE
    while end < len(raw):
        if b"\\" not in raw[end - _AN_ESCAPE : end] and raw[end] & 0xC0 != 0x80:
            return end
        if end > begin + _PIECE + 1000:
            refuse(f"{name} is too long a text")
        end += 1
    return len(raw)


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _no_json(place: str) -> UnusableBodyError:
    return UnusableBodyError(f"the {place} must be valid JSON in UTF-8")


def _refuse_elements(place: str) -> NoReturn:
    words = f"at most {MAX_ELEMENTS} members and items, {MAX_DEPTH} deep"
    refuse(f"the {place} must be JSON with {words}")


def _refuse_short(place: str) -> NoReturn:
    words = f"at most {MAX_SHORT} bytes besides long texts such as media_data"
    refuse(f"the {place} must be JSON with {words}", http_status=413)
