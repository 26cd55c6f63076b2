"""From WeChat's HTML-like texts to plain ones (protocol reference, section 3, contact record)."""

import html
import re
from html.entities import html5

_EMOJI = re.compile(r'<span class="emoji emoji([0-9a-fA-F]{4,10})"></span>?')
_ENTITY = re.compile(r"&(?:([A-Za-z][A-Za-z0-9]{0,31});|#\d{1,7};|#[xX][0-9a-fA-F]{1,6};)")
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
    return _ENTITY.sub(_entity, text) if "&" in text else text


def written(text: str) -> str:
    """A plain text as WeChat would write it: ``plain`` gives it back."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br/>")


def _entity(entity: re.Match[str]) -> str:
    """Only whole entities, as the server writes them: ``&copy=1`` in an address is none, and a number of
    thousands of digits, on which ``html.unescape`` fails, is none either."""
    name = entity[1]
    return html5.get(f"{name};", entity[0]) if name else html.unescape(entity[0])


def _emoji(span: re.Match[str]) -> str:
    digits = span[1].lower()
    digits = _FACE_OF_CAT.get(digits, digits)
    split = _SPLIT_OF_LENGTH.get(len(digits))
    if split is None:
        return span[0]
    characters, start = "", 0
    for width in split:
        code = int(digits[start : start + width], 16)
        if 0xD800 <= code <= 0xDFFF:
            return span[0]
        characters += chr(code)
        start += width
    return characters
