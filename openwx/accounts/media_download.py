"""Brings received media to the disk, before their messages are told."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.accounts.holdback import RecordedReport
from openwx.accounts.media import names, registry, resolver, types
from openwx.accounts.media.folder import EmptyError, StoredFile, TooLargeError
from openwx.accounts.outgoing import Address, present_id
from openwx.accounts.resources import Resources
from openwx.config import ReportSettings
from openwx.domain.media import Kind, MediaRef
from openwx.errors import BadResponse, NotLoggedIn, Rejected, SessionEnded, Unreachable
from openwx.logcontext import bind
from openwx.reporter import payload as payloads
from openwx.reporter.policy import should_report
from openwx.reporter.post import webhook_id_of
from openwx.store.sqlite.journal import Completed, WriteBatch
from openwx.transports.web.client import Client
from openwx.transports.web.transfer import Transfer

log = logging.getLogger("openwx.media")

AT_ONCE = 4
"""Media of one account under way at a time: WeChat is quick to punish speed."""

MOST_REFUSALS = 3
"""An empty answer may be so for the moment, or for ever."""


_MAJOR_TYPES: dict[Kind, tuple[str, ...]] = {
    "image": ("image",),
    "emoticon": ("image",),
    "voice": ("audio", "video"),
    "video": ("video", "audio"),
    "microvideo": ("video", "audio"),
}
"""A file may be of any type. Only its tracks distinguish a recording from a film."""


class NoMediumError(Exception):
    """The medium cannot be had; its words are told in ``media_error``."""


class MediaDownloader:
    """One account's. ``running`` is set while it runs, ``write`` makes a unit last, however long that takes,
    ``writable`` waits until the journal can be written, and says whether it had to."""

    def __init__(
        self,
        account: str,
        report: ReportSettings,
        shared: Resources,
        *,
        client: Client,
        transfer: Transfer,
        running: asyncio.Event,
        write: Callable[[WriteBatch], Awaitable[object]],
        writable: Callable[[], Awaitable[bool]],
    ) -> None:
        self._account = account
        self._report = report
        self._folder = shared.folder
        self._downloads = shared.downloads
        self._pace = shared.pace
        self._client = client
        self._transfer = transfer
        self._running = running
        self._write = write
        self._writable = writable
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def complete(self, told: RecordedReport) -> RecordedReport:
        """The upload with its medium, or with the reason why it has none; both last when this returns."""
        with bind(webhook_id=webhook_id_of(told.upload), event=told.upload.kind):
            return await self._complete(told)

    async def _complete(self, told: RecordedReport) -> RecordedReport:
        upload = told.upload
        ref = msgspec.json.decode(upload.media, type=MediaRef)
        name = names.shown(ref.name)
        attachment = ""
        known: dict[str, bytes] = {}
        try:
            file = await self._fetch(ref, told)
        except NoMediumError as error:
            words = "%s: %s %s: %s"
            metrics.dropped(log, "medium", words, self._account, ref.kind, ref.msg_id, error)
            payload = payloads.without_medium(told.payload, str(error))
            if name:
                payload["media_name"] = name
            else:
                payload.pop("media_name", None)
        else:
            payload = payloads.with_medium(
                told.payload,
                path=file.path,
                mime=file.mime,
                ext=file.ext,
                name=file.name,
                size=file.size,
                mtime=file.mtime,
            )
            attachment = file.path if self._report.post_media_data else ""
            known = registry.received(ref, resolver.medium_of(file, name))
        body = msgspec.json.encode(payload)
        done = Completed(
            id=upload.id,
            body=body,
            attachment=attachment,
            deliver=should_report(self._report, upload.kind, payload),
        )
        await self._write(WriteBatch(account=self._account, completed=[done], media=known))
        return RecordedReport(
            replace(upload, body=body, attachment=attachment, media=b"", deliver=done.deliver),
            payload,
        )

    async def _fetch(self, ref: MediaRef, told: RecordedReport) -> StoredFile:
        """Try until it is there, or until the time for it is over."""
        if not self._downloads:
            raise NoMediumError("media.download is off")
        if not ref.has_image:
            raise NoMediumError(
                "a sticker from the shop: WeChat gives no image of it to web clients"
            )
        await self._may_begin()
        deadline = time.monotonic() + self._pace.medium_within_s
        pauses = self._pace.backoff()
        refusals = 0
        while True:
            try:
                async with self._slots:
                    return await self._fetch_once(replace(ref, sender=self._sender(ref, told)))
            except TooLargeError as error:
                raise NoMediumError(str(error)) from None
            except (SessionEnded, NotLoggedIn) as error:
                failure: Exception = error
            except (Rejected, BadResponse, EmptyError) as error:
                failure = error
                refusals += 1
            except (Unreachable, OSError) as error:
                failure = error
            pause_s = next(pauses)
            if refusals >= MOST_REFUSALS or time.monotonic() + pause_s > deadline:
                raise NoMediumError(f"it could not be fetched: {failure}")
            await asyncio.sleep(pause_s)
            if await self._may_begin():
                # To a session that is over, WeChat gives empty answers: they say nothing of this medium.
                deadline = time.monotonic() + self._pace.medium_within_s
                refusals = 0

    async def _may_begin(self) -> bool:
        """Wait for a disk that is full, and for a login that is going on, within reason; whether there was either."""
        waited = await self._writable()
        try:
            async with asyncio.timeout(self._pace.medium_login_s):
                login = not self._running.is_set()
                await self._running.wait()
        except TimeoutError:
            return waited
        return waited or login

    def _sender(self, ref: MediaRef, told: RecordedReport) -> str:
        """The id of who sent it, in the present login."""
        contacts = self._client.contacts
        if told.payload["class"] == "send":
            return contacts.user.id
        if not told.upload.reply_to:
            return ref.sender
        chat = msgspec.json.decode(told.upload.reply_to, type=Address)
        return present_id(chat, self._client.session, contacts) or ref.sender

    async def _fetch_once(self, ref: MediaRef) -> StoredFile:
        async with self._folder.receive(names.shown(ref.name)) as incoming:
            await self._transfer.fetch(ref, incoming.put)
            if incoming.size:
                _require_type(ref.kind, await incoming.mime())
            return await incoming.keep()


def _require_type(kind: Kind, mime: str) -> None:
    """WeChat's servers sometimes send a page of theirs with status 200 in place of a picture. What the content does
    not tell may be anything. Raises ``BadResponse``."""
    majors = _MAJOR_TYPES.get(kind)
    if majors is not None and mime.partition("/")[0] not in majors and mime != types.UNKNOWN:
        raise BadResponse("download", f"what came is no {kind} but {mime}")
