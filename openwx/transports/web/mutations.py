"""Runs state-changing calls: rate-limited, at most once unless idempotent; an unknown outcome is reported as one."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from openwx.errors import (
    BadResponse,
    CallerError,
    Code,
    LeaseLost,
    NeverReached,
    NotLoggedIn,
    SessionEnded,
    Unreachable,
    WeChatError,
)
from openwx.keyedlock import KeyedLock
from openwx.timing import Timing
from openwx.transports.ratelimit import Priority, RateLimiter
from openwx.transports.web import wire
from openwx.transports.web.client import WebClient
from openwx.transports.web.contact_loader import fetch_records
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.http import Call
from openwx.transports.web.session import Session

log = logging.getLogger("openwx.wechat")
R = TypeVar("R")

Build = Callable[[Session], Call[R]]

MAX_PENDING = 1000
"""Mutations of one account that are in progress or wait."""


class MutationRunner:
    """Gives one account's mutations their turns: those of one object never overlap.

    ``require`` raises ``CallerError`` if nothing may begin now.
    """

    def __init__(
        self,
        client: WebClient,
        timing: Timing,
        limiter: RateLimiter,
        priority: Priority,
        require: Callable[[], object] = lambda: None,
    ) -> None:
        self.client = client
        self.limiter = limiter
        self.priority = priority
        self.require = require
        self.wait_s = timing.send_wait_s
        self.settle_s = timing.settle_s
        self._objects = KeyedLock()
        self._pending = 0
        self._news = asyncio.Event()

    @property
    def pending(self) -> int:
        """The number of mutations that are in progress or wait."""
        return self._pending

    def contacts_changed(self) -> None:
        """Have those that wait for a change of the contacts look at them again."""
        self._news.set()
        self._news = asyncio.Event()

    async def next_change(self) -> None:
        """Wait until the contacts may have changed."""
        await self._news.wait()

    @contextlib.asynccontextmanager
    async def turn(self, object_id: str) -> AsyncIterator["Mutation"]:
        """Wait for the turn of a mutation of this object.

        Raise ``CallerError``: -7 if too many wait, -1 (HTTP 504) if the turn does not come in time, -4 if the session
        in which the object was found is over, and what ``require`` raises. ``LeaseLost`` if another process takes the
        account before anything was asked of WeChat, -1 (HTTP 504) if that is later.
        """
        self.require()
        if self._pending >= MAX_PENDING:
            raise CallerError(Code.QUEUE_FULL, f"{MAX_PENDING} changes are waiting: try later")
        mutation = Mutation(self)
        self._pending += 1
        try:
            async with self.client.gate.while_mine(), contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(self.wait_s):
                    await stack.enter_async_context(self._objects.hold(object_id))
                yield mutation
        except LeaseLost as error:
            if not mutation.has_called:
                raise
            raise CallerError(
                Code.UNREACHABLE, f"{error}: the outcome is unknown", http_status=504
            ) from None
        except TimeoutError:
            status = f"Timed out after {self.wait_s:.0f} s in the queue. Nothing was changed."
            raise CallerError(Code.UNREACHABLE, status, http_status=504) from None
        except (SessionEnded, NotLoggedIn):
            raise CallerError(
                Code.NOT_RUNNING,
                "WeChat has ended the session, and ids change with a new login: nothing was done",
                state=str(self.client.standing.state),
                state_reason=self.client.standing.reason.text,
            ) from None
        finally:
            self._pending -= 1


class Mutation:
    """One change in its turn. ``contacts`` are those in which its object was found.

    Its calls raise ``WeChatError`` if certainly nothing was changed, ``TimeoutError`` if the rate limiter does not let
    them begin in time, and ``CallerError`` (-1, HTTP 504) if the outcome is unknown.
    """

    def __init__(self, runner: MutationRunner) -> None:
        self.contacts: WebContacts = runner.client.contacts
        self._runner = runner
        self._client = runner.client
        self.has_called = False
        """Whether anything was asked of WeChat."""
        self._begins_until = asyncio.get_running_loop().time() + runner.wait_s

    async def at_most_once(
        self, build: Build[R], evident: Callable[[], object] | None = None
    ) -> R | None:
        """Make a call that must not be repeated. None: the answer was lost, but ``evident`` shows its effect.

        The sync has a while to show it.
        """
        try:
            return await self._call(build)
        except NeverReached:
            raise
        except (Unreachable, BadResponse) as error:
            log.info("%s; not repeated, since it may have been done", error)
            if evident is not None and await self.confirmed_by(evident):
                return None
            raise unknown(error) from None

    async def idempotent(self, build: Build[R]) -> R:
        """Make a call that may be repeated, and is, once, if its answer is lost."""
        try:
            return await self._call(build)
        except NeverReached:
            raise
        except (Unreachable, BadResponse) as error:
            lost = error
        log.info("%s; once more", lost)
        try:
            return await self._call(build)
        except (NotLoggedIn, TimeoutError):
            raise unknown(lost) from None
        except WeChatError as error:
            raise unknown(error) from None

    async def read(self, build: Build[R]) -> R:
        """Make a call that changes nothing at WeChat. Raises ``WeChatError``."""
        return await self._call(build)

    async def confirmed_by(self, evident: Callable[[], object]) -> bool:
        """Wait a while until the contacts show the effect. False: they do not."""
        try:
            async with asyncio.timeout(self._runner.settle_s):
                while not evident():
                    await self._runner.next_change()
        except TimeoutError:
            return bool(evident())
        return True

    async def fetch(self, id: str) -> wire.Contact | None:
        """Fetch the present record of a friend or group. None: WeChat does not give it now; the sync will."""
        try:
            with self._client.logged_in() as session:
                records = await fetch_records(self._client.http, session, [id])
        except WeChatError as error:
            log.info("%s; the sync will bring the contact", error)
            return None
        return next((record for record in records if record.UserName == id), None)

    async def _call(self, build: Build[R]) -> R:
        loop = asyncio.get_running_loop()
        within_s = max(0.0, self._begins_until - loop.time())
        with await self._runner.limiter.turn(self._runner, within_s=within_s) as turn:
            turn.used = False
            if not self.has_called:
                self._runner.require()
            if self.contacts is not self._client.contacts or not self._client.is_usable:
                raise NotLoggedIn
            await self._client.gate.passed(max(0.0, self._begins_until - loop.time()))
            turn.used = self.has_called = True
            try:
                return await self._client.ask(build)
            finally:
                self._begins_until = loop.time() + self._runner.wait_s


def unknown(error: WeChatError) -> CallerError:
    """Make the answer for a change of which nobody knows whether it was done."""
    return CallerError(Code.UNREACHABLE, f"{error}: the outcome is unknown", http_status=504)
