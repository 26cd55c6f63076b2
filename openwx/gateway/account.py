"""One account: its client, its queue of sends, its reporter, and what the routes ask of it.

What the client tells becomes uploads here, and is in the journal before the client goes on.
"""

import asyncio
import base64
import dataclasses
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from openwx.config import AccountSettings, Report
from openwx.errors import CallerError, Code, LoggedOut
from openwx.gateway import chatlog, qrcode
from openwx.gateway.feed import Feed
from openwx.gateway.queue import Order, Outcome, QueueRules, SendQueue, Ticket
from openwx.report import payload as payloads
from openwx.report.journal import Journal, JournalError, NewSend, NewUpload, Send, Unit, Upload
from openwx.report.payload import Payload, ReplyTo
from openwx.report.poll import poll
from openwx.report.reporter import Answer, Reporter, wanted
from openwx.wechat import events
from openwx.wechat.client import Batch, Client
from openwx.wechat.contacts import Contacts, target_of
from openwx.wechat.events import State, StateChanged
from openwx.wechat.http import Http
from openwx.wechat.messages import Message
from openwx.wechat.model import FRIEND, Chat, Friend, Group, User
from openwx.wechat.pace import Pace
from openwx.wechat.send import new_client_msg_id
from openwx.wechat.session import Session

log = logging.getLogger("openwx.account")

FINISH_S = 4.0
"""So long a stop waits for the send on its way, and so long for the last uploads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all accounts of a process have in common."""

    journal: Journal
    connector: aiohttp.BaseConnector
    http: aiohttp.ClientSession
    data_dir: Path
    show_messages: bool = True
    colour: bool = False
    several: bool = False
    pace: Pace = field(default_factory=Pace)


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
        self.qrcode_png: bytes | None = None
        self.feed = Feed(report.check_event_list_max_size)
        self._report = report
        self._shared = shared
        self._journal = shared.journal
        pace = shared.pace
        base_url = settings.base_url or ""
        self._running = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stopped = False
        self._in_order = asyncio.Lock()
        self._lines: dict[str, str] = {}
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
        outcome = await self._queue.send_and_wait(self._new_order(chat, content))
        if outcome.error is not None:
            raise outcome.error
        return Sent(outcome.msg_id, f"{outcome.msg_id}:{outcome.chat_id}")

    async def send_text_later(self, chat: Chat, content: str) -> str:
        """Accept a send; when this returns, it survives a crash. The uid of its ``send_message`` upload."""
        self._queue.require_room()
        order = self._new_order(chat, content)
        await self._accept([order])
        return order.uid

    async def send_text_to_all(self, content: str) -> int:
        """Accept a send to every friend of category 好友; how many. It yields to other sends."""
        self._queue.require_room(bulk=True)
        friends = [friend for friend in self.contacts.friends.values() if friend.category == FRIEND]
        await self._accept([self._new_order(friend, content, bulk=True) for friend in friends])
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
        sends = await self._journal.waiting_sends(self.name)
        orders = [msgspec.json.decode(send.body, type=Order) for send in sends]
        if orders:
            log.info("%s: %d accepted messages are still to be sent", self.name, len(orders))
        self._queue.put(orders)
        saved = (await self._journal.state(self.name)).get("session")
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

    # -- what the client tells -------------------------------------------------------------------------------

    async def _deliver(self, batch: Batch) -> None:
        """Make a batch last. The client goes on, and acknowledges, only when this has returned."""
        for happened in batch.events:
            if isinstance(happened, StateChanged):
                self._note_state(happened)
        async with self._in_order:
            told = [pair for happened in batch.events for pair in await self._tell(happened)]
            session = batch.session or self._client.session
            told += [self._tell_message(message, session) for message in batch.messages]
            state = {"session": batch.session.to_bytes()} if batch.session else {}
            await self._commit(Unit(account=self.name, state=state), told)

    def _note_state(self, change: StateChanged) -> None:
        log.info("%s: %s → %s (%s)", self.name, change.old, change.new, change.reason)
        if change.new is State.RUNNING:
            self._running.set()
        else:
            self._running.clear()
        if change.new is not State.SCANING:
            self.qrcode_png = None

    async def _tell(self, happened: events.Event) -> list[tuple[NewUpload, Payload]]:
        """The uploads of an event, where somebody wants them."""
        if isinstance(happened, events.ContactsLoaded):
            if not any(name.startswith("update_") for name in self._report.post_event_list):
                return []
            named = payloads.updates(happened)
        elif isinstance(happened, events.QRCodeShown):
            named = [payloads.event(happened, qrcode=await self._show_qrcode(happened.link))]
        else:
            named = [payloads.event(happened)]
        return [
            (self._upload(name, "", payload), payload)
            for name, payload in named
            if name in self._report.post_event_list
        ]

    async def _show_qrcode(self, link: str) -> tuple[str, str]:
        """Show the QR code in the terminal and as a file; the file's path and its base64."""
        path = self._shared.data_dir / f"qrcode-{self.name}.png"
        self.qrcode_png = await asyncio.to_thread(qrcode.png, link)
        try:
            await asyncio.to_thread(path.write_bytes, self.qrcode_png)
        except OSError as error:
            log.warning("%s: the QR code cannot be written to %s: %s", self.name, path, error)
        picture = qrcode.terminal(link, colour=self._shared.colour)
        log.info(
            "%s: scan this QR code with WeChat on your phone (also at %s):\n%s",
            self.name,
            path,
            picture,
        )
        return str(path), base64.encodebytes(self.qrcode_png).decode("ascii")

    def _tell_message(self, message: Message, session: Session | None) -> tuple[NewUpload, Payload]:
        uid = uuid.uuid4().hex
        payload = payloads.received(message, uid)
        chat = message.parties.chat
        reply_to = b""
        if payloads.may_be_replied_to(payload) and isinstance(chat, Friend | Group):
            reply_to = msgspec.json.encode(self._address(chat, session))
        uin = session.uin if session else ""
        upload = self._upload(
            payload["post_type"],
            self._line_of(chat),
            payload,
            reply_to=reply_to,
            dedupe=f"{uin}:{message.id}",
        )
        return upload, payload

    def _line_of(self, chat: Chat | User) -> str:
        """What keeps the uploads of one chat in order. No id: a new login gives the chat another one while uploads
        of the former login may still wait. So it is a fingerprint, and stays that of the first time."""
        names = [chat.id]
        if chat.uid != "":
            names.append(f"{type(chat).__name__} {chat.uid}")
        line = next((self._lines[name] for name in names if name in self._lines), None)
        if line is None:
            line = chat.id
            if isinstance(chat, Friend | Group) and chat.name:  # the nameless are all alike
                line = target_of(chat).fingerprint
        self._lines.update(dict.fromkeys(names, line))
        return line

    def _upload(self, kind: str, chat: str, payload: Payload, **more: Any) -> NewUpload:
        return NewUpload(
            chat=chat,
            kind=kind,
            body=msgspec.json.encode(payload),
            uid=payload.get("uid") or uuid.uuid4().hex,
            deliver=wanted(self._report, kind, payload),
            **more,
        )

    async def _commit(self, unit: Unit, told: Sequence[tuple[NewUpload, Payload]]) -> None:
        """Write a unit, however long it takes: where the disk is full, everything waits for room."""
        unit = dataclasses.replace(unit, uploads=[upload for upload, _ in told])
        if not (unit.uploads or unit.finished_sends or unit.state):
            return
        written, pauses = None, self._shared.pace.backoff()
        while written is None:
            try:
                written = await self._journal.write(unit)
            except JournalError as error:
                log.error(  # noqa: TRY400  an expected failure: its words are enough
                    "%s: %s; nothing is acknowledged until it works again", self.name, error
                )
                await asyncio.sleep(next(pauses))
        for upload, (_, payload) in zip(written.uploads, told, strict=True):
            if upload is not None:
                self._announce(upload, payload)
        self._reporter.put(written.fresh)

    def _announce(self, upload: Upload, payload: Payload) -> None:
        self.feed.put(upload.body)
        if self._shared.show_messages:
            chatlog.show(self.name if self._shared.several else "", payload)

    # -- sends -----------------------------------------------------------------------------------------------

    def _address(self, chat: Chat, session: Session | None) -> ReplyTo:
        target = target_of(chat)
        return ReplyTo(
            id=target.id,
            uid=target.uid,
            group=target.group,
            displayname=target.displayname,
            fingerprint=target.fingerprint,
            login=session.login_id if session else "",
            uin=session.uin if session else "",
        )

    def _new_order(self, chat: Chat, content: str, *, bulk: bool = False) -> Order:
        return Order(
            uid=uuid.uuid4().hex,
            to=self._address(chat, self._client.session),
            content=content,
            client_msg_id=new_client_msg_id(),
            bulk=bulk,
        )

    async def _accept(self, orders: list[Order]) -> None:
        sends = [NewSend(uid=order.uid, body=msgspec.json.encode(order)) for order in orders]
        try:
            await self._journal.write(Unit(account=self.name, sends=sends))
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
        order = Order(
            uid=uuid.uuid4().hex,
            to=msgspec.json.decode(upload.reply_to, type=ReplyTo),
            content=answer.reply,
            client_msg_id=new_client_msg_id(),
        )
        return [NewSend(uid=order.uid, body=msgspec.json.encode(order), upload_id=upload.id)]

    def _accepted(self, sends: list[Send]) -> None:
        self._queue.put(msgspec.json.decode(send.body, type=Order) for send in sends)

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
        """Make the outcome last, and tell it."""
        order, error = ticket.order, outcome.error
        chat = self.contacts.chat(outcome.chat_id)
        line = self._line_of(chat) if chat else order.to.fingerprint
        if chat is None:
            kind = Group if order.to.group else Friend
            chat = kind(id=outcome.chat_id, displayname=order.to.displayname, uid=order.to.uid)
        payload = payloads.sent(
            order.content,
            chat,
            self.contacts.user,
            uid=order.uid,
            msg_id=outcome.msg_id,
            code=error.code if error else 0,
            info=error.status if error else "",
        )
        session = self._client.session
        # The echo of one's own message, should WeChat send it back, is no second message.
        dedupe = f"{session.uin if session else ''}:{outcome.msg_id}" if outcome.msg_id else ""
        upload = self._upload("send_message", line, payload, dedupe=dedupe)
        finished = () if ticket.done is not None else (order.uid,)
        await self._commit(Unit(account=self.name, finished_sends=finished), [(upload, payload)])
