"""Messages of each kind as the service writes them: pictures, voices, films, places, cards.

Each function takes the person who sends it, and what is sent; shared links and files: `shares`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from .media import Medium, medium_of
from .text import text_on_wire, xml_on_wire

if TYPE_CHECKING:
    from .people import Person
    from .timeline import Heard, Message


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What `RecommendInfo` tells: somebody's card, or somebody who asks to be a friend."""

    person: Person
    words: str = ""
    ticket: str = ""
    scene: int = 17


@dataclass(slots=True)
class Draft:
    """A message before it has a sender, a receiver and a place on the timeline."""

    msg_type: int
    content: str
    """As the service writes it."""
    text: str = ""
    """What a person would say that it says."""
    fields: dict[str, Any] = field(default_factory=dict)
    medium: Medium | None = None
    key: str = ""
    """What tells it from all others when its XML is forwarded: aeskey, MD5 or MediaId."""
    recommends: Recommendation | None = None
    number: int | None = None
    """Its MsgId, where that stands in the content."""


def text(sender: Person, text: str) -> Draft:
    """A text (MsgType 1)."""
    return Draft(1, text_on_wire(text), text)


def image(sender: Person, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """A picture (3). `told_size`, here and below: the bytes that the message tells, where it is wrong."""
    medium, key = medium_of(data, kind="pic"), sender.account.secret(32)
    xml = _tag(
        "img", aeskey=key, encryver=0, cdnthumbaeskey=key, cdnthumburl=_cdn(sender),
        cdnthumblength=3340, cdnthumbheight=120, cdnthumbwidth=90, cdnmidheight=0, cdnmidwidth=0,
        cdnhdheight=0, cdnhdwidth=0, cdnmidimgurl=_cdn(sender),
        length=told(medium, told_size), md5=medium.md5,
    )  # fmt: skip
    size = {"ImgHeight": 120, "ImgWidth": 90}
    return Draft(3, _message(xml), "[图片]", {"ImgStatus": 2, **size}, medium, key)


def voice(sender: Person, data: bytes | Medium, seconds: float = 3) -> Draft:
    """A voice message (34): mp3 to the web client."""
    length = int(seconds * 1000)
    xml = _tag(
        "voicemsg", endflag=1, length=4 * length, voicelength=length, clientmsgid=_cdn(sender)[:32],
        fromusername=sender.lasting_name, downcount=0, cancelflag=0, voiceformat=4, forwardflag=0,
        bufid=0,
    )  # fmt: skip
    content = xml_on_wire(f"<msg>{xml}</msg>")
    return Draft(34, content, "[语音]", {"VoiceLength": length}, medium_of(data, kind="voice"))


def video(
    sender: Person, data: bytes | Medium, seconds: float = 5, told_size: int | None = None
) -> Draft:
    """A video (43)."""
    medium, key = medium_of(data, kind="video"), sender.account.secret(32)
    xml = _tag(
        "videomsg", aeskey=key, cdnthumbaeskey=key, cdnvideourl=_cdn(sender),
        cdnthumburl=_cdn(sender), length=told(medium, told_size), playlength=int(seconds), cdnthumblength=7216,
        cdnthumbwidth=224, cdnthumbheight=398, fromusername=sender.lasting_name, md5=medium.md5,
        isad=0,
    )  # fmt: skip
    fields = {"PlayLength": int(seconds), "ImgHeight": 398, "ImgWidth": 224}
    return Draft(43, _message(xml), "[视频]", fields, medium, key)


def short_video(
    sender: Person, data: bytes | Medium, seconds: float = 5, told_size: int | None = None
) -> Draft:
    """A short video (62)."""
    draft = video(sender, data, seconds, told_size)
    draft.msg_type, draft.text = 62, "[小视频]"
    return draft


def sticker(sender: Person, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """A sticker of one's own (47); it is sent on by its MD5."""
    medium = medium_of(data, kind="pic")
    size = told(medium, told_size)
    emoji = {
        "fromusername": sender.lasting_name, "tousername": sender.account.owner.lasting_name,
        "type": 2, "idbuffer": "media:0_0", "md5": medium.md5, "len": size, "productid": "",
        "androidmd5": medium.md5, "androidlen": size, "cdnurl": _cdn(sender),
        "encrypturl": _cdn(sender), "aeskey": sender.account.secret(32), "width": 240,
        "height": 240,
    }  # fmt: skip
    content = xml_on_wire(f"<msg>{_tag('emoji', **emoji)}</msg>")
    sides = {"ImgHeight": 240, "ImgWidth": 240}
    return Draft(47, content, "[表情]", sides, medium, medium.md5)


def shop_sticker(sender: Person) -> Draft:
    """A sticker from the shop (47): the web client gets neither XML nor picture."""
    return Draft(47, "", "[表情]", {"HasProductId": 1})


def location(
    sender: Person, place: str, latitude: float = 22.54, longitude: float = 113.93
) -> Draft:
    """A place as web clients get it: MsgType 1 and SubMsgType 48, the map behind `Url`."""
    number = sender.account.next_number()
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
    sender: Person, place: str, latitude: float = 22.54, longitude: float = 113.93
) -> Draft:
    """A place as XML (48)."""
    content = _message(_location_tag(place, latitude, longitude))
    return Draft(48, content, f"[位置]{place}", key=f"{latitude},{longitude} {place}")


def card(sender: Person, person: Person) -> Draft:
    """Somebody's card (42)."""
    avatar = f"http://wx.qlogo.cn/mmhead/ver_1/{sender.account.secret(40)}/0"
    attributes = {
        "bigheadimgurl": avatar, "smallheadimgurl": avatar[:-1] + "96",
        "username": f"v1_{sender.account.secret(60)}@stranger", "nickname": person.nickname,
        "fullpy": "", "shortpy": "", "alias": person.alias, "imagestatus": 3, "scene": 17,
        "province": person.province, "city": person.city, "sign": person.signature,
        "sex": person.sex, "certflag": person.verify_flag, "certinfo": "", "brandIconUrl": "",
        "brandHomeUrl": "", "brandSubscriptConfigUrl": "", "brandFlags": 0, "regionCode": "CN",
    }  # fmt: skip
    content = xml_on_wire('<?xml version="1.0"?>\n' + _tag("msg", **attributes) + "\n")
    return Draft(42, content, f"[名片]{person.nickname}", recommends=Recommendation(person))


def call(sender: Person) -> Draft:
    """A call (50), which web clients cannot take."""
    xml = "<voipinvitemsg><roomid>0</roomid><key>0</key><status>1</status></voipinvitemsg>"
    return Draft(50, xml_on_wire(xml), "[语音通话]")


def red_packet_notice(sender: Person) -> Draft:
    """What web clients are told of a red packet: a system notice (10000)."""
    words = "收到红包，请在手机上查看"
    return Draft(10000, words, words)


def friend_request(sender: Person, words: str, ticket: str) -> Draft:
    """Somebody asks to be a friend (37); it comes from `fmessage`."""
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


def recall_content(session_name: str, message: Message | Heard, words: str) -> str:
    """The Content of a MsgType 10002 message (reference, 5)."""
    return xml_on_wire(
        '<sysmsg type="revokemsg"><revokemsg>'
        f"<session>{session_name}</session><oldmsgid>{message.number % 2**31}</oldmsgid>"
        f"<msgid>{message.msg_id}</msgid><replacemsg><![CDATA[{words}]]></replacemsg>"
        "</revokemsg></sysmsg>"
    )


def _location_tag(place: str, latitude: float, longitude: float) -> str:
    return _tag(
        "location", x=latitude, y=longitude, scale=16, label=place, maptype="roadmap",
        poiname="[位置]", poiid="",
    )  # fmt: skip


def _cdn(sender: Person) -> str:
    return "3057020100044b3049" + sender.account.secret(64)


def _tag(name: str, **attributes: object) -> str:
    written = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name} {written} />"


def _message(inside: str) -> str:
    return xml_on_wire(f'<?xml version="1.0"?>\n<msg>\n\t{inside}\n</msg>\n')


def told(medium: Medium, told_size: int | None) -> int:
    """The size that a message tells: the true one unless another is given."""
    return medium.size if told_size is None else told_size


def url_quoted(name: str) -> str:
    """`EncryFileName`: a file's name as it stands in a URL."""
    return quote(name, safe="")
