"""Readers of texts, places, cards, recalls, notices, friend requests, and of what is unknown.
``registry`` lists them.
"""

import re
from urllib.parse import urlsplit

from openwx.domain.contacts import sex_of
from openwx.domain.events import FriendRequested
from openwx.domain.messages import Card, Location, Message, Notice, Parties, Recall, Unknown
from openwx.domain.text import decoded, notice_text, plain
from openwx.transports.web import wire
from openwx.transports.web.messages import sysmsg
from openwx.transports.web.messages.quotes import read_plain
from openwx.transports.web.xmltext import Xml

_MAP_HOST = re.compile(r"(?:^|\.)maps?\.")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_DEGREES = re.compile(r"[+-]?\d{1,3}(?:\.\d{0,20})?", re.ASCII)
_PLACE_END = re.compile(r":(?:<br\s*/?>|\n)")


def read_text(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a text; with an address at a map host it is a place."""
    if _is_map(decoded(entry.Url)):
        return read_location(entry, content, parties)
    return read_plain(entry, content, parties)


def read_location(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a place."""
    url = decoded(entry.Url)
    if not _WEB.match(url):
        url = ""
    if entry.MsgType == 1:
        place = plain(_PLACE_END.split(content, maxsplit=1)[0])
    else:
        xml = Xml(content)
        place = xml.attribute("location", "label") or xml.attribute("location", "poiname")
        x, y = xml.attribute("location", "x"), xml.attribute("location", "y")
        if not url and _DEGREES.fullmatch(x) and _DEGREES.fullmatch(y):
            url = f"http://apis.map.qq.com/uri/v1/geocoder?coord={x},{y}"
    return Location(
        id=str(entry.MsgId), time=entry.CreateTime, content=place, parties=parties, url=url
    )


def read_card(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a name card, from its record or else from its XML."""
    info, xml = entry.RecommendInfo, Xml(content)

    def either(record: str, attribute: str) -> str:
        return plain(record) or xml.attribute("msg", attribute)

    sex = xml.attribute("msg", "sex")
    card = {
        "card_id": info.UserName,
        "card_name": either(info.NickName, "nickname"),
        "card_account": either(info.Alias, "alias"),
        "card_province": either(info.Province, "province"),
        "card_city": either(info.City, "city"),
        "card_sex": sex_of(info.Sex or (int(sex) if sex in ("1", "2") else 0)),
        "card_avatar": xml.attribute("msg", "bigheadimgurl"),
    }
    return Card(
        id=str(entry.MsgId),
        time=entry.CreateTime,
        content=f"[名片]昵称：{card['card_name']}",
        parties=parties,
        card=card,
    )


def is_recall(content: str) -> bool:
    """Return whether a system message takes a message back, and is no other one in the same shape."""
    xml = Xml(content)
    return bool(xml.attribute("sysmsg", "type") == "revokemsg" and _revoked(xml))


def read_recall(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a recall."""
    xml = Xml(content)
    return Recall(
        id=str(entry.MsgId),
        time=entry.CreateTime,
        content=f"[撤回消息]({xml.text_of('replacemsg')})",
        parties=parties,
        revoked=_revoked(xml),
    )


def read_notice(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a notice: its words, without markup."""
    shown = sysmsg.words_of(content) if sysmsg.is_one(content) else notice_text(content)
    return Notice(id=str(entry.MsgId), time=entry.CreateTime, content=shown, parties=parties)


def read_friend_request(
    entry: wire.Message, content: str, parties: Parties
) -> Message | FriendRequested:
    """Read a friend request; without what it takes to accept one it is unknown."""
    info, xml = entry.RecommendInfo, Xml(content)
    ticket = info.Ticket or entry.Ticket or xml.attribute("msg", "ticket")
    if not info.UserName or not ticket:
        return read_unknown(entry, content, parties)
    return FriendRequested(
        id=info.UserName,
        displayname=plain(info.NickName) or xml.attribute("msg", "fromnickname"),
        words=plain(info.Content) or xml.attribute("msg", "content"),
        ticket=ticket,
        msg_id=str(entry.MsgId),
    )


def read_unknown(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Keep the raw content of an entry that no reader claims; it may be the whole entry."""
    return Unknown(id=str(entry.MsgId), time=entry.CreateTime, content=content, parties=parties)


def _revoked(xml: Xml) -> str:
    ids = (xml.text_of("msgid"), xml.text_of("oldmsgid"))
    return next((id for id in ids if id.isascii() and id.isdecimal()), "")


def _is_map(url: str) -> bool:
    if not _WEB.match(url):
        return False
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return bool(_MAP_HOST.search(host))
