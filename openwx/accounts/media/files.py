"""The files of one account, on whatever node it runs: in the folder here, in the store, or at WeChat.

The journal calls a file of openwx's own by its name in the folder of media. Before a batch that names it is written,
``keep`` puts it into the store; ``at_hand`` and ``found`` bring it back where this node lacks it; ``run`` deletes it
from the store when nothing in the journal waits for it any more. With the folder itself as the store, nothing is
copied and nothing is deleted.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from openwx import backoff, metrics
from openwx.accounts.media.download import download, sender_of
from openwx.accounts.media.folder import EmptyError, TooLargeError, key_of
from openwx.accounts.resources import Resources
from openwx.accounts.status import AccountStatus
from openwx.config import ReportSettings
from openwx.domain.media import LocalMedia, MediaRef
from openwx.errors import WeChatError
from openwx.keyedlock import KeyedLock
from openwx.reporter.payload import with_path
from openwx.store.base import JournalError
from openwx.store.files import PIECE, FileStoreError, MediaStore, NotStoredError
from openwx.store.records import PublishedReport, Report
from openwx.transports.base import Transport

log = logging.getLogger("openwx.media")

R = TypeVar("R", bound=Report | PublishedReport)

STORE_WITHIN_S = 15.0
"""How long the store may take for a file, in seconds, besides a second for each MiB that a file may have."""
WECHAT_WITHIN_S = 60.0
"""How long a file is waited for that has to be fetched from WeChat again, in seconds."""
LOOK_FIRST_S = 5.0
LOOK_MOST_S = 60.0
"""Pauses before it is looked which files nothing waits for any more, in seconds."""

ORPHAN_S = 86_400.0
"""The age at which a file is deleted from the store that nothing waits for, in seconds."""

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
    ) -> None:
        self._account = account
        self._with_data = settings.post_media_data
        self._journal = resources.journal
        self._folder = resources.folder
        self._store = resources.media_store
        self._timing = resources.pace
        self._transport = transport
        self._status = status
        self._fetching = KeyedLock()
        self._one_at_a_time = asyncio.Lock()
        self._changing = KeyedLock()
        self._stored: set[str] = set()
        """Names of files that this process has put, and not deleted."""
        self._naming: Counter[str] = Counter()
        """Names in batches that are being written."""
        self._to_look_at: set[str] = set()
        """Names in batches that were written since it was last looked which are waited for."""
        self._some = asyncio.Event()

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may need the files: each must be openwx's own, then, and be named in the journal."""
        return self._store.is_shared

    def attachment_of(self, file: LocalMedia | None) -> str:
        """Return what the journal calls the file of a report; empty where it need not know it."""
        if file is None or not (self._with_data or self.is_shared):
            return ""
        return file.attachment

    # -- before a batch, and after it ----------------------------------------------------------------

    @contextmanager
    def naming(self, attachments: Iterable[str]) -> Iterator[None]:
        """Delete none of these files from the store while a batch that names them is being written."""
        names = [one for one in attachments if _is_own(one)] if self._store.has_copies else []
        self._naming.update(names)
        try:
            yield
        finally:
            self._naming.subtract(names)
            self._naming += Counter()  # without those at 0
            self._look_at(names)

    async def keep(self, attachments: Iterable[str]) -> None:
        """Put files where other nodes find them, unless they are there. Raise ``FileStoreError`` after a while."""
        for name in filter(_is_own, attachments if self._store.has_copies else ()):
            async with self._changing.hold(name):
                if name not in self._stored:
                    await self._put(name)
                    self._stored.add(name)

    async def keep_if_possible(self, attachments: Iterable[str]) -> None:
        """As ``keep``, but a file that cannot be put stays on this node alone."""
        try:
            await self.keep(attachments)
        except FileStoreError as error:
            words = "%s: a file of a report stays on this node alone: %s"
            log.warning(words, self._account, error)

    async def _put(self, name: str) -> None:
        failure: Exception = FileStoreError("the store of media does not answer")
        try:
            async with asyncio.timeout(self._store_within_s):
                path = self._folder.path_of(name)
                for pause_s in self._timing.backoff():
                    try:
                        await self._store.put(key_of(name), path)
                    except FileStoreError as error:
                        failure = error
                    else:
                        return
                    if not path.is_file():
                        break
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            pass
        except OSError as error:
            failure = FileStoreError(f"{name} cannot be put: {error.strerror or error}")
        raise failure

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

        Without an attachment where the file cannot be had within bounds: ``media_data`` is left out.
        """
        if not (report.attachment and self.is_shared):
            return self.named(report)
        try:
            named = msgspec.json.decode(report.body, type=_Named) if report.body else _Named()
            path = await self._local(
                _Wanted(
                    attachment=report.attachment,
                    size=named.size,
                    media_id=named.media_id,
                    sent=named.sent,
                    reply_to=report.reply_to if isinstance(report, Report) else b"",
                )
            )
        except (*NotHere, msgspec.DecodeError) as error:
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
        if not _is_own(wanted.attachment):
            raise NotStoredError(f"{path} is not on this node")
        async with self._fetching.hold(wanted.attachment):
            if not await asyncio.to_thread(_is_whole, path, wanted.size):
                try:
                    await self._from_store(wanted)
                except (FileStoreError, NotStoredError) as error:
                    await self._from_wechat(wanted, error)
        return path

    async def _from_store(self, wanted: _Wanted) -> None:
        failure = FileStoreError("the store of media does not answer")
        try:
            async with asyncio.timeout(self._store_within_s):
                for pause_s in self._timing.backoff():
                    try:
                        await self._get(wanted)
                    except FileStoreError as error:
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
        record = await self._journal.media(self._account, media_id.rpartition(":")[0])
        return None if record is None else msgspec.json.decode(record, type=_Known).ref

    @property
    def _store_within_s(self) -> float:
        return STORE_WITHIN_S + self._folder.max_size / PIECE

    # -- when nothing waits for it any more ----------------------------------------------------------

    async def run(self) -> None:
        """Delete from the store what nothing waits for any more, until cancelled."""
        if not self._store.has_copies:
            return
        names = await self._journal.until_done(self._needed, self._log_unread)
        self._look_at(filter(_is_own, names))
        pauses = backoff.doubling(LOOK_FIRST_S, LOOK_MOST_S)
        while True:
            await self._some.wait()
            await asyncio.sleep(next(pauses))
            if await self._delete_settled():
                pauses = backoff.doubling(LOOK_FIRST_S, LOOK_MOST_S)

    def _look_at(self, names: Iterable[str]) -> None:
        self._to_look_at.update(names)
        if self._to_look_at:
            self._some.set()

    async def _needed(self) -> set[str]:
        return await self._journal.files(self._account)

    async def _delete_settled(self) -> bool:
        """Look once, and return whether a file was deleted."""
        looked_at, self._to_look_at = self._to_look_at, set()
        self._some.clear()
        settled: list[str] = []
        deleted = 0
        try:
            settled = sorted(looked_at - await self._needed())
            for name in settled:
                await self._delete(name)
                deleted += 1
        except (FileStoreError, JournalError) as error:
            log.info("%s: files in the store of media stay for now: %s", self._account, error)
        self._look_at(looked_at - set(settled[:deleted]))
        return deleted > 0

    async def _delete(self, name: str) -> None:
        async with self._changing.hold(name):
            if self._naming[name] or name in self._to_look_at:
                return  # it was named once more meanwhile, and is looked at again
            try:
                async with asyncio.timeout(self._store_within_s):
                    await self._store.delete([key_of(name)])
            except TimeoutError:
                raise FileStoreError("the store of media does not answer") from None
            self._stored.discard(name)

    def _log_unread(self, error: JournalError) -> None:
        log.error("%s: it cannot be read which files are waited for: %s", self._account, error)


async def delete_orphans(store: MediaStore, needed: Set[str]) -> int:
    """Delete files that nothing in any journal has named for a day. ``needed``: their names. Return their number.

    A process that ended between a batch and its deletion left them. Raise ``FileStoreError``.
    """
    keys = {key_of(name) for name in filter(_is_own, needed)}
    orphans = [key for key in await store.older(ORPHAN_S) if key not in keys]
    if orphans:
        await store.delete(orphans)
    return len(orphans)


def _is_own(attachment: str) -> bool:
    """Whether the journal calls a file by its name: it is openwx's own."""
    return bool(attachment) and not Path(attachment).is_absolute()


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
