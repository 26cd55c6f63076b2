"""Drafts of messages of each kind: pictures, voices, films, places, cards, notices, recalls. `scenario` makes them.

`scenario` turns each function that takes an `Origin` into a verb. Shared links and files are in `shares`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from ..identifiers import Identifiers
from ..media import Medium, medium_of
from ..model import Chat, Draft, Message, Person, Recommendation, SentMessage
from .text import text_on_wire, xml_on_wire


@dataclass(frozen=True, slots=True)
class Origin:
    """The sender of a draft, and the account that it is written for."""

    sender: Person
    owner: Person
    ids: Identifiers


def text(text: str) -> Draft:
    """Draft a text (MsgType 1)."""
    return Draft(1, text_on_wire(text), text)


def image(origin: Origin, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """Draft a picture (3). `told_size`, here and below: the size in the message, where it is wrong."""
    medium, key = medium_of(data, kind="pic"), origin.ids.secret(32)
    xml = _tag(
        "img", aeskey=key, encryver=0, cdnthumbaeskey=key, cdnthumburl=_cdn(origin),
        cdnthumblength=3340, cdnthumbheight=120, cdnthumbwidth=90, cdnmidheight=0, cdnmidwidth=0,
        cdnhdheight=0, cdnhdwidth=0, cdnmidimgurl=_cdn(origin),
        length=claimed_size(medium, told_size), md5=medium.md5,
    )  # fmt: skip
    size = {"ImgHeight": 120, "ImgWidth": 90}
    return Draft(3, _message(xml), "[图片]", {"ImgStatus": 2, **size}, medium, key)


def voice(origin: Origin, data: bytes | Medium, seconds: float = 3) -> Draft:
    """Draft a voice message (34): mp3 for the web client."""
    length = int(seconds * 1000)
    xml = _tag(
        "voicemsg", endflag=1, length=4 * length, voicelength=length, clientmsgid=_cdn(origin)[:32],
        fromusername=origin.sender.lasting_name, downcount=0, cancelflag=0, voiceformat=4, forwardflag=0,
        bufid=0,
    )  # fmt: skip
    content = xml_on_wire(f"<msg>{xml}</msg>")
    return Draft(34, content, "[语音]", {"VoiceLength": length}, medium_of(data, kind="voice"))


def video(
    origin: Origin, data: bytes | Medium, seconds: float = 5, told_size: int | None = None
) -> Draft:
    """Draft a video (43)."""
    medium, key = medium_of(data, kind="video"), origin.ids.secret(32)
    xml = _tag(
        "videomsg", aeskey=key, cdnthumbaeskey=key, cdnvideourl=_cdn(origin),
        cdnthumburl=_cdn(origin), length=claimed_size(medium, told_size), playlength=int(seconds), cdnthumblength=7216,
        cdnthumbwidth=224, cdnthumbheight=398, fromusername=origin.sender.lasting_name, md5=medium.md5,
        isad=0,
    )  # fmt: skip
    fields = {"PlayLength": int(seconds), "ImgHeight": 398, "ImgWidth": 224}
    return Draft(43, _message(xml), "[视频]", fields, medium, key)


def short_video(
    origin: Origin, data: bytes | Medium, seconds: float = 5, told_size: int | None = None
) -> Draft:
    """Draft a short video (62)."""
    draft = video(origin, data, seconds, told_size)
    draft.msg_type, draft.text = 62, "[小视频]"
    return draft


def sticker(origin: Origin, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """Draft a custom sticker (47). It is forwarded by its MD5."""
    medium = medium_of(data, kind="pic")
    size = claimed_size(medium, told_size)
    emoji = {
        "fromusername": origin.sender.lasting_name, "tousername": origin.owner.lasting_name,
        "type": 2, "idbuffer": "media:0_0", "md5": medium.md5, "len": size, "productid": "",
        "androidmd5": medium.md5, "androidlen": size, "cdnurl": _cdn(origin),
        "encrypturl": _cdn(origin), "aeskey": origin.ids.secret(32), "width": 240,
        "height": 240,
    }  # fmt: skip
    content = xml_on_wire(f"<msg>{_tag('emoji', **emoji)}</msg>")
    sides = {"ImgHeight": 240, "ImgWidth": 240}
    return Draft(47, content, "[表情]", sides, medium, medium.md5)


def shop_sticker(origin: Origin) -> Draft:
    """Draft a sticker from the shop (47): the web client gets neither XML nor picture."""
    return Draft(47, "", "[表情]", {"HasProductId": 1})


def location(
    origin: Origin, place: str, latitude: float = 22.54, longitude: float = 113.93
) -> Draft:
    """Draft a place as web clients get it: MsgType 1 and SubMsgType 48, the map behind `Url`."""
    number = origin.ids.next_number()
    picture = (
        "/cgi-bin/mmwebwx-bin/webwxgetpubliclinkimg?url=xxx"
        f"&amp;msgid={number}&amp;pictype=location"
    )
    fields = {
        "SubMsgType": 48,
        "Url": f"http://apis.map.qq.com/uri/v1/geocoder?coord={latitude},{longitude}",
        "OriContent": _message(_location_tag(place, latitude, longitude)),
    }
    content = f"{text_on_wire(place)}:<br/>{picture}"
    key = f"{latitude},{longitude} {place}"
    return Draft(1, content, f"[位置]{place}", fields, key=key, number=number)


def location_48(
    origin: Origin, place: str, latitude: float = 22.54, longitude: float = 113.93
) -> Draft:
    """Draft a place as XML (48)."""
    content = _message(_location_tag(place, latitude, longitude))
    return Draft(48, content, f"[位置]{place}", key=f"{latitude},{longitude} {place}")


def card(origin: Origin, person: Person) -> Draft:
    """Draft a person's card (42)."""
    avatar = f"http://wx.qlogo.cn/mmhead/ver_1/{origin.ids.secret(40)}/0"
    attributes = {
        "bigheadimgurl": avatar, "smallheadimgurl": avatar[:-1] + "96",
        "username": f"v1_{origin.ids.secret(60)}@stranger", "nickname": person.nickname,
        "fullpy": "", "shortpy": "", "alias": person.alias, "imagestatus": 3, "scene": 17,
        "province": person.province, "city": person.city, "sign": person.signature,
        "sex": person.sex, "certflag": person.verify_flag, "certinfo": "", "brandIconUrl": "",
        "brandHomeUrl": "", "brandSubscriptConfigUrl": "", "brandFlags": 0, "regionCode": "CN",
    }  # fmt: skip
    content = xml_on_wire('<?xml version="1.0"?>\n' + _tag("msg", **attributes) + "\n")
    return Draft(42, content, f"[名片]{person.nickname}", recommends=Recommendation(person))


def call(origin: Origin) -> Draft:
    """Draft a call (50). Web clients cannot take it."""
    xml = "<voipinvitemsg><roomid>0</roomid><key>0</key><status>1</status></voipinvitemsg>"
    return Draft(50, xml_on_wire(xml), "[语音通话]")


def red_packet_notice(origin: Origin) -> Draft:
    """Draft the system notice (10000) that web clients get for a red packet."""
    return notice("收到红包，请在手机上查看")


def friend_request(origin: Origin, words: str, ticket: str) -> Draft:
    """Draft a friend request (37). It comes from `fmessage`."""
    sender = origin.sender
    xml = _tag(
        "msg", fromusername=sender.lasting_name, encryptusername=ticket.replace("v2_", "v1_", 1),
        fromnickname=sender.nickname, content=words, shortpy="", imagestatus=3, scene=30,
        country="CN", province=sender.province, city=sender.city, sign=sender.signature,
        percard=1, sex=sender.sex, alias=sender.alias, weibo="", weibonickname="", albumflag=0,
        albumstyle=0, albumbgimgid="", snsflag=1, bigheadimgurl="", smallheadimgurl="", mhash="",
        opcode=2, searchcontent="", ticket=ticket, chatroomusername="",
    )  # fmt: skip
    asks = Recommendation(sender, words, ticket, scene=30)
    return Draft(37, xml_on_wire(xml), words, {"Ticket": ticket}, recommends=asks)


def notice(words: str) -> Draft:
    """Draft a system notice (10000)."""
    return Draft(10000, text_on_wire(words), words)


def recall(chat: Chat, message: Message | SentMessage, words: str) -> Draft:
    """Draft the recall of a message (10002; reference, 5)."""
    content = xml_on_wire(
        '<sysmsg type="revokemsg"><revokemsg>'
        f"<session>{chat.uin or chat}</session><oldmsgid>{message.number % 2**31}</oldmsgid>"
        f"<msgid>{message.msg_id}</msgid><replacemsg><![CDATA[{words}]]></replacemsg>"
        "</revokemsg></sysmsg>"
    )
    return Draft(10002, content, words)


def chat_list(chats: tuple[Chat, ...]) -> Draft:
    """Draft the recent chats (51): ids and Uins or account names in one order (reference)."""
    lasting = ",".join(chat.lasting_name for chat in chats)
    xml = f"<msg>\n<op id='4'>\n<username>{lasting}</username>\n</op>\n</msg>"
    return Draft(51, xml_on_wire(xml), fields={"StatusNotifyCode": 4})


def _location_tag(place: str, latitude: float, longitude: float) -> str:
    return _tag(
        "location", x=latitude, y=longitude, scale=16, label=place, maptype="roadmap",
        poiname="[位置]", poiid="",
    )  # fmt: skip


def _cdn(origin: Origin) -> str:
    return "3057020100044b3049" + origin.ids.secret(64)


def _tag(name: str, **attributes: object) -> str:
    written = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name} {written} />"


def _message(inside: str) -> str:
    return xml_on_wire(f'<?xml version="1.0"?>\n<msg>\n\t{inside}\n</msg>\n')


def claimed_size(medium: Medium, told_size: int | None) -> int:
    """Return the size that a message claims: the true one unless another is given."""
    return medium.size if told_size is None else told_size


def url_quoted(name: str) -> str:
    """Return an `EncryFileName`: the name of a file as part of a URL."""
    return quote(name, safe="")
