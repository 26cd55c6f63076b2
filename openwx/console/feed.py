"""The live feed: messages and events of all chats, newest first. ``Console`` routes to it."""

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from openwx.console.context import PageContext
from openwx.console.events import event_words
from openwx.console.messages import MessageView, message_of, one_line
from openwx.console.translation import Translator
from openwx.reporter.payload import Payload, payload_in
from openwx.store.records import StoredReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

PAGE = 50


class FeedLine(msgspec.Struct, frozen=True):
    """A line of the feed: a message, or an event in words."""

    id: int
    at: float
    message: MessageView | None
    words: str


def feed_line(id: int, at: float, payload: Payload, t: Translator) -> FeedLine:
    if not payload:
        return FeedLine(id, at, None, t("feed.dropped"))
    if payload["post_type"] == "event":
        return FeedLine(id, at, None, event_words(payload, t))
    message = message_of(id, payload)
    return FeedLine(id, at, message, one_line(message, t))


async def newest_lines(
    context: PageContext, account: "Account", *, limit: int, before: int | None = None
) -> dict[str, Any]:
    """Read the newest lines, and the numbers at which older and newer ones continue."""
    after = await account.history.newest()
    reports: list[StoredReport] = await account.history.published(before=before, limit=limit)
    return {
        "lines": [
            feed_line(one.seq, one.created, payload_in(one.body), context.t) for one in reports
        ],
        "older": reports[-1].seq if len(reports) == limit else None,
        "after": after,
    }


async def feed(context: PageContext) -> web.StreamResponse:
    account, before = context.account(), context.number("before")
    found = await newest_lines(context, account, limit=PAGE, before=before)
    template = "parts/feed.html" if context.is_fragment else "feed.html"
    return context.page(template, account=account, paged=True, **found)
