"""How calls that change something are done: in turn, never twice where twice is twice, and honest about the outcome."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from openwx.errors import (
    BadResponse,
    CallerError,
    Code,
    NeverReached,
    RateLimited,
    SessionEnded,
    Unreachable,
    WeChatError,
)
from openwx.timing import Timing
from openwx.transports.web import wire
from openwx.transports.web.client import Client
from openwx.transports.web.contact_loader import fetch_records
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.http import Call
from openwx.transports.web.lane import Lane
from openwx.transports.web.session import Session

log = logging.getLogger("openwx.wechat")
R = TypeVar("R")

Build = Callable[[Session], Call[R]]


class MutationRunner:
    """One account's lane of changes. ``heard`` is to be called whenever the client told of something.

    ``require`` raises ``CallerError`` where nothing may be begun now.
    """

    def __init__(
        self,
        client: Client,
        pace: Timing,
        interval_s: float,
        require: Callable[[], object] = lambda: None,
    ) -> None:
        self.client = client
        self._require = require
        self._lane = Lane(interval_s, pace.send_wait_s, pace.too_often)
        self._settle_s = pace.settle_s
        self._news = asyncio.Event()

    def heard(self) -> None:
        """The contacts may be other ones now."""
        self._news.set()
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def turn(self, about: str) -> AsyncIterator[WebContacts]:
        """The turn of a change of the object ``about``, and the contacts in which that was found.

        Raises ``CallerError`` (-4) where these belong to a login that is over by now, and what ``require`` raises.
        """
        self._require()
        contacts = self.client.contacts
        async with self._lane.turn(about):
            self._require()
            if contacts is not self.client.contacts or not self.client.is_usable:
                raise self._logged_out()
            try:
                yield contacts
            except SessionEnded:
                raise self._logged_out() from None

    async def once(self, build: Build[R], evident: Callable[[], object] | None = None) -> R | None:
        """Do a call that must not be repeated. None: the answer was lost, but ``evident`` says that it was done.

        Raises ``WeChatError`` where it was not done for certain, and ``CallerError`` (-1, with HTTP 504) where
        nobody knows, also after the sync had a while to tell.
        """
        try:
            return await self._ask(build)
        except NeverReached:
            raise
        except (Unreachable, BadResponse) as error:
            log.info("%s; not repeated, since it may have been done", error)
            if evident is not None and await self.becomes(evident):
                return None
            raise unknown(error) from None

    async def repeated(self, build: Build[R]) -> R:
        """Do a call that may be repeated, and is, once, where its answer is lost. Raises as ``once`` does."""
        try:
            return await self._ask(build)
        except NeverReached:
            raise
        except (Unreachable, BadResponse) as error:
            lost = error
        log.info("%s; once more", lost)
        if not await self._lane.again():
            raise unknown(lost)
        try:
            return await self._ask(build)
        except WeChatError as error:
            raise unknown(error) from None

    async def again(self) -> bool:
        """Wait for another call in the same turn. False: it must not begin within a reasonable time."""
        return await self._lane.again()

    async def _ask(self, build: Build[R]) -> R:
        try:
            reply = await self.client.ask(build)
        except RateLimited:
            self._lane.rest()
            raise
        self._lane.went_well()
        return reply

    async def becomes(self, evident: Callable[[], object]) -> bool:
        """Whether it is so, at the latest after a short while."""
        try:
            async with asyncio.timeout(self._settle_s):
                while not evident():
                    await self._news.wait()
        except TimeoutError:
            return bool(evident())
        return True

    async def fetch(self, id: str) -> wire.Contact | None:
        """The present record of a friend or group; None where WeChat does not tell it."""
        try:
            with self.client.logged_in() as session:
                records = await fetch_records(self.client.http, session, [id])
        except WeChatError as error:
            log.info("%s; the sync will tell", error)
            return None
        return next((record for record in records if record.UserName == id), None)

    def _logged_out(self) -> CallerError:
        return CallerError(
            Code.NOT_RUNNING,
            "WeChat has ended the session, and ids change with a new login: nothing was done",
            state=str(self.client.state),
            state_reason=self.client.state_reason,
        )


def unknown(error: WeChatError) -> CallerError:
    """Done or not: nobody can tell."""
    return CallerError(Code.UNREACHABLE, f"{error}: the outcome is unknown", http_status=504)
