"""Converts WeChat's HTML-like texts to plain text (protocol reference, section 3, contact record).
Transports and searches call this.

User input arrives escaped, so every unescaped tag was written by the service.
"""

import html
import re
import unicodedata
from html.entities import html5

_SPAN = re.compile(r"<span\b([^<>]*)>(?:</span(?:\s*>)?)?", re.IGNORECASE)
"""A known bug of the server drops the last ``>``."""
_EMOJI = re.compile(r"\bemoji([0-9a-f]+)(?![0-9a-z_])", re.IGNORECASE)
_TAG_NAMES = (
    "a|abbr|audio|b|big|body|button|center|code|div|em|embed|font|form|h[1-6]|head|hr|html|i|iframe|img|input|li|link"
    "|meta|object|ol|p|pre|s|script|small|span|strong|style|sub|sup|svg|table|tbody|td|th|thead|tr|u|ul|video"
    "|_wc_custom_link_"
)
_BEGIN = re.compile(rf"<(?:{_TAG_NAMES})(?![\w.:-])[^<>]*>", re.IGNORECASE)
_END = re.compile(rf"</(?:{_TAG_NAMES})\s*>", re.IGNORECASE)
_LINK = re.compile(
    r"<a\s(?=[^<>]*\bhref\s*=)[^<>]*>|<img\s(?=[^<>]*\bsrc\s*=)[^<>]*>|<_wc_custom_link_\b[^<>]*>",
    re.IGNORECASE,
)
_END_OF_LINK = re.compile(r"</(?:a|_wc_custom_link_)\s*>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:([A-Za-z][A-Za-z0-9]{0,31});|#\d{1,7};|#[xX][0-9a-fA-F]{1,6};)")
_NEWLINE = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SPLIT_OF_LENGTH = {2: (2,), 4: (4,), 5: (5,), 6: (2, 4), 8: (4, 4), 10: (5, 5)}
"""The number of hex digits per character, by the length of the span. Two digits are © and ®."""
_NO_CHARACTERS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that no emoji contains: controls, surrogates, line separators."""
_KEYS = "0123456789#*"
"""Key caps. No other ASCII character is part of an emoji."""
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
"""The server sends these faces as cats."""


def plain(text: str) -> str:
    """Decode emoji spans and newlines, remove tags, and decode entities last, so that a typed ``&lt;br/&gt;`` stays as
    typed."""
    if "<" in text:
        has_tags = _BEGIN.search(text)
        text = _NEWLINE.sub("\n", _SPAN.sub(_emoji, text))
        if has_tags:
            text = _END.sub("", _BEGIN.sub("", text))
    return without_entities(text)


def decoded(text: str) -> str:
    """Decode like ``plain``, but keep tags that users wrote: in XML values, file names and addresses."""
    if "<" in text:
        text = _NEWLINE.sub("\n", _SPAN.sub(_emoji, text))
    return without_entities(text)


def notice_text(notice: str) -> str:
    """Return the text of a notice. Its links and pictures arrive as tags or escaped; other escaped tags are names that
    users chose."""
    return without_links(plain(notice))


def without_links(text: str) -> str:
    """Remove the links from a notice that is already decoded."""
    if _LINK.search(text):
        text = _END_OF_LINK.sub("", _LINK.sub("", text))
    return text.strip()


def encoded(text: str) -> str:
    """Encode a plain text as WeChat does; ``plain`` is the inverse."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br/>")


def without_entities(text: str) -> str:
    """Decode entities where they are valid."""
    return _ENTITY.sub(_entity, text) if "&" in text else text


def _entity(entity: re.Match[str]) -> str:
    """Decode complete entities only, as the server writes them: ``&copy=1`` in an address is none. Neither is a number
    of thousands of digits, on which ``html.unescape`` fails."""
    name = entity[1]
    return html5.get(f"{name};", entity[0]) if name else html.unescape(entity[0])


def _emoji(span: re.Match[str]) -> str:
    """Return the characters of an emoji span, another span's content, or nothing where the digits are invalid."""
    found = _EMOJI.search(span[1])
    digits = found[1].lower() if found else ""
    digits = _FACE_OF_CAT.get(digits, digits)
    characters, start = "", 0
    for width in _SPLIT_OF_LENGTH.get(len(digits), ()):
        code = int(digits[start : start + width], 16)
        character = chr(code)
        if unicodedata.category(character) in _NO_CHARACTERS:
            return ""
        if code < 0x80 and (width != 2 or character not in _KEYS):
            return ""
        characters += character
        start += width
    return characters
