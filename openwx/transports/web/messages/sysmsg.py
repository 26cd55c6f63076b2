"""System messages in XML, ``<sysmsg type="…">``: what they say to people (protocol reference, section 5)."""

import re
from xml.etree.ElementTree import Element

from openwx.domain.text import decoded, without_links
from openwx.transports.web.xmltext import Xml

_ONE = re.compile(r"\s*(?:@\w+:\s*)?(?:<\?xml[^<>]*>\s*)?<sysmsg\b", re.IGNORECASE)
"""In a group after the id of a member."""
_PLACE = re.compile(r"\$(\w+)\$|\$\{([^{}$]*)\}")
_SAYING = ("plain", "text", "content", "systip", "tip", "title", "digest", "replacemsg")
"""Elements that hold the words, in the order in which they are asked."""
_LONGEST = 4000


def is_one(content: str) -> bool:
    """Whether a content is such a message, as it is or escaped, and no notice in plain words."""
    head = content[:200]
    return any(_ONE.match(text) for text in (head, decoded(head), decoded(decoded(head))))


def words_of(content: str) -> str:
    """What it says, in one text without markup. One that says nothing to people is named by its type."""
    xml = Xml(content)
    said = _from_template(xml) or next(filter(None, map(xml.text_of, _SAYING)), "")
    leaves = (without_links(decoded(leaf)) for leaf in xml.leaves())
    said = without_links(said) or " ".join(filter(_is_said, leaves))
    return said[:_LONGEST] or f"[系统消息]({xml.attribute('sysmsg', 'type') or 'sysmsg'})"


def _from_template(xml: Xml) -> str:
    """``"$username$"邀请"$names$"加入了群聊`` with the names in it."""
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
    """Whether a text is for people: not a number, an id or an address."""
    return any(not c.isascii() and c.isalpha() for c in text) or (" " in text and "://" not in text)
