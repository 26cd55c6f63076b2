"""Makes texts of strangers safe for terminals, logs and pages: they move nothing and begin no line of their own.
Whatever prints or logs them calls this.
"""

import re
import unicodedata

_UNFIT = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that JSON does not escape, although they end lines, change the direction of text, control a terminal or
are no UTF-8."""
_UNFIT_BYTES = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
"""The same characters in UTF-8."""
_JOINERS = "\u200d\ufe0f\u3000"
"""Characters that join emoji, and the wide space."""

_OVERRIDES = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])
"""Characters that change the direction of text: with them, a name or a file's ending can pretend to be another."""


class Picture(str):
    """A text of several lines with colours that openwx made itself, such as a QR code."""

    __slots__ = ()


def harmless(text: str) -> str:
    """Show control characters as escapes; keep newlines."""
    return text if text.isprintable() else "".join(map(_shown, text))


def one_line(text: str) -> str:
    """Show control characters and newlines as escapes."""
    return harmless(text).replace("\n", "\\n")


def in_json(json: str) -> str:
    """Escape what would affect a terminal in JSON, without changing its meaning."""
    return _UNFIT.sub(lambda unfit: f"\\u{ord(unfit[0]):04x}", json)


def in_json_bytes(json: bytes) -> bytes:
    """Escape like ``in_json``, for UTF-8 that may be too long to decode for this."""
    return _UNFIT_BYTES.sub(lambda unfit: b"\\u%04x" % ord(unfit[0].decode()), json)


def without_controls(text: object) -> str:
    """Remove characters that affect their surroundings; templates escape HTML."""
    cleaned = str(text).translate(_OVERRIDES)
    if cleaned.isprintable():
        return cleaned
    return "".join(c for c in cleaned if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS or character == "\n":
        return character
    return character.encode("unicode_escape").decode("ascii")
