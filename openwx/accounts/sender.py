"""Sends an account's messages: accepts them from callers and bots, attempts each until it ends, and records the result.
Routes call it, and ``Reporter`` for replies.

A message whose caller waits is in memory alone. One that was accepted for later (``async=1``, a reply, ``@all``) is in
the journal until its ``send_message`` report is there. ``attempts.py`` makes the attempts.

A message for whose person the budget is spent is refused if somebody waits for its outcome. Otherwise it is parked
until the person writes, in the order of its chat, and holds up nothing else.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from openwx import metrics
from openwx.accounts import budget, journal_guard
from openwx.accounts.attempts import Attempts
from openwx.accounts.holdback import HoldBack
from openwx.accounts.idempotency import IdempotencyKeys, KeyedCall
from openwx.accounts.media.files import AccountFiles
from openwx.accounts.media.registry import MediaRegistry, not_stored
from openwx.accounts.media.resolver import MediaInput, is_url
from openwx.accounts.outgoing import (
    OutgoingMedia,
    OutgoingMessage,
    SendResult,
    Sent,
    message_in,
    new_message,
    new_send,
    new_sends_of_reply,
    unknown_outcome,
)
from openwx.accounts.queue import Parked, QueuedMessage, SendQueue
from openwx.accounts.recorder import EventRecorder
from openwx.accounts.resting import Resting
from openwx.accounts.status import AccountStatus
from openwx.config import AccountSettings
from openwx.domain.chat_ref import ChatRef, ref_of
from openwx.domain.contacts import FRIEND, Chat
from openwx.errors import (
    BudgetSpent,
    CallerError,
    Code,
    LeaseLost,
    NotLoggedIn,
    SessionEnded,
)
from openwx.logcontext import bind
from openwx.reporter.answer import BackendAnswer
from openwx.reporter.clock import Clock
from openwx.reporter.post import webhook_id
from openwx.store.base import InDoubt, Journal, JournalError
from openwx.store.decoding import decode_row
from openwx.store.files import FileStoreError
from openwx.store.records import NewSend, Report, Send, WriteBatch
from openwx.timing import Timing
from openwx.transports.base import Transport
from openwx.transports.ratelimit import RateLimiter, Turn

log = logging.getLogger("openwx.send")

NOT_SENT = "nothing was sent"
NOT_ACCEPTED = "cannot be kept safe, so not accepted"
SIDE_BY_SIDE = 16
"""Number of messages sent at the same time if there is no interval."""
FETCHES = 4
"""Media of replies that are fetched at a time."""


class Sender:
    """One account's sends."""

    def __init__(
        self,
        account: str,
        settings: AccountSettings,
        timing: Timing,
        journal: Journal,
        *,
        transport: Transport,
        limiter: RateLimiter,
        media: MediaRegistry,
        recorder: EventRecorder,
        hold_back: HoldBack,
        files: AccountFiles,
        status: AccountStatus,
        clock: Clock,
        max_age_s: float,
    ) -> None:
        """``max_age_s``: how long an accepted message waits for its person, since it was accepted."""
        self._account = account
        self._files = files
        self._clock = clock
        self._max_age_s = max_age_s
        self._timing = timing
        self._journal = journal
        self._transport = transport
        self._limiter = limiter
        self._media = media
        self._recorder = recorder
        self._hold_back = hold_back
        self._status = status
        self._counts = metrics.of_account(account)
        self.keys = IdempotencyKeys(account, journal, timing.send_wait_s)
        self.queue = SendQueue(
            settings.queue_size,
            at_once=1 if settings.send_interval else SIDE_BY_SIDE,
            retry_after_s=max(1, round(settings.send_interval)),
        )
        self._to_fetch: asyncio.Queue[list[QueuedMessage]] = asyncio.Queue()
        self._fetches = asyncio.Semaphore(FETCHES)
        self._resting = Resting()
        self._attempts = Attempts(
            account,
            settings,
            timing,
            journal,
            transport=transport,
            limiter=limiter,
            media=media,
            status=status,
            resting=self._resting,
        )
        self._closed = False
        self._stopped: CallerError | None = None

    # -- from callers ----------------------------------------------------------------------------------------

    async def send(
        self, chat: Chat, content: str | OutgoingMedia, on_begun: Callable[[], None] | None = None
    ) -> Sent:
        """Send and wait for WeChat's answer. ``on_begun`` is called when the message may reach WeChat.

        Raise ``CallerError``, with HTTP 504 after ``send_wait_s``: the message is withdrawn if it was not begun.
        """
        journal_guard.require(self._journal, NOT_SENT)
        self.queue.require_room()
        if self._stopped is not None:
            raise self._stopped
        caller: asyncio.Future[SendResult] = asyncio.get_running_loop().create_future()
        message = new_message(self._ref(chat), content)
        queued = QueuedMessage(message, caller, on_begun)
        if (spent := budget.spent(self._transport, chat.id)) is not None:
            error = budget.must_write_first(message.to, spent)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timing.send_wait_s):
                    await self._finish(queued, SendResult(chat.id, error=error))
            raise error
        self.queue.put(queued)
        try:
            async with asyncio.timeout(self._timing.send_wait_s):
                result = await caller
        except TimeoutError:
            if caller.done() and not caller.cancelled():
                result = caller.result()
            else:
                result = queued.result or self._abandon(queued)
        if result.error is not None:
            raise result.error
        return Sent(result.msg_id, f"{result.msg_id}:{result.chat_id}", result.media_id)

    async def send_all(
        self,
        chat: Chat,
        contents: Sequence[str | OutgoingMedia],
        on_begun: Callable[[], None] | None = None,
    ) -> list[Sent]:
        """Send one after the other, as ``send`` does; nothing if the budget is known not to suffice for all."""
        if len(contents) > 1:
            self._require_budget(chat, len(contents))
        return [await self.send(chat, content, on_begun) for content in contents]

    def _require_budget(self, chat: Chat, messages: int) -> None:
        """Raise ``CallerError`` (201) if the budget of a chat is known not to suffice."""
        spent = budget.spent(self._transport, chat.id, messages=messages)
        if spent is not None:
            raise budget.must_write_first(self._ref(chat), spent)

    def _abandon(self, queued: QueuedMessage) -> SendResult:
        """End a message whose caller has waited long enough: withdraw it, unless it has begun."""
        after = f"within {self._timing.send_wait_s:.0f} seconds"
        queued.abandoned = True
        if queued.begun:
            return SendResult("", error=unknown_outcome(f"no answer from WeChat {after}"))
        status = f"not sent {after}, and withdrawn: nothing was sent"
        self._withdraw(queued, status)
        return SendResult("", error=CallerError(Code.UNREACHABLE, status, http_status=504))

    async def send_later(
        self, chats: Sequence[Chat], contents: Sequence[str | OutgoingMedia], *, bulk: bool = False
    ) -> list[str]:
        """Accept messages for later. When this returns, they survive a crash. Return the uids of their reports."""
        messages = self._new_messages(chats, contents, bulk=bulk)
        await self._persist(messages, {})
        return [message.uid for message in messages]

    async def send_once(
        self,
        key: str,
        asked: str,
        find: Callable[[], Awaitable[tuple[Sequence[Chat], Sequence[str | OutgoingMedia]]]],
        *,
        bulk: bool = False,
        awaited: bool = False,
    ) -> KeyedCall:
        """Accept messages if the key is new: ``find`` says what is sent to whom. Else return the first call.

        ``awaited``: the caller waits for the outcomes. Then a budget that is known to be spent raises ``CallerError``.
        """

        async def accept() -> KeyedCall:
            journal_guard.require(self._journal, NOT_ACCEPTED)
            chats, contents = await find()
            if awaited:  # nothing is accepted, so the key is still free
                for chat in chats:
                    self._require_budget(chat, len(contents))
            messages = self._new_messages(chats, contents, bulk=bulk, key=key, awaited=awaited)
            call = KeyedCall(asked, [message.uid for message in messages], len(chats))
            await self._persist(messages, {key: call.to_bytes()})
            return call

        return await self.keys.claim(key, asked, accept)

    def _new_messages(
        self,
        chats: Sequence[Chat],
        contents: Sequence[str | OutgoingMedia],
        *,
        bulk: bool = False,
        key: str = "",
        awaited: bool = False,
    ) -> list[OutgoingMessage]:
        self._status.require_mine()
        self.queue.require_room(bulk=bulk, behind_parked=True)
        return [
            new_message(self._ref(chat), content, bulk=bulk, key=key, awaited=awaited)
            for chat in chats
            for content in contents
        ]

    async def _persist(
        self, messages: Sequence[OutgoingMessage], keys: Mapping[str, bytes]
    ) -> None:
        sends = [new_send(message) for message in messages]
        batch = WriteBatch(account=self._account, sends=sends, keys=keys)
        attachments = {send.attachment for send in sends}
        is_bulk = any(message.bulk for message in messages)
        try:
            with (
                self.queue.keep_places(len(messages), bulk=is_bulk),
                self._files.keeper.naming(attachments),
            ):
                await self._files.keeper.keep(attachments)
                # This process may have lost the account meanwhile, and have it anew: then its queue is another one.
                self._status.require_mine()
                await self._journal.write(batch)
        except FileStoreError as error:
            raise not_stored(error, NOT_ACCEPTED) from error
        except JournalError as error:
            raise journal_guard.not_kept(error, NOT_ACCEPTED) from error
        now = self._clock.steady()
        for message in messages:
            self.queue.put(QueuedMessage(message, accepted=now))

    def waits_for(self, chat: Chat) -> str:
        """Return what a message that is accepted now waits for; empty if nothing is known to hold it up."""
        is_parked = self.queue.parked_with({chat.id, str(chat.uid)} - {""}) is not None
        is_spent = budget.spent(self._transport, chat.id) is not None
        return budget.NEXT_MESSAGE if is_parked or is_spent else ""

    def everybody(self) -> list[Chat]:
        """List the receivers of ``@all``: the friends of category 好友."""
        friends = self._transport.contacts.friends.values()
        return [friend for friend in friends if friend.category == FRIEND]

    def _ref(self, chat: Chat) -> ChatRef:
        return ref_of(chat, self._transport.identity)

    # -- from the reporter, and from before a restart --------------------------------------------------------

    async def sends_for(self, report: Report, answer: BackendAnswer) -> list[NewSend]:
        """Return the sends that an answer asks for, to be persisted with the delivery, then accepted."""
        to = decode_row(
            report.reply_to, ChatRef, f"{self._account}: the chat of the report {report.id}"
        )
        if to is None:
            return []
        sends = new_sends_of_reply(to, answer, report.id)
        return [await self._with_file(send) for send in sends] if self._files.is_shared else sends

    async def _with_file(self, send: NewSend) -> NewSend:
        """Take a local file that a reply names into the store: another node would not find its path."""
        message = OutgoingMessage.from_bytes(send.body)
        if not message.to_fetch or is_url(message.to_fetch):
            return send
        try:
            media = await self._media.resolve(MediaInput(message.to_fetch), copy=True)
            message = replace(message, parcel=media)
            kept = new_send(message, report_id=send.report_id, part=send.part)
            await self._files.keeper.keep([kept.attachment])
        except (CallerError, FileStoreError) as error:
            log.info("%s: the file of a reply is looked for later: %s", self._account, error)
            return send
        return kept

    def accept(self, sends: Sequence[Send]) -> None:
        """Enqueue sends that are in the journal. What follows a file of the same answer waits until that is fetched."""
        mark = self._clock.mark()
        for _, answer in itertools.groupby(sends, key=lambda send: (send.report_id, send.target)):
            queued = [
                QueuedMessage(
                    message,
                    accepted=mark.to_steady(send.created),
                    was_interrupted=message.begun,
                )
                for send in answer
                if (message := message_in(send)) is not None
            ]
            if any(one.message.to_fetch for one in queued):
                self._to_fetch.put_nowait(queued)
            else:
                self._enqueue(queued)

    def _enqueue(self, accepted: Iterable[QueuedMessage]) -> None:
        for queued in accepted:
            self._attempts.upload_anew(queued)
            self.queue.put(queued)

    async def _fetch_all(self, tasks: asyncio.TaskGroup) -> None:
        """Fetch the media that bots named in their replies, so that the queue need not wait for them."""
        while True:
            answer = await self._to_fetch.get()
            tasks.create_task(self._fetch(answer), name=f"{self._account}: a reply's media")

    async def _fetch(self, answer: Sequence[QueuedMessage]) -> None:
        """Enqueue the replies of an answer in order, each file when it is fetched."""
        for queued in answer:
            message = queued.message
            if message.to_fetch:
                try:
                    async with self._fetches:
                        media = await self._fetched(MediaInput(message.to_fetch))
                except CallerError as error:
                    log.warning("%s: the media of a reply: %s", self._account, error.status)
                    await self._finish(queued, SendResult(message.to.id, error=error))
                    continue
                queued.message = replace(message, parcel=media)
            self._enqueue([queued])

    async def _fetched(self, given: MediaInput) -> OutgoingMedia:
        """Fetch the media of a reply. Wait while the disk is full, since nobody is there to ask again."""
        while True:
            await self._journal.until_writable()
            await self._status.until_permitted()
            try:
                return await self._media.resolve(given, copy=True)
            except CallerError:
                if not self._journal.trouble:
                    raise

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what is in the queue until ``close``. A bug comes out."""
        async with asyncio.TaskGroup() as background:
            parts = [
                background.create_task(
                    self._fetch_all(background), name=f"{self._account}: media of replies"
                ),
                background.create_task(
                    self._refuse_in_trouble(), name=f"{self._account}: journal's trouble"
                ),
            ]
            async with asyncio.TaskGroup() as messages:
                messages.create_task(self._begin_all(messages), name=f"{self._account}: next send")
            for part in parts:
                part.cancel()

    def close(self) -> None:
        """Begin nothing any more. ``run`` returns when what is on its way has ended."""
        self._closed = True
        self._resting.end()

    def give_up(self, error: CallerError, *, goes_on: bool = False) -> None:
        """Answer all callers, now and later, that the account has stopped. What is in the journal stays there.

        ``goes_on``: another process sends that soon, so that callers with a key need not wait here.
        """
        self._stopped = error
        if goes_on:
            self.keys.give_up()
        self._refuse(error)
        for queued in self.queue:
            queued.resolve(
                SendResult("", error=unknown_outcome("the account stopped before WeChat answered"))
            )
        self.queue.clear()

    async def _refuse_in_trouble(self) -> None:
        """Have no caller wait while the journal cannot be written. What was accepted waits for it."""
        while True:
            error = await self._journal.until_failing()
            self._refuse(journal_guard.not_kept(error, NOT_SENT))
            await self._journal.until_writable()

    def _refuse(self, error: CallerError) -> None:
        """Withdraw the messages of all callers, but for those to which WeChat has answered, or which it may have."""
        for queued in self.queue:
            if queued.result is not None:
                self._answer_before_record(queued, queued.result)
            if queued.caller is not None and not queued.caller.done() and not queued.begun:
                self._withdraw(queued, str(error))
                queued.abandoned = True
                queued.resolve(SendResult("", error=error))

    def _withdraw(self, queued: QueuedMessage, why: str) -> None:
        self.queue.withdraw(queued)
        metrics.dropped(log, "withdrawn_send", "a send to %s: %s", queued.message.uid, why)

    # -- one message after the other -------------------------------------------------------------------------

    async def _begin_all(self, tasks: asyncio.TaskGroup) -> None:
        """Begin each message when its turn has come."""
        while not self._closed:
            with self._resting.here():
                await self.queue.next()
                await self._status.until_usable()
                turn = await self._limiter.turn(self.queue)
            # Chosen as late as possible: a more urgent one may have come meanwhile.
            queued = self.queue.pop() if self._status.may_call else None
            if queued is None:
                turn.give_back()
                continue
            name = f"{self._account}: a message"
            task = tasks.create_task(self._serve(queued, turn, tasks), name=name)
            task.add_done_callback(turn.give_back)

    async def _serve(self, queued: QueuedMessage, turn: Turn, tasks: asyncio.TaskGroup) -> None:
        """Attempt a message until it ends, and record how it did."""
        with bind(webhook_id=webhook_id(queued.message.uid)):
            try:
                queued.result = await self._attempts.result_of(queued, turn)
            except (SessionEnded, NotLoggedIn):
                self._counts.send_retries.inc()
                self.queue.put_back(queued)  # it outlives the new login
                return
            except BudgetSpent as error:
                self._park(queued, error, tasks)
                return
        if queued.result is not None:
            await self._finish(queued, queued.result)
            queued.resolve(queued.result)
        self.queue.done(queued)

    # -- messages that wait for their person -----------------------------------------------------------------

    def _park(self, queued: QueuedMessage, error: BudgetSpent, tasks: asyncio.TaskGroup) -> None:
        """Have a message wait until its person writes, and those behind it."""
        self._attempts.upload_anew(queued)
        queued.refusals += 1
        parked = self.queue.park(queued)
        if self._closed:
            return
        words = "%s: a send to %s waits for %s"
        log.info(words, self._account, queued.message.to.displayname, budget.NEXT_MESSAGE)
        chat_id = self._transport.contacts.id_of(queued.message.to, self._transport.identity)
        wait = self._until_written(parked, chat_id or queued.message.to.id, error)
        tasks.create_task(wait, name=f"{self._account}: sends that wait for their person")

    async def _until_written(self, parked: Parked, chat_id: str, error: BudgetSpent) -> None:
        """Release parked messages when their person has written. End each that has waited for too long."""
        while parked.messages and not self._closed:
            oldest = min(parked.messages, key=lambda queued: queued.accepted)
            left_s = oldest.accepted + self._max_age_s - self._clock.steady()
            with self._resting.here():
                is_sendable = await budget.is_sendable_within(
                    self._transport,
                    chat_id,
                    left_s,
                    refusals=parked.messages[0].refusals,
                    pauses=self._timing.backoff(),
                )
            if is_sendable:
                break
            parked.messages.remove(oldest)
            to = oldest.message.to
            gave_up = budget.never_wrote(to, error, self._max_age_s)
            await self._finish(oldest, SendResult(to.id, error=gave_up))
        self.queue.release(parked)

    async def _finish(self, queued: QueuedMessage, result: SendResult) -> None:
        """Record a result. If the journal cannot be written, the caller is answered before that."""
        message = queued.message

        def answer_before(_: JournalError) -> None:
            self._answer_before_record(queued, result)
            self.keys.settle(message, result)

        try:
            recorded = await self._recorder.record_result(
                message,
                result,
                self._transport.contacts,
                self._transport.identity,
                in_journal=queued.caller is None,
                keys=self.keys.row_of(message, result),
                on_trouble=answer_before,
            )
            self._hold_back.add(recorded)
        except (asyncio.CancelledError, LeaseLost, InDoubt):
            if queued.caller is not None:  # others are in the journal, and attempted again
                words = "%s: the outcome of a send to %s (MsgId %s) is not published: the journal does not take it"
                of = (self._account, result.chat_id, result.msg_id)
                metrics.dropped(log, "outcome", words, *of)
            raise
        self.keys.settle(message, result)
        self.keys.persisted(message)
        self._counts.sent(result.error.code if result.error else 0)

    def _answer_before_record(self, queued: QueuedMessage, result: SendResult) -> None:
        """Answer the caller, if one waits, while the outcome is in memory alone."""
        if queued.caller is not None and not queued.caller.done():
            words = "%s: the outcome of a send (MsgId %s) is not in the journal yet, and told"
            log.info(words, self._account, result.msg_id)
        queued.resolve(result)
