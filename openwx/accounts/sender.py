"""What an account sends: accepted from callers and bots, made ready, sent in order, and told how it ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.accounts import journal_guard
from openwx.accounts.idempotency import Keys, Record
from openwx.accounts.media.registry import MediaRegistry, what_to_send
from openwx.accounts.media.resolver import MediaInput
from openwx.accounts.outgoing import (
    Address,
    OutgoingMedia,
    OutgoingMessage,
    SendResult,
    address_of,
    new_message,
    present_id,
)
from openwx.accounts.queue import QueuedMessage, QueueRules, SendQueue
from openwx.accounts.recorder import EventRecorder
from openwx.config import AccountSettings
from openwx.domain.contacts import FRIEND, Chat
from openwx.errors import CallerError, Code, Rejected, SessionEnded
from openwx.reporter.answer import Answer
from openwx.store.sqlite.journal import Journal, JournalError, NewSend, Report, Send, WriteBatch
from openwx.timing import Timing
from openwx.transports.web.client import Client
from openwx.transports.web.transfer import Transfer

log = logging.getLogger("openwx.send")
T = TypeVar("T")

NOT_SENT = "nothing was sent"
NOT_ACCEPTED = "cannot be kept safe, so not accepted"
SOURCES_AT_ONCE = 4
"""Media of replies that are fetched at a time."""


class Sent(msgspec.Struct, frozen=True):
    """A text or medium that WeChat took. ``id`` is ``<msg_id>:<receiver id>``."""

    msg_id: str
    id: str
    media_id: str = ""


class Sender:
    """One account's sends. ``running`` is set while it runs."""

    def __init__(
        self,
        account: str,
        settings: AccountSettings,
        pace: Timing,
        journal: Journal,
        *,
        client: Client,
        transfer: Transfer,
        parcels: MediaRegistry,
        teller: EventRecorder,
        running: asyncio.Event,
    ) -> None:
        self._account = account
        self._journal = journal
        self._client = client
        self._transfer = transfer
        self._parcels = parcels
        self._teller = teller
        self._running = running
        self._counts = metrics.of_account(account)
        self.keys = Keys(account, journal, pace.send_wait_s)
        self._to_take: asyncio.Queue[OutgoingMessage] = asyncio.Queue()
        self._slots = asyncio.Semaphore(SOURCES_AT_ONCE)
        self.queue = SendQueue(
            QueueRules(
                settings.send_interval,
                settings.send_tries,
                settings.queue_size,
                pace.backoff,
                pace.too_often,
                pace.send_wait_s,
            ),
            running=running.wait,
            prepare=self._prepare,
            send=self._send,
            finish=self._finish,
            safe=journal.writable,
            retries=self._counts.send_retries.inc,
        )

    # -- from callers ----------------------------------------------------------------------------------------

    async def send(
        self, chat: Chat, what: str | OutgoingMedia, on_begun: Callable[[], None] | None = None
    ) -> Sent:
        """Send and wait for WeChat's word; ``on_begun`` is called when it may reach WeChat.

        Raises ``CallerError``, with HTTP 504 where the time is over.
        """
        journal_guard.require(self._journal, NOT_SENT)
        self.queue.require_room()
        outcome = await self.queue.send_and_wait(new_message(self._address(chat), what), on_begun)
        if outcome.error is not None:
            raise outcome.error
        return Sent(outcome.msg_id, f"{outcome.msg_id}:{outcome.chat_id}", outcome.media_id)

    async def send_later(
        self, chats: Sequence[Chat], whats: Sequence[str | OutgoingMedia], *, bulk: bool = False
    ) -> list[str]:
        """Accept sends; when this returns, they survive a crash. The uids of their ``send_message`` uploads."""
        orders = self._orders(chats, whats, bulk=bulk)
        await self._accept(orders, {})
        return [order.uid for order in orders]

    async def send_once(
        self,
        key: str,
        asked: str,
        find: Callable[[], Awaitable[tuple[Sequence[Chat], Sequence[str | OutgoingMedia]]]],
        *,
        bulk: bool = False,
    ) -> Record:
        """As ``send_later`` where the key is new: ``find`` says what is to be sent to whom. Else the first call."""

        async def accept() -> Record:
            journal_guard.require(self._journal, NOT_ACCEPTED)
            chats, whats = await find()
            orders = self._orders(chats, whats, bulk=bulk, key=key)
            record = Record(asked, [order.uid for order in orders], len(chats))
            await self._accept(orders, {key: msgspec.json.encode(record)})
            return record

        return await self.keys.claim(key, asked, accept)

    def _orders(
        self,
        chats: Sequence[Chat],
        whats: Sequence[str | OutgoingMedia],
        *,
        bulk: bool = False,
        key: str = "",
    ) -> list[OutgoingMessage]:
        self.queue.require_room(bulk=bulk)
        return [
            new_message(self._address(chat), what, bulk=bulk, key=key)
            for chat in chats
            for what in whats
        ]

    async def _accept(self, orders: Sequence[OutgoingMessage], keys: Mapping[str, bytes]) -> None:
        unit = WriteBatch(
            account=self._account, sends=[_new_send(order) for order in orders], keys=keys
        )
        try:
            await self._journal.write(unit)
        except JournalError as error:
            raise journal_guard.not_kept(error, NOT_ACCEPTED) from error
        self.queue.put(orders)

    async def refuse_in_trouble(self) -> None:
        """Have nobody wait for ever while the journal cannot be written. What was accepted waits for it."""
        while True:
            error = await self._journal.fails()
            self.queue.refuse(journal_guard.not_kept(error, NOT_SENT))
            await self._journal.writable()

    def everybody(self) -> list[Chat]:
        """Whom ``@all`` means: the friends of category 好友."""
        friends = self._client.contacts.friends.values()
        return [friend for friend in friends if friend.category == FRIEND]

    def _address(self, chat: Chat) -> Address:
        return address_of(chat, self._client.session)

    # -- from bots, and from before a restart ----------------------------------------------------------------

    def replies(self, upload: Report, answer: Answer) -> list[NewSend]:
        """The sends that an answer of ``post_api`` asks for, text first; the reporter writes them down with the
        delivery."""
        to = msgspec.json.decode(upload.reply_to, type=Address)
        whats: list[str | OutgoingMedia] = []
        if answer.reply is not None:
            whats.append(answer.reply)
        if answer.media is not None:
            whats.append(OutgoingMedia(source=answer.media))
        return [
            _new_send(new_message(to, what), upload_id=upload.id, part=part)
            for part, what in enumerate(whats)
        ]

    def accepted(self, sends: Iterable[Send]) -> None:
        """Take what is in the journal."""
        for send in sends:
            order = OutgoingMessage.from_bytes(send.body)
            if order.parcel is not None and order.parcel.source:
                self._to_take.put_nowait(order)
            else:
                self.queue.put([order])

    async def take_sources(self) -> None:
        """Fetch for ever what bots named, so that the queue need not wait for it. A bug comes out."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                order = await self._to_take.get()
                tasks.create_task(self._take_source(order), name=f"{self._account}: reply's media")

    async def _take_source(self, order: OutgoingMessage) -> None:
        assert order.parcel is not None
        given = MediaInput(order.parcel.source)
        try:
            async with self._slots:
                parcel = await self._taken(given)
        except CallerError as error:
            log.warning("%s: the media of a reply: %s", self._account, error.status)
            ticket = QueuedMessage(order)
            await self._finish(ticket, SendResult(order.to.id, error=error))
            return
        self.queue.put([replace(order, parcel=parcel)])

    async def _taken(self, given: MediaInput) -> OutgoingMedia:
        """The medium of a reply. A full disk is waited for, since nobody is there to ask again."""
        while True:
            await self._journal.writable()
            try:
                return await self._parcels.take(given, keep=True)
            except CallerError:
                if not self._journal.trouble:
                    raise

    # -- the queue's work ------------------------------------------------------------------------------------

    async def _prepare(self, order: OutgoingMessage) -> OutgoingMessage:
        """Upload its medium; nothing is sent yet. Raises ``WeChatError`` or ``CallerError``."""
        if order.parcel is None:
            return order
        parcel = await self._asking(self._parcels.upload(order.parcel, self._chat_id(order)))
        return replace(order, parcel=parcel)

    async def _send(self, order: OutgoingMessage) -> SendResult:
        """Find the chat, in whatever login this is, and send. Raises ``CallerError`` where it is gone."""
        chat_id = self._chat_id(order)
        if order.parcel is None:
            msg_id = await self._asking(
                self._client.send_text(chat_id, order.content, order.client_msg_id)
            )
            return SendResult(chat_id, msg_id)
        parcel = order.parcel
        try:
            msg_id = await self._send_medium(chat_id, parcel, order.client_msg_id)
        except Rejected as refusal:
            if type(refusal) is not Rejected:
                raise
            again = await self._asking(self._parcels.upload_again(parcel, chat_id))
            if again is None:
                raise
            parcel = again
            msg_id = await self._send_medium(chat_id, parcel, order.client_msg_id)
        return SendResult(chat_id, msg_id, parcel=parcel)

    async def _send_medium(self, chat_id: str, parcel: OutgoingMedia, client_msg_id: str) -> str:
        return await self._asking(self._transfer.send(chat_id, what_to_send(parcel), client_msg_id))

    async def _asking(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except SessionEnded:
            if not self._client.is_usable:
                self._running.clear()  # until the new login is done
            raise

    def _chat_id(self, order: OutgoingMessage) -> str:
        """The chat's id in the present login."""
        found = present_id(order.to, self._client.session, self._client.contacts)
        if found is None:
            raise CallerError(
                Code.NOT_FOUND,
                f"{order.to.displayname} cannot be found for certain after a new login; nothing was sent",
            )
        return found

    async def _finish(self, ticket: QueuedMessage, outcome: SendResult) -> None:
        order = ticket.order

        def waits(_: JournalError) -> None:
            """WeChat's word does not depend on whether it can be written down."""
            ticket.tell(outcome)
            self.keys.settle(order, outcome)

        try:
            await self._teller.tell_outcome(
                order,
                outcome,
                self._client.contacts,
                self._client.session,
                was_kept=ticket.done is None,
                keys=await self._journal.insist(
                    lambda: self.keys.with_outcome(order, outcome), waits
                ),
                waits=waits,
            )
        except asyncio.CancelledError:
            if ticket.done is not None:  # what was accepted is in the journal, and done again
                words = (
                    "%s: the outcome of a send to %s is not published: the journal does not take it"
                )
                metrics.dropped(log, "outcome", words, self._account, outcome.chat_id)
            raise
        self.keys.settle(order, outcome)
        self.keys.kept(order)
        self._counts.sent(outcome.error.code if outcome.error else 0)


def _new_send(order: OutgoingMessage, *, upload_id: int | None = None, part: int = 0) -> NewSend:
    medium = order.parcel.medium if order.parcel else None
    return NewSend(
        uid=order.uid,
        body=order.to_bytes(),
        upload_id=upload_id,
        part=part,
        attachment=medium.path if medium else "",
    )
