"""Readers of app messages (MsgType 49): links, articles, mini programs, announcements, money, live locations.
``registry`` lists them.
"""

import logging
import re

from openwx import metrics
from openwx.domain.messages import App, Article, Location, Message, MiniProgram, Parties, Payment
from openwx.domain.text import decoded
from openwx.transports.web import wire
from openwx.transports.web.xmltext import Xml

log = logging.getLogger("openwx.wechat")

ANNOUNCEMENT = 87
MINI_PROGRAMS = (33, 36)
LARGEST_XML = 32 * 1024
"""Bytes of UTF-8 of the XML in a report. Streams could not keep much more; a larger one is left out."""
MOST_ARTICLES = 100
"""Articles of a push. WeChat has eight."""
_TYPE = re.compile(r"\d{1,9}", re.ASCII)


def read_app(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read what an app shares, and every AppMsgType that no other reader claims.

    Grounds: a push has ``<mmreader><category><item>``, one for each article, with ``digest`` or ``summary``; a mini
    program ``<weappinfo>`` with ``pagepath`` and ``username``; an announcement its words in ``<textannouncement>``.
    """
    xml = Xml(content)
    title = xml.text_of("title") or decoded(entry.FileName)
    name = xml.text_of("appname") or xml.text_of("sourcedisplayname")
    desc = xml.text_of("des")
    url = xml.text_of("url") or decoded(entry.Url)
    labelled = (("描述", desc), ("应用", name), ("链接", url))
    lines = [
        f"[应用分享]标题：{title}",
        *(f"{label}：{value}" for label, value in labelled if value),
    ]
    kind = _type_of(entry, xml)
    announced = xml.text_of("textannouncement") if kind == ANNOUNCEMENT else ""
    return App(
        id=str(entry.MsgId),
        time=entry.CreateTime,
        content=announced or "\n".join(lines),
        parties=parties,
        name=name,
        app_id=xml.attribute("appmsg", "appid") or entry.AppInfo.AppID,
        title=title,
        desc=desc,
        url=url,
        type=kind,
        xml=_raw(xml),
        articles=_articles(xml),
        mini_program=_mini_program(xml) if kind in MINI_PROGRAMS else None,
    )


def _type_of(entry: wire.Message, xml: Xml) -> int:
    """Return the AppMsgType. Some clients of WeChat leave it 0, and name it in the XML only."""
    written = xml.text_of("type")
    return entry.AppMsgType or (int(written) if _TYPE.fullmatch(written) else 0)


def _raw(xml: Xml) -> str:
    size = len(xml.text.encode("utf-8", "replace"))
    if size <= LARGEST_XML:
        return xml.text
    words = "app_xml is left out: it has %d bytes, and reports keep %d at most"
    metrics.dropped(log, "text", words, size, LARGEST_XML)
    return ""


def _articles(xml: Xml) -> tuple[Article, ...]:
    items = xml.part("mmreader").part("category").children("item")
    if len(items) > MOST_ARTICLES:
        words = "a push has %d articles; %d are reported"
        metrics.dropped(log, "text", words, len(items), MOST_ARTICLES)
    return tuple(
        Article(
            title=item.text_of("title"),
            desc=item.text_of("digest") or item.text_of("summary"),
            url=item.text_of("url"),
            cover=item.text_of("cover"),
        )
        for item in items[:MOST_ARTICLES]
    )


def _mini_program(xml: Xml) -> MiniProgram:
    info = xml.part("weappinfo")
    username = info.text_of("username") or xml.text_of("sourceusername")
    return MiniProgram(info.text_of("pagepath"), username)


def read_live_location(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read that somebody shares where they are, of which web clients get no more than a title."""
    return Location(
        id=str(entry.MsgId),
        time=entry.CreateTime,
        content=Xml(content).text_of("title") or decoded(entry.FileName),
        parties=parties,
        url=decoded(entry.Url),
    )


def read_transfer(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a transfer of money."""
    xml = Xml(content)
    paid = " ".join(filter(None, (xml.text_of("feedesc"), xml.text_of("pay_memo"))))
    paid = paid or xml.text_of("des") or xml.text_of("title")
    return _payment(entry, parties, f"[转账]({paid or decoded(entry.FileName)})")


def read_red_packet(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a red packet."""
    xml = Xml(content)
    words = xml.text_of("sendertitle") or xml.text_of("receivertitle") or xml.text_of("title")
    return _payment(entry, parties, f"[红包]({words})")


def _payment(entry: wire.Message, parties: Parties, content: str) -> Message:
    return Payment(id=str(entry.MsgId), time=entry.CreateTime, content=content, parties=parties)
