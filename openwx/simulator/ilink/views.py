"""The JSON of the control API for bots, and their chat as a phone shows it. It adds to `view`.
`control` answers with it.
"""

from __future__ import annotations

from typing import Any

from ..views import view
from .bot import Bot
from .chat import Chat
from .clawbot import ClawBot
from .model import Arrival, BotMessage, Said, Written

CHAT_NAME = "微信 ClawBot"
_COLOUR, _BOT_COLOUR = "#3f8ae0", "#1aad5b"


@view.register
def _(bot: Bot) -> dict[str, Any]:
    return {
        "id": bot.id, "token": bot.token, "stale": bot.is_stale, "notified": bot.notified,
        "polls": len(bot.polls), "updates": len(bot.updates), "acknowledged": bot.acknowledged,
        "sent": len(bot.sent),
    }  # fmt: skip


@view.register
def _(chat: Chat) -> dict[str, Any]:
    has_bot = _has_bot(chat)
    return {
        "user_id": chat.user_id, "name": chat.name, "bot": view(chat.bot) if has_bot else {},
        "heard": len(chat.inbox), "unread": chat.unread, "restricted": chat.restricted,
        "typing": has_bot and chat.sees_typing, "sends_left": chat.sends_left if has_bot else 0,
        "others": [view(one) for one in chat.others.values()] if isinstance(chat, ClawBot) else [],
    }  # fmt: skip


@view.register
def _(message: Written) -> dict[str, Any]:
    return {"msg_id": message.msg_id}


@view.register
def _(arrival: Arrival) -> dict[str, Any]:
    return {"msg_id": arrival.message.msg_id, "seq": arrival.seq}


@view.register
def _(message: BotMessage) -> dict[str, Any]:
    return {
        "msg_id": message.msg_id, "client_id": message.client_id, "to": message.to_user_id,
        "kind": message.kind, "text": message.text, "file_name": message.file_name,
        "time": message.time, "shown": message.shown, "unreadable": message.unreadable,
        "medium": view(message.medium) if message.medium else None, "msg": message.msg,
    }  # fmt: skip


def _has_bot(chat: Chat) -> bool:
    try:
        return bool(chat.bot)
    except LookupError:
        return False


# The chat on the phone, with the members of any other chat


def chat_view(chat: ClawBot) -> dict[str, Any]:
    """Return the entry of the owner's chat in the list of chats."""
    last = chat.messages[-1] if chat.messages else None
    return {
        "type": "clawbot", "key": "owner", "name": CHAT_NAME, "pinned": False,
        "colour": _BOT_COLOUR, "unread": chat.unread, "last": said_view(chat, last) if last else None,
        "stale": chat.bot.is_stale, "typing": chat.sees_typing and not chat.bot.is_stale, "sends_left": chat.sends_left,
    }  # fmt: skip


def said_view(chat: Chat, said: Said) -> dict[str, Any]:
    """Return a message of either side."""
    is_own = isinstance(said, Written)
    speaker = (chat.name, _COLOUR) if is_own else (CHAT_NAME, _BOT_COLOUR)
    return {
        "msg_id": said.msg_id,
        "kind": said.kind,
        "by": "phone" if is_own else "other",
        "speaker": {"key": speaker[0], "name": speaker[0], "colour": speaker[1]},
        "text": said.text if said.kind == "text" else "",
        "time": said.time,
        "taken": isinstance(said, Written) and all(one.taken for one in said.arrivals),
        "unreadable": isinstance(said, BotMessage) and said.unreadable,
        "medium": view(said.medium) if said.medium else None,
        "file_name": said.file_name,
        "seconds": said.seconds,
    }


def messages_view(chat: ClawBot, limit: int, before: str) -> dict[str, Any]:
    """Return the chat with its last messages; `before` a `msg_id`, those before it."""
    found: list[Said] = chat.messages
    if before:
        found = [said for said in found if said.number < int(before)]
    return {
        **chat_view(chat),
        "messages": [said_view(chat, said) for said in found[-limit:]],
        "more": len(found) > limit,
    }
