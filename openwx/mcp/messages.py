"""Shows reports of messages as the tools answer them. ``reading``, ``waiting`` and ``media`` call it."""

import datetime

from openwx.client import AppMessage, LocationMessage, MediaMessage, Message
from openwx.mcp import answers
from openwx.mcp.texts import cleaned, name

_MOST_QUOTE = 500
_MOST_URL = 2_000


def chat_uid(message: Message) -> str:
    """Return the uid of the chat of a message, or empty text."""
    if message.in_group:
        return str(message.group_uid)
    return str(message.sender_uid if message.is_received else message.receiver_uid)


def shown(message: Message) -> answers.Message:
    """Show a message; the text of one with a file is in the file, except for the transcript of a voice."""
    media, content = None, message.content
    if isinstance(message, MediaMessage):
        media, content = media_of(message), message.voice_text
    text, is_cut = cleaned(content)
    chat_name = message.sender if message.is_received else message.receiver
    if message.in_group:
        chat_name = message.group
    sender = answers.Sender(
        id=message.sender_id, uid=str(message.sender_uid), untrusted_name=name(message.sender)
    )
    quote = message.quote and answers.Quote(
        untrusted_sender=name(message.quote.sender),
        untrusted_text=cleaned(message.quote.content, _MOST_QUOTE)[0],
    )
    return answers.Message(
        id=message.id,
        time=_time(message.time),
        direction="received" if message.is_received else "sent",
        failed=message.code != 0,
        chat_id=message.chat_id,
        chat_uid=chat_uid(message),
        chat_kind="group" if message.in_group else "friend",
        untrusted_chat_name=name(chat_name),
        sender=sender if message.sender_id else None,
        format=message.format,
        untrusted_text=text,
        is_cut=is_cut,
        untrusted_url=_url(message),
        quote=quote,
        media=media,
    )


def media_of(message: MediaMessage) -> answers.Media:
    return answers.Media(
        type=message.media_type,
        mime=message.media_mime,
        size=message.media_size,
        untrusted_name=name(message.media_name),
        error=cleaned(message.media_error, _MOST_QUOTE)[0],
    )


def letters(message: answers.Message) -> int:
    """Return the letters of a message that somebody else can make many."""
    quote = message.quote
    return (
        len(message.untrusted_text) + len(message.untrusted_url) + len(message.untrusted_chat_name)
        + (len(quote.untrusted_text) if quote else 0)
    )  # fmt: skip


def _url(message: Message) -> str:
    match message:
        case AppMessage(app_url=url) | LocationMessage(location_url=url):
            return cleaned(url, _MOST_URL)[0]
    return ""


def _time(seconds: int) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
