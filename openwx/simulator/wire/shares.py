"""Drafts of app messages (MsgType 49): links, articles, files, mini programs, announcements, money, chat records.
`scenario` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from ..media import Medium, medium_of
from ..model import Draft
from .contents import Origin, claimed_size, url_quoted
from .text import name_on_wire, text_on_wire, xml_on_wire


@dataclass(frozen=True, slots=True)
class Article:
    """One article of a push."""

    title: str
    desc: str = ""
    url: str = ""
    cover: str = ""


def link(
    origin: Origin, title: str, desc: str = "", url: str = "", app_name: str = "", app_id: str = ""
) -> Draft:
    """Draft a link of an app (AppMsgType 5)."""
    inside = plain(title=title, des=desc, action="view", type=5, showtype=0, content="", url=url)
    return app(
        origin, 5, inside, title, Url=name_on_wire(url), app_id=app_id, app_name=app_name,
        key=f"{title} {url}",
    )  # fmt: skip


def articles(origin: Origin, articles: Sequence[Article]) -> Draft:
    """Draft a push of several articles, as public accounts send them (5). The first one is the link of the message."""
    if not articles:
        raise ValueError("a push has at least one article")
    first = articles[0]
    items = "".join(
        "<item>"
        + plain(itemshowtype=0)
        + _cdata(title=one.title, url=one.url, digest=one.desc, cover=one.cover)
        + "</item>"
        for one in articles
    )
    name = _cdata(name=origin.sender.nickname)
    topnew = f"<topnew>{_cdata(cover=first.cover, digest=first.desc)}</topnew>"
    inside = plain(title=first.title, des=first.desc, type=5, showtype=1, url=first.url) + (
        f'<mmreader><category type="20" count="{len(articles)}">{name}{topnew}{items}'
        "</category></mmreader>"
    )
    return app(origin, 5, inside, first.title, Url=name_on_wire(first.url), key=first.url)


def announcement(origin: Origin, text: str) -> Draft:
    """Draft the announcement of a group (87)."""
    inside = plain(title="群公告", des="", type=87, showtype=0, url="") + _cdata(
        textannouncement=text
    )
    return app(origin, 87, inside, "群公告", text)


def file(origin: Origin, name: str, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """Draft a file (6). It is downloaded and forwarded by its `MediaId`, not by the XML's attachid."""
    medium = medium_of(data, name=name)
    size = claimed_size(medium, told_size)
    extension = name.rpartition(".")[2] if "." in name else ""
    attached = plain(
        totallen=size, attachid="@cdn_3057020100" + origin.ids.secret(80) + "_1",
        fileext=extension, cdnattachurl="3057020100044b3049" + origin.ids.secret(64),
        aeskey=origin.ids.secret(32), encryver=0,
    )  # fmt: skip
    inside = (
        plain(title=name, des="", action="", type=6, showtype=0, content="", url="", lowurl="")
        + f"<appattach>{attached}</appattach>"
    )
    media_id = origin.ids.new_media_id()
    return app(
        origin, 6, inside, name, medium=medium, key=media_id, MediaId=media_id,
        FileSize=str(size), EncryFileName=url_quoted(name),
    )  # fmt: skip


def app_sticker(origin: Origin, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """Draft a sticker of an app (8). Its picture is downloaded like that of a sticker (47)."""
    medium = medium_of(data, kind="pic")
    attached = plain(
        totallen=claimed_size(medium, told_size), attachid="", emoticonmd5=medium.md5, fileext="gif"
    )
    inside = (
        plain(title="", des="", action="", type=8, showtype=0, content="", url="", lowurl="")
        + f"<appattach>{attached}</appattach>"
    )
    return app(origin, 8, inside, "", "[表情]", medium=medium)


def live_location(origin: Origin) -> Draft:
    """Draft a shared live location (17). Only a phone shows it."""
    title = "我发起了位置共享"
    inside = plain(title=title, des="", type=17, showtype=0, content="", url="", lowurl="")
    return app(origin, 17, inside, title)


def mini_program(
    origin: Origin, title: str, app_name: str, app_id: str = "wx4a1b2c3d4e5f6071",
    path: str = "pages/index/index.html", username: str = "gh_5c0d3b1a2e4f@app",
    app_msg_type: int = 33,
) -> Draft:  # fmt: skip
    """Draft a mini program (33, or 36). Its name is the `sourcedisplayname`; `path` is the page that it opens."""
    url = f"https://mp.weixin.qq.com/mp/waerrpage?appid={app_id}&type=upgrade&upgradetype=3"
    inside = plain(
        title=title, des=app_name, type=app_msg_type, showtype=0, content="", url=url,
        sourceusername=username, sourcedisplayname=app_name,
    ) + (
        "<weappinfo>"
        + plain(username=username, appid=app_id, type=2, version=12, pagepath=path)
        + "</weappinfo>"
    )  # fmt: skip
    return app(origin, app_msg_type, inside, title, Url=name_on_wire(url), key=f"{title} {url}")


def transfer(origin: Origin, amount: float | str, memo: str = "") -> Draft:
    """Draft a transfer of money (2000), `amount` in yuan."""
    yuan = amount if isinstance(amount, str) else f"{amount:.2f}"
    paid = _cdata(paysubtype="1", feedesc=f"￥{yuan}", transferid="1000050001", pay_memo=memo)
    inside = _cdata(
        title="微信转账", des=f"收到转账{yuan}元。如需收钱，请点此升级至最新版本", action="",
        type="2000", content="",
        url="https://support.weixin.qq.com/cgi-bin/mmsupport-bin/readtemplate?t=page/upgrade&text=1",
    )  # fmt: skip
    words = f"[转账]￥{yuan}"
    return app(origin, 2000, inside + f"<wcpayinfo>{paid}</wcpayinfo>", "微信转账", words)


def red_packet(origin: Origin, words: str = "恭喜发财，大吉大利") -> Draft:
    """Draft a red packet (2001)."""
    paid = _cdata(
        receivertitle=words, sendertitle=words, scenetext="微信红包", senderdes="查看红包"
    )
    inside = _cdata(
        title="微信红包", des="我给你发了一个红包，赶紧去拆!", type="2001",
        url="https://wxapp.tenpay.com/mmpayhb/wxhb_personalreceive?showwxpaytitle=1&msgtype=1",
    )  # fmt: skip
    whole = inside + f"<wcpayinfo>{paid}</wcpayinfo>"
    return app(origin, 2001, whole, "微信红包", f"[红包]{words}")


def chat_record(origin: Origin, title: str, lines: Sequence[str], app_msg_type: int = 19) -> Draft:
    """Draft a chat record (19; some clients of WeChat: 0), one line a message."""
    items = "".join(
        f'<dataitem datatype="1" dataid="{number}"><datadesc>{escape(line)}</datadesc></dataitem>'
        for number, line in enumerate(lines)
    )
    record = f'<recordinfo><datalist count="{len(lines)}">{items}</datalist></recordinfo>'
    inside = plain(
        title=title, des="\n".join(lines), action="view", type=19, showtype=0, content="",
        url="https://support.weixin.qq.com/cgi-bin/mmsupport-bin/readtemplate?t=page/favorite_record",
    ) + _cdata(recorditem=record)  # fmt: skip
    return app(origin, app_msg_type, inside, title)


def app(
    origin: Origin, app_msg_type: int, inside: str, title: str, words: str = "", *,
    app_id: str = "", app_name: str = "", medium: Medium | None = None, key: str = "",
    **fields: Any,
) -> Draft:  # fmt: skip
    """Draft an app message of any AppMsgType; `inside` is the XML within `<appmsg>`."""
    xml = (
        f'<?xml version="1.0"?>\n<msg>\n\t<appmsg appid="{escape(app_id)}" sdkver="0">'
        f"{inside}</appmsg>\n\t{plain(fromusername=origin.sender.lasting_name, scene=0)}"
        f"<appinfo>{plain(version=1, appname=app_name)}</appinfo>\n"
        "\t<commenturl></commenturl>\n</msg>\n"
    )
    fields = {
        "AppMsgType": app_msg_type, "FileName": text_on_wire(title),
        "AppInfo": {"AppID": app_id, "Type": 0}, **fields,
    }  # fmt: skip
    return Draft(49, xml_on_wire(xml), words or title, fields, medium, key)


def plain(**parts: object) -> str:
    """Write one element for each name."""
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in parts.items())


def _cdata(**parts: str) -> str:
    # "]]>" inside would end the section: it is split over two.
    return "".join(
        f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
        for name, value in parts.items()
    )
