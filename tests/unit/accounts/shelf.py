"""A store of media in memory, which can fail, and a process with a journal in SQLite that uses it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from openwx import store
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.resources import Resources
from openwx.domain.media import StoredFile
from openwx.store.base import Journal
from openwx.store.files import FileStoreError, NotStoredError
from openwx.store.records import (
    DeliveryOutcome,
    DeliveryStatus,
    NewReport,
    Report,
    WriteBatch,
    new_uid,
)
from openwx.testing import PACE


class Shelf:
    """Implements ``MediaStore``."""

    is_shared = True
    has_copies = True

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.old: list[str] = []
        self.is_away = False
        self.tried = 0
        """How often something was asked of it."""
        self.puts: list[str] = []
        self.gets: list[str] = []

    async def put(self, key: str, file: Path) -> None:
        self._require()
        self.puts.append(key)
        self.files[key] = file.read_bytes()

    async def get(self, key: str, file: Path, *, most: int) -> None:
        self._require()
        self.gets.append(key)
        if key not in self.files:
            raise NotStoredError(f"{key} is not on the shelf")
        file.write_bytes(self.files[key])

    async def has(self, key: str) -> bool:
        self._require()
        return key in self.files

    async def now(self) -> float:
        self._require()
        return len(self.puts)

    async def delete(self, keys: Collection[str], *, put_before: float) -> None:
        self._require()
        for key in keys:
            if key not in self.puts[int(put_before) :]:
                self.files.pop(key, None)

    async def older(self, than_s: float) -> list[str]:
        self._require()
        return self.old

    async def check(self) -> None:
        self._require()

    def _require(self) -> None:
        self.tried += 1
        if self.is_away:
            raise FileStoreError("the shelf is away")


class Process:
    """What the files of an account need of their process."""

    def __init__(self, journal: Journal, path: Path, shelf: Shelf) -> None:
        self.journal = journal
        self.shelf = shelf
        self.folder = MediaFolder(path, max_size=1_000_000)
        nothing = cast("Any", None)
        self.resources = Resources(
            journal=journal,
            transports=nothing,
            http=nothing,
            data_dir=path.parent,
            folder=self.folder,
            media_store=shelf,
            fetcher=nothing,
            address_guard=None,
            local_media=nothing,
            pace=PACE,
        )

    async def file(self, content: bytes = b"content", name: str = "a.txt") -> StoredFile:
        async with self.folder.receive(name) as incoming:
            await incoming.write(content)
            return await incoming.finish()

    async def report(self, attachment: str, body: bytes = b"{}") -> Report:
        """Record a report that waits for its delivery."""
        new = NewReport(
            chat="c", kind="receive_message", body=body, uid=new_uid(), attachment=attachment
        )
        written = await self.journal.write(WriteBatch(account="me", reports=[new]))
        return written.recorded[0]

    async def delivers(self, report: Report) -> None:
        outcome = DeliveryOutcome(report.id, DeliveryStatus.DELIVERED)
        await self.journal.write(WriteBatch(account="me", outcomes=[outcome]))


@asynccontextmanager
async def process(tmp_path: Path, shelf: Shelf, name: str = "here") -> AsyncIterator[Process]:
    async with store.open(tmp_path / "journal.db") as journal:
        yield Process(journal, tmp_path / name / "media", shelf)
