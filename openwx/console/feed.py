"""What happens: messages and events of all chats, the newest first."""

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from openwx.accounts.history import payload_of
from openwx.console.context import PageContext
from openwx.console.events import event_words
from openwx.console.messages import Said, said, summary
from openwx.reporter.payload import Payload
from openwx.store.records import StoredReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

PAGE = 50


class Happened(msgspec.Struct, frozen=True):
    """A line of the feed: a message, or an event in words."""

    id: int
    at: float
    said: Said | None
    words: str


def happened(visit: PageContext, id: int, at: float, payload: Payload) -> Happened:
    if not payload:
        return Happened(id, at, None, visit.t("A large message, not kept any more"))
    if payload["post_type"] == "event":
        return Happened(id, at, None, event_words(payload, visit.t))
    one = said(id, payload)
    return Happened(id, at, one, summary(one, visit.t))


async def newest(
    visit: PageContext, account: "Account", *, limit: int, before: int | None = None
) -> dict[str, Any]:
    """Lines of the feed, and from where it goes on."""
    after = await account.history.newest()
    uploads: list[StoredReport] = await account.history.published(before=before, limit=limit)
    lines = [happened(visit, one.seq, one.created, payload_of(one)) for one in uploads]
    return {
        "lines": lines,
        "older": uploads[-1].seq if len(uploads) == limit else None,
        "after": after,
    }


async def feed(visit: PageContext) -> web.StreamResponse:
    account, before = visit.account(), visit.number("before")
    found = await newest(visit, account, limit=PAGE, before=before)
    template = "parts/feed.html" if visit.is_fragment else "feed.html"
    return visit.page(template, account=account, paged=True, **found)
