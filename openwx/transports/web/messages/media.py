"""Pictures, voices, films, stickers and files: told now, fetched later."""

import re
from typing import ClassVar

from openwx.domain.media import MEDIA_CODES, Kind, MediaRef
from openwx.domain.text import decoded
from openwx.transports.web import wire
from openwx.transports.web.messages.base import Message, Parties
from openwx.transports.web.xmltext import Xml

_SIZE = re.compile(r"\d{1,15}", re.ASCII)


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
            kind=cls.kind,
            msg_id=str(entry.MsgId),
            sizes=cls.sizes_of(entry, xml),
            sender=entry.FromUserName,
            xml=xml.text,
        )

    @classmethod
    def sizes_of(cls, entry: wire.Message, xml: Xml) -> tuple[int, ...]:
        """The bytes that it may have. None of a voice: they are those of the recording, and web clients get MP3."""
        return ()

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

    @classmethod
    def sizes_of(cls, entry: wire.Message, xml: Xml) -> tuple[int, ...]:
        """Of the usual picture, of the original, and of the usual one as newer phones compress it."""
        names = ("length", "hdlength", "hevc_mid_size")
        return _sizes(*(xml.attribute("img", name) for name in names))


class Voice(MediaMessage, frozen=True):
    msg_types = (34,)
    kind = "voice"


class Video(MediaMessage, frozen=True):
    msg_types = (43,)
    kind: ClassVar[Kind] = "video"

    @classmethod
    def sizes_of(cls, entry: wire.Message, xml: Xml) -> tuple[int, ...]:
        return _sizes(xml.attribute("videomsg", "length"))


class ShortVideo(Video, frozen=True):
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
            sizes=_sizes(
                xml.attribute("emoji", "len"),
                xml.attribute("emoji", "androidlen"),
                xml.text_of("totallen"),
            ),
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
        return MediaRef(
            kind=cls.kind,
            msg_id=str(entry.MsgId),
            name=decoded(entry.FileName) or xml.text_of("title"),
            sizes=_sizes(str(entry.FileSize)) or _sizes(xml.text_of("totallen")),
            sender=entry.FromUserName,
            media_id=entry.MediaId,
            encry_file_name=entry.EncryFileName,
            xml=xml.text,
        )


def _sizes(*told: str) -> tuple[int, ...]:
    """The sizes among them: WeChat writes 0 or nothing where it does not know."""
    numbers = [int(one) for one in told if _SIZE.fullmatch(one)]
    return tuple(dict.fromkeys(number for number in numbers if number))
