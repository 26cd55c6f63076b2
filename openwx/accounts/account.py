"""One account: its client, its queue of sends, its reporter, and what the routes ask of it.

What the client tells goes through the teller, and is in the journal before the client goes on.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import aiohttp
import msgspec
from yarl import URL

from openwx import metrics
from openwx.accounts import console_log, journal_guard
from openwx.accounts.avatars import Avatars
from openwx.accounts.check_event import EventBuffer
from openwx.accounts.history import History
from openwx.accounts.holdback import HoldBack, RecordedReport
from openwx.accounts.media.registry import MediaRegistry
from openwx.accounts.media.resolver import MediaResolver
from openwx.accounts.media_download import MediaDownloader
from openwx.accounts.outbox import Outbox
from openwx.accounts.questions import Questions
from openwx.accounts.recall import Recalls
from openwx.accounts.recorder import EventRecorder
from openwx.accounts.resources import Resources
from openwx.accounts.sender import Sender
from openwx.accounts.streams import Stream
from openwx.config import AccountSettings, ReportSettings
from openwx.domain import events
from openwx.domain.contact_book import ContactBook
from openwx.domain.events import State, StateChanged
from openwx.errors import CallerError, Code, SessionEnded, WeChatError
from openwx.logcontext import bind
from openwx.reporter import retry_schedule
from openwx.reporter.poller import poll
from openwx.reporter.reporter import Reporter
from openwx.store.sqlite.journal import JournalError, Send
from openwx.transports.web.client import Batch, Client
from openwx.transports.web.contact_actions import ContactActions
from openwx.transports.web.contacts_snapshot import ContactsSnapshot
from openwx.transports.web.http import Http
from openwx.transports.web.session import Session
from openwx.transports.web.transfer import Transfer

log = logging.getLogger("openwx.account")


class Waiting(NamedTuple):
    """So much is still to be done: sends to WeChat, uploads to ``post_api``, received media to fetch."""

    sends: int
    uploads: int
    media: int


class Account:
    """Lives in ``run`` until ``stop`` is called. Its facade is everything that is public here."""

    def __init__(
        self,
        name: str,
        settings: AccountSettings,
        report: ReportSettings,
        shared: Resources,
        given: frozenset[str] = frozenset(),
    ) -> None:
        """``given``: which of ``targets.KEYS`` are a caller's word."""
        self.name = name
        self.login_mode = settings.login_mode
        self.starttime = time.time()
        self.ended = asyncio.Event()
        """Set when ``run`` has ended."""
        self._report = report
        self._shared = shared
        pace = shared.pace
        base_url = settings.base_url or ""
        self._running = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stopped = False
        self._given = given
        judging = shared.targets if "base_url" in given else None
        connector = judging.connector if judging else shared.connector
        self._http = Http(connector, base_url=base_url, timeout_s=pace.call_timeout_s)
        self._counts = metrics.of_account(name)
        self._client = Client(
            self._http,
            self._deliver,
            mode=settings.login_mode,
            pace=pace,
            ended=self._counts.session_ended,
        )
        transfer = Transfer(self._client, pace)
        self._feed = EventBuffer(report.check_event_list_max_size)
        self.stream = Stream(name, shared.journal)
        """What is told, for whoever follows it."""
        self._stage = HoldBack(name, self._pass_on)
        self._teller = EventRecorder(name, report, shared, self._take)
        self._incoming = MediaDownloader(
            name,
            report,
            shared,
            client=self._client,
            transfer=transfer,
            running=self._running,
            write=self._teller.write,
            writable=shared.journal.writable,
        )
        trusted = [URL(report.post_api)] if report.post_api and "post_api" not in given else []
        sources = MediaResolver(shared.folder, shared.local_media, shared.fetcher, trusted)
        self.parcels = MediaRegistry(name, shared.journal, sources, self._client, transfer)
        self.outgoing = Sender(
            name,
            settings,
            pace,
            shared.journal,
            client=self._client,
            transfer=transfer,
            parcels=self.parcels,
            teller=self._teller,
            running=self._running,
        )
        self.changes = ContactActions(
            self._client,
            pace,
            settings.send_interval,
            require=lambda: journal_guard.require(shared.journal, "nothing was done"),
            tell=self._tell_change,
        )
        self._telling: set[asyncio.Task[None]] = set()
        """What changed and is still to be written down."""
        self.recalls = Recalls(name, shared.journal, self._client, self.changes)
        self.avatars = Avatars(self._client, pace)
        self.consults = Questions()
        self._reporter = self._new_reporter(self.outgoing.accepted)
        self.outbox = Outbox(name, shared.journal, self._reporter)
        self.history = History(name, shared.journal, self._teller.lines)

    def _new_reporter(self, accepted: Callable[[list[Send]], None]) -> Reporter:
        return Reporter(
            self.name,
            self._report,
            self._shared.journal,
            self._http_for("post_api"),
            replies=self.outgoing.replies,
            accepted=accepted,
            url_client=self._url_client,
            pauses=retry_schedule.of(self._shared.pace),
            clock=self._shared.clock,
        )

    def _http_for(self, key: str) -> aiohttp.ClientSession:
        """The way to a backend: a judged one where its address is a caller's word."""
        targets = self._shared.targets
        return targets.http if targets is not None and key in self._given else self._shared.http

    # -- what the routes ask ---------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return State.STOP if self._stopped else self._client.state

    @property
    def state_reason(self) -> str:
        return self._client.state_reason

    @property
    def trouble(self) -> WeChatError | None:
        """Why it does not run, where that is WeChat's doing; see ``Client``."""
        return self._client.trouble

    @property
    def session_end(self) -> SessionEnded | None:
        """Why the former session ended, until the next one runs."""
        return self._client.session_end

    @property
    def stop_requested(self) -> bool:
        """Whether it stops, or has stopped, because somebody asked for that."""
        return self._stopping.is_set()

    @property
    def contacts(self) -> ContactBook:
        return self._client.contacts

    @property
    def feed(self) -> EventBuffer:
        """What ``check_event`` hands out."""
        return self._feed

    @property
    def qrcode_png(self) -> bytes | None:
        """The QR code that wants to be scanned now."""
        return self._teller.qrcode_png

    @property
    def post_api(self) -> str:
        """Where uploads go; empty where they go nowhere."""
        return self._report.post_api or ""

    @property
    def outage(self) -> str:
        """Why ``post_api`` gets nothing for now; empty while it answers."""
        return self._reporter.outage

    @property
    def is_running(self) -> bool:
        """Whether it can be used now."""
        return self.state is State.RUNNING and not self._stopping.is_set()

    @property
    def sync_age_s(self) -> float | None:
        """How long ago WeChat was last heard of in full; None before the first time."""
        return self._client.sync_age_s

    @property
    def waiting(self) -> Waiting:
        """What is still to be done for it."""
        return Waiting(
            sends=len(self.outgoing.queue), uploads=self._reporter.waiting, media=len(self._stage)
        )

    def require_running(self) -> None:
        """Raise ``CallerError`` (-4) unless the account can be used now."""
        if not self.is_running:
            raise self._not_running()

    def _not_running(self) -> CallerError:
        return CallerError(
            Code.NOT_RUNNING,
            f"the account {self.name} is not running but {self.state}: {self.state_reason}",
            state=str(self.state),
            state_reason=self.state_reason,
        )

    def stop(self) -> None:
        """Ask the account to stop; ``run`` returns soon. Never a log-out."""
        self._stopping.set()

    def rest(self) -> None:
        """Do not run at all, for now."""
        self._stopped = True
        self._client.state_reason = "stopped by stop_client; start_client starts it"
        self._end_stream()

    async def close(self) -> None:
        """Nobody will ask for it any more. Until then ``check_event`` has what was told last, also after ``run``."""
        self._feed.close()
        await self._http.close()

    def _url_client(self) -> str | None:
        """What ``client=`` says in the addresses of backends; nothing where there is one account only."""
        return self.name if self._shared.several else None

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the account until ``stop``. A bug in it comes out as an exception."""
        try:
            saved, known = await self._restore()
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(self._reporter.run(), name=f"{self.name}: reporter"),
                    tasks.create_task(
                        self._stage.run(self._incoming.complete), name=f"{self.name}: media in"
                    ),
                    tasks.create_task(
                        self.outgoing.take_sources(), name=f"{self.name}: media of replies"
                    ),
                    tasks.create_task(
                        self.outgoing.refuse_in_trouble(), name=f"{self.name}: journal's trouble"
                    ),
                    tasks.create_task(
                        poll(
                            self._report,
                            self._http_for("poll_api"),
                            running=self._running.wait,
                            url_client=self._url_client,
                        ),
                        name=f"{self.name}: poll_api",
                    ),
                ]
                queue = tasks.create_task(self.outgoing.queue.run(), name=f"{self.name}: queue")
                client = tasks.create_task(self._follow(saved, known), name=f"{self.name}: client")
                await self._stopping.wait()
                self.outgoing.queue.close()
                await asyncio.wait({queue}, timeout=self._shared.pace.finish_s)
                queue.cancel()
                client.cancel()
                await asyncio.wait({queue, client})
                await self._tell_stop("stopped on request")
                await self._reporter.drained(self._shared.pace.finish_s)
                for task in background:
                    task.cancel()
            await self._say_what_is_left()
        except Exception:
            await self._tell_stop("a bug in openwx; its log tells more")
            await self._report_after_a_bug()
            raise
        finally:
            self._stopped = True
            self.outgoing.queue.give_up(self._not_running())
            self.consults.give_up(self._not_running())
            self._end_stream()
            for task in self._telling:
                task.cancel()
            await self._http.close()
            await asyncio.gather(*self._telling, return_exceptions=True)

    async def _report_after_a_bug(self) -> None:
        """Deliver what there still is, ``stop`` above all; replies wait in the journal for the next start."""
        reporter = self._new_reporter(lambda _: None)
        try:
            async with asyncio.TaskGroup() as tasks:
                run = tasks.create_task(reporter.run(), name=f"{self.name}: last uploads")
                await reporter.drained(self._shared.pace.finish_s)
                run.cancel()
        except Exception:
            log.exception("%s: the last uploads wait for the next start", self.name)

    async def _say_what_is_left(self) -> None:
        try:
            uploads, sends = await self._shared.journal.left(self.name)
        except JournalError as error:
            log.warning(
                "%s: stopped; what is left in the journal cannot be read: %s", self.name, error
            )
            return
        if uploads or sends:
            log.warning(
                "%s: stopped; %d uploads and %d sends are left in the journal for the next start",
                self.name,
                uploads,
                sends,
            )
        else:
            log.info("%s: stopped; nothing is left to do", self.name)

    async def _restore(self) -> tuple[Session | None, ContactsSnapshot | None]:
        """The saved session and contacts; what waits for its medium, and what was accepted but not sent, goes on."""
        for told in await self._teller.restore():
            self._stage.put(told)
        sends = await self._shared.journal.waiting_sends(self.name)
        if sends:
            log.info("%s: %d accepted messages are still to be sent", self.name, len(sends))
        self.outgoing.accepted(sends)
        state = await self._shared.journal.state(self.name)
        saved, known = state.get("session"), state.get("contacts")
        session = contacts = None
        try:
            session = Session.from_bytes(saved, state.get("uids")) if saved is not None else None
        except msgspec.DecodeError:
            words = "%s: the saved session cannot be read; a new login is needed"
            metrics.dropped(log, "saved_state", words, self.name)
        try:
            contacts = ContactsSnapshot.from_bytes(known) if known is not None else None
        except msgspec.DecodeError:
            words = "%s: the saved contacts cannot be read; what changed is not told"
            metrics.dropped(log, "saved_state", words, self.name)
        return session, contacts

    async def _follow(self, saved: Session | None, known: ContactsSnapshot | None) -> None:
        await self._client.run(saved, known)
        log.error("%s: %s", self.name, self._client.state_reason)
        await self._tell_stop(self._client.state_reason)

    async def _tell_stop(self, reason: str) -> None:
        if self._stopped:
            return
        self._stopped = True
        happened: list[events.Event] = []
        if self._client.state is not State.STOP:
            happened.append(StateChanged(self._client.state, State.STOP, reason))
            self._client.state, self._client.state_reason = State.STOP, reason
        self.outgoing.queue.give_up(self._not_running())
        self.consults.give_up(self._not_running())
        last = Batch(events=[*happened, events.Stopped()], known=self._client.known)
        try:
            async with asyncio.timeout(self._shared.pace.finish_s):
                await self._deliver(last)
        except TimeoutError:
            log.warning("%s: its stop is told to nobody: the journal does not take it", self.name)

    def _end_stream(self) -> None:
        self.stream.end(f"the account {self.name} has stopped: {self.state_reason}")

    # -- between the parts -----------------------------------------------------------------------------------

    async def _deliver(self, batch: Batch) -> None:
        """The client goes on, and acknowledges, only when this has returned."""
        for happened in batch.events:
            if isinstance(happened, StateChanged):
                self._note_state(happened)
        await self._teller.tell(batch, batch.session or self._client.session)
        self.changes.heard()

    async def _tell_change(self, happened: list[events.Event]) -> None:
        """Tell what a call changed; its caller does not wait for a journal that cannot be written."""
        telling = asyncio.create_task(self._client.tell(happened), name=f"{self.name}: a change")
        trouble = asyncio.create_task(self._shared.journal.fails(), name=f"{self.name}: trouble")
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        try:
            await asyncio.wait({telling, trouble}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            trouble.cancel()
        if telling.done():
            telling.result()

    def _note_state(self, change: StateChanged) -> None:
        with bind(event="state_change"):
            log.info("%s: %s → %s (%s)", self.name, change.old, change.new, change.reason)
        if change.new is State.RUNNING:
            self._running.set()
        else:
            self._running.clear()
        if change.new is not State.SCANING:
            self._teller.qrcode_png = None

    def _take(self, told: RecordedReport) -> None:
        """What is in the journal, perhaps still without its medium."""
        self.consults.arrived(told.payload)
        self._stage.put(told)

    def _pass_on(self, told: RecordedReport) -> None:
        """Tell everybody of what is in the journal, and complete."""
        self.consults.heard(told.payload)
        self._feed.put(told.upload)
        self.stream.put(told.upload)
        if self._shared.show_messages:
            console_log.show(self.name if self._shared.several else "", told.payload)
        self._reporter.put([told.upload])
