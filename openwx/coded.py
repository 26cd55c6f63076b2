"""Codes with parameters in place of sentences: programs compare the code, and it is worded where it is shown.

``reasons.py``, ``neterrors.py`` and ``reporter/delivery_error.py`` have the codes and their English wording. The
console has the Chinese one.
"""

from collections.abc import Callable, Mapping
from string import Formatter

import msgspec

Pieces = tuple[str, ...]
"""A wording. A piece whose parameter is empty is left out."""


class Coded(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened. A parameter may be another one, which is its cause."""

    code: str
    params: Mapping[str, "Param"] = {}


Param = str | int | Coded


def names_in(pieces: Pieces) -> frozenset[str]:
    """Name the parameters of a wording."""
    return frozenset(name for piece in pieces for _, name, _, _ in Formatter().parse(piece) if name)


def joined(pieces: Pieces, values: Mapping[str, object]) -> str:
    """Word something, with these values of its parameters."""
    return "".join(
        piece.format_map(values)
        for piece in pieces
        if all(values[name] != "" for name in names_in((piece,)))
    )


def worded(what: Coded, wordings: Mapping[str, Pieces], cause_words: Callable[[str], str]) -> str:
    """Word a code of ``wordings``. ``cause_words`` words the parameter ``cause``: a symbol of the system or of TLS."""
    values: dict[str, object] = {}
    for name, value in what.params.items():
        if isinstance(value, Coded):
            values[name] = worded(value, wordings, cause_words)
        else:
            values[name] = cause_words(str(value)) if name == "cause" else value
    return joined(wordings[what.code], values)
