"""Names and texts on the wire: entities, `<br/>`, emoji spans (reference, 3 and 5). `records` calls these."""

from __future__ import annotations

import re

_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag: 5+5 digits
    "|[0-9#*]\u20e3"  # a key cap: 2+4 digits
    "|[\u2600-\u27bf]\ufe0f?"  # 4 digits, or 4+4
    "|[\U0001f300-\U0001f64f\U0001f680-\U0001f6ff]"  # 5 digits; younger emoji come as they are
)
_UNCLOSED = '<span class="emoji emoji1f450"></span>'


def _spans(text: str) -> str:
    spanned = _EMOJI.sub(
        lambda found: (
            f'<span class="emoji emoji{"".join(f"{ord(c):x}" for c in found[0])}"></span>'
        ),
        text,
    )
    # Quirk: the service drops the last ">" of this one span (itchat repairs just this one).
    return spanned.replace(_UNCLOSED, _UNCLOSED[:-1])


def name_on_wire(name: str) -> str:
    """Write a NickName, RemarkName, DisplayName or Signature."""
    escaped = (
        name.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )
    return _spans(escaped)


def text_on_wire(text: str) -> str:
    """Write the Content of a typed message: quotes stay, newlines become `<br/>`."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _spans(escaped).replace("\n", "<br/>")


def xml_on_wire(xml: str) -> str:
    """Write the Content of an XML message: escaped as a whole, newlines become `<br/>`."""
    return (
        xml.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br/>")
    )
