"""Parses a query or a form: ``name=value&…``, percent-encoded.
``parameters`` calls it.
"""

from urllib.parse import unquote_to_bytes

from openwx.api.texts import (
    MAX_PARAMETERS,
    Known,
    Pair,
    Texts,
    collect,
    collect_bytes,
    refuse,
    refuse_number,
)

_SHORT = 1024 * 1024
_MOST_ESCAPES = 1 / 8
"""Share of ``%XX`` in a longer value: base64 has half as many, whatever the program."""
_PIECE = 64 * 1024
"""Bytes that are decoded at a time: other threads run in between."""


def is_plain(text: str) -> bool:
    """Return whether nothing in it is encoded, as in most queries."""
    return text.isascii() and "%" not in text and "+" not in text


def read_plain(text: str, place: str, known: Known) -> Texts:
    """Read parameters of which nothing is encoded. CallerError -2."""
    pieces = text.split("&", MAX_PARAMETERS)
    if len(pieces) > MAX_PARAMETERS:
        refuse_number()
    pairs = []
    for piece in pieces:
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((name, value))
    return collect(pairs, place, known)


def read_urlencoded(data: bytes, place: str, known: Known, label: str | None = None) -> Texts:
    """Read the parameters. CallerError -2. ``label`` is the character set that the request names."""
    pieces = data.split(b"&", MAX_PARAMETERS)
    if len(pieces) > MAX_PARAMETERS:
        refuse_number()
    pairs = []
    for piece in pieces:
        if piece:
            name, _, value = piece.partition(b"=")
            shown = unquoted(name).decode("utf-8", "surrogateescape")
            pairs.append(Pair(shown, unquoted(value), label))
    return collect_bytes(pairs, place, known)


def unquoted(quoted: bytes) -> bytes:
    """Decode ``+`` and ``%XX``."""
    if len(quoted) <= _PIECE:
        return _unquote(quoted)
    found = bytearray()
    begin = escapes = 0
    while begin < len(quoted):
        end = begin + _PIECE
        escapes += quoted.count(b"%", begin, end)
        if escapes > _SHORT + _MOST_ESCAPES * end:
            refuse("a value must not be so long with so many characters percent-encoded")
        if (sign := quoted.rfind(b"%", end - 2, end)) >= 0:
            end = sign  # what follows the sign stays with it
        found += _unquote(quoted[begin:end])
        begin = end
    return bytes(found)


def _unquote(quoted: bytes) -> bytes:
    if b"+" in quoted:
        quoted = quoted.replace(b"+", b" ")
    return unquote_to_bytes(quoted) if b"%" in quoted else quoted
