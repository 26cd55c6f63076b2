"""From WeChat's HTML-like texts to plain ones (protocol reference, section 3, contact record)."""

import html
import re

_EMOJI = re.compile(r'<span class="emoji emoji([0-9a-fA-F]{4,10})"></span>?')
_NEWLINE = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SPLIT_OF_LENGTH = {4: (4,), 5: (5,), 6: (2, 4), 8: (4, 4), 10: (5, 5)}
_FACE_OF_CAT = {
    "1f63c": "1f601",
    "1f639": "1f602",
    "1f63a": "1f603",
    "1f4ab": "1f616",
    "1f64d": "1f614",
    "1f63b": "1f60d",
    "1f63d": "1f618",
    "1f64e": "1f621",
    "1f63f": "1f622",
}
"""The server writes these faces as cats."""


def plain(text: str) -> str:
    """A name or a text with real emoji, real newlines, and entities decoded (these last, so that a typed
    ``&lt;br/&gt;`` stays what was typed)."""
    if "<" in text:
        text = _NEWLINE.sub("\n", _EMOJI.sub(_emoji, text))
    return html.unescape(text) if "&" in text else text


def _emoji(span: re.Match[str]) -> str:
    digits = span[1].lower()
    digits = _FACE_OF_CAT.get(digits, digits)
    split = _SPLIT_OF_LENGTH.get(len(digits))
    if split is None:
        return span[0]
    characters, start = "", 0
    for width in split:
        code = int(digits[start : start + width], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            return span[0]
        characters += chr(code)
        start += width
    return characters
