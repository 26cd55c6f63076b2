"""The files of one account, on whatever node it runs: in the folder here, in the store, or at WeChat.

The journal calls a file of openwx's own by its name in the folder of media. ``keeper`` puts it into the store;
``for_delivery``, ``at_hand`` and ``found`` bring it back where this node lacks it.
"""

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.accounts.media.download import download, sender_of
from openwx.accounts.media.folder import EmptyError, TooLargeError, key_of
from openwx.accounts.media.keeping import Keeper, within_s
from openwx.accounts.resources import Resources
from openwx.accounts.status import AccountStatus
from openwx.config import ReportSettings
from openwx.domain.media import LocalMedia, MediaRef
from openwx.errors import UNREADABLE, WeChatError
from openwx.keyedlock import KeyedLock
from openwx.lease import Gate
from openwx.reporter.payload import with_path
from openwx.store.base import JournalError
from openwx.store.files import FileStoreError, NotStoredError
from openwx.store.records import PublishedReport, Report
from openwx.transports.base import Transport

log = logging.getLogger("openwx.media")

R = TypeVar("R", bound=Report | PublishedReport)

WECHAT_WITHIN_S = 60.0
"""How long a file is waited for that has to be fetched from WeChat again, in seconds."""


NotHere = (FileStoreError, NotStoredError, JournalError, OSError)
"""What is raised where a file cannot be had."""


class _Named(msgspec.Struct):
    """What a report says of its file."""

    media_id: str = ""
    media_size: str = ""
    sent: str = msgspec.field(default="", name="class")

    @property
    def size(self) -> int:
        return int(self.media_size) if self.media_size.isdecimal() else 0


class _Known(msgspec.Struct):
    """The part of a medium's record that says how WeChat calls it."""

    ref: MediaRef | None = None


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and what is known of it: ``size`` 0 and ``md5`` "" where nothing is."""

    attachment: str
    size: int
    md5: str = ""
    media_id: str = ""
    ref: MediaRef | None = None
    sent: str = ""
    reply_to: bytes = b""
    is_patient: bool = True
    """Whether to try again while the store is away."""


class AccountFiles:
    """The files of one account."""

    def __init__(
        self,
        account: str,
        settings: ReportSettings,
        resources: Resources,
        *,
        transport: Transport,
        status: AccountStatus,
        gate: Gate | None = None,
    ) -> None:
        self._account = account
        self._with_data = settings.post_media_data
        self._journal = resources.journal
        self._folder = resources.folder
        self._store = resources.media_store
        self._timing = resources.pace
        self._transport = transport
        self._status = status
        self.keeper = Keeper(account, resources, gate)
        """Keeps the files in the store."""
        self._fetching = KeyedLock()
        self._one_at_a_time = asyncio.Lock()

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may need the files: each must be openwx's own, then, and be named in the journal."""
        return self._store.is_shared

    def attachment_of(self, file: LocalMedia | None) -> str:
        """Return what the journal calls the file of a report; empty where it need not know it."""
        if file is None or not (self._with_data or self.is_shared):
            return ""
        return file.attachment

    # -- when it is needed ---------------------------------------------------------------------------

    def named(self, report: R) -> R:
        """Return a report that was just recorded, with the path of its file instead of the name."""
        if not report.attachment:
            return report
        if self.is_shared and not self._with_data:
            return replace(report, attachment="")
        try:
            return replace(report, attachment=str(self._folder.path_of(report.attachment)))
        except OSError as error:
            return self._without(report, error)

    async def at_hand(self, report: R) -> R:
        """Return a report of the journal with its file here: by its path, which is its ``media_path``, too.

        Without an attachment where the file cannot be had within bounds: ``media_data`` is left out. WeChat is not
        asked: a reader of old reports must not cause calls.
        """
        return await self._with_file(report, ask_wechat=False)

    async def for_delivery(self, report: Report) -> Report:
        """As ``at_hand``, for a delivery: what is in no store any more, and was received, is fetched from WeChat."""
        return await self._with_file(report, ask_wechat=True)

    async def _with_file(self, report: R, *, ask_wechat: bool) -> R:
        if not (report.attachment and self.is_shared):
            return self.named(report)
        self.keeper.watch([report.attachment])
        try:
            named = msgspec.json.decode(report.body, type=_Named) if report.body else _Named()
            wanted = _Wanted(
                attachment=report.attachment,
                size=named.size,
                media_id=named.media_id if ask_wechat else "",
                is_patient=ask_wechat,
                sent=named.sent,
                reply_to=report.reply_to if isinstance(report, Report) else b"",
            )
            path = await self._local(wanted)
        except (*NotHere, *UNREADABLE) as error:
            return self._without(report, error)
        body = with_path(report.body, str(path))
        return replace(report, body=body, attachment=str(path) if self._with_data else "")

    async def found(self, file: LocalMedia, ref: MediaRef | None = None) -> LocalMedia:
        """Return a file to send with its path here, fetched if need be: ``ref`` if it was received.

        Raise ``FileStoreError``, ``NotStoredError``, ``JournalError`` or ``OSError``.
        """
        if not file.kept_as:
            return file
        path = self._folder.path_of(file.kept_as)
        if self.is_shared:
            wanted = _Wanted(attachment=file.kept_as, size=file.size, md5=file.md5, ref=ref)
            await self._local(wanted)
        return file if str(path) == file.path else replace(file, path=str(path))

    def _without(self, report: R, error: Exception) -> R:
        words = "%s: media_data is left out: %s"
        metrics.dropped(log, "media_data", words, f"msg_{report.uid}", error)
        return replace(report, attachment="")

    async def _local(self, wanted: _Wanted) -> Path:
        """Return the path of a file that is here when this returns. Raise one of ``NotHere``."""
        path = self._folder.path_of(wanted.attachment)
        if await asyncio.to_thread(_is_whole, path, wanted.size):
            return path
        # A journal that was copied from another machine has paths of there.
        wanted = replace(wanted, attachment=path.name)
        here = self._folder.path_of(path.name)
        async with self._fetching.hold(path.name):
            if not await asyncio.to_thread(_is_whole, here, wanted.size):
                try:
                    await self._from_store(wanted)
                except (FileStoreError, NotStoredError) as error:
                    await self._from_wechat(wanted, error)
        return here

    async def _from_store(self, wanted: _Wanted) -> None:
        failure = FileStoreError("the store of media does not answer")
        try:
            async with asyncio.timeout(within_s(self._folder.max_size)):
                for pause_s in self._timing.backoff():
                    try:
                        await self._get(wanted)
                    except FileStoreError as error:
                        if not wanted.is_patient:
                            raise
                        failure = error
                    else:
                        return
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            raise failure from None

    async def _get(self, wanted: _Wanted) -> None:
        async with self._folder.fill(wanted.attachment) as part:
            await self._store.get(key_of(wanted.attachment), part, most=self._folder.max_size)
            await asyncio.to_thread(_require_whole, part, wanted)

    async def _from_wechat(self, wanted: _Wanted, why: Exception) -> None:
        """Fetch received media again. Raise ``NotStoredError`` with the reason why it is not in the store."""
        ref = wanted.ref or await self._ref_of(wanted.media_id)
        if ref is None or not ref.has_image:
            raise why
        log.info("%s: %s; it is fetched from WeChat again", self._account, why)
        sender = sender_of(self._transport, ref, wanted.sent, wanted.reply_to)
        try:
            async with asyncio.timeout(WECHAT_WITHIN_S), self._one_at_a_time:
                await self._status.until_usable()
                file = await download(self._transport, self._folder, ref, sender)
        except TimeoutError:
            raise NotStoredError(f"{why}, and WeChat did not give it in time") from None
        except (WeChatError, TooLargeError, EmptyError) as error:
            raise NotStoredError(f"{why}, and WeChat did not give it: {error}") from None
        async with self._folder.fill(wanted.attachment) as part:
            await asyncio.to_thread(Path(file.path).replace, part)

    async def _ref_of(self, media_id: str) -> MediaRef | None:
        key = media_id.rpartition(":")[0]
        record = await self._journal.media(self._account, key) if key else None
        return None if record is None else msgspec.json.decode(record, type=_Known).ref


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and (not size or path.stat().st_size == size)


def _require_whole(path: Path, wanted: _Wanted) -> None:
    """Raise ``NotStoredError`` for a file that is not the one that was put."""
    size = path.stat().st_size
    if wanted.size and size != wanted.size:
        words = (
            f"{wanted.attachment} is damaged in the store: it has {size} bytes, not {wanted.size}"
        )
        raise NotStoredError(words)
    if wanted.md5:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if digest.hexdigest() != wanted.md5:
            raise NotStoredError(f"{wanted.attachment} is damaged in the store: it has changed")
