"""Answers of ``post_api``: replies for the chat, or nothing. An answer that cannot be used is no error.
``Poster`` reads them.

An answer is an object with ``reply`` (a text, or a list of texts), ``media``, both, or ``replies`` (a list of objects
with ``reply``, ``media`` or both). All that is there is sent in this order.
"""

import codecs
import re
from typing import NamedTuple

import msgspec

from openwx import charsets

MAX_BYTES = 1024 * 1024
MOST_REPLIES = 10
"""Replies of one answer, each a text, media or both."""
NO_REPLY_TO_THIS = (
    "the reply is ignored: only messages of others that are not notices can be replied to"
)
_TYPES = ("application/json", "text/json")
_NUMBER = b"-0123456789"
_NOTHING = (b"null", b"false", b'""')
_LOOKS_LIKE_A_REPLY = re.compile(
    rb"""["'](?:reply|media|replies)["']\s*:|\A\s*(?:reply|media)\s*[=:]"""
)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in JSON; the group is half of a surrogate pair."""
_NOT_UTF8 = (UnicodeDecodeError, UnicodeEncodeError)


class Reply(msgspec.Struct, frozen=True):
    """Text and/or media (a URL or a local path), sent text first."""

    text: str | None = None
    media: str | None = None


class BackendAnswer(msgspec.Struct, frozen=True):
    """What to send to the chat that the message came from, in order: at least one reply, at most ``MOST_REPLIES``."""

    replies: tuple[Reply, ...]


class Complaint(NamedTuple):
    """The part of an answer that is not used, and why."""

    words: str
    is_reply: bool = True
    """Whether it looks like an attempt to reply."""


_NULL = msgspec.Raw(b"null")


class _Wire(msgspec.Struct):
    reply: msgspec.Raw = _NULL
    media: msgspec.Raw = _NULL
    replies: msgspec.Raw = _NULL


class _Entry(NamedTuple):
    """A reply as it is written, and what complaints call its parts."""

    reply: msgspec.Raw
    media: msgspec.Raw
    reply_name: str = "reply"
    media_name: str = "media"


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
    replies, complaints = parsed
    if not replies:
        return None, complaints
    if not may_reply:
        return None, [*complaints, Complaint(NO_REPLY_TO_THIS)]
    return BackendAnswer(tuple(replies)), complaints


def _read_json(body: bytes) -> tuple[list[Reply], list[Complaint]]:
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


def _parse(body: bytes) -> tuple[list[Reply], list[Complaint]]:
    """Return the replies of an answer, and what of it is not used."""
    wire = msgspec.json.decode(body, type=_Wire)
    complaints: list[Complaint] = []
    entries = [*_of_reply(wire), *_of_replies(wire, complaints)]
    replies = [reply for entry in entries if (reply := _read_entry(entry, complaints))]
    beyond = sum(
        max(0, len(_items(raw) or ()) - MOST_REPLIES) for raw in (wire.reply, wire.replies)
    )
    if ignored := beyond + max(0, len(replies) - MOST_REPLIES):
        words = f"the answer has more than {MOST_REPLIES} replies: {ignored} are ignored"
        complaints.append(Complaint(words))
    return replies[:MOST_REPLIES], complaints


def _of_reply(wire: _Wire) -> list[_Entry]:
    """Return what ``reply`` and ``media`` ask for: ``media`` follows the last text."""
    texts = _items(wire.reply)
    if not texts:
        return [_Entry(wire.reply if texts is None else _NULL, wire.media)]
    entries = [_Entry(text, _NULL, f"reply[{at}]") for at, text in enumerate(texts[:MOST_REPLIES])]
    entries[-1] = entries[-1]._replace(media=wire.media)
    return entries


def _of_replies(wire: _Wire, complaints: list[Complaint]) -> list[_Entry]:
    objects = _items(wire.replies)
    if objects is None:
        if bytes(wire.replies).strip() not in _NOTHING:
            complaints.append(_unusable("replies", "a list of objects"))
        return []
    entries = []
    for at, raw in enumerate(objects[:MOST_REPLIES]):
        try:
            one = msgspec.json.decode(raw, type=_Wire)
        except msgspec.ValidationError:
            complaints.append(_unusable(f"replies[{at}]", "an object with reply, media or both"))
        else:
            within = f"replies[{at}]"
            entries.append(_Entry(one.reply, one.media, f"{within}.reply", f"{within}.media"))
    return entries


def _read_entry(entry: _Entry, complaints: list[Complaint]) -> Reply | None:
    text, media = _text(entry.reply, numbers=True), _text(entry.media)
    if text is None and bytes(entry.reply).strip() not in _NOTHING:
        complaints.append(_unusable(entry.reply_name, "a string"))
    if media is None and bytes(entry.media).strip() not in _NOTHING:
        complaints.append(_unusable(entry.media_name, "a string"))
    return None if text is None and media is None else Reply(text, media)


def _unusable(name: str, wanted: str) -> Complaint:
    return Complaint(f"{name} in the answer is ignored: it must be {wanted}")


def _items(raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    """Return the members of a list; None for everything else."""
    if not bytes(raw).lstrip().startswith(b"["):
        return None
    return msgspec.json.decode(raw, type=list[msgspec.Raw])


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
