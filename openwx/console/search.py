"""Searches the stored messages of a chat, or of all chats, for words. ``Console`` routes to it."""

import msgspec
from aiohttp import web

from openwx.api.models import MOST_LETTERS
from openwx.console.chats import requested_chat
from openwx.console.context import PageContext
from openwx.console.feed import FeedLine
from openwx.console.messages import message_of, one_line
from openwx.domain.contacts import Chat

PAGE = 40


async def search(context: PageContext) -> web.StreamResponse:
    """Show the messages that have the words, newest first. Without ``id`` and ``line``, those of all chats."""
    account = context.account()
    words = context.texts.get("q", "").strip()[:MOST_LETTERS]
    found: Chat | None = None
    chat_key: str | None = None
    if context.texts.get("id") or context.texts.get("line"):
        found, chat_key = requested_chat(context, account)
    lines: list[FeedLine] = []
    older: int | None = None
    if words:
        page = await account.history.page(
            chat_key, words=words, before=context.number("before"), limit=PAGE
        )
        older = page.before
        for number, body in reversed(page.messages):
            message = message_of(number, msgspec.json.decode(body))
            lines.append(FeedLine(number, message.time, message, one_line(message, context.t)))
    template = "parts/found.html" if context.is_fragment else "search.html"
    return context.page(
        template,
        account=account,
        chat=found,
        chat_key=chat_key,
        letters=words,
        lines=lines,
        older=older,
    )
