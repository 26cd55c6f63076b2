"""Downloads received media to the disk before their messages are published. ``HoldBack`` calls it."""

import asyncio
import logging
import time

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.accounts.media import names, registry, resolver
from openwx.accounts.media.download import download, sender_of
from openwx.accounts.media.files import AccountFiles
from openwx.accounts.media.folder import EmptyError, TooLargeError
from openwx.accounts.publisher import RecordedReport
from openwx.accounts.recorder import EventRecorder
from openwx.accounts.resources import Resources
from openwx.accounts.status import AccountStatus
from openwx.config import ReportSettings
from openwx.domain.media import MediaRef, StoredFile
from openwx.errors import BadResponse, NotLoggedIn, Rejected, SessionEnded, Unreachable
from openwx.logcontext import bind
from openwx.reporter import payload as payloads
from openwx.reporter.policy import targets_of
from openwx.reporter.post import webhook_id_of
from openwx.store.decoding import decode_row
from openwx.store.records import CompletedReport, WriteBatch
from openwx.transports.base import Transport

log = logging.getLogger("openwx.media")

AT_ONCE = 4
"""Downloads of one account at a time: WeChat is quick to punish speed."""

MOST_REFUSALS = 3
"""Attempts that WeChat may refuse or answer with nothing, for the moment or for good."""


class NoMediaError(Exception):
    """The media is not available; ``media_error`` has the text."""


class MediaDownloader:
    """Downloads of one account."""

    def __init__(
        self,
        account: str,
        settings: ReportSettings,
        resources: Resources,
        *,
        transport: Transport,
        status: AccountStatus,
        recorder: EventRecorder,
        files: AccountFiles,
    ) -> None:
        self._account = account
        self._files = files
        self._targets = settings.all_targets()
        self._resources = resources
        self._timing = resources.pace
        self._transport = transport
        self._status = status
        self._recorder = recorder
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def complete(self, recorded: RecordedReport) -> RecordedReport:
        """Make the report with its media, or with the reason why there is none. It is recorded when this returns."""
        with bind(webhook_id=webhook_id_of(recorded.report), event=recorded.report.kind):
            return await self._complete(recorded)

    async def _complete(self, recorded: RecordedReport) -> RecordedReport:
        report = recorded.report
        ref = decode_row(
            report.media, MediaRef, f"{self._account}: the file of the report {report.id}"
        )
        name = names.safe(ref.name) if ref else ""
        attachment = ""
        known: dict[str, bytes] = {}
        try:
            file = await self._fetch(ref, recorded)
        except NoMediaError as error:
            what = f"{ref.kind} {ref.msg_id}" if ref else "a file"
            metrics.dropped(log, "medium", "%s: %s: %s", self._account, what, error)
            payload = payloads.without_media(recorded.payload, str(error))
            if name:
                payload["media_name"] = name
            else:
                payload.pop("media_name", None)
        else:
            payload = payloads.with_media(
                recorded.payload,
                path=file.path,
                mime=file.mime,
                ext=file.ext,
                name=file.name,
                size=file.size,
                mtime=file.mtime,
            )
            medium = resolver.medium_of(file, name)
            attachment = self._files.attachment_of(medium)
            known = registry.received(ref, medium) if ref else {}
        body = msgspec.json.encode(payload)
        done = CompletedReport(
            id=report.id,
            body=body,
            attachment=attachment,
            targets=targets_of(self._targets, report.kind, payload),
        )
        await self._recorder.write(WriteBatch(account=self._account, completed=[done], media=known))
        whole = replace(report, body=body, attachment=attachment, media=b"", targets=done.targets)
        return RecordedReport(self._files.named(whole), payload)

    async def _fetch(self, ref: MediaRef | None, recorded: RecordedReport) -> StoredFile:
        """Try until the file is there, or until the time for it is over. Raises ``NoMediaError``."""
        if ref is None:
            raise NoMediaError("nobody knows any more how WeChat calls it")
        if not self._resources.downloads:
            raise NoMediaError("media.download is off")
        if not ref.has_image:
            raise NoMediaError(
                "a sticker from the shop: WeChat gives no image of it to web clients"
            )
        await self._may_begin()
        deadline = time.monotonic() + self._timing.medium_within_s
        pauses = self._timing.backoff()
        refusals = 0
        while True:
            try:
                async with self._slots:
                    return await self._fetch_once(ref, recorded)
            except TooLargeError as error:
                raise NoMediaError(str(error)) from None
            except (SessionEnded, NotLoggedIn) as error:
                failure: Exception = error
            except (Rejected, BadResponse, EmptyError) as error:
                failure = error
                refusals += 1
            except (Unreachable, OSError) as error:
                failure = error
            pause_s = next(pauses)
            if refusals >= MOST_REFUSALS or time.monotonic() + pause_s > deadline:
                raise NoMediaError(f"it could not be fetched: {failure}")
            await asyncio.sleep(pause_s)
            if await self._may_begin():
                # To a session that is over, WeChat gives empty answers: they say nothing of this media.
                deadline = time.monotonic() + self._timing.medium_within_s
                refusals = 0

    async def _may_begin(self) -> bool:
        """Wait for a full disk, while the account is paused, and within limits for a login that is going on.

        Return whether there was any of these.
        """
        waited = await self._resources.journal.until_writable()
        waited |= await self._status.until_permitted()
        try:
            async with asyncio.timeout(self._timing.medium_login_s):
                login = not self._status.running.is_set()
                await self._status.running.wait()
        except TimeoutError:
            return waited
        return waited or login

    async def _fetch_once(self, ref: MediaRef, recorded: RecordedReport) -> StoredFile:
        reply_to = recorded.report.reply_to
        sender = sender_of(self._transport, ref, recorded.payload["class"], reply_to)
        return await download(self._transport, self._resources.folder, ref, sender)
