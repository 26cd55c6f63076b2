"""The facade: login, the loop of polls, and login again, for the bot of one account. ``ILinkTransport`` runs it.

::

    init ─> loading ─> scaning ─> confirming ─> updating ─> running
              ^            (a saved session skips these)       │  no answer for 90 s, a doubted token, a second poller:
              └──────────── the token is stale ────────────────┘  updating, with the reason

What happens is delivered to the ``Inbox`` as a ``Batch``, with the cursor that comes with it in the same transaction;
only then is the cursor used, which acknowledges the batch. A crash in between repeats it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from msgspec.structs import replace

from openwx.domain.events import Event, LoggedIn, State
from openwx.domain.messages import MediaMessage, Message
from openwx.errors import NotLoggedIn, RateLimited, SessionEnded, Unreachable, WeChatError
from openwx.reasons import Reason, ReasonCode, reason
from openwx.timing import Timing
from openwx.transports.base import Batch, Inbox
from openwx.transports.ilink import calls, wire
from openwx.transports.ilink.digits import Digits
from openwx.transports.ilink.http import Call, Http, SecondPollerError
from openwx.transports.ilink.inbound import Inbound, Updates
from openwx.transports.ilink.items import source_of
from openwx.transports.ilink.login_flow import LoginFlow
from openwx.transports.ilink.memory import Memory
from openwx.transports.ilink.session import Session
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.standing import Standing

log = logging.getLogger("openwx.wechat")
T = TypeVar("T")

FIRST_HOLD_S = 35.0
"""How long the service holds the first poll, as the official client expects (2.4.9)."""
NOTIFY_S = 10.0
"""The time-out of ``notifystart`` and ``notifystop``, in seconds."""


class ILinkClient:
    """One account's bot. ``run`` never returns by itself."""

    def __init__(self, http: Http, *, pace: Timing, limiter: RateLimiter) -> None:
        self.http = http
        self.limiter = limiter
        self.standing = Standing(pace.stalled_after_s, http.gate)
        self.memory = Memory.of({}, "")
        self.digits = Digits(pace.send_wait_s)
        self._pace = pace
        self._inbox: Inbox
        self._hold_s = FIRST_HOLD_S
        self._has_arrived = False
        """Whether the ``LoggedIn`` of this login was delivered."""
        self._doubt: SessionEnded | None = None
        """A -14 that no poll has refuted or confirmed yet."""
        self._was_heard = False
        """Whether the service answered a poll of this login."""
        self._was_still_bound = False
        """Whether this login is the former one, whose bot the service said to be bound."""
        self._useless_token = ""
        """One of which the service says that its bot is bound, and that it is stale."""
        self._unsaved: set[str] = set()
        self._news = asyncio.Event()
        """Set, and replaced, when people may have written."""
        self._attention: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self, memory: Memory, inbox: Inbox) -> None:
        """Log in, follow the bot for ever, and log in again when its token is stale. Everything is delivered to the
        ``inbox``."""
        self.memory, self._inbox = memory, inbox
        if memory.session is not None:
            memory.begin(self._placed(memory.session))
        pauses = self._pace.backoff()
        try:
            while True:
                if self.session is None:
                    await self._log_in()
                began = time.monotonic()
                try:
                    await self._begin()
                    await self._follow()
                except SessionEnded as error:
                    await self._end(error)
                if time.monotonic() - began < self._pace.code_lives_at_least_s:
                    # The next login may need nobody's scan, and end as soon.
                    await asyncio.sleep(next(pauses))
                else:
                    pauses = self._pace.backoff()
        except asyncio.CancelledError:
            await self._say("notifystop")
            raise

    def _placed(self, session: Session) -> Session:
        """Return a saved session with an origin that is valid under the present settings."""
        hosts = self.http.hosts
        return replace(session, origin=str(hosts.of(session.origin) or hosts.first))

    @property
    def session(self) -> Session | None:
        """The present login; None while there is none."""
        session = self.memory.session
        return session if session is not None and not session.ended else None

    @property
    def is_usable(self) -> bool:
        """Whether there is a session whose token is not doubted."""
        return self.session is not None and self._doubt is None

    async def _deliver(
        self,
        events: Sequence[Event] = (),
        messages: Sequence[Message] = (),
        state: Mapping[str, bytes | None] | None = None,
    ) -> None:
        session = self.session
        identity = session.identity if session else None
        await self._inbox.deliver(Batch(events, messages, identity, state or {}))

    async def _enter(
        self,
        state: State,
        why: Reason,
        *events: Event,
        saves: Mapping[str, bytes | None] | None = None,
    ) -> None:
        """Change the state, and deliver ``events`` and that change. A new reason alone is no event."""
        change = self.standing.change(state, why)
        changes = [*events] if change is None else [*events, change]
        if changes or saves:
            await self._deliver(changes, state=saves)

    # -- login -----------------------------------------------------------------------------------------------

    async def _log_in(self) -> None:
        flow = LoginFlow(
            http=self.http,
            pace=self._pace,
            former=self.memory.session,
            useless_token=self._useless_token,
            digits=self.digits,
            enter=self._enter,
            deliver=self._deliver_event,
            note=self.standing.note,
        )
        session, former = await flow.session(self.standing.reason), self.memory.session
        self._was_still_bound = former is not None and session.token == former.token
        # The service names the token once, so it is saved before anything else is done.
        self.memory.begin(session)
        await self._deliver(state=self.memory.to_state("session", "cursor", "budgets", "people"))

    async def _deliver_event(self, event: Event) -> None:
        await self._deliver([event])

    async def _begin(self) -> None:
        """Say that the bot is on-line. The account runs when the service has answered anything to that."""
        self._doubt = None
        self._has_arrived = self._was_heard = False
        self._hold_s = FIRST_HOLD_S
        await self._enter(State.UPDATING, reason(ReasonCode.ANNOUNCING))
        error = await self._say("notifystart")
        if isinstance(error, Unreachable):
            self.standing.trouble = error
        else:
            await self._arrive()

    async def _arrive(self) -> None:
        """Deliver the login, and be running."""
        session = self._session()
        loaded, login = self.memory.people.loaded(), LoggedIn(ids_changed=not session.published)
        published = replace(session, published=True)
        self._has_arrived = True
        self.standing.heard()
        why = reason(ReasonCode.LOGGED_IN)
        saves = {"session": published.to_bytes()}
        await self._enter(State.RUNNING, why, loaded, login, saves=saves)
        self.memory.session = published

    async def _say(self, what: Literal["notifystart", "notifystop"]) -> WeChatError | None:
        """Notify the service that the client is on or off. A failure matters to nobody, and is returned."""
        session = self.session
        if session is None:
            return None
        timeout_s = min(NOTIFY_S, self._pace.finish_s if what == "notifystop" else NOTIFY_S)
        try:
            await self.http.send(calls.notify(session, what, timeout_s))
        except WeChatError as error:
            log.info("%s; going on all the same", error)
            return error
        return None

    async def _end(self, error: SessionEnded) -> None:
        """Leave a session. Its person is remembered, and so is its token, by which the service can know the bot."""
        why = self.standing.end(error)
        log.warning("the session is over: %s", why.text)
        session = self._session()
        if self._was_still_bound and not self._was_heard:
            self._useless_token = session.token
        self.memory.session = replace(session, ended=True)
        self._doubt = None
        await self._enter(State.LOADING, why, saves=self.memory.to_state("session"))

    # -- the loop of polls -----------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Poll for ever. Raises ``SessionEnded`` when the token is stale for certain."""
        pauses, waits, idle = self._pace.backoff(), self._pace.too_often(), self._pace.idle()
        was_cut_off = was_asked_again = False
        while True:
            await self.standing.may_call()
            polled = time.monotonic()
            try:
                brought = await self._round()
            except SessionEnded as error:
                if was_asked_again:
                    raise
                was_asked_again = True
                await self._ask_again(error)
                continue
            except SecondPollerError as error:
                await self._pause(error, next(waits))
                continue
            except RateLimited as error:
                await self._stumble(error, next(waits))
                continue
            except WeChatError as error:
                # One poll without an answer is normal; a second one in a row is not.
                is_harmless = isinstance(error, Unreachable) and not was_cut_off
                was_cut_off = True
                took_s = time.monotonic() - polled
                pause_s = (
                    0 if is_harmless and took_s >= self._pace.backoff_first_s else next(pauses)
                )
                await self._stumble(error, pause_s)
                continue
            was_cut_off = was_asked_again = False
            pauses, waits = self._pace.backoff(), self._pace.too_often()
            if self._has_arrived:
                await self._enter(State.RUNNING, reason(ReasonCode.IN_SYNC))
            else:
                await self._arrive()
            took_s = time.monotonic() - polled
            if brought or took_s >= self._pace.idle_most_s:
                idle = self._pace.idle()
            else:
                # The service did not hold the poll, and nothing new came: not in a tight loop.
                await self._watched(asyncio.sleep(next(idle)))

    async def _round(self) -> bool:
        """Poll once, and deliver what came. Whether anything did."""
        memory, session = self.memory, self._session()
        timeout_s = self._hold_s + self._pace.poll_grace_s
        call = calls.get_updates(session, memory.cursor, timeout_s)
        began = self.limiter.time()
        try:
            reply = await self._watched(self.http.send(call))
        except RateLimited:
            self.limiter.penalize(call.name, began)
            raise
        self._was_heard = True
        self._doubt = None  # of what came later, the next poll decides
        inbound = Inbound(session, memory.people, memory.budgets, memory.repeats)
        brought = False
        for updates in inbound.read(reply, memory.cursor):
            self._hold_s = updates.hold_s or self._hold_s
            await self._take(updates)
            brought |= bool(updates.messages)
        return brought

    async def _take(self, updates: Updates) -> None:
        """Deliver an answer, or a part of it."""
        memory = self.memory
        self.standing.heard()
        is_further = updates.cursor not in ("", memory.cursor)
        if is_further or updates.messages:
            memory.cursor = updates.cursor or memory.cursor
            names = ["cursor"]
            names += ["budgets", "repeats"] if updates.messages else []
            names += ["people"] if updates.events else []
            names += ["keys"] if self._note_keys(updates.messages) else []
            await self._deliver(updates.events, updates.messages, memory.to_state(*names))
        memory.repeats.commit()
        memory.people.delivered()
        self._news.set()
        self._news = asyncio.Event()

    def _note_keys(self, messages: Sequence[Message]) -> bool:
        """Remember the keys of files. Whether there are any."""
        files = [one.ref for one in messages if isinstance(one, MediaMessage) and one.ref.md5]
        known = [(ref.md5, key) for ref in files if (key := source_of(ref).key)]
        for md5, key in known:
            self.memory.keys.note(md5, key)
        return bool(known)

    async def _ask_again(self, error: SessionEnded) -> None:
        """After a -14, notify the service once; one more poll decides. That was said to help after idle nights."""
        self.standing.trouble = self._doubt = error
        await self._enter(State.UPDATING, reason(ReasonCode.TOKEN_DOUBTED, ret=error.ret))
        await self._say("notifystart")

    async def _pause(self, error: SecondPollerError, pause_s: float) -> None:
        """Leave the bot to another program that polls it, for a while."""
        why = reason(ReasonCode.SECOND_POLLER, seconds=f"{pause_s:.0f}")
        log.warning("%s", why.text)
        await self._enter(State.UPDATING, why)
        self.standing.trouble = error
        await self._watched(asyncio.sleep(pause_s))

    async def _stumble(self, error: WeChatError, pause_s: float) -> None:
        """Remember why a poll failed, and wait."""
        self.standing.trouble = error
        log.info("a poll failed: %s; again in %.1f s", error, pause_s)
        await self._watched(asyncio.sleep(pause_s))

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``. Meanwhile, save what sends changed, and leave the state "running" where it would be a lie."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                waited_for: set[asyncio.Future[Any]] = {task, self._attention}
                await asyncio.wait(
                    waited_for,
                    timeout=self.standing.until_stalled_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                await self._attend()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, WeChatError):
                    await task
            elif not task.cancelled():
                task.exception()  # it has been seen, also where this was cancelled meanwhile

    async def _attend(self) -> None:
        if self._attention.done():
            self._attention = asyncio.get_running_loop().create_future()
            if self._unsaved:
                names, self._unsaved = self._unsaved, set()
                await self._deliver(state=self.memory.to_state(*names))
            if self._doubt is not None and self.standing.state is State.RUNNING:
                self.standing.trouble = self._doubt
                await self._enter(
                    State.UPDATING, reason(ReasonCode.TOKEN_DOUBTED, ret=self._doubt.ret)
                )
        if self.standing.until_stalled_s == 0:
            why = self.standing.stalled("getupdates")
            await self._enter(State.UPDATING, why)

    def _session(self) -> Session:
        session = self.session
        if session is None:
            raise RuntimeError("there is no session; this call needs one")
        return session

    # -- what others ask for ---------------------------------------------------------------------------------

    async def until_sendable(self, person: str) -> None:
        """Return when a message may be sent to a person: at once, or when they have written."""
        while not self.memory.budgets.is_sendable(person):
            await self._news.wait()

    def changed(self, *names: str) -> None:
        """Have a part of the memory saved soon."""
        self._unsaved.update(names)
        self._notice()

    def _notice(self) -> None:
        if not self._attention.done():
            self._attention.set_result(None)

    async def ask(self, build: Callable[[Session], Call[wire.R]]) -> wire.R:
        """Do a call in the present login.

        Raises ``WeChatError``; after a ``SessionEnded`` a poll decides whether that is true, and ``NotLoggedIn`` says
        that no session is there, or that it is doubted.
        """
        with self._logged_in() as session:
            return await self.http.send(build(session))

    @contextlib.contextmanager
    def _logged_in(self) -> Iterator[Session]:
        session = self.session
        if session is None or self._doubt is not None:
            raise NotLoggedIn
        began = self.limiter.time()
        try:
            yield session
        except RateLimited as error:
            self.limiter.penalize(error.call, began)
            raise
        except SessionEnded as error:
            if self.session is not None and session.token == self.session.token:
                self._doubt = error
                self._notice()
            raise
