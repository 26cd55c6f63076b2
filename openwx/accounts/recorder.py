"""Turns account events into reports and records them durably, in one transaction with the state of the login.
``Account``, ``Sender`` and ``MediaDownloader`` call it.

``Account.deliver`` and ``Sender`` record, then publish. Nothing is acknowledged or published before it is recorded.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.accounts.chat_keys import ChatKeys
from openwx.accounts.media import registry
from openwx.accounts.media.files import AccountFiles
from openwx.accounts.outgoing import OutgoingMessage, SendResult
from openwx.accounts.publisher import RecordedReport
from openwx.accounts.qrcode import LoginQRCode
from openwx.accounts.quotes import Quotes
from openwx.config import ReportSettings
from openwx.domain import events
from openwx.domain.chat_ref import NOBODY, Identity, ref_of
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Friend, Group
from openwx.domain.messages import MediaMessage, Message
from openwx.lease import Gate
from openwx.reporter import payload as payloads
from openwx.reporter.payload import Payload, payload_in
from openwx.reporter.policy import targets_of
from openwx.store.base import Journal, JournalError
from openwx.store.records import CompletedReport, NewReport, WriteBatch, WriteResult, new_uid
from openwx.transports.base import Batch, Transport

log = logging.getLogger("openwx.account")

REMEMBERED_CHATS = 2000
"""Chats that keep their key over a restart, even if they are renamed meanwhile."""

_New = tuple[NewReport, Payload]
OnTrouble = Callable[[JournalError], object]


class EventRecorder:
    """Records for one account."""

    def __init__(
        self,
        account: str,
        settings: ReportSettings,
        journal: Journal,
        qrcode: LoginQRCode,
        transport: Transport,
        files: AccountFiles,
        gate: Gate,
    ) -> None:
        self._files = files
        self._gate = gate
        self.chat_keys = ChatKeys(transport)
        self.newest_id = 0
        """The id of the report that was recorded last."""
        self._account = account
        self._settings = settings
        self._targets = settings.all_targets()
        self._journal = journal
        self._qrcode = qrcode
        self._quotes = Quotes(account, journal)
        self._in_order = asyncio.Lock()
        self._counts = metrics.of_account(account)

    async def restore(self) -> list[RecordedReport]:
        """Load the reports that were held back for their media before the start, and the keys of chats."""
        journal = self._journal
        for newest in reversed(await journal.chats(self._account, limit=REMEMBERED_CHATS)):
            self.chat_keys.remember(newest)
        first: dict[str, int] = {}
        for target in self._targets:
            for id_, chat in await journal.pending(self._account, target.name):
                first[chat] = min(id_, first.get(chat, id_))
        for id_ in first.values():
            if (stored := await journal.report(self._account, id_)) is not None:
                self.chat_keys.remember(stored)
        held = await journal.held(self._account)
        for report in held:
            self.chat_keys.remember(report)
            self.newest_id = max(self.newest_id, report.id)
        recorded = [RecordedReport(report, payload_in(report.body)) for report in held]
        if lost := [one.report.id for one in recorded if not one.payload]:
            # Else what follows it in its chat would stay behind it for ever.
            done = [CompletedReport(id=id, body=b"", attachment="", targets=()) for id in lost]
            await self.write(WriteBatch(account=self._account, completed=done))
        return [one for one in recorded if one.payload]

    async def record(self, batch: Batch) -> list[RecordedReport]:
        """Write a batch, and the state that acknowledges it, in one transaction. The reports that are new.

        The caller must publish them before it awaits anything else, so that they stay in order.
        """
        identity = batch.identity or NOBODY
        async with self._in_order:
            new = [one for event in batch.events for one in await self._of_event(event, identity)]
            new += await self._of_messages(batch.messages, identity)
            media: dict[str, bytes] = {}
            for message in batch.messages:
                if isinstance(message, MediaMessage):
                    media |= registry.received(message.ref, None)
            recorded = await self._write(
                WriteBatch(account=self._account, state=batch.state, media=media), new
            )
        for one in recorded:
            if one.payload["post_type"] != "event":
                self._counts.received(one.payload["post_type"], one.payload["format"])
        return recorded

    async def record_result(
        self,
        message: OutgoingMessage,
        result: SendResult,
        contacts: ContactBook,
        identity: Identity | None,
        *,
        in_journal: bool,
        keys: Mapping[str, bytes],
        on_trouble: OnTrouble,
    ) -> list[RecordedReport]:
        """Write the result of a send, as ``record`` writes a batch. ``in_journal``: the message itself is in the
        journal, and is removed from there. ``keys`` are the records of its keyed call. ``on_trouble`` is called where
        the journal cannot be written yet."""
        error = result.error
        chat = contacts.chat(result.chat_id)
        chat_key = self.chat_keys.of(chat) if chat else self.chat_keys.of_ref(message.to)
        if chat is None:
            kind = Group if message.to.group else Friend
            chat = kind(id=result.chat_id, displayname=message.to.displayname, uid=message.to.uid)
        media = result.parcel or message.parcel
        payload = payloads.sent(
            message.content,
            chat,
            contacts.user,
            uid=message.uid,
            msg_id=result.msg_id,
            code=error.code if error else 0,
            info=error.status if error else "",
            media=registry.described(media) if media else None,
        )
        # Should WeChat send the account's own message back, that is no second message.
        dedupe = f"{(identity or NOBODY).uin}:{result.msg_id}" if result.msg_id else ""
        report = self._report(
            "send_message",
            chat_key,
            payload,
            dedupe=dedupe,
            attachment=self._files.attachment_of(media.medium if media else None),
        )
        batch = WriteBatch(
            account=self._account,
            finished_sends=(message.uid,) if in_journal else (),
            media=registry.records_of(media) if media and error is None else {},
            keys=keys,
        )
        return await self._write(batch, [(report, payload)], on_trouble)

    async def write(self, batch: WriteBatch) -> None:
        """Write a batch without new reports, however long that takes."""
        await self._write(batch, ())

    async def _write(
        self, batch: WriteBatch, new: Sequence[_New], on_trouble: OnTrouble | None = None
    ) -> list[RecordedReport]:
        """Write a batch with its reports, however long that takes: while the disk is full everything waits for room.
        The reports that are new; duplicates are left out."""

        def note(error: JournalError) -> None:
            words = "%s: %s; nothing is acknowledged until it works again"
            log.error(words, self._account, error)
            if on_trouble is not None:
                on_trouble(error)

        batch = replace(batch, reports=[report for report, _ in new])
        if not any((batch.reports, batch.finished_sends, batch.completed, batch.state)):
            return []
        written = await self._write_with_files(batch, note)
        recorded = [
            RecordedReport(self._files.named(report), payload)
            for report, (_, payload) in zip(written.reports, new, strict=True)
            if report is not None
        ]
        if recorded:
            self.newest_id = max(self.newest_id, recorded[-1].report.id)
        return recorded

    async def _write_with_files(self, batch: WriteBatch, on_trouble: OnTrouble) -> WriteResult:
        """Write a batch when the files that it names are where other nodes find them."""
        attachments = [new.attachment for new in batch.reports if new.targets]
        attachments += [done.attachment for done in batch.completed if done.targets]

        async def write() -> WriteResult:
            await self._files.keeper.keep_if_possible(attachments)
            # In a later term of this process others publish, and would not know of it.
            self._gate.require_mine()
            return await self._journal.write(batch)

        with self._files.keeper.naming(attachments):
            return await self._journal.until_done(write, on_trouble)

    def is_reported(self, event: events.Event) -> bool:
        """Whether an event becomes a report at all."""
        wanted = self._settings.post_event_list
        if isinstance(event, events.ContactsLoaded):
            return any(name.startswith("update_") for name in wanted)
        return payloads.event(event)[0] in wanted

    async def _of_event(self, event: events.Event, identity: Identity) -> list[_New]:
        """Make the reports of an event, unless the settings leave it out."""
        dedupe = ""
        if isinstance(event, events.FriendRequested) and identity != NOBODY:
            # It came as a message, which may come again.
            dedupe = f"{identity.uin}:{event.msg_id}"
        if isinstance(event, events.ContactsLoaded):
            named = payloads.updates(event) if self.is_reported(event) else []
        elif isinstance(event, events.QRCodeShown):
            named = [payloads.event(event, qrcode=await self._qrcode.show(event.link))]
        else:
            named = [payloads.event(event)]
        return [
            (self._report(name, "", payload, dedupe=dedupe), payload)
            for name, payload in named
            if name in self._settings.post_event_list
        ]

    async def _of_messages(self, messages: Sequence[Message], identity: Identity) -> list[_New]:
        new: list[_New] = []
        unwritten: dict[str, Payload] = {}
        for message in messages:
            whole = await self._quotes.complete(message, identity.uin, unwritten)
            report, payload = self._of_message(whole, identity)
            unwritten[report.dedupe] = payload
            new.append((report, payload))
        return new

    def _of_message(self, message: Message, identity: Identity) -> _New:
        payload = payloads.received(message, new_uid())
        chat = message.parties.chat
        reply_to = b""
        if payloads.may_be_replied_to(payload) and isinstance(chat, Friend | Group):
            reply_to = msgspec.json.encode(ref_of(chat, identity))
        report = self._report(
            payload["post_type"],
            self.chat_keys.of(chat),
            payload,
            reply_to=reply_to,
            dedupe=f"{identity.uin}:{message.id}",
            media=msgspec.json.encode(message.ref) if isinstance(message, MediaMessage) else b"",
        )
        return report, payload

    def _report(self, kind: str, chat_key: str, payload: Payload, **more: Any) -> NewReport:
        return NewReport(
            chat=chat_key,
            kind=kind,
            body=msgspec.json.encode(payload),
            uid=payload.get("uid") or new_uid(),
            targets=targets_of(self._targets, kind, payload),
            **more,
        )
