"""One account: its client, its queue of sends, its reporter, and what the routes ask of it.

What the client tells goes through the teller, and is in the journal before the client goes on.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

import msgspec

from openwx.config import AccountSettings, Report
from openwx.errors import CallerError, Code, LoggedOut
from openwx.gateway.feed import Feed
from openwx.gateway.orders import Address, Order, Outcome, address_of, new_order
from openwx.gateway.queue import QueueRules, SendQueue, Ticket
from openwx.gateway.shared import Shared
from openwx.gateway.teller import Teller
from openwx.report.journal import JournalError, NewSend, Send, Unit, Upload
from openwx.report.poll import poll
from openwx.report.reporter import Answer, Reporter
from openwx.wechat import events
from openwx.wechat.client import Batch, Client
from openwx.wechat.contacts import Contacts
from openwx.wechat.events import State, StateChanged
from openwx.wechat.http import Http
from openwx.wechat.model import FRIEND, Chat
from openwx.wechat.session import Session

log = logging.getLogger("openwx.account")

FINISH_S = 4.0
"""So long a stop waits for the send on its way, and so long for the last uploads."""


@dataclass(frozen=True, slots=True)
class Sent:
    """``id`` is ``<msg_id>:<receiver id>``."""

    msg_id: str
    id: str


class Account:
    """Lives in ``run`` until ``stop`` is called. Its facade is everything that is public here."""

    def __init__(
        self, name: str, settings: AccountSettings, report: Report, shared: Shared
    ) -> None:
        self.name = name
        self.starttime = time.time()
        self._report = report
        self._shared = shared
        pace = shared.pace
        base_url = settings.base_url or ""
        self._running = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stopped = False
        self._http = Http(shared.connector, base_url=base_url, timeout_s=pace.call_timeout_s)
        self._client = Client(self._http, self._deliver, mode=settings.login_mode, pace=pace)
        self._queue = SendQueue(
            QueueRules(
                settings.send_interval,
                settings.send_tries,
                settings.queue_size,
                pace.backoff,
                pace.too_often,
                pace.send_wait_s,
            ),
            running=self._running.wait,
            send=self._send,
            finish=self._finish,
        )
        self._reporter = Reporter(
            name,
            report,
            shared.journal,
            shared.http,
            replies=self._replies,
            accepted=self._accepted,
            url_client=name if shared.several else None,
            pauses=pace.backoff,
        )
        self._teller = Teller(name, report, shared, self._reporter.put)

    # -- what the routes ask ---------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return State.STOP if self._stopped else self._client.state

    @property
    def state_reason(self) -> str:
        return self._client.state_reason

    @property
    def contacts(self) -> Contacts:
        return self._client.contacts

    @property
    def feed(self) -> Feed:
        """What ``check_event`` hands out."""
        return self._teller.feed

    @property
    def qrcode_png(self) -> bytes | None:
        """The QR code that wants to be scanned now."""
        return self._teller.qrcode_png

    def require_running(self) -> None:
        """Raise ``CallerError`` (-4) unless the account can be used now."""
        if self.state is not State.RUNNING or self._stopping.is_set():
            raise self._not_running()

    def _not_running(self) -> CallerError:
        return CallerError(
            Code.NOT_RUNNING,
            f"the account {self.name} is not running but {self.state}: {self.state_reason}",
            state=str(self.state),
            state_reason=self.state_reason,
        )

    async def send_text(self, chat: Chat, content: str) -> Sent:
        """Send and wait for WeChat's word. Raises ``CallerError``, with HTTP 504 where the time is over."""
        self._queue.require_room()
        outcome = await self._queue.send_and_wait(new_order(self._address(chat), content))
        if outcome.error is not None:
            raise outcome.error
        return Sent(outcome.msg_id, f"{outcome.msg_id}:{outcome.chat_id}")

    async def send_text_later(self, chat: Chat, content: str) -> str:
        """Accept a send; when this returns, it survives a crash. The uid of its ``send_message`` upload."""
        self._queue.require_room()
        order = new_order(self._address(chat), content)
        await self._accept([order])
        return order.uid

    async def send_text_to_all(self, content: str) -> int:
        """Accept a send to every friend of category 好友; how many. It yields to other sends."""
        self._queue.require_room(bulk=True)
        friends = [friend for friend in self.contacts.friends.values() if friend.category == FRIEND]
        await self._accept(
            [new_order(self._address(friend), content, bulk=True) for friend in friends]
        )
        return len(friends)

    def stop(self) -> None:
        """Ask the account to stop; ``run`` returns soon. Never a log-out."""
        self._stopping.set()

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the account until ``stop``. A bug in it comes out as an exception."""
        try:
            saved = await self._restore()
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(self._reporter.run(), name=f"{self.name}: reporter"),
                    tasks.create_task(
                        poll(
                            self._report,
                            self._shared.http,
                            running=self._running.wait,
                            url_client=self.name if self._shared.several else None,
                        ),
                        name=f"{self.name}: poll_api",
                    ),
                ]
                queue = tasks.create_task(self._queue.run(), name=f"{self.name}: queue")
                client = tasks.create_task(self._follow(saved), name=f"{self.name}: client")
                await self._stopping.wait()
                self._queue.close()
                await asyncio.wait({queue}, timeout=FINISH_S)
                queue.cancel()
                client.cancel()
                await asyncio.wait({queue, client})
                await self._tell_stop("stopped on request")
                if not await self._reporter.drained(FINISH_S):
                    log.warning(
                        "%s: some uploads are left in the journal for the next start", self.name
                    )
                for task in background:
                    task.cancel()
        finally:
            self._stopped = True
            self._queue.give_up(self._not_running())
            await self._http.close()

    async def _restore(self) -> Session | None:
        """The saved session, and what was accepted but not sent when the process ended."""
        sends = await self._shared.journal.waiting_sends(self.name)
        orders = [Order.from_bytes(send.body) for send in sends]
        if orders:
            log.info("%s: %d accepted messages are still to be sent", self.name, len(orders))
        self._queue.put(orders)
        saved = (await self._shared.journal.state(self.name)).get("session")
        if saved is None:
            return None
        try:
            return Session.from_bytes(saved)
        except msgspec.DecodeError:
            log.warning("%s: the saved session cannot be read; a new login is needed", self.name)
            return None

    async def _follow(self, saved: Session | None) -> None:
        await self._client.run(saved)
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
        self._queue.give_up(self._not_running())
        await self._deliver(Batch(events=[*happened, events.Stopped()]))

    # -- between the parts -----------------------------------------------------------------------------------

    async def _deliver(self, batch: Batch) -> None:
        """The client goes on, and acknowledges, only when this has returned."""
        for happened in batch.events:
            if isinstance(happened, StateChanged):
                self._note_state(happened)
        await self._teller.tell(batch, batch.session or self._client.session)

    def _note_state(self, change: StateChanged) -> None:
        log.info("%s: %s → %s (%s)", self.name, change.old, change.new, change.reason)
        if change.new is State.RUNNING:
            self._running.set()
        else:
            self._running.clear()
        if change.new is not State.SCANING:
            self._teller.qrcode_png = None

    def _address(self, chat: Chat) -> Address:
        return address_of(chat, self._client.session)

    async def _accept(self, orders: list[Order]) -> None:
        sends = [NewSend(uid=order.uid, body=order.to_bytes()) for order in orders]
        try:
            await self._shared.journal.write(Unit(account=self.name, sends=sends))
        except JournalError as error:
            raise CallerError(
                Code.GAVE_UP, f"cannot be kept safe, so not accepted: {error}"
            ) from error
        self._queue.put(orders)

    def _replies(self, upload: Upload, answer: Answer) -> list[NewSend]:
        """The sends that an answer of ``post_api`` asks for; the reporter writes them down with the delivery."""
        if answer.media is not None:
            log.warning("%s: a reply's media is not sent: this version sends text only", self.name)
        if answer.reply is None:
            return []
        order = new_order(msgspec.json.decode(upload.reply_to, type=Address), answer.reply)
        return [NewSend(uid=order.uid, body=order.to_bytes(), upload_id=upload.id)]

    def _accepted(self, sends: list[Send]) -> None:
        self._queue.put(Order.from_bytes(send.body) for send in sends)

    async def _send(self, order: Order) -> Outcome:
        """Find the chat, in whatever login this is, and send. Raises ``CallerError`` where it is gone."""
        session, chat_id = self._client.session, order.to.id
        if session is not None and order.to.login != session.login_id:
            found = None
            if order.to.uin == session.uin:
                found = self.contacts.find_again(order.to)
            if found is None:
                raise CallerError(
                    Code.NOT_FOUND,
                    f"{order.to.displayname} cannot be found for certain after a new login; nothing was sent",
                )
            chat_id = found.id
        try:
            msg_id = await self._client.send_text(chat_id, order.content, order.client_msg_id)
        except LoggedOut:
            if not self._client.is_usable:
                self._running.clear()  # until the new login is done
            raise
        return Outcome(chat_id, msg_id)

    async def _finish(self, ticket: Ticket, outcome: Outcome) -> None:
        was_kept = ticket.done is None
        await self._teller.tell_outcome(
            ticket.order, outcome, self.contacts, self._client.session, was_kept=was_kept
        )
