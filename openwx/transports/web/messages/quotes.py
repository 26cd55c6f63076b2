"""Readers of quotes: messages that quote another one. ``registry`` lists them.

Phones send an app message (AppMsgType 57): its title is what was written, ``<refermsg>`` what is quoted, with the MsgId
(``svrid``), the name of who wrote it (``displayname``), MsgType (``type``) and ``content``. Clients without quotes get
or send a text instead: 「name：content」, a line of dashes, and what was written.
"""

import re
from collections.abc import Callable

from openwx.domain.messages import Message, Parties, Quote, Text
from openwx.domain.text import plain
from openwx.transports.web import wire
from openwx.transports.web.xmltext import Xml, XmlPart

_ID = re.compile(r"[1-9]\d{0,19}", re.ASCII)
_DASHES = re.compile(r"」\n(?:- ){5,40}-*[ ]?\n")
"""The line between what is quoted and what was written."""
_MEDIA = "media"
_FORMATS = {
    "1": "text",
    "3": _MEDIA,
    "34": _MEDIA,
    "42": "card",
    "43": _MEDIA,
    "47": _MEDIA,
    "48": "location",
    "49": "app",
    "62": _MEDIA,
}
"""The format of a quoted message by its MsgType."""
_APP_FORMATS = {"6": _MEDIA, "8": _MEDIA, "57": "text", "2000": "payment", "2001": "payment"}
"""That of an app message by its AppMsgType."""
_WORDS: dict[str, Callable[[Xml], str]] = {
    "app": lambda xml: xml.text_of("title"),
    "card": lambda xml: xml.attribute("msg", "nickname"),
    "location": lambda xml: xml.attribute("location", "label"),
    "payment": lambda xml: xml.text_of("title"),
    "text": lambda xml: xml.text_of("title"),
}
"""Where the XML of a quoted message says what people see of it."""


def read_quote(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a text that quotes a message (AppMsgType 57)."""
    xml = Xml(content)
    return Text(
        id=str(entry.MsgId),
        time=entry.CreateTime,
        content=xml.text_of("title"),
        parties=parties,
        quote=_quoted(xml.part("refermsg")),
    )


def _quoted(refer: XmlPart) -> Quote:
    """Return the quoted message. Where its XML says nothing for people, the account looks it up in the journal."""
    written = refer.text_of("svrid")
    id = written if _ID.fullmatch(written) else ""
    content, kind = refer.text_of("content"), refer.text_of("type")
    if kind == "1":
        return Quote(id, refer.text_of("displayname"), content, "text")
    xml = Xml(content)
    format = _FORMATS.get(kind, "")
    if kind == "49":
        format = _APP_FORMATS.get(xml.text_of("type"), format)
    words = _WORDS[format](xml) if format in _WORDS else ""
    known = words or ("" if not id else None)
    return Quote(id, refer.text_of("displayname"), known, format)


def split_quote(text: str) -> tuple[Quote | None, str]:
    """Return what a text of a client without quotes quotes, if it does, and what was written."""
    dashes = _DASHES.search(text) if text.startswith("「") else None
    if dashes is None:
        return None, text
    sender, colon, content = text[1 : dashes.start()].partition("：")
    if not colon:
        return None, text
    return Quote(sender=sender.strip(), content=content.strip()), text[dashes.end() :]


def read_plain(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a text as it is typed, or one that quotes another."""
    quote, written = split_quote(plain(content))
    return Text(
        id=str(entry.MsgId), time=entry.CreateTime, content=written, parties=parties, quote=quote
    )
