"""The facade: login, contacts, the sync loop, and login again, for one account. ``WebTransport`` runs it.

::

    init ─> loading ─> scaning ─> confirming ─> updating ─> running
              ^            (a saved session skips these)       │  no sync round for 90 s: updating, with the reason
              └──────────── WeChat ended the session ──────────┘  a refused login: stop

What happens is delivered to the ``Inbox`` as a ``Batch``, and awaiting it is the acknowledgement: only when it has
returned is the new SyncKey used, which tells WeChat that the batch is safe.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from openwx.domain.contacts import User
from openwx.domain.events import ContactsLoaded, Event, LoggedIn, LoginFailed, State
from openwx.domain.messages import Message
from openwx.errors import (
    BadResponse,
    LoginRefused,
    NotLoggedIn,
    RateLimited,
    Rejected,
    SessionEnded,
    Unreachable,
    WeChatError,
)
from openwx.reasons import (
    Reason,
    ReasonCode,
    of_error,
    of_refusal,
    reason,
    refusal_text,
)
from openwx.timing import Timing
from openwx.transports.base import Batch, Inbox
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.standing import Standing
from openwx.transports.web import login, send, sync
from openwx.transports.web.contact_loader import load_contacts, notify_phone
from openwx.transports.web.contacts import WebContacts
from openwx.transports.web.contacts_snapshot import CHANGES, ContactsSnapshot, difference
from openwx.transports.web.http import Call, Http
from openwx.transports.web.login_flow import LoginFlow
from openwx.transports.web.session import Session
from openwx.transports.web.sync_parser import SyncParser

log = logging.getLogger("openwx.wechat")
T = TypeVar("T")


INVITE_START_COUNT = 40
"""Size of a group from which new members are invited, unless WeChat sends another number."""


class WebClient:
    """One account's client. ``run`` never returns unless the login is refused for good."""

    def __init__(
        self,
        http: Http,
        *,
        mode: login.Mode = "desktop",
        pace: Timing | None = None,
        limiter: RateLimiter | None = None,
    ) -> None:
        self._http = http
        self.gate = http.gate
        self._inbox: Inbox
        self._mode = mode
        self._pace = pace or Timing()
        self._limiter = limiter or RateLimiter(0.0, self._pace.too_often)
        self.standing = Standing(self._pace.stalled_after_s, http.gate)
        self.contacts = WebContacts(User(id=""))
        self.session: Session | None = None
        self._known: ContactsSnapshot | None = None
        self._pushed_at = -math.inf
        """When the phone was asked last to confirm a login; Unix time."""
        self._saved_uids: dict[str, int | str] | None = None
        """The uids that are saved: the very object, which is never changed in place."""
        self.invite_start_count = INVITE_START_COUNT
        self._over: asyncio.Future[SessionEnded] = asyncio.get_running_loop().create_future()
        self._counter = 0
        self._parser = SyncParser(http, self.contacts, self._end_session)

    # -- life ------------------------------------------------------------------------------------------------

    async def run(
        self,
        saved: Session | None,
        known: ContactsSnapshot | None,
        inbox: Inbox,
        *,
        pushed_at: float = -math.inf,
    ) -> None:
        """Log in, follow the account for ever, and log in again when WeChat ends the session. ``known`` are the
        contacts when it stopped; what became of them since is delivered to the ``inbox``, as everything is.
        ``pushed_at``: when the phone was asked last to confirm a login, in Unix time.

        Returns when WeChat refuses the login; ``LoginFailed`` was delivered then.
        """
        self._inbox, self._pushed_at = inbox, pushed_at
        uin, ids_changed = "", False
        if known is not None:
            self._known, self.contacts = known, known.contacts
        if saved is not None:
            uin = saved.uin
            self._http.resume(saved)
            self.session = saved
        try:
            while True:
                if self.session is None:
                    await self._log_in(uin)
                    ids_changed = True
                try:
                    await self._load(ids_changed=ids_changed)
                    await self._follow()
                except SessionEnded as error:
                    why = self.standing.end(error)
                    log.warning("the session is over: %s", why.text)
                    uin = self.session.uin if self.session else uin
                    self.session = None
                    await self._enter(State.LOADING, why)
        except LoginRefused as error:
            self.standing.trouble = error
            await self._deliver([LoginFailed(refusal_text(error), error.ret, error.errmsg)])
            await self._enter(State.STOP, of_refusal(error))

    @property
    def known(self) -> bytes | None:
        """The contacts as they were delivered, for the next start to compare with."""
        return self._known.to_bytes() if self._known else None

    async def _deliver(
        self,
        events: Sequence[Event] = (),
        messages: Sequence[Message] = (),
        *,
        session: Session | None = None,
        known: bytes | None = None,
    ) -> None:
        """Deliver what happened. Save the session and the ``known`` contacts with it, where they are given; empty
        ones are deleted."""
        state: dict[str, bytes | None] = {}
        if session is not None:
            state["session"] = session.to_bytes()
            if session.uids is not self._saved_uids:
                state["uids"] = session.uids_to_bytes()
        if known is not None:
            state["contacts"] = known or None
        login = session or self.session
        await self._inbox.deliver(Batch(events, messages, login.identity if login else None, state))
        if session is not None:
            self._saved_uids = session.uids

    async def _enter(
        self,
        state: State,
        why: Reason,
        *events: Event,
        session: Session | None = None,
        known: bytes | None = None,
    ) -> None:
        """Change the state, and deliver ``events`` and that change. A new reason alone is no event."""
        change = self.standing.change(state, why)
        changes = [*events] if change is None else [*events, change]
        if changes:
            await self._deliver(changes, session=session, known=known)

    # -- login -----------------------------------------------------------------------------------------------

    async def _log_in(self, uin: str) -> None:
        flow = LoginFlow(
            self._http,
            self._mode,
            self._pace,
            self._enter,
            self._deliver_event,
            self.standing.note,
            self._may_push,
        )
        session = await flow.session(uin, self.standing.reason)
        await self._deliver(session=session)
        self.session = session

    async def _may_push(self) -> bool:
        """Whether the phone may be asked to confirm a login. If so, the time is saved: another process may ask next."""
        now = time.time()
        if abs(now - self._pushed_at) < self._pace.push_every_s:  # a clock may have been set back
            log.info("the phone was asked a moment ago to confirm a login; a code is shown instead")
            return False
        self._pushed_at = now
        await self._inbox.deliver(Batch(state={"pushed": str(now).encode()}))
        return True

    async def _deliver_event(self, event: Event) -> None:
        await self._deliver([event])

    # -- contacts --------------------------------------------------------------------------------------------

    async def _load(self, *, ids_changed: bool) -> None:
        """Initialise the session and fetch everybody, with back-off until it works."""
        self._over = asyncio.get_running_loop().create_future()
        pauses, waits = self._pace.backoff(), self._pace.too_often()
        why = reason(ReasonCode.FETCHING_CONTACTS)
        while True:
            await self._enter(State.UPDATING, why)
            try:
                await self._load_once(ids_changed=ids_changed)
            except SessionEnded:
                raise
            except RateLimited as error:
                pause_s, self.standing.trouble = next(waits), error
            except WeChatError as error:
                if type(error) is Rejected and error.call == "webwxinit":
                    kind = LoginRefused if ids_changed else SessionEnded
                    raise kind(error.call, error.ret, error.errmsg) from error
                pause_s, self.standing.trouble = next(pauses), error
            else:
                return
            why = of_error(self.standing.trouble)
            log.warning("%s; trying again in %.0f s", why.text, pause_s)
            await self._watched(asyncio.sleep(pause_s))

    async def _load_once(self, *, ids_changed: bool) -> None:
        session = self._session()
        init = await self._http.send(sync.init(session))
        session = replace(
            session,
            skey=init.SKey or session.skey,
            sync_key=session.sync_key or init.SyncKey.read(),
            cookies=self._http.cookies(),
        )
        # Saved at once: with the new Skey in use, WeChat takes the former one for a stranger's.
        await self._deliver(session=session)
        self.session = session
        self.invite_start_count = init.InviteStartCount or INVITE_START_COUNT
        notified = await notify_phone(self._http, session, init.User.UserName, self._pace.backoff())
        known = self._known if self._known and self._known.uin == session.uin else None
        former = known.contacts if known else None
        self.contacts = contacts = await load_contacts(self._http, session, init, self.contacts)
        self._parser = SyncParser(self._http, contacts, self._end_session)
        self._parser.paired = bool(session.uids)
        await self._sync(tell_changes=former is None)
        if notified:
            await self._await_pairing(tell_changes=former is None)
        if self._over.done():
            raise self._over.result()
        self.standing.heard()
        session = self._session()
        friends, groups = list(contacts.friends.values()), list(contacts.groups.values())
        events: list[Event] = [
            ContactsLoaded(contacts.user, friends, groups),
            LoggedIn(ids_changed=ids_changed or not session.published),
        ]
        if former is not None:
            events += await difference(former, contacts)
        self.session = replace(session, published=True)
        # In one transaction: a crash neither loses the differences that were found, nor delivers them twice.
        why = reason(ReasonCode.LOGGED_IN)
        await self._enter(State.RUNNING, why, *events, session=self.session, known=b"")
        self._known = ContactsSnapshot(session.uin, contacts)

    async def _await_pairing(self, *, tell_changes: bool) -> None:
        """Follow the account until the pairing of ids and uids has come (protocol reference, section 3, ``Uin``).

        WeChat sends it in its own time, and not to everybody: after ``pairing_wait_s`` the login goes on without it.
        """
        until, pauses = time.monotonic() + self._pace.pairing_wait_s, self._pace.idle()
        while not (self._parser.paired or self._over.done()):
            left_s = until - time.monotonic()
            if left_s <= 0:
                log.info("WeChat did not send the lasting numbers of the contacts")
                return
            try:
                if await self._check(left_s):
                    await self._sync(tell_changes=tell_changes)
            except Unreachable as error:
                log.debug("while waiting for the lasting numbers: %s", error)
            except SessionEnded:
                raise
            except WeChatError as error:
                log.info("not waiting for the lasting numbers any longer: %s", error)
                return
            if not self._parser.paired:
                await asyncio.sleep(min(next(pauses), max(0.0, until - time.monotonic())))

    # -- the sync loop ---------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Poll and fetch for ever. Raises ``SessionEnded`` when WeChat, in whatever call, ends the session."""
        pauses, waits, idle = self._pace.backoff(), self._pace.too_often(), self._pace.idle()
        cut_off = False
        while True:
            await self.standing.may_call()
            polled = time.monotonic()
            try:
                announced = await self._watched(self._check())
                brought = announced and await self._watched(self._sync(), interrupt=False)
            except SessionEnded:
                raise
            except RateLimited as error:
                await self._stumble(error, next(waits))
                continue
            except (Unreachable, BadResponse, Rejected) as error:
                # One poll that is cut off is normal; a second one in a row is not.
                harmless = isinstance(error, Unreachable) and error.call == "synccheck"
                await self._stumble(error, 0 if harmless and not cut_off else next(pauses))
                cut_off = True
                continue
            cut_off = False
            pauses, waits = self._pace.backoff(), self._pace.too_often()
            self.standing.heard()
            await self._enter(State.RUNNING, reason(ReasonCode.IN_SYNC))
            if not brought and time.monotonic() - polled < self._pace.held_at_least_s:
                # Announced news that are none, or a poll that is not held: not in a tight loop.
                await self._watched(asyncio.sleep(next(idle)))
            else:
                idle = self._pace.idle()

    async def _check(self, at_most_s: float = math.inf) -> bool:
        self._counter += 1
        timeout_s = min(self._pace.poll_timeout_s, at_most_s)
        call = sync.check(self._session(), self._counter, timeout_s)
        return sync.read_check(await self._http.send(call))

    async def _sync(self, *, tell_changes: bool = True) -> bool:
        """Fetch until nothing is left. Whether it brought anything.

        ``tell_changes``: off where the contacts are about to be compared with the former ones.
        """
        brought = False
        while True:
            session = self._session()
            reply = await self._http.send(sync.sync(session))
            messages, events, uids = await self._parser.read(reply, session)
            if not tell_changes:
                events = [event for event in events if not isinstance(event, CHANGES)]
            sync_key = reply.SyncKey.read() or session.sync_key
            after = replace(
                session,
                skey=reply.SKey or session.skey,
                sync_key=sync_key,
                sync_check_key=reply.SyncCheckKey.read() or session.sync_check_key,
                cookies=self._http.cookies(),
                uids=session.uids | uids if uids else session.uids,
            )
            if after != session or messages or events:
                await self._deliver(events, messages, session=after)
                self.session = after
            brought = brought or sync_key != session.sync_key
            if not reply.ContinueFlag or sync_key == session.sync_key:
                return brought

    async def _stumble(self, error: WeChatError, pause_s: float) -> None:
        """Remember why a sync round failed, and wait."""
        self.standing.trouble = error
        log.info("a sync round failed: %s; again in %.1f s", error, pause_s)
        await self._watched(asyncio.sleep(pause_s))

    async def _watched(self, work: Coroutine[Any, Any, T], *, interrupt: bool = True) -> T:
        """Await ``work``, and leave the state "running" when it lasts so long that this would be a lie. When the
        session ends meanwhile, leave at once, or (``interrupt`` off: it must not be torn) as soon as it is done."""
        task = asyncio.ensure_future(work)
        waited_for: set[asyncio.Future[Any]] = {task, self._over} if interrupt else {task}
        try:
            while not task.done() and not (interrupt and self._over.done()):
                await asyncio.wait(
                    waited_for,
                    timeout=self.standing.until_stalled_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if self.standing.until_stalled_s == 0:
                    why = self.standing.stalled("synccheck")
                    await self._enter(State.UPDATING, why)
            if not self._over.done():
                return task.result()
            if task.done() and not task.cancelled() and (failure := task.exception()):
                log.debug("the work of an ended session failed too: %s", failure)
            raise self._over.result()
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            elif not task.cancelled():
                task.exception()  # it has been seen, also where this was cancelled meanwhile

    def _end_session(self, error: SessionEnded) -> None:
        if not self._over.done():
            self._over.set_result(error)

    def _session(self) -> Session:
        if self.session is None:
            raise RuntimeError("there is no session; this call needs one")
        return self.session

    # -- what others ask for ---------------------------------------------------------------------------------

    @property
    def http(self) -> Http:
        """The HTTP client for calls within ``logged_in``."""
        return self._http

    async def ask(self, build: Callable[[Session], Call[T]]) -> T:
        """Do a call in the present login.

        Raises ``WeChatError``; a ``SessionEnded`` starts a new login, and ``NotLoggedIn`` says that one is going on.
        """
        with self.logged_in() as session:
            return await self._http.send(build(session))

    @contextlib.contextmanager
    def logged_in(self) -> Iterator[Session]:
        """Yield the session of the present login for calls made elsewhere. ``ask`` says what it raises."""
        session = self.session
        if session is None or self._over.done():
            raise NotLoggedIn
        began = self._limiter.time()
        try:
            yield session
        except RateLimited as error:
            self._limiter.penalize(error.call, began)
            raise
        except SessionEnded as error:
            if self.session is not None and session.sid == self.session.sid:
                self._end_session(error)
            raise

    async def send_text(self, to: str, content: str, client_msg_id: str) -> str:
        """Send a text to a friend or group of this login; the MsgId. Safe to repeat with the same id."""
        own_id = self.contacts.user.id
        with self.logged_in() as session:
            call = send.text(session, own_id, to, content, client_msg_id)
            return (await self._http.send(call)).id

    @property
    def is_usable(self) -> bool:
        """Whether there is a session that WeChat has not ended."""
        return self.session is not None and not self._over.done()
