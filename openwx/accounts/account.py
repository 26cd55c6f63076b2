"""One account: the composition of its parts, and its life from start to stop.

What the transport delivers comes to ``deliver``, which records it, then publishes it. Routes and console use what is
public here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from openwx.accounts import returned_events
from openwx.accounts.avatars import Avatars
from openwx.accounts.backend import Backend
from openwx.accounts.change_recorder import ChangeRecorder
from openwx.accounts.check_event import EventBuffer
from openwx.accounts.console_log import ConsoleLog
from openwx.accounts.history import History
from openwx.accounts.holdback import HoldBack
from openwx.accounts.media.files import AccountFiles
from openwx.accounts.media.registry import MediaRegistry
from openwx.accounts.media.resolver import MediaResolver
from openwx.accounts.media_download import MediaDownloader
from openwx.accounts.outbox import Outbox
from openwx.accounts.outgoing import unknown_outcome
from openwx.accounts.private_targets import TO_WECHAT, trusted_backends
from openwx.accounts.publisher import Publisher
from openwx.accounts.qrcode import LoginQRCode
from openwx.accounts.questions import Questions
from openwx.accounts.recall import Recalls
from openwx.accounts.recorder import EventRecorder
from openwx.accounts.refresh import Refreshes
from openwx.accounts.resources import Resources
from openwx.accounts.returned_events import ReturnedEvents
from openwx.accounts.sender import Sender
from openwx.accounts.status import AccountStatus
from openwx.accounts.streams import Stream
from openwx.coded import Coded
from openwx.config import AccountSettings, ReportSettings, Target
from openwx.domain.contact_book import ContactBook
from openwx.domain.events import Event, State, StateChanged, Stopped
from openwx.errors import LeaseLost, SessionEnded, WeChatError
from openwx.lease import Gate, always_open
from openwx.reasons import Reason, ReasonCode, reason
from openwx.store.base import InDoubt, JournalError
from openwx.transports import by_kind
from openwx.transports.base import Batch, Capability, ContactActions, SendBudget
from openwx.transports.ratelimit import RateLimiter

log = logging.getLogger("openwx.account")


class Backlog(NamedTuple):
    """Pending work: sends to WeChat, deliveries of reports, received media to download."""

    sends: int
    reports: int
    media: int


class Account:
    """Runs in ``run`` until ``stop`` is called. The ``Inbox`` of its transport."""

    def __init__(
        self,
        name: str,
        settings: AccountSettings,
        report: ReportSettings,
        resources: Resources,
        guarded: frozenset[str] = frozenset(),
        gate: Gate | None = None,
    ) -> None:
        """``guarded``: which of ``private_targets.KEYS`` came from a caller.

        Every call to WeChat, and every request to a backend, passes the ``gate``; None is one that is always open.
        """
        self.name = name
        self.login_mode = settings.login_mode
        self.starttime = time.time()
        self.ended = asyncio.Event()
        """Set when ``run`` has ended."""
        self.has_told_stop = False
        """Whether its ``stop`` is in the journal."""
        self._resources = resources
        self._gate = gate = gate or always_open()
        journal, timing = resources.journal, resources.pace
        limiter = RateLimiter(settings.send_interval, timing.too_often)
        self._transport = resources.transports.create(
            name, settings, limiter, is_guarded=not TO_WECHAT.isdisjoint(guarded), gate=gate
        )
        self._qrcode = LoginQRCode(name, resources.data_dir, colour=resources.colour)
        self._status = AccountStatus(name, self._transport, self._qrcode, gate)
        files = AccountFiles(
            name, report, resources, transport=self._transport, status=self._status, gate=gate
        )
        self.files = files
        """The files of its messages, wherever they are."""
        self._recorder = EventRecorder(
            name, report, journal, self._qrcode, self._transport, files, gate
        )
        self._publisher = Publisher()
        downloader = MediaDownloader(
            name,
            report,
            resources,
            transport=self._transport,
            status=self._status,
            recorder=self._recorder,
            files=files,
        )
        self._hold_back = HoldBack(name, self._publisher, downloader)
        trusted = trusted_backends(report, guarded)
        resolver = MediaResolver(
            resources.folder, resources.local_media, resources.fetcher, trusted
        )
        self.media = MediaRegistry(name, journal, resolver, self._transport, files)
        self.outgoing = Sender(
            name,
            settings,
            timing,
            journal,
            transport=self._transport,
            limiter=limiter,
            media=self.media,
            recorder=self._recorder,
            hold_back=self._hold_back,
            files=files,
            status=self._status,
            clock=resources.clock,
            max_age_s=report.max_age,
        )
        self._changes = ChangeRecorder(name, journal, self._recorder, self)
        self._transport.connect(self._changes)
        self.recalls = Recalls(name, journal, self._transport)
        self.refreshes = Refreshes(name, self._transport, self._status, timing)
        self.avatars = Avatars(self._transport, timing)
        self.questions = Questions(self._recorder)
        self.buffer = EventBuffer(report.check_event_list_max_size)
        """What ``check_event`` returns."""
        self._returned = ReturnedEvents(name, journal, self.buffer)
        self.stream = Stream(name, journal, files)
        self._backend = Backend(
            name, report, resources, guarded, self.outgoing, self._status, gate, files
        )
        self._reporters = self._backend.reporters
        self._publisher.subscribers = [
            self.questions,
            self.buffer,
            self.stream,
            ConsoleLog(name, resources),
            self._reporters,
        ]
        self.outbox = Outbox(name, journal, self._reporters, gate)
        self.history = History(name, journal, self._recorder.chat_keys)

    # -- what routes and console ask for ---------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._status.state

    @property
    def reason(self) -> Reason:
        return self._status.reason

    @property
    def state_reason(self) -> str:
        """The reason in English."""
        return self._status.reason.text

    @property
    def trouble(self) -> WeChatError | None:
        """The error because of which it does not run; see ``Standing``."""
        return self._transport.standing.trouble

    @property
    def session_end(self) -> SessionEnded | None:
        """Why the former session ended, until the next one runs."""
        return self._transport.standing.session_end

    @property
    def stop_requested(self) -> bool:
        """Whether it stops, or has stopped, because of ``stop``."""
        return self._status.stopping.is_set()

    @property
    def goes_on_elsewhere(self) -> bool:
        """Whether it ends here, and another process has it next."""
        return self._status.goes_on_elsewhere

    @property
    def is_running(self) -> bool:
        """Whether it can be used now."""
        return self._status.is_running

    @property
    def is_paused(self) -> bool:
        """Whether this process may do nothing for it now, because its lease has ended, and nobody else has it yet."""
        return self._status.is_paused

    async def until_settled(self, within_s: float) -> None:
        """Wait until it has started, so that it runs, waits for a person or has ended, but not for longer."""
        waits = [asyncio.ensure_future(one.wait()) for one in (self._status.settled, self.ended)]
        try:
            await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def require_running(self) -> None:
        """Raise ``CallerError`` (-4) unless the account can be used now."""
        self._status.require_running()

    @property
    def transport_kind(self) -> str:
        """The value of the setting ``transport`` that chose its transport."""
        return self._transport.kind

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What its transport can do."""
        return self._transport.capabilities

    @property
    def budgets(self) -> Sequence[SendBudget]:
        """What may be sent to each chat before its person writes again; empty where nothing bounds it."""
        return self._transport.budgets

    @property
    def owner_id(self) -> str | None:
        """The id of the chat with the account's own person; None while it is not known."""
        return self._transport.owner_id

    async def verify_code(self, code: str) -> bool:
        """Hand in the digits that the phone shows, and return whether they were right.

        Raise ``CallerError`` (101) while none are wanted.
        """
        return await self._transport.verify_code(code)

    @property
    def contacts(self) -> ContactBook:
        return self._transport.contacts

    @property
    def actions(self) -> ContactActions:
        """Changes of groups and contacts."""
        return self._transport.actions

    @property
    def qrcode_png(self) -> bytes | None:
        """The QR code that is to be scanned now."""
        return self._qrcode.png

    @property
    def targets(self) -> Sequence[Target]:
        """The backends that reports go to, the first one first."""
        return self._backend.targets

    @property
    def outages(self) -> Mapping[str, Coded]:
        """Why some targets get nothing for now, by their names; empty while all answer."""
        return self._reporters.outages

    @property
    def sync_age_s(self) -> float | None:
        """Seconds since the last successful sync round; None before the first."""
        return self._transport.standing.sync_age_s

    @property
    def waiting(self) -> Backlog:
        """Count what is still to be done."""
        return Backlog(
            sends=len(self.outgoing.queue),
            reports=sum(self._reporters.waiting.values()),
            media=len(self._hold_back),
        )

    @property
    def waiting_reports(self) -> Mapping[str, int]:
        """Count the deliveries that have not ended, by target."""
        return self._reporters.waiting

    # -- the way in ------------------------------------------------------------------------------------------

    async def deliver(self, batch: Batch) -> None:
        """Record a batch, then publish it. The transport acknowledges it when this has returned."""
        for event in batch.events:
            if isinstance(event, StateChanged):
                self._status.note(event)
        if batch.identity is None:
            batch = replace(batch, identity=self._transport.identity)
        state = by_kind.to_saved(self._transport.kind, batch.state) | self._returned.state()
        recorded = await self._recorder.record(replace(batch, state=state))
        self._hold_back.add(recorded)
        self.actions.contacts_changed()

    # -- life ------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the account to stop; ``run`` returns soon. Never a log-out."""
        self._status.stopping.set()

    def hand_over(self) -> None:
        """Ask the account to end here, so that another process goes on with it; ``run`` returns soon.

        What is under way is finished, and nothing is told of its end. Never a log-out.
        """
        self._status.is_handed_over = True
        self._status.stopping.set()

    def stay_stopped(self) -> None:
        """Be stopped without having run."""
        self._status.stop(reason(ReasonCode.STOPPED_BY_STOP_CLIENT))
        self._end_stream()

    async def close(self) -> None:
        """Release what ``check_event`` can still return after ``run``: there will be no further call."""
        self.buffer.close()
        await self._backend.close()
        await self._transport.close()

    async def run(self) -> None:
        """Follow the account until ``stop`` or ``hand_over``. A bug in it comes out as an exception.

        When the gate closes, and with ``LeaseLost`` or ``InDoubt``, it is abandoned: it ends at once, and nothing more
        is written or called, for this process may do nothing more for it.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                owned = tasks.create_task(self._end_when_lost(), name=f"{self.name}: gate")
                saved = await self._restored(tasks)
                if saved is not None:
                    await self._run_parts(tasks, saved)
                owned.cancel()
            await self._log_what_is_left()
        except Exception as error:
            if self._gate.is_closed or _is_of_store(error):
                self._abandon(error)
                return
            await self._record_stop(reason(ReasonCode.BUG))
            await self._backend.report_after_a_bug()
            raise
        finally:
            self._status.stop()
            self._give_up_waiting()
            self._end_stream()
            await self.refreshes.close()
            await self._changes.close()
            await self._transport.close()
            self.ended.set()

    async def _run_parts(self, tasks: asyncio.TaskGroup, saved: Mapping[str, bytes]) -> None:
        """Run all parts of the account until it is to end, and end them in order."""
        finish_s = self._resources.pace.finish_s
        background = self._start_background(tasks)
        queue = self._start(tasks, "queue", self.outgoing.run)
        client = self._start(tasks, "transport", partial(self._follow, saved))
        await self._status.stopping.wait()
        self.outgoing.close()
        await asyncio.wait({queue}, timeout=finish_s)
        queue.cancel()
        client.cancel()
        await asyncio.wait({queue, client})
        if self._status.is_handed_over:
            await self._finish_here(finish_s)
        else:
            await self._record_stop(reason(ReasonCode.STOPPED_BY_REQUEST))
            await self._reporters.drained(finish_s)
        for task in background:
            task.cancel()

    async def _end_when_lost(self) -> None:
        await self._gate.until_closed()
        self._gate.require_mine()

    def _abandon(self, error: Exception) -> None:
        """End without a word to anybody but the callers who wait, and the log."""
        first, is_expected = _first_of(error), _is_of_store(error)
        words = "%s: ends here, without its stop: nothing more may be done for it: %s"
        log.error(words, self.name, first, exc_info=None if is_expected else error)
        self._gate.close()
        if not isinstance(first, InDoubt):
            self._status.stop(reason(ReasonCode.ABANDONED))

    async def _finish_here(self, within_s: float) -> None:
        """Save the state, and wait for the deliveries that are under way. What is left goes on elsewhere."""
        self._status.stop(reason(ReasonCode.HANDED_OVER))
        self._give_up_waiting()
        try:
            async with asyncio.timeout(within_s):
                await self.deliver(Batch(state=self._transport.state_at_stop()))
                await self._reporters.settled()
        except TimeoutError:
            log.warning(
                "%s: handed over with deliveries under way, or its state unsaved", self.name
            )

    def _start_background(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the tasks that run until the account has stopped."""
        work = {
            "reporters": self._reporters.run,
            "media in": self._hold_back.run,
            "files": self.files.keeper.run,
            "poll_api": self._backend.poll,
        }
        return [self._start(tasks, name, run) for name, run in work.items()]

    def _start(
        self, tasks: asyncio.TaskGroup, name: str, run: Callable[[], Awaitable[None]]
    ) -> asyncio.Task[None]:
        return tasks.create_task(self._while_mine(run), name=f"{self.name}: {name}")

    async def _while_mine(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run a part of the account. If it finds out that the account is lost, the others end without a farewell."""
        try:
            await run()
        except Exception as error:
            if _is_of_store(error):
                self._gate.close()
            raise

    async def _restored(self, tasks: asyncio.TaskGroup) -> Mapping[str, bytes] | None:
        """Restore, and return the transport's saved state; None where the account ends before that can be read."""
        restoring = tasks.create_task(self._restore(), name=f"{self.name}: restore")
        stopping = asyncio.ensure_future(self._status.stopping.wait())
        try:
            await asyncio.wait({restoring, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        await asyncio.wait({restoring}, timeout=self._resources.pace.finish_s)
        if restoring.done():
            return restoring.result()
        restoring.cancel()
        is_handed_over = self._status.is_handed_over
        code = ReasonCode.HANDED_OVER if is_handed_over else ReasonCode.STOPPED_BY_REQUEST
        self._status.stop(reason(code))
        return None

    async def _restore(self) -> Mapping[str, bytes]:
        """Continue with held reports and unsent messages, and load the transport's saved state."""
        journal = self._resources.journal
        held = await journal.until_done(self._recorder.restore, self._log_unread)
        sends = await journal.until_done(
            partial(journal.waiting_sends, self.name), self._log_unread
        )
        saved = await journal.until_done(partial(journal.state, self.name), self._log_unread)
        unreturned = await journal.until_done(
            partial(self._returned.unreturned, saved.get(returned_events.STATE)), self._log_unread
        )
        self.buffer.fill(unreturned)
        self._hold_back.add(held)
        if sends:
            log.info("%s: %d accepted messages are still to be sent", self.name, len(sends))
        self.outgoing.accept(sends)
        return by_kind.of_saved(self._transport.kind, saved)

    def _log_unread(self, error: JournalError) -> None:
        log.error("%s: starts when the journal can be read: %s", self.name, error)

    async def _follow(self, saved: Mapping[str, bytes]) -> None:
        if self._status.stopping.is_set():  # nothing but its stop is left to do
            return
        await self._transport.run(saved, self)
        log.error("%s: %s", self.name, self.state_reason)
        await self._record_stop(self._transport.standing.reason)

    async def _record_stop(self, why: Reason) -> None:
        """Record and publish the last events, unless that was done."""
        if self._status.has_stopped:
            return
        change = self._status.stop(why)
        self._give_up_waiting()
        events: list[Event] = [Stopped()] if change is None else [change, Stopped()]
        try:
            async with asyncio.timeout(self._resources.pace.finish_s):
                await self.deliver(Batch(events=events, state=self._transport.state_at_stop()))
            self.has_told_stop = True
        except TimeoutError:
            words = "%s: its stop is not published: the journal does not take it"
            log.warning(words, self.name)

    def _give_up_waiting(self) -> None:
        """Answer all callers that wait for a send or an answer: the account has stopped."""
        error, goes_on = self._status.not_running(), self._status.goes_on_elsewhere
        self.outgoing.give_up(error, goes_on=goes_on)
        asked = unknown_outcome("it was asked, and another process may get the answer")
        self.questions.give_up(error, asked if goes_on else None)

    def _end_stream(self) -> None:
        self.stream.end(f"the account {self.name} has stopped: {self.state_reason}")

    async def _log_what_is_left(self) -> None:
        try:
            reports, sends = await self._resources.journal.unfinished(self.name)
        except JournalError as error:
            log.warning(
                "%s: stopped; what is left in the journal cannot be read: %s", self.name, error
            )
            return
        if self._status.is_handed_over:
            words = "%s: handed over, with %d reports and %d sends that are left to do"
            log.info(words, self.name, reports, sends)
        elif reports or sends:
            words = (
                "%s: stopped; %d reports and %d sends are left in the journal for the next start"
            )
            log.warning(words, self.name, reports, sends)
        else:
            log.info("%s: stopped; nothing is left to do", self.name)


def _is_of_store(error: BaseException) -> bool:
    """Return whether nothing but ``LeaseLost`` and ``InDoubt`` ended the account."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_of_store, error.exceptions))
    return isinstance(error, InDoubt | LeaseLost)


def _first_of(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
