"""Parameters as a query or a form writes them: ``name=value&…``, percent-encoded."""

from urllib.parse import unquote_to_bytes

from openwx.api.texts import (
    MAX_PARAMETERS,
    Known,
    Pair,
    Texts,
    collect_bytes,
    refuse,
    refuse_number,
)

_SHORT = 1024 * 1024
_MOST_ESCAPES = 1 / 8
"""``%XX`` for each byte of a value that is longer: base64 has half as many, whatever the program."""
_PIECE = 64 * 1024
"""Bytes that are decoded at a time: others have their turn in between, also while this is in a thread."""


def read_urlencoded(data: bytes, place: str, known: Known, label: str | None = None) -> Texts:
    """The parameters. CallerError -2. ``label`` is the character set that they are said to be in."""
    _check_number(data)
    pairs = []
    for piece in data.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            shown = unquoted(name).decode("utf-8", "surrogateescape")
            pairs.append(Pair(shown, unquoted(value), label))
    return collect_bytes(pairs, place, known)


def _check_number(data: bytes) -> None:
    end = -1
    for _ in range(MAX_PARAMETERS):
        end = data.find(b"&", end + 1)
        if end < 0:
            return
    refuse_number()


def unquoted(quoted: bytes) -> bytes:
    """Without ``+`` and ``%XX``."""
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
