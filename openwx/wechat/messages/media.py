"""Pictures, voices, films, stickers and files: told now, fetched later."""

from typing import ClassVar

from openwx.wechat import wire
from openwx.wechat.mediaref import MEDIA_CODES, Kind, MediaRef
from openwx.wechat.messages.base import Message, Parties
from openwx.wechat.text import decoded
from openwx.wechat.xmltext import Xml


class MediaMessage(Message, kw_only=True, frozen=True):
    """A medium: fetched later, by its ``ref``."""

    format = "media"
    kind: ClassVar[Kind]

    ref: MediaRef

    @classmethod
    def from_wire(cls, entry: wire.Message, content: str, parties: Parties) -> Message:
        return cls(
            id=str(entry.MsgId),
            time=entry.CreateTime,
            content="[media]()",
            parties=parties,
            ref=cls.ref_of(entry, Xml(content)),
        )

    @classmethod
    def ref_of(cls, entry: wire.Message, xml: Xml) -> MediaRef:
        return MediaRef(
            kind=cls.kind, msg_id=str(entry.MsgId), sender=entry.FromUserName, xml=xml.text
        )

    def members(self) -> dict[str, str]:
        """What is known before it is fetched."""
        code = MEDIA_CODES[self.kind]
        told = {
            "media_id": f"{self.id}:{code}",
            "media_type": self.kind,
            "media_code": str(code),
        }
        if self.ref.name:
            told["media_name"] = self.ref.name
        return told


class Image(MediaMessage, frozen=True):
    msg_types = (3,)
    kind = "image"


class Voice(MediaMessage, frozen=True):
    msg_types = (34,)
    kind = "voice"


class Video(MediaMessage, frozen=True):
    msg_types = (43,)
    kind = "video"


class ShortVideo(MediaMessage, frozen=True):
    msg_types = (62,)
    kind = "microvideo"


class Sticker(MediaMessage, frozen=True):
    """WeChat knows it by its MD5; of one from the shop it gives web clients no image."""

    msg_types = (47,)
    app_types = (8,)
    kind = "emoticon"

    @classmethod
    def ref_of(cls, entry: wire.Message, xml: Xml) -> MediaRef:
        return MediaRef(
            kind=cls.kind,
            msg_id=str(entry.MsgId),
            sender=entry.FromUserName,
            md5=xml.attribute("emoji", "md5") or xml.text_of("emoticonmd5"),
            has_image=entry.HasProductId == 0,
            xml=xml.text,
        )


class File(MediaMessage, frozen=True):
    app_types = (6,)
    kind = "file"

    @classmethod
    def ref_of(cls, entry: wire.Message, xml: Xml) -> MediaRef:
        size = str(entry.FileSize) or xml.text_of("totallen")
        return MediaRef(
            kind=cls.kind,
            msg_id=str(entry.MsgId),
            name=decoded(entry.FileName) or xml.text_of("title"),
            size=int(size) if size.isdecimal() and len(size) <= 15 else 0,
            sender=entry.FromUserName,
            media_id=entry.MediaId,
            encry_file_name=entry.EncryFileName,
            xml=xml.text,
        )
