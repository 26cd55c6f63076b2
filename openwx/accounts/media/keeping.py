"""Keeps the store of media as the journal needs it: what a batch names is put before it, and deleted after the last.
``AccountFiles`` makes one for its account, which runs it; ``service`` calls ``tidy``.

With the folder of media as the store, nothing is copied and nothing is deleted.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path

from openwx import backoff
from openwx.accounts.media.folder import MediaFolder, key_in, key_of
from openwx.accounts.resources import Resources
from openwx.keyedlock import KeyedLock
from openwx.lease import Gate, always_open
from openwx.store.base import JournalError
from openwx.store.files import PIECE, FileStoreError, MediaStore

log = logging.getLogger("openwx.media")

STORE_WITHIN_S = 15.0
"""How long the store may take for a file, in seconds, besides a second for each MiB that a file may have."""
LOOK_FIRST_S = 5.0
LOOK_MOST_S = 60.0
"""Pauses before it is looked what the journal waits for, in seconds."""
ORPHAN_S = 86_400.0
"""The age at which a file is deleted from the store that nothing waits for, in seconds."""


def within_s(most: int) -> float:
    """Return how long the store may take for a file of up to ``most`` bytes, in seconds."""
    return STORE_WITHIN_S + most / PIECE


class Keeper:
    """The files of one account in the store."""

    def __init__(self, account: str, resources: Resources, gate: Gate | None = None) -> None:
        """Nothing is deleted without having passed the ``gate``; None is one that is always open."""
        self._account = account
        self._gate = gate or always_open()
        self._journal = resources.journal
        self._folder = resources.folder
        self._store = resources.media_store
        self._timing = resources.pace
        self._changing = KeyedLock()
        self._stored: set[str] = set()
        """Names of files that are in the store, as far as is known, or cannot be put from here."""
        self._reach = resources.media_reach
        self._naming: Counter[str] = Counter()
        """Names in batches that are being written."""
        self._to_look_at: set[str] = set()
        """Names in the journal, and in batches that were written since the last look."""
        self._some = asyncio.Event()

    @contextmanager
    def naming(self, attachments: Iterable[str]) -> Iterator[None]:
        """Delete none of these files while a batch that names them is being written."""
        names = self._own(attachments)
        self._naming.update(names)
        try:
            yield
        finally:
            self._naming.subtract(names)
            self._naming += Counter()  # without those at 0
            self.watch(names)

    def watch(self, attachments: Iterable[str]) -> None:
        """Delete these files when nothing in the journal waits for them any more."""
        self._to_look_at.update(self._own(attachments))
        if self._to_look_at:
            self._some.set()

    async def keep(self, attachments: Iterable[str]) -> None:
        """Put files where other nodes find them, unless they are there.

        Raise ``FileStoreError`` after a while; at once while the store is known to be away.
        """
        for name in self._own(attachments):
            async with self._changing.hold(name):
                if name not in self._stored:
                    await self._put(name)
                    self._stored.add(name)

    async def keep_if_possible(self, attachments: Iterable[str]) -> None:
        """As ``keep``, but what cannot be put now stays on this node alone, and is tried again by ``run``."""
        if self._reach.is_away:
            return
        try:
            await self.keep(attachments)
        except FileStoreError as error:
            words = "%s: a file of a report is on this node alone for now: %s"
            log.warning(words, self._account, error)

    async def run(self) -> None:
        """Delete what nothing waits for any more, and put what could not be put before, until cancelled.

        Raise ``LeaseLost``.
        """
        if not self._store.has_copies:
            return
        self.watch(await self._journal.until_done(self._needed, self._log_unread))
        pauses = backoff.doubling(LOOK_FIRST_S, LOOK_MOST_S)
        while True:
            await self._some.wait()
            await asyncio.sleep(next(pauses))
            if await self._look():
                pauses = backoff.doubling(LOOK_FIRST_S, LOOK_MOST_S)

    def _own(self, attachments: Iterable[str]) -> list[str]:
        """Return the names of those files that are to be in the store."""
        if not self._store.has_copies:
            return []
        return [name for one in attachments if (name := self._folder.own_name(one))]

    async def _put(self, name: str) -> None:
        """Put a file, and try again for a while."""
        failure = FileStoreError("the store of media does not answer")
        path = self._folder.path_of(name)
        try:
            async with asyncio.timeout(within_s(await asyncio.to_thread(_size_of, path))):
                for pause_s in self._timing.backoff():
                    try:
                        return await self._put_once(name, path)
                    except FileStoreError as error:
                        failure = error
                    if self._reach.is_away or not await asyncio.to_thread(path.is_file):
                        raise failure
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            self._reach.is_away = True
        raise failure

    async def _put_once(self, name: str, path: Path) -> None:
        await self._store.put(key_of(name), path)
        self._reach.is_away = False

    # -- in the background -----------------------------------------------------------------------------------

    async def _needed(self) -> set[str]:
        return set(self._own(await self._journal.files(self._account)))

    async def _look(self) -> bool:
        """Look once what the journal waits for. Return whether a file was deleted."""
        looked_at, self._to_look_at = self._to_look_at, set()
        self._some.clear()
        gone: set[str] = set()
        try:
            began = await self._store.now()  # before it is known that the account is ours
            await self._gate.passed()
            needed = await self._needed()
            for name in sorted(looked_at - needed):
                await self._delete(name, began)
                gone.add(name)
            for name in sorted((looked_at & needed) - self._stored):
                await self._put_again(name)
        except (FileStoreError, JournalError, TimeoutError) as error:
            words = "%s: the store of media stays as it is for now: %s"
            log.info(words, self._account, str(error) or "it does not answer")
        self.watch(looked_at - gone)
        return bool(gone)

    async def _delete(self, name: str, began: float) -> None:
        """Delete a file that nothing waited for since ``began``. What a later owner has put since then stays."""
        async with self._changing.hold(name):
            if self._naming[name] or name in self._to_look_at:
                return  # it was named once more meanwhile, and is looked at again
            await self._gate.passed()
            async with asyncio.timeout(min(within_s(self._folder.max_size), self._gate.left_s)):
                await self._store.delete([key_of(name)], put_before=began)
            self._stored.discard(name)

    async def _put_again(self, name: str) -> None:
        """Put a file that is in no store yet: it failed, or another store was configured then."""
        path = self._folder.path_of(name)
        async with self._changing.hold(name):
            async with asyncio.timeout(within_s(self._folder.max_size)):
                is_here = await asyncio.to_thread(path.is_file)
                if is_here and not await self._store.has(key_of(name)):
                    await self._put_once(name, path)
            self._stored.add(name)

    def _log_unread(self, error: JournalError) -> None:
        log.error("%s: it cannot be read which files are waited for: %s", self._account, error)


def _size_of(path: Path) -> int:
    """Return the size of a file, 0 if it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


async def tidy(store: MediaStore, folder: MediaFolder, attachments: Set[str]) -> None:
    """Put what journals wait for, is here, and not in the store; delete what nothing has waited for a day.

    ``attachments``: all that journals wait for, of any account. The former is of accounts that other nodes run, such as
    after a journal was copied; a process that ended between a batch and its deletion left the latter. Raise
    ``FileStoreError`` or ``OSError``.
    """
    if not store.has_copies:
        return
    for name in sorted(filter(None, map(folder.own_name, attachments))):
        path = folder.path_of(name)
        if await asyncio.to_thread(path.is_file) and not await store.has(key_of(name)):
            await store.put(key_of(name), path)
    needed = set(map(key_in, attachments))
    began = await store.now()
    orphans = [key for key in await store.older(ORPHAN_S) if key not in needed]
    if orphans:
        await store.delete(orphans, put_before=began)
