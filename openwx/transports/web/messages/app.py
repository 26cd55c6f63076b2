"""App messages (MsgType 49): links, mini programs, chat records, money."""

from openwx.domain.text import decoded
from openwx.transports.web import wire
from openwx.transports.web.messages.base import Message, Parties
from openwx.transports.web.messages.text import Location
from openwx.transports.web.xmltext import Xml


class App(Message, kw_only=True, frozen=True):
    """What some app shares, and every AppMsgType that nobody else claims."""

    msg_types = (49,)
    format = "app"

    name: str
    app_id: str
    title: str
    desc: str
    url: str

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        xml = Xml(content)
        title = xml.text_of("title") or decoded(entry.FileName)
        name = xml.text_of("appname") or xml.text_of("sourcedisplayname")
        desc = xml.text_of("des")
        url = xml.text_of("url") or decoded(entry.Url)
        lines = [f"[应用分享]标题：{title}"]
        lines += [
            f"{label}：{value}"
            for label, value in (("描述", desc), ("应用", name), ("链接", url))
            if value
        ]
        return cls(
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

    def members(self) -> dict[str, str]:
        return {
            "app_name": self.name,
            "app_id": self.app_id,
            "app_title": self.title,
            "app_desc": self.desc,
            "app_url": self.url,
        }


class LiveLocation(Location, frozen=True):
    """Somebody shares where they are: web clients are told no more than that."""

    app_types = (17,)

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        return cls(
            id=str(entry.MsgId),
            time=entry.CreateTime,
            content=Xml(content).text_of("title") or decoded(entry.FileName),
            parties=parties,
            url=decoded(entry.Url),
        )


class Payment(Message, frozen=True):
    """Money: a transfer."""

    app_types = (2000,)
    format = "payment"

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        return cls(
            id=str(entry.MsgId),
            time=entry.CreateTime,
            content=cls.described(Xml(content)) or f"[转账]({decoded(entry.FileName)})",
            parties=parties,
        )

    @classmethod
    def described(cls, xml: Xml) -> str:
        paid = " ".join(filter(None, (xml.text_of("feedesc"), xml.text_of("pay_memo"))))
        paid = paid or xml.text_of("des") or xml.text_of("title")
        return f"[转账]({paid})" if paid else ""


class RedPacket(Payment, frozen=True):
    app_types = (2001,)

    @classmethod
    def described(cls, xml: Xml) -> str:
        words = xml.text_of("sendertitle") or xml.text_of("receivertitle")
        return f"[红包]({words or xml.text_of('title')})"
