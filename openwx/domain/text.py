"""From WeChat's HTML-like texts to plain ones (protocol reference, section 3, contact record).

Whatever people type comes escaped: a tag that is none is the service's own.
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
"""How many digits of an emoji's span are one character each. Two are © and ®."""
_NO_CHARACTERS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of what no emoji is made of: controls, halves of pairs, ends of lines."""
_KEYS = "0123456789#*"
"""What stands on key caps: no other ASCII character is in an emoji."""
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
    """A name or a text with real emoji, real newlines, no tags, and entities decoded (these last, so that a typed
    ``&lt;br/&gt;`` stays what was typed)."""
    if "<" in text:
        has_tags = _BEGIN.search(text)
        text = _NEWLINE.sub("\n", _SPAN.sub(_emoji, text))
        if has_tags:
            text = _END.sub("", _BEGIN.sub("", text))
    return without_entities(text)


def decoded(text: str) -> str:
    """As ``plain``, for what may hold tags that somebody wrote: values of XML, names of files, addresses."""
    if "<" in text:
        text = _NEWLINE.sub("\n", _SPAN.sub(_emoji, text))
    return without_entities(text)


def words(notice: str) -> str:
    """The words of a notice. Its links and pictures come as tags or escaped; escaped tags of other kinds are names
    that people gave themselves."""
    return without_links(plain(notice))


def without_links(text: str) -> str:
    """The words of a notice that is decoded already."""
    if _LINK.search(text):
        text = _END_OF_LINK.sub("", _LINK.sub("", text))
    return text.strip()


def written(text: str) -> str:
    """A plain text as WeChat would write it: ``plain`` gives it back."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br/>")


def without_entities(text: str) -> str:
    """With its entities decoded, as far as they are some."""
    return _ENTITY.sub(_entity, text) if "&" in text else text


def _entity(entity: re.Match[str]) -> str:
    """Only whole entities, as the server writes them: ``&copy=1`` in an address is none, and a number of
    thousands of digits, on which ``html.unescape`` fails, is none either."""
    name = entity[1]
    return html5.get(f"{name};", entity[0]) if name else html.unescape(entity[0])


def _emoji(span: re.Match[str]) -> str:
    """The characters of an emoji, and of other spans, or where the digits make none, nothing."""
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
