"""Messages as the bot gets them: the JSON of `getupdates` (the official client's source, 2.4.9, `api/types.ts`).
`getupdates` answers with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .model import ITEM_NAMES, Arrival, Attachment, BotMessage, Said, Written
from .options import ILinkOptions, QuoteForm

_PERSON, _BOT, _FINISHED = 1, 2, 2


def arrival_json(
    arrival: Arrival, bot_id: str, options: ILinkOptions, origin: str
) -> dict[str, Any]:
    """Write a person's message. `origin`: that of the CDN, for `full_url`."""
    message = arrival.message
    time_ms = int(message.time * 1000)
    item = {
        "type": message.type,
        "create_time_ms": time_ms,
        "update_time_ms": time_ms,
        "is_completed": True,
        **_content(message, options, origin),
    }
    return {
        "seq": arrival.seq,
        **_message_id(arrival.message_id, options),
        "from_user_id": message.user_id,
        "to_user_id": bot_id,
        "client_id": message.client_id,
        "create_time_ms": time_ms,
        "update_time_ms": time_ms,
        "session_id": f"{message.user_id}#{bot_id}",
        "message_type": _PERSON,
        "message_state": _FINISHED,
        "item_list": [item],
        "context_token": arrival.context_token,
    }


def own_json(message: BotMessage, seq: int, options: ILinkOptions) -> dict[str, Any]:
    """Write a message of the bot itself, for the option `shows_own`."""
    time_ms = int(message.time * 1000)
    return {
        "seq": seq,
        **_message_id(message.number, options),
        "from_user_id": message.bot_id,
        "to_user_id": message.to_user_id,
        "client_id": message.client_id,
        "create_time_ms": time_ms,
        "message_type": _BOT,
        "message_state": _FINISHED,
        "item_list": message.msg["item_list"],
        "context_token": message.msg.get("context_token", ""),
    }


def _message_id(number: int | None, options: ILinkOptions) -> dict[str, Any]:
    if number is None:
        return {}
    return {"message_id": str(number) if options.ids_as_text else number}


def _content(message: Written, options: ILinkOptions, origin: str) -> Mapping[str, Any]:
    attachment = message.attachment
    if attachment is None:
        return message.item
    media = _media(attachment, options, origin)
    own_key = {"aeskey": attachment.aeskey} if attachment.aeskey else {}
    return {ITEM_NAMES[message.type]: {"media": media, **own_key, **attachment.detail}}


def _media(attachment: Attachment, options: ILinkOptions, origin: str) -> dict[str, Any]:
    param = attachment.stored.param
    media: dict[str, Any] = {"encrypt_query_param": param, "encrypt_type": 1}
    if attachment.aes_key:
        media["aes_key"] = attachment.aes_key
    if options.tells_media_url:
        url = f"{origin}/c2c/download?encrypted_query_param={quote(param, safe='')}"
        media["full_url"] = url
    return media


# Quotes


def reference(
    quoted: Said, form: QuoteForm, part: str = "", *, as_text: bool = False
) -> dict[str, Any]:
    """Write the `ref_msg` of a quote: of the whole message, or of a `part` of its text.

    `as_text`: its `svr_id` is a string, like a `message_id`.

    Raises ValueError where the part does not stand in it.
    """
    if form is QuoteForm.CONTENT:
        return {"title": part or quoted.text, "message_item": _quoted_item(quoted)}
    partial = {"partial_text": _partial(quoted.text, part)} if part else {}
    return {"svr_id": quoted.msg_id if as_text else quoted.number, **partial}


def _quoted_item(quoted: Said) -> dict[str, Any]:
    if quoted.type == 1:
        return {"type": 1, "text_item": {"text": quoted.text}}
    name = {"file_name": quoted.file_name} if quoted.file_name else {}
    return {"type": quoted.type, ITEM_NAMES.get(quoted.type, "item"): name}


def _partial(text: str, part: str) -> dict[str, Any]:
    """Describe a part by its first and last three characters, counted over the whole text."""
    at = text.find(part)
    if at < 0:
        raise ValueError(f"{part!r} does not stand in {text!r}")
    start, end = part[:3], part[-3:]
    return {
        "start": start,
        "end": end,
        "startindex": _count_before(text, start, at),
        "endindex": _count_before(text, end, at + len(part) - len(end)),
        "quotemd5": hashlib.md5(part.encode(), usedforsecurity=False).hexdigest(),
    }


def _count_before(text: str, words: str, at: int) -> int:
    """Return how often they stand before `at`, without overlaps."""
    count, found = 0, text.find(words)
    while 0 <= found < at:
        count, found = count + 1, text.find(words, found + len(words))
    return count
