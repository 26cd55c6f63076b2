"""Keeps an open page fresh: one stream of Server-Sent Events a page, with parts of it rendered here.
``Console`` routes to it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from openwx import sse
from openwx.accounts.streams import Reader, StreamEnded
from openwx.api.disconnect import has_begun
from openwx.console.accounts import counts_of, summary_of
from openwx.console.context import PageContext
from openwx.console.feed import feed_line
from openwx.console.messages import message_of
from openwx.console.pages import HEADERS
from openwx.console.pictures import sizes_of
from openwx.reporter.payload import payload_in
from openwx.store.base import JournalError
from openwx.store.records import PublishedReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

log = logging.getLogger("openwx.console")

LOOK_S = 0.5
"""The interval at which parts of the page are compared, in seconds."""
COUNT_S = 2.0
"""The interval at which counters are read, in seconds."""
WRITE_S = 30.0
"""The time after which a browser that reads nothing is disconnected, in seconds."""
QUIET_S = 15.0
"""The time without news after which an event shows that the stream lives, in seconds."""


async def live(context: PageContext) -> web.StreamResponse:
    """Stream what changes, until the browser leaves, the session ends, or the server stops."""
    account = context.account()
    last = context.request.headers.get("Last-Event-ID", "")
    after = int(last) if last.isdecimal() and last.isascii() else context.number("after")
    response = web.StreamResponse(headers=HEADERS | sse.HEADERS)
    page = LivePage(context, account)
    with context.manager.streams.taking():
        async with account.stream.read(after) as reader:
            if not await has_begun(response, context.request):
                return response
            try:
                async for update in page.updates(reader):
                    async with asyncio.timeout(WRITE_S):
                        await response.write(encode(update))
            except (ConnectionError, TimeoutError):
                log.debug("a console page of %s was closed", account.name)
            except JournalError as error:  # the page reconnects
                log.info("the stream of a console page of %s ends: %s", account.name, error)
            except Exception:  # the answer has begun, so no error page can follow
                log.exception("the stream of a console page of %s failed", account.name)
    return response


class Update(msgspec.Struct, frozen=True):
    """An event of the stream. ``id`` is where the stream resumes after a lost connection; 0 if that is unchanged."""

    name: str
    html: str = ""
    id: int = 0


def encode(update: Update) -> bytes:
    """Encode an update as a Server-Sent Event."""
    return sse.event(update.html.encode(), name=update.name, id=update.id or None)


ALIVE = Update("alive")


class LivePage:
    """An open page, and the parts that it shows."""

    def __init__(self, context: PageContext, account: "Account") -> None:
        self._context = context
        self._account = account
        self._view = context.texts.get("view", "")
        self._chat_key = context.texts.get("line", "")
        self._shown: dict[str, str] = {}
        self._counted_at = 0.0

    async def updates(self, reader: Reader) -> AsyncIterator[Update]:
        """Yield what changes, for as long as the page may see it."""
        loop = asyncio.get_running_loop()
        wrote_at = loop.time()
        while await self._may_continue():
            updates = [*await self._parts(loop.time()), *await self._reports(reader)]
            if not updates and loop.time() - wrote_at > QUIET_S:
                updates = [ALIVE]
            for update in updates:
                wrote_at = loop.time()
                yield update

    async def _may_continue(self) -> bool:
        """Check the server, the session and the account, which may have been replaced: then the page reconnects."""
        context, account = self._context, self._account
        is_current = context.manager.accounts.get(account.name) is account
        return is_current and await context.may_continue()

    async def _reports(self, reader: Reader) -> list[Update]:
        """Wait a moment for new reports, and show those that belong to the page."""
        try:
            reports = await reader.more(LOOK_S)
        except (StreamEnded, JournalError):
            await self._context.services.wait_for_stop(LOOK_S)
            return []
        if self._view == "chats":
            return [Update("said", id=reader.cursor)] if reports else []
        shown = [await self._as_shown(one) for one in reports if isinstance(one, PublishedReport)]
        return [one for one in shown if one is not None]

    async def _as_shown(self, report: PublishedReport) -> Update | None:
        """Render a report as this page shows it; None if it does not."""
        context, account = self._context, self._account
        payload = payload_in(report.body)
        if self._view in ("overview", "feed"):
            line = feed_line(report.id, report.created, payload, context.t)
            html = context.render("live/feed.html", account=account, line=line)
            return Update("feed", html, report.id)
        keys = account.history.chat_keys
        if self._view == "chat" and payload and keys.of_payload(payload) == self._chat_key:
            message = message_of(report.id, payload)
            sizes = await sizes_of([message], context.media_roots)
            html = context.render(
                "live/message.html", account=account, message=message, sizes=sizes
            )
            return Update("message", html, report.id)
        return None

    async def _parts(self, now: float) -> list[Update]:
        """Render the parts that differ from what the page shows."""
        context, account = self._context, self._account
        parts = {"pill": context.render("parts/pill.html", account=account)}
        state_changed = parts["pill"] != self._shown.get("pill")
        if state_changed or now - self._counted_at > COUNT_S:
            self._counted_at = now
            if self._view == "overview":
                values = await summary_of(context, account)
                parts["counters"] = context.render("parts/counters.html", account=account, **values)
                for part in ("status", "budgets", "abilities"):
                    parts[part] = context.render(f"parts/{part}.html", account=account, **values)
            elif self._view == "deliveries":
                parts["deliveries"] = repr((await counts_of(account), account.outages))
        changed = [
            Update(name, html) for name, html in parts.items() if self._shown.get(name) != html
        ]
        self._shown |= parts
        return changed
