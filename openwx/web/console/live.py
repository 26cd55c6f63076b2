"""What keeps a page fresh: one stream of Server-Sent Events for each, with parts of the page, rendered here."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
from aiohttp import hdrs, web

from openwx.gateway.stream import Missed, Reader, StreamEnded
from openwx.report.journal import JournalError
from openwx.report.records import ShownUpload
from openwx.web.console.accounts import counts_of, glance
from openwx.web.console.feed import happened
from openwx.web.console.frame import HEADERS, Visit
from openwx.web.console.messages import said

if TYPE_CHECKING:
    from openwx.gateway.account import Account

log = logging.getLogger("openwx.console")

LOOK_S = 0.5
"""So often it is seen whether something changed."""
COUNT_S = 2.0
"""So often the counters are read."""
QUIET_S = 15.0
"""After so long without news a comment shows that the stream lives."""


async def live(visit: Visit) -> web.StreamResponse:
    """The stream, until the browser goes, the session ends, or the server stops."""
    account = visit.account()
    after = visit.request.headers.get("Last-Event-ID") or visit.texts.get("after", "")
    response = web.StreamResponse(
        headers=HEADERS
        | {hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    page = LivePage(visit, account)
    with visit.gateway.streams.taking():
        async with account.stream.read(int(after) if after.isdecimal() else None) as reader:
            await response.prepare(visit.request)
            try:
                async for event, html in page.news(reader):
                    await response.write(_encoded(event, html, reader.cursor))
            except ConnectionError:
                log.debug("a console page of %s is closed", account.name)
    return response


class LivePage:
    """What one page wants to hear."""

    def __init__(self, visit: Visit, account: "Account") -> None:
        self._visit = visit
        self._account = account
        self._view = visit.texts.get("view", "")
        self._line = visit.texts.get("line", "")
        self._shown: dict[str, str] = {}
        self._counted_at = 0.0

    async def news(self, reader: Reader) -> AsyncIterator[tuple[str, str]]:
        """Names and HTML of what changed. An empty name is a sign of life."""
        visit, loop = self._visit, asyncio.get_running_loop()
        spoke_at = loop.time()
        while visit.frame.is_running and visit.frame.sessions.admits(visit.request):
            news = [*await self._parts(loop.time()), *await self._told(reader)]
            for event, html in news:
                yield event, html
            if news:
                spoke_at = loop.time()
            elif loop.time() - spoke_at > QUIET_S:
                spoke_at = loop.time()
                yield "", ""

    async def _told(self, reader: Reader) -> list[tuple[str, str]]:
        """What happened, waited for a moment."""
        try:
            uploads = await reader.more(LOOK_S)
        except (StreamEnded, JournalError):
            await self._visit.frame.stops(LOOK_S)
            return []
        news = [self._line_of(one) for one in uploads if isinstance(one, ShownUpload)]
        found = [one for one in news if one is not None]
        if any(isinstance(one, Missed) for one in uploads):
            log.debug("a console page of %s missed something", self._account.name)
        if uploads and self._view == "chats":
            found.append(("said", ""))
        return found

    def _line_of(self, upload: ShownUpload) -> tuple[str, str] | None:
        """An upload as this page shows it; None where it does not."""
        visit, account = self._visit, self._account
        payload = msgspec.json.decode(upload.body)
        if self._view in ("overview", "feed"):
            line = happened(visit, upload.id, upload.created, payload)
            return "feed", visit.render("live/feed.html", account=account, line=line)
        if self._view == "chat" and account.history.line_told(payload) == self._line:
            one = said(upload.id, payload)
            return "message", visit.render("live/message.html", account=account, one=one)
        return None

    async def _parts(self, now: float) -> list[tuple[str, str]]:
        """Parts of the page that differ from what it shows."""
        visit, account = self._visit, self._account
        parts = {"pill": visit.render("parts/pill.html", account=account)}
        if now - self._counted_at > COUNT_S:
            self._counted_at = now
            if self._view == "overview":
                values = await glance(visit, account)
                parts["counters"] = visit.render("parts/counters.html", account=account, **values)
                parts["status"] = visit.render("parts/status.html", account=account, **values)
            elif self._view == "deliveries":
                parts["deliveries"] = repr((await counts_of(account), account.outage))
        changed = [(name, html) for name, html in parts.items() if self._shown.get(name) != html]
        if changed and self._view == "overview" and "status" not in parts:
            self._counted_at = 0.0  # the state changed: all of it is told at once
        self._shown |= parts
        return changed


def _encoded(event: str, html: str, id: int) -> bytes:
    if not event:
        return b": \n\n"
    data = "\n".join(f"data: {line}" for line in html.splitlines() or [""])
    return f"event: {event}\nid: {id}\n{data}\n\n".encode()
