"""Tells what happens to an account: makes uploads of it, makes them last, and shows them.

What is told here is in the journal before anybody goes on.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.accounts import qrcode
from openwx.accounts.chat_keys import ChatKeys
from openwx.accounts.holdback import RecordedReport
from openwx.accounts.media import registry
from openwx.accounts.outgoing import OutgoingMedia, OutgoingMessage, SendResult, address_of
from openwx.accounts.resources import Resources
from openwx.config import ReportSettings
from openwx.domain import events
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Friend, Group
from openwx.domain.messages import MediaMessage, Message
from openwx.reporter import payload as payloads
from openwx.reporter.payload import Payload
from openwx.reporter.reporter import should_report
from openwx.safetext import Picture
from openwx.store.records import new_uid
from openwx.store.sqlite.journal import JournalError, NewReport, WriteBatch, WriteResult
from openwx.transports.web.client import Batch
from openwx.transports.web.session import Session

log = logging.getLogger("openwx.account")

REMEMBERED_CHATS = 2000
"""So many keep their line over a restart, whatever becomes of their names."""


class EventRecorder:
    """One account's. ``put`` takes what the journal has made last."""

    def __init__(
        self,
        name: str,
        report: ReportSettings,
        shared: Resources,
        put: Callable[[RecordedReport], None],
    ) -> None:
        self.qrcode_png: bytes | None = None
        self._name = name
        self._report = report
        self._shared = shared
        self._put = put
        self._in_order = asyncio.Lock()
        self.lines = ChatKeys()
        self._counts = metrics.of_account(name)
        self._saved_uids: dict[str, int | str] | None = None
        """Those in the journal: the very object, which nobody changes."""

    async def restore(self) -> list[RecordedReport]:
        """What waits for its medium since before the start. Chats keep the order lines that they had."""
        journal = self._shared.journal
        for newest in reversed(await journal.chats(self._name, limit=REMEMBERED_CHATS)):
            self.lines.remember(newest)
        first = {chat: id_ for id_, chat in reversed(await journal.pending(self._name))}
        for id_ in first.values():
            if (upload := await journal.upload(id_)) is not None:
                self.lines.remember(upload)
        held = await journal.held(self._name)
        for upload in held:
            self.lines.remember(upload)
        return [RecordedReport(upload, msgspec.json.decode(upload.body)) for upload in held]

    async def tell(self, batch: Batch, session: Session | None) -> None:
        """Make a batch last, together with the session that acknowledges it."""
        async with self._in_order:
            told = [
                pair for happened in batch.events for pair in await self._tell(happened, session)
            ]
            told += [self._tell_message(message, session) for message in batch.messages]
            media: dict[str, bytes] = {}
            for message in batch.messages:
                if isinstance(message, MediaMessage):
                    media |= registry.received(message.ref, None)
            state: dict[str, bytes | None] = {}
            if batch.session is not None:
                state["session"] = batch.session.to_bytes()
                if batch.session.uids is not self._saved_uids:
                    state["uids"] = batch.session.uids_to_bytes()
            if batch.known is not None:
                state["contacts"] = batch.known or None
            fresh = await self._commit(
                WriteBatch(account=self._name, state=state, media=media), told
            )
            if batch.session is not None:
                self._saved_uids = batch.session.uids
            for payload in fresh:
                if payload["post_type"] != "event":
                    self._counts.received(payload["post_type"], payload["format"])

    async def tell_outcome(
        self,
        order: OutgoingMessage,
        outcome: SendResult,
        contacts: ContactBook,
        session: Session | None,
        *,
        was_kept: bool,
        keys: Mapping[str, bytes],
        waits: Callable[[JournalError], object],
    ) -> None:
        """Make the outcome of a send last; ``was_kept``: its order is in the journal, and goes from there. ``keys``
        is what is remembered of its call. ``waits`` is called where the journal cannot be written yet."""
        error = outcome.error
        chat = contacts.chat(outcome.chat_id)
        line = self.lines.of(chat) if chat else order.to.fingerprint
        if chat is None:
            kind = Group if order.to.group else Friend
            chat = kind(id=outcome.chat_id, displayname=order.to.displayname, uid=order.to.uid)
        parcel = outcome.parcel or order.parcel
        payload = payloads.sent(
            order.content,
            chat,
            contacts.user,
            uid=order.uid,
            msg_id=outcome.msg_id,
            code=error.code if error else 0,
            info=error.status if error else "",
            media=registry.described(parcel) if parcel else None,
        )
        # The echo of one's own message, should WeChat send it back, is no second message.
        dedupe = f"{session.uin if session else ''}:{outcome.msg_id}" if outcome.msg_id else ""
        upload = self._upload(
            "send_message", line, payload, dedupe=dedupe, attachment=self._attachment(parcel)
        )
        unit = WriteBatch(
            account=self._name,
            finished_sends=(order.uid,) if was_kept else (),
            media=registry.to_keep(parcel) if parcel and error is None else {},
            keys=keys,
        )
        await self._commit(unit, [(upload, payload)], waits)

    def _attachment(self, parcel: OutgoingMedia | None) -> str:
        """The file whose content the upload of a sent medium tells."""
        medium = parcel.medium if parcel else None
        return medium.path if medium and self._report.post_media_data else ""

    async def write(
        self, unit: WriteBatch, waits: Callable[[JournalError], object] = lambda _: None
    ) -> WriteResult:
        """Make a unit last, however long it takes: where the disk is full, everything waits for room, and ``waits`` is
        called."""

        def must_wait(error: JournalError) -> None:
            log.error("%s: %s; nothing is acknowledged until it works again", self._name, error)
            waits(error)

        journal = self._shared.journal
        return await journal.insist(lambda: journal.write(unit), must_wait)

    async def _tell(
        self, happened: events.Event, session: Session | None
    ) -> list[tuple[NewReport, Payload]]:
        """The uploads of an event, where somebody wants them."""
        dedupe = ""
        if isinstance(happened, events.FriendRequested) and session is not None:
            dedupe = (
                f"{session.uin}:{happened.msg_id}"  # it came as a message, which may come again
            )
        if isinstance(happened, events.ContactsLoaded):
            if not any(name.startswith("update_") for name in self._report.post_event_list):
                return []
            named = payloads.updates(happened)
        elif isinstance(happened, events.QRCodeShown):
            named = [payloads.event(happened, qrcode=await self._show_qrcode(happened.link))]
        else:
            named = [payloads.event(happened)]
        return [
            (self._upload(name, "", payload, dedupe=dedupe), payload)
            for name, payload in named
            if name in self._report.post_event_list
        ]

    async def _show_qrcode(self, link: str) -> tuple[str, str]:
        """Show the QR code in the terminal and as a file; the file's path and its base64."""
        path = qrcode.path(self._shared.data_dir, self._name)
        self.qrcode_png = await asyncio.to_thread(qrcode.png, link)
        try:
            await asyncio.to_thread(qrcode.keep, path, self.qrcode_png)
        except OSError as error:
            log.warning("%s: the QR code cannot be written to %s: %s", self._name, path, error)
        picture = qrcode.terminal(link, colour=self._shared.colour)
        log.info(
            "%s: scan this QR code with WeChat on your phone (also at %s):\n%s",
            self._name,
            path,
            Picture(picture),
        )
        return str(path), base64.encodebytes(self.qrcode_png).decode("ascii")

    def _tell_message(self, message: Message, session: Session | None) -> tuple[NewReport, Payload]:
        uid = new_uid()
        payload = payloads.received(message, uid)
        chat = message.parties.chat
        reply_to = b""
        if payloads.may_be_replied_to(payload) and isinstance(chat, Friend | Group):
            reply_to = msgspec.json.encode(address_of(chat, session))
        uin = session.uin if session else ""
        upload = self._upload(
            payload["post_type"],
            self.lines.of(chat),
            payload,
            reply_to=reply_to,
            dedupe=f"{uin}:{message.id}",
            media=msgspec.json.encode(message.ref) if isinstance(message, MediaMessage) else b"",
        )
        return upload, payload

    def _upload(self, kind: str, chat: str, payload: Payload, **more: Any) -> NewReport:
        return NewReport(
            chat=chat,
            kind=kind,
            body=msgspec.json.encode(payload),
            uid=payload.get("uid") or new_uid(),
            deliver=should_report(self._report, kind, payload),
            **more,
        )

    async def _commit(
        self,
        unit: WriteBatch,
        told: Sequence[tuple[NewReport, Payload]],
        waits: Callable[[JournalError], object] = lambda _: None,
    ) -> list[Payload]:
        """Make it last, and pass it on; what was new in it."""
        unit = replace(unit, uploads=[upload for upload, _ in told])
        if not (unit.uploads or unit.finished_sends or unit.state):
            return []
        written = await self.write(unit, waits)
        fresh = [
            RecordedReport(upload, payload)
            for upload, (_, payload) in zip(written.uploads, told, strict=True)
            if upload is not None
        ]
        for one in fresh:
            self._put(one)
        return [one.payload for one in fresh]
