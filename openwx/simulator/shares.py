"""App messages (MsgType 49): links, files, mini programs, money, records of chats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from .kinds import Draft, told, url_quoted
from .media import Medium, medium_of
from .text import name_on_wire, text_on_wire, xml_on_wire

if TYPE_CHECKING:
    from .people import Person


def link(
    sender: Person, title: str, desc: str = "", url: str = "", app_name: str = "", app_id: str = ""
) -> Draft:
    """A page from some app (AppMsgType 5)."""
    inside = _plain(title=title, des=desc, action="view", type=5, showtype=0, content="", url=url)
    return _app(
        sender, 5, inside, title, Url=name_on_wire(url), app_id=app_id, app_name=app_name,
        key=f"{title} {url}",
    )  # fmt: skip


def file(sender: Person, name: str, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """A file (6); `MediaId` is what it is fetched and forwarded by, not the XML's attachid."""
    medium = medium_of(data, name=name)
    size = told(medium, told_size)
    extension = name.rpartition(".")[2] if "." in name else ""
    attached = _plain(
        totallen=size, attachid="@cdn_3057020100" + sender.account.secret(80) + "_1",
        fileext=extension, cdnattachurl="3057020100044b3049" + sender.account.secret(64),
        aeskey=sender.account.secret(32), encryver=0,
    )  # fmt: skip
    inside = (
        _plain(title=name, des="", action="", type=6, showtype=0, content="", url="", lowurl="")
        + f"<appattach>{attached}</appattach>"
    )
    media_id = sender.account.new_media_id()
    return _app(
        sender, 6, inside, name, medium=medium, key=media_id, MediaId=media_id,
        FileSize=str(size), EncryFileName=url_quoted(name),
    )  # fmt: skip


def app_sticker(sender: Person, data: bytes | Medium, told_size: int | None = None) -> Draft:
    """A sticker shared by an app (8): its picture is fetched like that of a sticker proper."""
    medium = medium_of(data, kind="pic")
    attached = _plain(
        totallen=told(medium, told_size), attachid="", emoticonmd5=medium.md5, fileext="gif"
    )
    inside = (
        _plain(title="", des="", action="", type=8, showtype=0, content="", url="", lowurl="")
        + f"<appattach>{attached}</appattach>"
    )
    return _app(sender, 8, inside, "", "[表情]", medium=medium)


def live_location(sender: Person) -> Draft:
    """Somebody shares where they are (17): can be seen on the phone alone."""
    title = "我发起了位置共享"
    inside = _plain(title=title, des="", type=17, showtype=0, content="", url="", lowurl="")
    return _app(sender, 17, inside, title)


def mini_program(
    sender: Person, title: str, app_name: str, app_id: str = "wx4a1b2c3d4e5f6071"
) -> Draft:
    """A mini program (33): its name is the `sourcedisplayname`."""
    url = f"https://mp.weixin.qq.com/mp/waerrpage?appid={app_id}&type=upgrade&upgradetype=3"
    inside = _plain(
        title=title, des=app_name, type=33, showtype=0, content="", url=url,
        sourceusername="gh_5c0d3b1a2e4f@app", sourcedisplayname=app_name,
    ) + (
        "<weappinfo>"
        + _plain(username="gh_5c0d3b1a2e4f@app", appid=app_id, type=2, version=12,
                 pagepath="pages/index/index.html")
        + "</weappinfo>"
    )  # fmt: skip
    return _app(sender, 33, inside, title, Url=name_on_wire(url), key=f"{title} {url}")


def transfer(sender: Person, amount: float | str, memo: str = "") -> Draft:
    """Money (2000): `amount` in yuan."""
    yuan = amount if isinstance(amount, str) else f"{amount:.2f}"
    paid = _cdata(paysubtype="1", feedesc=f"￥{yuan}", transferid="1000050001", pay_memo=memo)
    inside = _cdata(
        title="微信转账", des=f"收到转账{yuan}元。如需收钱，请点此升级至最新版本", action="",
        type="2000", content="",
        url="https://support.weixin.qq.com/cgi-bin/mmsupport-bin/readtemplate?t=page/upgrade&text=1",
    )  # fmt: skip
    words = f"[转账]￥{yuan}"
    return _app(sender, 2000, inside + f"<wcpayinfo>{paid}</wcpayinfo>", "微信转账", words)


def red_packet(sender: Person, words: str = "恭喜发财，大吉大利") -> Draft:
    """A red packet (2001)."""
    paid = _cdata(
        receivertitle=words, sendertitle=words, scenetext="微信红包", senderdes="查看红包"
    )
    inside = _cdata(
        title="微信红包", des="我给你发了一个红包，赶紧去拆!", type="2001",
        url="https://wxapp.tenpay.com/mmpayhb/wxhb_personalreceive?showwxpaytitle=1&msgtype=1",
    )  # fmt: skip
    whole = inside + f"<wcpayinfo>{paid}</wcpayinfo>"
    return _app(sender, 2001, whole, "微信红包", f"[红包]{words}")


def chat_record(sender: Person, title: str, lines: Sequence[str], app_msg_type: int = 19) -> Draft:
    """A record of a chat (19; some clients of WeChat: 0), one line a message."""
    items = "".join(
        f'<dataitem datatype="1" dataid="{number}"><datadesc>{escape(line)}</datadesc></dataitem>'
        for number, line in enumerate(lines)
    )
    record = f'<recordinfo><datalist count="{len(lines)}">{items}</datalist></recordinfo>'
    inside = _plain(
        title=title, des="\n".join(lines), action="view", type=19, showtype=0, content="",
        url="https://support.weixin.qq.com/cgi-bin/mmsupport-bin/readtemplate?t=page/favorite_record",
    ) + _cdata(recorditem=record)  # fmt: skip
    return _app(sender, app_msg_type, inside, title)


def _app(
    sender: Person, app_msg_type: int, inside: str, title: str, words: str = "", *,
    app_id: str = "", app_name: str = "", medium: Medium | None = None, key: str = "",
    **fields: Any,
) -> Draft:  # fmt: skip
    xml = (
        f'<?xml version="1.0"?>\n<msg>\n\t<appmsg appid="{escape(app_id)}" sdkver="0">'
        f"{inside}</appmsg>\n\t{_plain(fromusername=sender.lasting_name, scene=0)}"
        f"<appinfo>{_plain(version=1, appname=app_name)}</appinfo>\n"
        "\t<commenturl></commenturl>\n</msg>\n"
    )
    told = {
        "AppMsgType": app_msg_type, "FileName": text_on_wire(title),
        "AppInfo": {"AppID": app_id, "Type": 0}, **fields,
    }  # fmt: skip
    return Draft(49, xml_on_wire(xml), words or title, told, medium, key)


def _plain(**parts: object) -> str:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in parts.items())


def _cdata(**parts: str) -> str:
    # "]]>" inside would end the section: it is split over two.
    return "".join(
        f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
        for name, value in parts.items()
    )
