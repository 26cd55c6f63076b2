"""Drafts of messages that mention members or quote a message. `scenario` makes them."""

from __future__ import annotations

import html
from collections.abc import Iterable

from ..model import Draft, Group, Message, Person, SentMessage
from . import contents
from .contents import Origin
from .shares import app, plain

EVERYBODY = "所有人"
"""The name by which everybody is mentioned."""
_DASHES = "- - - - - - - - - - - - - - -"


def mentioning(names: Iterable[str], words: str) -> Draft:
    """Draft a text that mentions members by their names in the group: an `@` before each, and U+2005 after it."""
    return contents.text("".join(f"@{name}\u2005" for name in names) + words)


def quote(
    origin: Origin, message: Message | SentMessage, text: str, as_text: bool = False
) -> Draft:
    """Draft a text that quotes a message (AppMsgType 57). `as_text`: as clients without quotes write it (MsgType 1)."""
    name = _author(origin, message)
    shown = f"{name}: {message.text}"
    if as_text:
        return contents.text(f"「{name}：{message.text}」\n{_DASHES}\n{text}")
    kind = 49 if message.msg_type == 6 else message.msg_type
    quoted = plain(
        type=kind, svrid=message.msg_id, fromusr=origin.sender.lasting_name, chatusr="",
        displayname=name, content=_content(message), createtime=int(message.time),
    )  # fmt: skip
    inside = (
        plain(title=text, des="", action="view", type=57, showtype=0, content="", url="")
        + f"<refermsg>{quoted}</refermsg>"
    )
    draft = app(origin, 57, inside, text)
    draft.quotes = shown
    return draft


def _content(message: Message | SentMessage) -> str:
    """Return what a quote has of a message: the text, or the XML."""
    if message.msg_type == 1 or isinstance(message, SentMessage):
        return message.text
    return html.unescape(message.draft.content.replace("<br/>", "\n"))


def _author(origin: Origin, message: Message | SentMessage) -> str:
    """Return the name of who wrote a message: in a group, the one that is shown there."""
    if isinstance(message, SentMessage):
        person, chat = origin.owner, message.to
    else:
        person = message.member or (
            message.sender if isinstance(message.sender, Person) else origin.owner
        )
        chat = message.receiver if message.sender is origin.owner else message.sender
    member = chat.members.get(person.key) if isinstance(chat, Group) else None
    return member.shown_name if member else person.nickname
