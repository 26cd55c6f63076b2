"""Attempts a message until it ends: uploads its file, waits for its turn, makes the call. Used by ``Sender``.

All attempts reuse ``client_msg_id``: where WeChat drops repetitions, a message whose answer was lost is attempted
again. Where it does not (``Transport.drops_repeats``), such a message ends with an unknown outcome, and the journal
says of an accepted one that it has begun before it may reach WeChat, so that a restart does not repeat it either.
"""

import logging

from msgspec.structs import replace

from openwx import metrics
from openwx.accounts import budget
from openwx.accounts.media.registry import MediaRegistry, what_to_send
from openwx.accounts.outgoing import (
    OutgoingMedia,
    OutgoingMessage,
    SendResult,
    given_up,
    refusal_of,
    unknown_outcome,
)
from openwx.accounts.queue import QueuedMessage
from openwx.accounts.resting import Resting
from openwx.accounts.status import AccountStatus
from openwx.config import AccountSettings
from openwx.errors import (
    BadResponse,
    BudgetSpent,
    CallerError,
    Code,
    NeverReached,
    NotLoggedIn,
    RateLimited,
    Rejected,
    SessionEnded,
    SystemBusy,
    Unreachable,
)
from openwx.store.base import Journal, JournalError
from openwx.store.records import WriteBatch
from openwx.timing import Timing
from openwx.transports.base import Transport
from openwx.transports.ratelimit import RateLimiter, Turn

log = logging.getLogger("openwx.send")


class Attempts:
    """The attempts of one account's messages."""

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
        status: AccountStatus,
        resting: Resting,
    ) -> None:
        self._account = account
        self._tries = settings.send_tries
        self._timing = timing
        self._journal = journal
        self._transport = transport
        self._limiter = limiter
        self._media = media
        self._status = status
        self._resting = resting
        self._counts = metrics.of_account(account)

    async def result_of(self, queued: QueuedMessage, first: Turn) -> SendResult | None:
        """Attempt a message ``send_tries`` times at most. None: it was withdrawn.

        Raise ``SessionEnded`` or ``NotLoggedIn`` if it has to wait for a new login, ``BudgetSpent`` if for its person.
        """
        chat_id = queued.message.to.id
        if queued.was_interrupted:
            error = unknown_outcome("openwx was stopped before WeChat answered")
            return SendResult(chat_id, error=error)
        unsure = False
        pauses = self._timing.backoff()
        turn: Turn | None = first
        for tries_left in reversed(range(self._tries)):
            begun = queued.begun
            try:
                return await self._attempt(queued, turn)
            except (SessionEnded, NotLoggedIn, BudgetSpent) as why:
                return await self._put_off(queued, why, begun=begun, unsure=unsure)
            except CallerError as error:
                return SendResult(chat_id, error=error)
            except (Unreachable, BadResponse, SystemBusy) as error:
                log.info("a send failed: %s", error)
                is_lost = not isinstance(error, NeverReached | SystemBusy)
                unsure |= is_lost and self._transport.drops_repeats
                if not tries_left:
                    gave_up = given_up(error, self._tries, unsure=unsure and queued.begun)
                    return SendResult(chat_id, error=gave_up)
                self._limiter.delay(queued.priority, next(pauses))
            except Rejected as error:
                is_for_now = isinstance(error, RateLimited) and queued.caller is None
                if not is_for_now or not tries_left:
                    return SendResult(chat_id, error=refusal_of(error, unsure=unsure))
            if not self._transport.drops_repeats:  # had its answer been lost, it would have ended
                await self._note_begun(queued, begun=False)
            turn = None
            self._counts.send_retries.inc()
        raise AssertionError("the last attempt ends it")

    async def _put_off(
        self,
        queued: QueuedMessage,
        why: SessionEnded | NotLoggedIn | BudgetSpent,
        *,
        begun: bool,
        unsure: bool,
    ) -> SendResult | None:
        """End a message that cannot wait for a new login or its person, else raise ``why``. None: it was withdrawn.

        ``begun``: whether a former attempt may have reached WeChat.
        """
        if isinstance(why, BudgetSpent):
            if not queued.may_wait:
                error = budget.must_write_first(queued.message.to, why)
                return SendResult(queued.message.to.id, error=error)
        else:
            if not self._transport.is_usable:
                self._status.running.clear()  # until the new login is done
            if queued.abandoned:
                return self._of_abandoned(queued, refusal_of(why, unsure=unsure))
        await self._note_begun(queued, begun=begun)
        raise why

    async def _attempt(self, queued: QueuedMessage, turn: Turn | None) -> SendResult | None:
        """Upload the file if there is one, wait for the turn, and send. None: the message was withdrawn."""
        while not queued.abandoned:
            if turn is None:
                turn = await self._turn_of(queued)
            with turn:
                turn.used = False
                chat_id = self._chat_id(queued.message) if self._may_begin(queued) else None
                if chat_id is not None:
                    budget.require(self._transport, chat_id)
                    turn.used = await self._note_begun(queued, begun=True)
                if chat_id is not None and turn.used:
                    if queued.on_begun is not None:
                        queued.on_begun()
                    return await self._send(queued.message, chat_id)
            turn = None
        return self._of_abandoned(queued, unknown_outcome("no answer from WeChat in time"))

    async def _turn_of(self, queued: QueuedMessage) -> Turn:
        """Upload the file of a message, which reaches nobody yet, and wait for a turn to send it."""
        await self._until_recordable(queued)
        if queued.message.parcel is not None and not queued.abandoned:
            chat_id = self._chat_id(queued.message)
            budget.require(self._transport, chat_id)
            media = await self._media.upload(queued.message.parcel, chat_id)
            queued.message = replace(queued.message, parcel=media)
            await self._until_recordable(queued)
        with self._resting.here():
            await self._status.until_usable()
            return await self._limiter.turn(queued)

    async def _until_recordable(self, queued: QueuedMessage) -> None:
        """Wait while the account is paused, and until the journal can take the result of a message.

        The latter not for a message that may have reached WeChat already.
        """
        with self._resting.here():
            if not queued.begun:
                await self._journal.until_writable()
            await self._status.until_permitted()

    def _may_begin(self, queued: QueuedMessage) -> bool:
        """Say whether a message may begin now that its turn has come."""
        media = queued.message.parcel
        is_ready = media is None or not media.needs_upload
        is_recordable = queued.begun or not self._journal.trouble
        return self._status.may_call and is_ready and is_recordable and not queued.abandoned

    async def _note_begun(self, queued: QueuedMessage, *, begun: bool) -> bool:
        """Note whether a message may have reached WeChat, where that forbids a repetition in the journal first.

        Return False where that is not possible: then nothing may begin.
        """
        must_last = not self._transport.drops_repeats and queued.caller is None
        if must_last and queued.message.begun != begun:
            message = replace(queued.message, begun=begun)
            rewritten = {message.uid: message.to_bytes()}
            try:
                await self._journal.write(
                    WriteBatch(account=self._account, rewritten_sends=rewritten)
                )
            except JournalError as error:
                log.warning("a send waits for the journal: %s", error)
                return False
            queued.message = message
        queued.begun = begun
        return True

    async def _send(self, message: OutgoingMessage, chat_id: str) -> SendResult:
        """Make the call. If its answer is lost and it must not be repeated, that is the result."""
        try:
            if message.parcel is not None:
                return await self._send_media(message, chat_id, message.parcel)
            msg_id = await self._transport.send_text(
                chat_id, message.content, message.client_msg_id
            )
        except (Unreachable, BadResponse) as error:
            if self._transport.drops_repeats or isinstance(error, NeverReached):
                raise
            return SendResult(chat_id, error=unknown_outcome(str(error)))
        return SendResult(chat_id, msg_id)

    async def _send_media(
        self, message: OutgoingMessage, chat_id: str, media: OutgoingMedia
    ) -> SendResult:
        """Send a file. Upload it once more if WeChat does not know it any more."""
        try:
            msg_id = await self._transport.send_media(
                chat_id, what_to_send(media), message.client_msg_id
            )
        except Rejected as refusal:
            if type(refusal) is not Rejected:
                raise
            again = await self._media.upload_again(media, chat_id)
            if again is None:
                raise
            media = again
            msg_id = await self._transport.send_media(
                chat_id, what_to_send(media), message.client_msg_id
            )
        return SendResult(chat_id, msg_id, parcel=self._media.lasting(media))

    def upload_anew(self, queued: QueuedMessage) -> None:
        """Have the file of a message uploaded for its next attempt, where an upload serves for one only."""
        message = queued.message
        if message.parcel is not None:
            queued.message = replace(message, parcel=self._media.lasting(message.parcel))

    def _chat_id(self, message: OutgoingMessage) -> str:
        """Return the chat's id in the present login. Raise ``CallerError`` if it cannot be found for certain."""
        to, identity = message.to, self._transport.identity
        found = self._transport.contacts.id_of(to, identity)
        if found is None:
            why = (
                f"{to.displayname} cannot be found for certain after a new login; nothing was sent"
            )
            if identity is not None and to.uin not in ("", identity.uin):
                why = (
                    f"{to.displayname} is a chat of the login before this account changed its"
                    " transport or its person; nothing was sent"
                )
            raise CallerError(Code.NOT_FOUND, why)
        return found

    def _of_abandoned(self, queued: QueuedMessage, error: CallerError) -> SendResult | None:
        """Return the result of a message whose caller has an answer. None: it was withdrawn."""
        return SendResult(queued.message.to.id, error=error) if queued.begun else None
