"""The JSON of the iLink bot API, read leniently, and what its codes mean. ``Http`` and the readers of messages use it.

Every field may be missing or of another type than in the official client's source (2.4.9), so that scalars are decoded
to whatever they are, and read by ``whole``, ``digits`` and ``text``. Messages and their items stay raw: one that makes
no sense does not affect the others.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from openwx import errors
from openwx.errors import BadResponse, BudgetSpent, RateLimited, Rejected, SessionEnded

T = TypeVar("T")
R = TypeVar("R", bound="Reply")

TOKEN_STALE = -14
BAD_CALL = -2
TOO_FAST = -12

INVALID = (*errors.UNREADABLE, ValueError)
"""What decoding raises, that of the standard library included."""

_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_LARGEST_ID = 2**64 - 1
_DEEPEST = 100
"""The deepest nesting that is read."""
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_NULL = Raw(b"null")


class Reply(Struct):
    """Any answer. ``ret`` and ``errcode`` are 0 where they are absent; either can hold the refusal."""

    ret: Any = 0
    errcode: Any = 0
    errmsg: Any = ""


class CodeReply(Reply):
    """A login code: ``qrcode`` identifies it, ``qrcode_img_content`` is the text to draw."""

    qrcode: Any = ""
    qrcode_img_content: Any = ""


class StatusReply(Reply):
    """What became of a login code."""

    status: Any = ""
    redirect_host: Any = ""
    bot_token: Any = ""
    ilink_bot_id: Any = ""
    ilink_user_id: Any = ""
    baseurl: Any = ""


class UpdatesReply(Reply):
    """The answer of ``getupdates``."""

    msgs: Raw = _NULL
    get_updates_buf: Any = ""
    longpolling_timeout_ms: Any = 0


class SendReply(Reply):
    message_id: Any = None


class UploadReply(Reply):
    upload_full_url: Any = ""
    upload_param: Any = ""


class Message(Struct):
    """One message of ``getupdates``."""

    seq: Any = None
    message_id: Any = None
    from_user_id: Any = ""
    client_id: Any = None
    create_time_ms: Any = None
    message_type: Any = None
    item_list: Raw = _NULL
    context_token: Any = ""


class Media(Struct):
    """Where a file is, and its key in base64."""

    encrypt_query_param: Any = ""
    aes_key: Any = ""
    full_url: Any = ""


class TextItem(Struct):
    text: Any = ""


class ImageItem(Struct):
    media: Media | None = None
    aeskey: Any = ""
    """The key in hexadecimal; it counts more than that of ``media``."""


class VoiceItem(Struct):
    media: Media | None = None
    text: Any = ""
    """The service's transcript."""


class FileItem(Struct):
    media: Media | None = None
    file_name: Any = ""
    md5: Any = ""
    len: Any = None


class VideoItem(Struct):
    media: Media | None = None


class PartialText(Struct):
    start: Any = ""
    end: Any = ""
    startindex: Any = 0
    endindex: Any = 0
    quotemd5: Any = ""


class RefMessage(Struct):
    """A quote: the message itself from older phones, its ``svr_id`` from newer ones."""

    title: Any = ""
    message_item: Raw = _NULL
    svr_id: Any = None
    partial_text: PartialText | None = None


class Item(Struct):
    """A part of a message; ``type`` says which of the others it has."""

    type: Any = None
    ref_msg: RefMessage | None = None
    text_item: TextItem | None = None
    image_item: ImageItem | None = None
    voice_item: VoiceItem | None = None
    file_item: FileItem | None = None
    video_item: VideoItem | None = None


def encode(body: Mapping[str, Any]) -> bytes:
    """Encode a request. Halves of surrogate pairs, which no UTF-8 can hold, become ``?``."""
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, msgspec.MsgspecError):
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def decode(call: str, data: bytes, kind: type[T]) -> T:
    """Decode an answer. What is nested too deep is null. Raises ``BadResponse``."""
    data = _shallow(data)
    try:
        return msgspec.json.decode(data, type=kind)
    except INVALID:
        pass
    # Half of an emoji in one text must not make the whole answer unreadable for ever.
    try:
        return msgspec.json.decode(_repaired(data), type=kind)
    except INVALID as error:
        raise BadResponse(call, f"no JSON that makes sense: {error}") from None


def _shallow(data: bytes) -> bytes:
    """Replace what is nested too deep by null: one message of that kind would make the whole answer unreadable."""
    if data.count(b"[") + data.count(b"{") <= _DEEPEST:
        return data
    kept: list[bytes] = []
    depth = taken = 0
    for found in _STRING_OR_BRACKET.finditer(data):
        if (token := found[0]) in (b"[", b"{"):
            if depth == _DEEPEST:
                kept += [data[taken : found.start()], b"null"]
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
            if depth == _DEEPEST:
                taken = found.end()
    if not kept:
        return data
    return b"".join([*kept, data[taken:]])


def _repaired(data: bytes) -> bytes:
    """Write JSON again without what is no UTF-8. Raises ``ValueError`` and ``RecursionError``."""
    value = json.loads(data.decode("utf-8", "replace"), parse_constant=lambda _: None)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def read(raw: Raw, kind: type[T]) -> T | None:
    """Decode a message or an item; None where it makes no sense."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except INVALID:
        return None


def each(raw: Raw) -> list[Raw]:
    """Return the elements of a list; none where it is no list."""
    return read(raw, list[Raw]) or []


def whole(value: Any) -> int | None:
    """Return a whole number that is written as one, or as text; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= _LARGEST_ID else None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    return None


def digits(value: Any) -> str:
    """Return an id of up to 64 bits as digits; empty where it is none. Never through a float."""
    number = whole(value)
    return str(number) if number is not None and 0 < number <= _LARGEST_ID else ""


def text(value: Any, most: int = 8192) -> str:
    """Return a text; empty where it is none, or longer than ``most`` characters."""
    return value if isinstance(value, str) and len(value) <= most else ""


def token(value: Any, most: int = 512) -> str:
    """Return what fits into a header or an id: printable ASCII without spaces; else empty."""
    found = text(value, most)
    return found if found.isascii() and found.isprintable() and " " not in found else ""


def raise_refusal(call: str, reply: Reply) -> None:
    """Raise the error that an answer's codes mean, unless it is none.

    -14: the token is stale. -12, and -2 with "rate" or "freq": too fast. -2 of a send with "prepare failed", "unknown
    error" or no words: the person must write first (observed of the service in 2026).
    """
    codes = [_code(call, value) for value in (reply.ret, reply.errcode)]
    code = next(filter(None, codes), 0)
    if code == 0:
        return
    errmsg = text(reply.errmsg, 1000) if isinstance(reply.errmsg, str) else ""
    said = errmsg.strip().lower()
    if TOKEN_STALE in codes:
        raise SessionEnded(call, TOKEN_STALE, errmsg)
    if code == TOO_FAST or (code == BAD_CALL and re.search(r"\b(rate|freq)", said)):
        raise RateLimited(call, code, errmsg)
    is_spent = said in ("", "prepare failed", "unknown error")
    if code == BAD_CALL and call == "sendmessage" and is_spent:
        raise BudgetSpent(call, code, errmsg)
    raise Rejected(call, code, errmsg)


def _code(call: str, value: Any) -> int:
    number = 0 if value in (None, "") else whole(value)
    if number is None:
        raise BadResponse(call, f"its code is no number: {str(value)[:50]!a}")
    return number
