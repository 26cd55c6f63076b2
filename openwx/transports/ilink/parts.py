"""Cuts long texts into parts that each fit into a message. ``sending`` calls it."""

import unicodedata

LONGEST = 2000
"""Length of a part, in characters. The official client cuts at 4,000 (2.4.9), but losses were seen from 2,000 to 2,400
on (2026)."""
_SEARCHED = 64
"""How far back a character may begin that is made of several."""
_JOINER = "\u200d"


def parts_of(text: str) -> list[str]:
    """Cut a text at the ends of lines where possible, else at spaces; the newline of a cut is left out."""
    parts: list[str] = []
    while len(text) > LONGEST:
        end = text.rfind("\n", 1, LONGEST + 1)
        if end > 0:
            parts.append(text[:end])
            text = text[end + 1 :]
            continue
        end = text.rfind(" ", LONGEST // 2, LONGEST) + 1 or _whole_characters(text)
        parts.append(text[:end])
        text = text[end:]
    parts.append(text)
    return [part for part in parts if part.strip()] or parts[:1]


def _whole_characters(text: str) -> int:
    """Return where to cut so that no character that is made of several is torn."""
    for end in range(LONGEST, LONGEST - _SEARCHED, -1):
        if not _continues(text[end]) and text[end - 1] != _JOINER:
            return end
    return LONGEST


def _continues(character: str) -> bool:
    """Return whether a character belongs to the one before: accents, joiners, variants and tones of emoji."""
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or character == _JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U0001f1e6" <= character <= "\U0001f1ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )
