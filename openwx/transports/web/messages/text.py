"""Texts, places, cards, recalls, notices, friend requests, and what is unknown."""

import re
from urllib.parse import urlsplit

from openwx.domain.contacts import sex_of
from openwx.domain.text import decoded, plain, words
from openwx.transports.web import wire
from openwx.transports.web.messages import sysmsg
from openwx.transports.web.messages.base import Message, Parties
from openwx.transports.web.xmltext import Xml

_MAP_HOST = re.compile(r"(?:^|\.)maps?\.")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_DEGREES = re.compile(r"[+-]?\d{1,3}(?:\.\d{0,20})?", re.ASCII)
_PLACE_END = re.compile(r":(?:<br\s*/?>|\n)")


class Text(Message, frozen=True):
    msg_types = (1,)
    format = "text"

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        """With an address at a map host it is a place."""
        if _is_map(decoded(entry.Url)):
            return Location.from_wire(entry, content, parties)
        return super().from_wire(entry, content, parties)


class Location(Message, kw_only=True, frozen=True):
    """A place; ``url`` shows it on a map."""

    msg_types = (48,)
    format = "location"

    url: str

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        url = decoded(entry.Url)
        if not _WEB.match(url):
            url = ""
        if entry.MsgType == 1:
            place = plain(_PLACE_END.split(content, maxsplit=1)[0])
        else:
            xml = Xml(content)
            place = xml.attribute("location", "label") or xml.attribute("location", "poiname")
            if not url:
                x, y = xml.attribute("location", "x"), xml.attribute("location", "y")
                if _DEGREES.fullmatch(x) and _DEGREES.fullmatch(y):
                    url = f"http://apis.map.qq.com/uri/v1/geocoder?coord={x},{y}"
        return cls(
            id=str(entry.MsgId), time=entry.CreateTime, content=place, parties=parties, url=url
        )

    def members(self) -> dict[str, str]:
        return {"location_url": self.url}


class Card(Message, kw_only=True, frozen=True):
    """Somebody's name card."""

    msg_types = (42,)
    format = "card"

    card: dict[str, str]

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        info, xml = entry.RecommendInfo, Xml(content)

        def told(record: str, attribute: str) -> str:
            return plain(record) or xml.attribute("msg", attribute)

        sex = xml.attribute("msg", "sex")
        card = {
            "card_id": info.UserName,
            "card_name": told(info.NickName, "nickname"),
            "card_account": told(info.Alias, "alias"),
            "card_province": told(info.Province, "province"),
            "card_city": told(info.City, "city"),
            "card_sex": sex_of(info.Sex or (int(sex) if sex in ("1", "2") else 0)),
            "card_avatar": xml.attribute("msg", "bigheadimgurl"),
        }
        return cls(
            id=str(entry.MsgId),
            time=entry.CreateTime,
            content=f"[名片]昵称：{card['card_name']}",
            parties=parties,
            card=card,
        )

    def members(self) -> dict[str, str]:
        return self.card


class Recall(Message, kw_only=True, frozen=True):
    """A message was taken back; ``revoked`` is the MsgId of that message."""

    msg_types = (10002,)
    format = "revoke"

    revoked: str

    @classmethod
    def claims(cls, content: str) -> bool:
        """Whether this is a recall, and no other system message in the same shape."""
        xml = Xml(content)
        return bool(xml.attribute("sysmsg", "type") == "revokemsg" and cls._revoked(xml))

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        xml = Xml(content)
        revoked = cls._revoked(xml)
        return cls(
            id=str(entry.MsgId),
            time=entry.CreateTime,
            content=f"[撤回消息]({xml.text_of('replacemsg')})",
            parties=parties,
            revoked=revoked,
        )

    @staticmethod
    def _revoked(xml: Xml) -> str:
        ids = (xml.text_of("msgid"), xml.text_of("oldmsgid"))
        return next((id for id in ids if id.isascii() and id.isdecimal()), "")

    def members(self) -> dict[str, str]:
        """``revoke_id`` is the ``id`` that the upload of that message had."""
        mine = self.parties.mine
        return {"revoke_id": f"{self.revoked}:{self.parties.chat.id}" if mine else self.revoked}


class Notice(Message, frozen=True):
    """A system notice: somebody joined, a red packet came, "you are not friends yet". Its content is words alone."""

    msg_types = (9999, 10000)
    format = "notice"

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        told = sysmsg.words_of(content) if sysmsg.is_one(content) else words(content)
        return cls(id=str(entry.MsgId), time=entry.CreateTime, content=told, parties=parties)


class FriendRequest(Message, kw_only=True, frozen=True):
    """Somebody asks to be a friend: told as an event, with what it takes to accept."""

    msg_types = (37,)

    asker_id: str
    displayname: str
    ticket: str

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        info, xml = entry.RecommendInfo, Xml(content)
        ticket = info.Ticket or entry.Ticket or xml.attribute("msg", "ticket")
        if not info.UserName or not ticket:
            return Unknown.from_wire(entry, content, parties)
        return cls(
            id=str(entry.MsgId),
            time=entry.CreateTime,
            content=plain(info.Content) or xml.attribute("msg", "content"),
            parties=parties,
            asker_id=info.UserName,
            displayname=plain(info.NickName) or xml.attribute("msg", "fromnickname"),
            ticket=ticket,
        )


class Unknown(Message, frozen=True):
    """A kind that openwx does not know; ``content`` is raw, and so may be the whole entry."""

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        return cls(id=str(entry.MsgId), time=entry.CreateTime, content=content, parties=parties)


def _is_map(url: str) -> bool:
    if not _WEB.match(url):
        return False
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return bool(_MAP_HOST.search(host))
