"""Logs an account in: by a prompt on the phone where it is known, otherwise by a QR code, until it is confirmed.
``WebClient`` runs it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from openwx.domain.events import Event, QRCodeExpired, QRCodeShown, State
from openwx.errors import BadResponse, LoginRefused, Unreachable, WeChatError
from openwx.reasons import Reason, ReasonCode, of_failed_login, reason
from openwx.timing import Timing
from openwx.transports.web import login
from openwx.transports.web.http import Http
from openwx.transports.web.session import Session

log = logging.getLogger("openwx.wechat")


class LoginFlow(msgspec.Struct, frozen=True):
    """One login. ``enter`` and ``deliver`` return once the state, or the event, is recorded; ``note`` sets another
    reason for the present state, and the error behind it, if there is one. ``may_push`` says whether the phone may be
    asked, and has recorded that it is."""

    http: Http
    mode: login.Mode
    pace: Timing
    enter: Callable[[State, Reason], Awaitable[None]]
    deliver: Callable[[Event], Awaitable[None]]
    note: Callable[[Reason, WeChatError | None], None]
    may_push: Callable[[], Awaitable[bool]]

    async def session(self, uin: str, why: Reason) -> Session:
        """Wait for a login. ``uin``: of the account that was here before, if one was; ``why`` a login is needed.

        Raises ``LoginRefused``, and tries again after everything else.
        """
        pauses = self.pace.backoff()
        while True:
            started = time.monotonic()
            await self.enter(State.LOADING, why)
            try:
                uuid = await self._push(uin) if uin else None
                pushed, uin = uuid is not None, ""
                redirect = await self._await_confirmation(uuid or await self._show(), pushed=pushed)
                if redirect:
                    return await self._fetch(redirect)
                why = reason(ReasonCode.QRCODE_EXPIRED)
                self.note(why, None)
                if not pushed:
                    await self.deliver(QRCodeExpired())
                if time.monotonic() - started < self.pace.code_lives_at_least_s:
                    # Refused at once: do not retry in a tight loop.
                    await asyncio.sleep(next(pauses))
                else:
                    pauses = self.pace.backoff()
            except LoginRefused:
                raise
            except WeChatError as error:
                why = of_failed_login(error)
                self.note(why, error)
                log.warning("%s", why.text)
                await asyncio.sleep(next(pauses))

    async def _push(self, uin: str) -> str | None:
        """Request a confirmation on the phone; None where WeChat declines, or where that was a moment ago."""
        if not await self.may_push():
            return None
        try:
            uuid = await login.push_login(self.http, uin, self.mode)
        except WeChatError as error:
            log.info("no login without a scan: %s", error)
            return None
        if uuid is not None:
            await self.enter(State.CONFIRMING, reason(ReasonCode.WAITING_FOR_PHONE))
        return uuid

    async def _show(self) -> str:
        """Show a QR code: first the code, then the state that says that it is there."""
        uuid = await login.fetch_uuid(self.http, self.mode)
        await self.deliver(QRCodeShown(uuid, login.qrcode_link(uuid)))
        await self.enter(State.SCANING, reason(ReasonCode.WAITING_FOR_SCAN))
        return uuid

    async def _await_confirmation(self, uuid: str, *, pushed: bool) -> str | None:
        """Poll until the login is confirmed and return its redirect_uri; None once the code has expired."""
        deadline = time.monotonic() + self.pace.qrcode_lives_s
        failures, scanned = 0, pushed
        while (polled := time.monotonic()) < deadline:
            try:
                poll = await login.poll(
                    self.http, uuid, scanned=scanned, timeout_s=self.pace.poll_timeout_s
                )
            except Unreachable:
                failures += 1
                if failures > 3:
                    raise
                continue
            failures = 0
            if poll.code == 200:
                return poll.redirect
            if poll.code == 400:
                return None
            if poll.code not in (201, 408):
                raise BadResponse("login", f"window.code is {poll.code}")
            if poll.code == 201 and not scanned:
                scanned = True
                await self.enter(State.CONFIRMING, reason(ReasonCode.SCANNED))
            elif time.monotonic() - polled < self.pace.held_at_least_s:
                await asyncio.sleep(self.pace.backoff_first_s)
        return None

    async def _fetch(self, redirect: str) -> Session:
        """Fetch the session, with retries: a lost answer here would cost the user another scan."""
        for _ in range(2):
            with contextlib.suppress(Unreachable):
                return await login.fetch_session(self.http, redirect, self.mode)
        return await login.fetch_session(self.http, redirect, self.mode)
