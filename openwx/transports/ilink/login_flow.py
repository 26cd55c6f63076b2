"""Logs a bot in by a QR code, until its person has confirmed it. ``ILinkClient`` has a ``LoginFlow`` for each login."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec
from msgspec.structs import replace
from yarl import URL

from openwx.domain.events import Event, QRCodeExpired, QRCodeShown, State
from openwx.errors import BadResponse, Unreachable, WeChatError
from openwx.reasons import Reason, ReasonCode, of_failed_login, reason
from openwx.timing import Timing
from openwx.transports.ilink import calls, wire
from openwx.transports.ilink.digits import Digits
from openwx.transports.ilink.http import Http
from openwx.transports.ilink.session import Session

log = logging.getLogger("openwx.wechat")


_VERDICTS = frozenset(
    {
        "need_verifycode", "verify_code_blocked", "expired",
        "scaned", "scaned_but_redirect", "confirmed", "binded_redirect",
    }
)  # fmt: skip
"""The statuses that say whether digits were right: the first means no, from ``scaned`` on they mean yes."""


class _AgainError(Exception):
    """Another code is needed, for this reason."""

    def __init__(self, why: Reason) -> None:
        super().__init__(why.text)
        self.why = why


class _Code(msgspec.Struct):
    """A login code that is shown: what identifies it, the host that holds its login, and until when it can live."""

    id: str
    origin: URL
    deadline: float
    is_scanned: bool = False
    unknown: str = ""
    """The unknown status that was logged last."""


class LoginFlow(msgspec.Struct, frozen=True):
    """One login. ``enter`` and ``deliver`` return once the state, or the event, is recorded; ``note`` sets another
    reason for the present state, and the error behind it, if there is one.

    ``former`` is the login that was here before; another person may not follow it. Its token is told to the service
    unless it is the ``useless_token``, by which the service found the bot, but took no call.
    """

    http: Http
    pace: Timing
    former: Session | None
    useless_token: str
    digits: Digits
    enter: Callable[[State, Reason], Awaitable[None]]
    deliver: Callable[[Event], Awaitable[None]]
    note: Callable[[Reason, WeChatError | None], None]

    async def session(self, why: Reason) -> Session:
        """Wait for a login, with a new code whenever one is over. ``why`` a login is needed.

        Returns the former session where the service says that its bot is still bound.
        """
        pauses = self.pace.backoff()
        scan = reason(ReasonCode.WAITING_FOR_SCAN)
        while True:
            started = time.monotonic()
            await self.enter(State.LOADING, why)
            try:
                return await self._attempt(scan)
            except _AgainError as again:
                why = again.why
                is_expired = why.code is ReasonCode.QRCODE_EXPIRED
                scan = reason(ReasonCode.WAITING_FOR_SCAN) if is_expired else why
                self.note(why, None)
                await self.deliver(QRCodeExpired())
                if time.monotonic() - started < self.pace.code_lives_at_least_s:
                    await asyncio.sleep(next(pauses))
                else:
                    pauses = self.pace.backoff()
            except WeChatError as error:
                why = of_failed_login(error)
                self.note(why, error)
                log.warning("%s", why.text)
                await asyncio.sleep(next(pauses))
            finally:
                self.digits.withdraw()

    async def _attempt(self, scan: Reason) -> Session:
        """Show a code and follow it to its end. Raises ``_AgainError`` where it ends without a login."""
        token = self.former.token if self.former else ""
        tokens = [token] if token not in ("", self.useless_token) else []
        reply = await self.http.send(calls.fetch_code(self.http.hosts.first, tokens))
        id, link = wire.token(reply.qrcode, 4096), wire.token(reply.qrcode_img_content, 2048)
        if not id or not link:
            raise BadResponse("get_bot_qrcode", "the answer names no login code")
        await self.deliver(QRCodeShown(id, link))
        await self.enter(State.SCANING, scan)
        code = _Code(id, self.http.hosts.first, time.monotonic() + self.pace.qrcode_lives_s)
        while (polled := time.monotonic()) < code.deadline:
            status = await self._poll(code, None)
            if (session := await self._judge(code, status)) is not None:
                return session
            if time.monotonic() - polled < self.pace.backoff_first_s:
                await asyncio.sleep(self.pace.backoff_first_s)
        raise _AgainError(reason(ReasonCode.QRCODE_EXPIRED))

    async def _poll(self, code: _Code, digits: str | None) -> wire.StatusReply:
        """Ask what became of a code. A poll without an answer counts as ``wait``, as with the official client."""
        call = calls.login_status(code.origin, code.id, digits, self.pace.poll_timeout_s)
        try:
            return await self.http.send(call)
        except Unreachable as error:
            log.info("%s; asked again", error)
            return wire.StatusReply(status="wait")

    async def _judge(self, code: _Code, reply: wire.StatusReply) -> Session | None:
        """Do what a status wants. Return the session of a confirmed login, None where the code lives on."""
        match wire.text(reply.status, 100):
            case "wait" | "":
                return None
            case "scaned":
                await self._scanned(code)
            case "scaned_but_redirect":
                await self._scanned(code)
                self._follow(code, wire.text(reply.redirect_host, 300))
            case "need_verifycode":
                return await self._ask_for_digits(code)
            case "verify_code_blocked":
                raise _AgainError(reason(ReasonCode.VERIFY_CODE_BLOCKED))
            case "expired":
                raise _AgainError(reason(ReasonCode.QRCODE_EXPIRED))
            case "binded_redirect":
                return self._still_bound()
            case "confirmed":
                return self._confirmed(code, reply)
            case unknown if unknown != code.unknown:
                code.unknown = unknown
                log.warning("an unknown status of a login: %a; waiting on", unknown)
        return None

    async def _scanned(self, code: _Code) -> None:
        if not code.is_scanned:
            code.is_scanned = True
            await self.enter(State.CONFIRMING, reason(ReasonCode.SCANNED))

    def _follow(self, code: _Code, host: str) -> None:
        origin = self.http.hosts.at(host)
        if origin is None:
            raise BadResponse(
                "get_qrcode_status", f"it redirects to {host[:100]!a}, no host of WeChat"
            )
        code.origin = origin

    async def _ask_for_digits(self, code: _Code) -> Session | None:
        """Wait for the digits of the phone, and hand them in until they are right or the code is over.

        Nothing is polled without digits meanwhile: how the service counts that is not known.
        """
        self.digits.ask()
        await self.enter(State.CONFIRMING, reason(ReasonCode.NEED_VERIFY_CODE))
        log.warning(
            "the phone shows digits: hand them in with openwx verify-code DIGITS, or in the console"
        )
        while True:
            try:
                async with asyncio.timeout(code.deadline - time.monotonic()):
                    digits = await self.digits.next()
            except TimeoutError:
                raise _AgainError(reason(ReasonCode.QRCODE_EXPIRED)) from None
            reply = await self._verdict(code, digits)
            match reply.status:
                case "need_verifycode":
                    log.info("the digits that were handed in are wrong")
                    self.digits.judge(right=False)
                case "verify_code_blocked":
                    self.digits.judge(right=False)
                    return await self._judge(code, reply)
                case "expired":
                    return await self._judge(code, reply)
                case _:
                    code.is_scanned = True
                    await self.enter(State.CONFIRMING, reason(ReasonCode.SCANNED))
                    self.digits.judge(right=True)
                    return await self._judge(code, reply)

    async def _verdict(self, code: _Code, digits: str) -> wire.StatusReply:
        """Hand digits in until the service says something of them."""
        pauses = self.pace.backoff()
        while time.monotonic() < code.deadline:
            reply = await self._poll(code, digits)
            if isinstance(reply.status, str) and reply.status in _VERDICTS:
                return reply
            await asyncio.sleep(next(pauses))
        raise _AgainError(reason(ReasonCode.QRCODE_EXPIRED))

    def _still_bound(self) -> Session:
        if self.former is None:
            raise BadResponse(
                "get_qrcode_status", "a bot is bound already, and it is not known here"
            )
        log.info("the bot %s is still bound; its token is used on", self.former.bot_id)
        return replace(self.former, ended=False)

    def _confirmed(self, code: _Code, reply: wire.StatusReply) -> Session:
        """Read the session. Its token comes once: nothing may come before the session is saved."""
        token = wire.token(reply.bot_token)
        bot, person = wire.token(reply.ilink_bot_id, 128), wire.token(reply.ilink_user_id, 128)
        if not (token and bot and person):
            raise BadResponse(
                "get_qrcode_status", "the login was confirmed without bot, person or token"
            )
        if self.former is not None and self.former.person_id != person:
            why = reason(ReasonCode.SCANNED_BY_ANOTHER, person=self.former.person_id)
            log.warning("%s", why.text)
            raise _AgainError(why)
        named = wire.text(reply.baseurl)
        origin = self.http.hosts.of(named)
        if named and origin is None:
            words = "the login names %a, no host of WeChat; calls go to %s"
            log.warning(words, named[:100], code.origin)
        return Session(
            token=token, bot_id=bot, person_id=person, origin=str((origin or code.origin).origin())
        )
