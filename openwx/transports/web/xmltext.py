"""Reads the XML in messages safely and leniently (protocol reference, section 5). The readers of ``messages`` call it.

It arrives HTML-escaped once or twice, with ``<br/>`` for newlines, with or without CDATA, after a prefix, or broken.
Entities are neither declared nor resolved: a document that declares some is read field by field, like a broken one.
"""

import logging
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from openwx import metrics
from openwx.domain.text import decoded, without_entities

log = logging.getLogger("openwx.wechat")

LARGEST = 512 * 1024
"""Length of a document, in characters. Longer ones are cut."""
LONGEST = 64 * 1024
"""Length of one value, in characters."""
_ROOT = re.compile(r"<(?:\?xml|msg|sysmsg|appmsg|location|voip)", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def unescaped(content: str) -> str:
    """Return the XML in a message's content, or the content itself where there is none."""
    for _ in range(2):
        if _ROOT.search(content) or not content:
            break
        content = decoded(content)
    found = _ROOT.search(content)
    return content[found.start() :] if found else content


class XmlPart:
    """A document, or an element of one, to query. A value that cannot be read is ``""``, even if the document is
    malformed: then it has no root, but a text."""

    def __init__(self, text: str, root: Element | None) -> None:
        self.text = text
        self._root = root

    def part(self, name: str) -> "XmlPart":
        """Return the first element with that name as a document of its own; an empty one where there is none."""
        if self._root is not None:
            return XmlPart("", next(self._root.iter(name), Element(name)))
        return XmlPart(next(_elements_in(self.text, name), ""), None)

    def children(self, name: str) -> "list[XmlPart]":
        """Return the children of the root with that name as documents. No one contains another, so that reading all
        takes no longer than reading the document."""
        if self._root is not None:
            return [XmlPart("", element) for element in self._root.findall(name)]
        return [XmlPart(text, None) for text in _elements_in(self.text, name)]

    def text_of(self, name: str) -> str:
        """Return the text of the first element with that name."""
        if self._root is not None:
            found = next(self._root.iter(name), None)
            value = "" if found is None else "".join(found.itertext())
        else:
            value = _text_between(self.text, name)
        return _short(decoded(value))

    def elements(self, name: str) -> list[Element]:
        """Return the elements with that name; none where the document is broken."""
        return [] if self._root is None else list(self._root.iter(name))

    def leaves(self) -> list[str]:
        """Return the texts of elements without children, or those between tags where the document is broken."""
        if self._root is None:
            return [without_entities(text) for text in _TAG.split(self.text)]
        return [element.text or "" for element in self._root.iter() if not len(element)]

    def attribute(self, element: str, name: str) -> str:
        """Return an attribute of the first element with that name."""
        if self._root is not None:
            found = next(self._root.iter(element), None)
            return _short(decoded("" if found is None else found.get(name, "")))
        pattern = rf"<{element}\b[^<>]*?\s{name}\s*=\s*(\"[^\"<>]*\"|'[^'<>]*')"
        match = re.search(pattern, self.text)
        return _short(decoded(without_entities(match[1][1:-1]))) if match else ""


class Xml(XmlPart):
    """The document in a message's content."""

    def __init__(self, content: str) -> None:
        text = _cut(unescaped(content), LARGEST)
        super().__init__(text, _parsed(text))


def _parsed(text: str) -> Element | None:
    """Parse the document; bare ampersands and control characters are repaired. None where it is broken."""
    mended = _BARE_AMPERSAND.sub("&amp;", _NO_XML.sub("", text)).strip()
    try:
        root: Element = fromstring(mended, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return None
    return root


def _elements_in(text: str, name: str) -> Iterator[str]:
    """Find what is between the tags with that name, also after one without its end."""
    pattern = rf"<{name}(?:\s[^<>]*)?>(.*?)(?:</{name}\s*>|\Z)"
    return (match[1] for match in re.finditer(pattern, text, re.DOTALL))


def _text_between(text: str, name: str) -> str:
    """Return the text between the tags with that name, or after the first one where the second is missing."""
    inside = next(_elements_in(text, name), "")
    if cdata := _CDATA.search(inside):
        return cdata[1]
    return without_entities(_TAG.sub("", inside))


def _short(value: str) -> str:
    return _cut(value.strip(), LONGEST)


def _cut(text: str, longest: int) -> str:
    if len(text) > longest:
        words = "a message's XML is too long: %d of %d characters are read"
        metrics.dropped(log, "text", words, longest, len(text))
    return text[:longest]
