"""What keeps a page fresh: one stream of Server-Sent Events for each, with parts of the page, rendered here."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
from aiohttp import hdrs, web

from openwx.accounts.streams import Reader, StreamEnded
from openwx.console.accounts import counts_of, glance
from openwx.console.context import PageContext
from openwx.console.feed import happened
from openwx.console.messages import said
from openwx.console.pages import HEADERS
from openwx.console.pictures import sizes_of
from openwx.store.base import JournalError
from openwx.store.records import PublishedReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

log = logging.getLogger("openwx.console")

LOOK_S = 0.5
"""So often it is seen whether something changed."""
COUNT_S = 2.0
"""So often the counters are read."""
WRITE_S = 30.0
"""A browser that takes nothing for so long is gone."""
QUIET_S = 15.0
"""After so long without news an event shows that the stream lives."""


async def live(visit: PageContext) -> web.StreamResponse:
    """The stream, until the browser goes, the session ends, or the server stops."""
    account = visit.account()
    last = visit.request.headers.get("Last-Event-ID", "")
    after = int(last) if last.isdecimal() and last.isascii() else visit.number("after")
    response = web.StreamResponse(
        headers=HEADERS
        | {hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    page = LivePage(visit, account)
    with visit.gateway.streams.taking():
        async with account.stream.read(after) as reader:
            await response.prepare(visit.request)
            try:
                async for news in page.news(reader):
                    async with asyncio.timeout(WRITE_S):
                        await response.write(news.encoded())
            except (ConnectionError, TimeoutError):
                log.debug("a console page of %s is closed", account.name)
            except Exception:  # an answer has begun: there is no other way to tell it
                log.exception("the stream of a console page of %s failed", account.name)
    return response


class News(msgspec.Struct, frozen=True):
    """An event of the stream. ``id`` is where the stream goes on after a lost connection, 0 where that is as before."""

    name: str
    html: str = ""
    id: int = 0

    def encoded(self) -> bytes:
        lines = [f"data: {line}" for line in self.html.splitlines() or [""]]
        if self.id:
            lines.append(f"id: {self.id}")
        return "\n".join([f"event: {self.name}", *lines, "", ""]).encode()


SIGN_OF_LIFE = News("alive")


class LivePage:
    """What one page wants to hear."""

    def __init__(self, visit: PageContext, account: "Account") -> None:
        self._visit = visit
        self._account = account
        self._view = visit.texts.get("view", "")
        self._line = visit.texts.get("line", "")
        self._shown: dict[str, str] = {}
        self._counted_at = 0.0

    async def news(self, reader: Reader) -> AsyncIterator[News]:
        """What changed, for as long as the page may see it."""
        loop = asyncio.get_running_loop()
        spoke_at = loop.time()
        while self._may_go_on():
            news = [*await self._parts(loop.time()), *await self._told(reader)]
            if not news and loop.time() - spoke_at > QUIET_S:
                news = [SIGN_OF_LIFE]
            for one in news:
                spoke_at = loop.time()
                yield one

    def _may_go_on(self) -> bool:
        """Not when the server stops, the session ends, or the account was started anew: then the page asks again."""
        visit, account = self._visit, self._account
        is_current = visit.gateway.accounts.get(account.name) is account
        return visit.frame.is_running and is_current and visit.frame.sessions.admits(visit.request)

    async def _told(self, reader: Reader) -> list[News]:
        """What happened, waited for a moment."""
        try:
            uploads = await reader.more(LOOK_S)
        except (StreamEnded, JournalError):
            await self._visit.frame.stops(LOOK_S)
            return []
        if self._view == "chats":
            return [News("said", id=reader.cursor)] if uploads else []
        seen = [await self._as_shown(one) for one in uploads if isinstance(one, PublishedReport)]
        return [one for one in seen if one is not None]

    async def _as_shown(self, upload: PublishedReport) -> News | None:
        """An upload as this page shows it; None where it does not."""
        visit, account = self._visit, self._account
        payload = msgspec.json.decode(upload.body)
        if self._view in ("overview", "feed"):
            line = happened(visit, upload.id, upload.created, payload)
            return News(
                "feed", visit.render("live/feed.html", account=account, line=line), upload.id
            )
        if self._view == "chat" and account.history.chat_keys.of_payload(payload) == self._line:
            one = said(upload.id, payload)
            sizes = await sizes_of([one], visit.media_roots)
            html = visit.render("live/message.html", account=account, one=one, sizes=sizes)
            return News("message", html, upload.id)
        return None

    async def _parts(self, now: float) -> list[News]:
        """Parts of the page that differ from what it shows."""
        visit, account = self._visit, self._account
        parts = {"pill": visit.render("parts/pill.html", account=account)}
        state_changed = parts["pill"] != self._shown.get("pill")
        if state_changed or now - self._counted_at > COUNT_S:
            self._counted_at = now
            if self._view == "overview":
                values = await glance(visit, account)
                parts["counters"] = visit.render("parts/counters.html", account=account, **values)
                parts["status"] = visit.render("parts/status.html", account=account, **values)
            elif self._view == "deliveries":
                parts["deliveries"] = repr((await counts_of(account), account.outage))
        changed = [
            News(name, html) for name, html in parts.items() if self._shown.get(name) != html
        ]
        self._shown |= parts
        return changed
