"""What ``post_api`` answered: a reply for the chat, or nothing. Nonsense is nothing, no error."""

import codecs
import logging

import msgspec

from openwx import metrics

log = logging.getLogger("openwx.report")

MOST_BYTES = 1024 * 1024
_TYPES = ("application/json", "text/json")
_NUMBER = b"-0123456789"
_NOTHING = (b"null", b"false", b'""')


class Answer(msgspec.Struct, frozen=True):
    """Text and/or media (a URL or a local path) for the chat that the message came from."""

    reply: str | None = None
    media: str | None = None


class _Wire(msgspec.Struct):
    reply: msgspec.Raw = msgspec.Raw(b"null")
    media: msgspec.Raw = msgspec.Raw(b"null")


def is_json(content_type: str) -> bool:
    """Whether an answer of this type (without its parameters) can hold a reply."""
    return content_type.lower() in _TYPES


def parse(body: bytes, charset: str | None, webhook_id: str) -> Answer | None:
    """The answer in a JSON body; None where there is none."""
    if not body.strip():
        return None
    try:
        wire = msgspec.json.decode(_utf8(body, charset), type=_Wire)
        reply, media = _text(wire.reply, numbers=True), _text(wire.media, numbers=False)
    except (msgspec.MsgspecError, ValueError, LookupError, RecursionError) as error:
        _ignore(webhook_id, f"the answer is ignored: {error}")
        return None
    for name, raw, text in (("reply", wire.reply, reply), ("media", wire.media, media)):
        if text is None and bytes(raw).strip() not in _NOTHING:
            _ignore(webhook_id, f"{name} in the answer is ignored: it must be a text")
    return None if reply is None and media is None else Answer(reply, media)


def _ignore(webhook_id: str, why: str) -> None:
    metrics.dropped(log, "reply", "%s: %s", webhook_id, why, level=logging.INFO)


def _utf8(body: bytes, charset: str | None) -> bytes:
    if charset is not None and codecs.lookup(charset).name != "utf-8":
        body = body.decode(charset).encode()
    return body.removeprefix(codecs.BOM_UTF8)


def _text(raw: msgspec.Raw, *, numbers: bool) -> str | None:
    """A string, or a number as it is written. Empty text and everything else is none."""
    source = bytes(raw).strip()
    if source.startswith(b'"'):
        return msgspec.json.decode(source, type=str) or None
    if numbers and source[:1] in _NUMBER:
        return source.decode()
    return None
