"""Readers of app messages (MsgType 49): links, mini programs, chat records, money, live locations."""

from openwx.domain.messages import App, Location, Message, Parties, Payment
from openwx.domain.text import decoded
from openwx.transports.web import wire
from openwx.transports.web.xmltext import Xml


def read_app(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read what an app shares, and every AppMsgType that no other reader claims."""
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
    return App(
        id=str(entry.MsgId),
        time=entry.CreateTime,
        content="\n".join(lines),
        parties=parties,
        name=name,
        app_id=xml.attribute("appmsg", "appid") or entry.AppInfo.AppID,
        title=title,
        desc=desc,
        url=url,
    )


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
