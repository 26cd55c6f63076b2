"""Readers of pictures, voices, videos, stickers and files: reported at once, downloaded later.
``registry`` lists them.
"""

import re
from typing import TypedDict

from openwx.domain.media import Kind, MediaRef
from openwx.domain.messages import MediaMessage, Message, Parties
from openwx.domain.text import decoded
from openwx.transports.web import wire
from openwx.transports.web.xmltext import Xml

SHORT_VIDEO = 62

_SIZE = re.compile(r"\d{1,15}", re.ASCII)


class _Common(TypedDict):
    """What every reference to media has from its entry."""

    msg_id: str
    sender: str
    xml: str


def read_image(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a picture: its usual size, the original's, and the usual one as newer phones compress it."""
    xml = Xml(content)
    sizes = _sizes(*(xml.attribute("img", it) for it in ("length", "hdlength", "hevc_mid_size")))
    ref = MediaRef(kind="image", sizes=sizes, **_common(entry, xml))
    return _message(entry, parties, ref)


def read_voice(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a voice. Its XML has the size of the recording, but web clients get MP3."""
    return _message(entry, parties, MediaRef(kind="voice", **_common(entry, Xml(content))))


def read_video(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a video, or a short one (MsgType 62)."""
    xml = Xml(content)
    kind: Kind = "microvideo" if entry.MsgType == SHORT_VIDEO else "video"
    sizes = _sizes(xml.attribute("videomsg", "length"))
    return _message(entry, parties, MediaRef(kind=kind, sizes=sizes, **_common(entry, xml)))


def read_sticker(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a sticker. WeChat knows it by its MD5; of one from the shop it gives web clients no image."""
    xml = Xml(content)
    ref = MediaRef(
        kind="emoticon",
        sizes=_sizes(
            xml.attribute("emoji", "len"),
            xml.attribute("emoji", "androidlen"),
            xml.text_of("totallen"),
        ),
        md5=xml.attribute("emoji", "md5") or xml.text_of("emoticonmd5"),
        has_image=entry.HasProductId == 0,
        **_common(entry, xml),
    )
    return _message(entry, parties, ref)


def read_file(entry: wire.Message, content: str, parties: Parties) -> Message:
    """Read a file (MsgType 49, AppMsgType 6)."""
    xml = Xml(content)
    ref = MediaRef(
        kind="file",
        name=decoded(entry.FileName) or xml.text_of("title"),
        sizes=_sizes(str(entry.FileSize)) or _sizes(xml.text_of("totallen")),
        media_id=entry.MediaId,
        encry_file_name=entry.EncryFileName,
        **_common(entry, xml),
    )
    return _message(entry, parties, ref)


def _message(entry: wire.Message, parties: Parties, ref: MediaRef) -> Message:
    return MediaMessage(
        id=str(entry.MsgId),
        time=entry.CreateTime,
        content="[media]()",
        parties=parties,
        ref=ref,
    )


def _common(entry: wire.Message, xml: Xml) -> _Common:
    return {"msg_id": str(entry.MsgId), "sender": entry.FromUserName, "xml": xml.text}


def _sizes(*written: str) -> tuple[int, ...]:
    """Return the sizes among them: WeChat writes 0 or nothing where it does not know."""
    numbers = [int(one) for one in written if _SIZE.fullmatch(one)]
    return tuple(dict.fromkeys(number for number in numbers if number))
