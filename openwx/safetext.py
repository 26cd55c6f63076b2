"""Texts for a terminal or a log: what others wrote in them moves nothing there, and begins no line of its own."""

import re
import unicodedata

_UNFIT = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON lets stand, though it ends a line for some or turns it round, moves a terminal, or is no UTF-8."""
_UNFIT_BYTES = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
"""The same in UTF-8."""
_JOINERS = "\u200d\ufe0f\u3000"
"""What holds emoji together, and the wide space."""

_OVERRIDES = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])
"""What turns the direction of text round: with it, a name or a file's ending can pretend to be another."""


class Picture(str):
    """Several lines of our own, with colours: a QR code."""

    __slots__ = ()


def harmless(text: str) -> str:
    """A text whose lines stay, and whose control characters are shown as escapes."""
    return text if text.isprintable() else "".join(map(_shown, text))


def one_line(text: str) -> str:
    """As ``harmless``, with newlines shown too."""
    return harmless(text).replace("\n", "\\n")


def in_json(json: str) -> str:
    """JSON of the same meaning that does nothing to a terminal."""
    return _UNFIT.sub(lambda unfit: f"\\u{ord(unfit[0]):04x}", json)


def in_json_bytes(json: bytes) -> bytes:
    """As ``in_json``, for JSON in UTF-8 that may be too long to decode it for this."""
    return _UNFIT_BYTES.sub(lambda unfit: b"\\u%04x" % ord(unfit[0].decode()), json)


def plain(text: object) -> str:
    """A text without what does something to its surroundings; HTML is escaped by the template."""
    kept = str(text).translate(_OVERRIDES)
    if kept.isprintable():
        return kept
    return "".join(c for c in kept if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS or character == "\n":
        return character
    return character.encode("unicode_escape").decode("ascii")
