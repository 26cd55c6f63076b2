"""Answers of ``post_api``: a reply for the chat, or nothing. An answer that cannot be used is no error."""

import codecs
import re
from typing import NamedTuple

import msgspec

from openwx import charsets

MAX_BYTES = 1024 * 1024
NO_REPLY_TO_THIS = (
    "the reply is ignored: only messages of others that are not notices can be replied to"
)
_TYPES = ("application/json", "text/json")
_NUMBER = b"-0123456789"
_NOTHING = (b"null", b"false", b'""')
_LOOKS_LIKE_A_REPLY = re.compile(rb"""["'](?:reply|media)["']\s*:|\A\s*(?:reply|media)\s*[=:]""")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in JSON; the group is half of a surrogate pair."""
_NOT_UTF8 = (UnicodeDecodeError, UnicodeEncodeError)


class BackendAnswer(msgspec.Struct, frozen=True):
    """Text and/or media (a URL or a local path) for the chat that the message came from."""

    reply: str | None = None
    media: str | None = None


class Complaint(NamedTuple):
    """The part of an answer that is not used, and why."""

    words: str
    is_reply: bool = True
    """Whether it looks like an attempt to reply."""


class _Wire(msgspec.Struct):
    reply: msgspec.Raw = msgspec.Raw(b"null")
    media: msgspec.Raw = msgspec.Raw(b"null")


class _Parsed(NamedTuple):
    wire: _Wire
    reply: str | None
    media: str | None


def is_json(content_type: str) -> bool:
    """Return whether an answer of this type (without its parameters) can contain a reply."""
    return content_type.lower() in _TYPES


def read(
    body: bytes, content_type: str, charset: str | None, *, may_reply: bool
) -> tuple[BackendAnswer | None, list[Complaint]]:
    """Return the answer in a body, if there is one, and the parts that are not used.

    ``content_type`` is without its parameters. ``may_reply``: the report can be replied to.
    """
    if not is_json(content_type):
        if not _LOOKS_LIKE_A_REPLY.search(body):
            return None, []
        words = (
            f"the answer is ignored: its Content-Type is {content_type[:80]}, not application/json"
        )
        return None, [Complaint(words)]
    if not body.strip():
        return None, []
    try:
        parsed = _read_json(_utf8(body, charset))
    except (msgspec.MsgspecError, ValueError, LookupError, RecursionError) as error:
        is_reply = bool(_LOOKS_LIKE_A_REPLY.search(body))
        why = "it is not UTF-8" if isinstance(error, _NOT_UTF8) else error
        return None, [Complaint(f"the answer is ignored: {why}", is_reply)]
    wire, reply, media = parsed
    complaints = [
        Complaint(f"{name} in the answer is ignored: it must be a string")
        for name, raw, text in (("reply", wire.reply, reply), ("media", wire.media, media))
        if text is None and bytes(raw).strip() not in _NOTHING
    ]
    if reply is None and media is None:
        return None, complaints
    if not may_reply:
        return None, [*complaints, Complaint(NO_REPLY_TO_THIS)]
    return BackendAnswer(reply, media), complaints


def _read_json(body: bytes) -> _Parsed:
    try:
        return _parse(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        if (mended := _without_surrogates(body)) == body:
            raise
        return _parse(mended)


def _utf8(body: bytes, charset: str | None) -> bytes:
    if charset and charset.lower() not in ("utf-8", "utf8"):
        body = charsets.decoded(body, charset).encode()
    return body.removeprefix(codecs.BOM_UTF8)


def _parse(body: bytes) -> _Parsed:
    wire = msgspec.json.decode(body, type=_Wire)
    return _Parsed(wire, _text(wire.reply, numbers=True), _text(wire.media))


def _text(raw: msgspec.Raw, *, numbers: bool = False) -> str | None:
    """Return a string, or a number as it is written; None for an empty text and everything else."""
    source = bytes(raw).strip()
    if source.startswith(b'"'):
        return msgspec.json.decode(source, type=str) or None
    if numbers and source[:1] in _NUMBER:
        return source.decode()
    return None


def _without_surrogates(body: bytes) -> bytes:
    """Replace halves of surrogate pairs, in escapes or bytes, by U+FFFD: UTF-8 has no form of them."""
    body = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body)
    text = body.decode("utf-8", "surrogatepass")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
