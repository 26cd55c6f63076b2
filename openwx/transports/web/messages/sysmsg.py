"""Reads the words of system messages in XML, ``<sysmsg type="…">`` (protocol reference, section 5).
``text`` and ``registry`` call it.
"""

import re
from xml.etree.ElementTree import Element

from openwx.domain.text import decoded, without_links
from openwx.transports.web.xmltext import Xml

_ONE = re.compile(r"\s*(?:@\w+:\s*)?(?:<\?xml[^<>]*>\s*)?<sysmsg\b", re.IGNORECASE)
"""The start of a system message. In a group, the id of a member precedes it."""
_PLACE = re.compile(r"\$(\w+)\$|\$\{([^{}$]*)\}")
_SAYING = ("plain", "text", "content", "systip", "tip", "title", "digest", "replacemsg")
"""Elements that may contain the words, in order of preference."""
_LONGEST = 4000


def is_one(content: str) -> bool:
    """Return whether a content is such a message, plain or escaped, and no notice in plain words."""
    head = content[:200]
    return any(_ONE.match(text) for text in (head, decoded(head), decoded(decoded(head))))


def words_of(content: str) -> str:
    """Return the words as one text without markup. A message without words is named by its type."""
    xml = Xml(content)
    said = _from_template(xml) or next(filter(None, map(xml.text_of, _SAYING)), "")
    leaves = (without_links(decoded(leaf)) for leaf in xml.leaves())
    said = without_links(said) or " ".join(filter(_is_said, leaves))
    return said[:_LONGEST] or f"[系统消息]({xml.attribute('sysmsg', 'type') or 'sysmsg'})"


def _from_template(xml: Xml) -> str:
    """Fill in a template such as ``"$username$"邀请"$names$"加入了群聊``."""
    links = {link.get("name", ""): link for link in xml.elements("link")}

    def filled(place: re.Match[str]) -> str:
        name = place[1] if place[1] is not None else place[2]
        link = links.get(name)
        if link is None:
            return name if place[1] is None else place[0]
        return "" if link.get("hidden") == "1" else _shown(link)

    return _PLACE.sub(filled, xml.text_of("template"))


def _shown(link: Element) -> str:
    names = [name.text or "" for name in link.iter("nickname")]
    if names:
        return (link.findtext("separator") or "、").join(map(decoded, names))
    return decoded(link.findtext("title") or link.findtext("plain") or "")


def _is_said(text: str) -> bool:
    """Return whether a text is for people: not a number, an id or an address."""
    return any(not c.isascii() and c.isalpha() for c in text) or (" " in text and "://" not in text)
