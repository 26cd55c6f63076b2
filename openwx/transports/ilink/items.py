"""Reads the items of a message: texts, pictures, voices, files, videos, quotes. Whatever else comes is ``Unknown``,
with its JSON. ``Inbound`` calls it.
"""

import logging
from typing import Any

import msgspec
from msgspec import Raw

from openwx import metrics
from openwx.domain.media import Kind, MediaRef
from openwx.domain.messages import (
    MediaMessage,
    Message,
    PartialText,
    Parties,
    Quote,
    Text,
    Unknown,
)
from openwx.errors import BadResponse
from openwx.transports.ilink import calls, crypt, wire

log = logging.getLogger("openwx.wechat")

LONGEST = 64 * 1024
"""Length of the longest text, in characters. The service takes 16 KiB."""
LONGEST_MARK = 1000
"""Length of the longest text that marks where a quoted part begins or ends, in characters. Longer ones take long to be
found, and a person can name any."""

_FORMATS = {
    calls.TEXT: "text",
    calls.IMAGE: "media",
    calls.VOICE: "media",
    calls.FILE: "media",
    calls.VIDEO: "media",
}


class Frame(msgspec.Struct, frozen=True):
    """What all messages of one delivered message have in common."""

    time: int
    parties: Parties


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a file is fetched: ``MediaRef.source``. ``key`` is hexadecimal, None where there is none: then an image is
    not encrypted. ``size`` and ``md5`` are those of the file itself, where the message tells them."""

    query: str = ""
    url: str = ""
    key: str | None = None
    size: int = 0
    md5: str = ""

    def to_text(self) -> str:
        return msgspec.json.encode(self).decode()


def source_of(ref: MediaRef) -> Source:
    """Return how received media is fetched. Raises ``BadResponse`` where another transport received it."""
    try:
        source = msgspec.json.decode(ref.source, type=Source)
        bytes.fromhex(source.key or "")
    except (ValueError, RecursionError):
        raise BadResponse("download", "it was not received by iLink") from None
    return source


def read(raw: Raw, id: str, frame: Frame) -> Message:
    """Make a message of an item."""
    item = wire.read(raw, wire.Item)
    message = _read(item, id, frame) if item is not None else None
    return message or unknown(raw, id, frame)


def unknown(raw: Raw, id: str, frame: Frame) -> Unknown:
    """Make a message of what openwx cannot read."""
    content = bytes(raw).decode("utf-8", "replace")
    return Unknown(id=id, time=frame.time, content=_cut(content), parties=frame.parties)


def _read(item: wire.Item, id: str, frame: Frame) -> Message | None:
    match wire.whole(item.type):
        case calls.TEXT if item.text_item and isinstance(item.text_item.text, str):
            return Text(
                id=id,
                time=frame.time,
                content=_cut(item.text_item.text),
                parties=frame.parties,
                quote=_quote(item),
            )
        case calls.IMAGE if item.image_item:
            return _media(item, "image", id, frame, item.image_item.media, item.image_item.aeskey)
        case calls.VOICE if item.voice_item:
            words = item.voice_item.text if isinstance(item.voice_item.text, str) else ""
            return _media(item, "voice", id, frame, item.voice_item.media, words=_cut(words))
        case calls.VIDEO if item.video_item:
            return _media(item, "video", id, frame, item.video_item.media)
        case calls.FILE if file := item.file_item:
            return _media(item, "file", id, frame, file.media, file=file)
    return None


def _media(
    item: wire.Item,
    kind: Kind,
    id: str,
    frame: Frame,
    media: wire.Media | None,
    hexadecimal: Any = "",
    *,
    file: wire.FileItem | None = None,
    words: str = "",
) -> MediaMessage:
    media = media or wire.Media()
    size = wire.whole(file.len) if file else None
    size = size if size is not None and size > 0 else 0
    md5 = wire.token(file.md5, 32).lower() if file else ""
    source = Source(
        query=wire.text(media.encrypt_query_param),
        url=wire.text(media.full_url),
        key=crypt.key_in(hexadecimal, media.aes_key),
        size=size,
        md5=md5,
    )
    ref = MediaRef(
        kind=kind,
        msg_id=id,
        name=wire.text(file.file_name, 1000) if file else "",
        sizes=(size,) if size else (),
        md5=md5,
        source=source.to_text(),
    )
    return MediaMessage(
        id=id,
        time=frame.time,
        content="[media]()",
        parties=frame.parties,
        quote=_quote(item),
        ref=ref,
        voice_text=words,
    )


def _quote(item: wire.Item) -> Quote | None:
    """Read what a message quotes: from older phones the message, from newer ones its id alone."""
    ref = item.ref_msg
    if ref is None:
        return None
    id, content, format = wire.digits(ref.svr_id), None, ""
    quoted = wire.read(ref.message_item, wire.Item)
    if quoted is not None:
        format = _FORMATS.get(wire.whole(quoted.type) or 0, "unknown")
        words = quoted.text_item.text if quoted.text_item else ref.title
        content = _cut(words) if isinstance(words, str) else ""
    elif not id:
        content = _cut(ref.title) if isinstance(ref.title, str) else ""
        if not content:
            return None
    return Quote(id=id, content=content, format=format, part=_part(ref.partial_text))


def _part(partial: wire.PartialText | None) -> PartialText | None:
    if partial is None:
        return None
    return PartialText(
        start=wire.text(partial.start, LONGEST_MARK),
        end=wire.text(partial.end, LONGEST_MARK),
        start_index=wire.whole(partial.startindex) or 0,
        end_index=wire.whole(partial.endindex) or 0,
        md5=wire.token(partial.quotemd5, 32).lower(),
    )


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    words = "a text is longer than %d characters; its end is left out"
    metrics.dropped(log, "text", words, LONGEST)
    return text[:LONGEST]
