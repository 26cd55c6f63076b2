"""The SQLite journal's files: full disks, locks, permissions, and files that cannot be opened."""

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from openwx.store.base import JournalError
from openwx.store.records import WriteBatch
from openwx.store.sqlite import schema
from openwx.store.sqlite.journal import SQLiteJournal

from ..reports import a_message


async def test_a_full_disk_is_reported_and_survived(journal: SQLiteJournal, tmp_path: Path) -> None:
    await journal.write(WriteBatch(account="me", reports=[a_message(1)]))
    db = journal._transactions._db
    pages = await _pages(journal)
    await journal._worker.do(lambda _: db.execute(f"PRAGMA max_page_count = {pages}"))
    big = {"x": "y" * 100_000}
    batches = [WriteBatch(account="me", reports=[a_message(n, with_=big)]) for n in range(3)]
    results = await asyncio.gather(*map(journal.write, batches), return_exceptions=True)
    assert [type(result) for result in results] == [JournalError] * 3
    assert len(await journal.pending("me")) == 1
    assert "full" in journal.trouble
    await journal._worker.do(lambda _: db.execute("PRAGMA max_page_count = 1000000"))
    assert await journal.until_writable()
    await asyncio.gather(*map(journal.write, batches))
    assert len(await journal.pending("me")) == 4


async def _pages(journal: SQLiteJournal) -> int:
    rows = await journal._worker.do(lambda db: db.execute("PRAGMA page_count").fetchall())
    pages: int = rows[0][0]
    return pages


async def test_a_locked_file_is_reported_and_survived(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with SQLiteJournal(path) as journal:
        await journal._worker.do(lambda db: db.execute("PRAGMA busy_timeout = 1"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            await journal.write(WriteBatch(account="me", reports=[a_message()]))
        other.execute("ROLLBACK")
        other.close()
        assert await journal.until_writable()
        await journal.write(WriteBatch(account="me", reports=[a_message()]))


async def test_the_file_is_private(journal: SQLiteJournal, tmp_path: Path) -> None:
    await journal.write(WriteBatch(account="me", reports=[a_message()]))
    if os.name == "posix":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert modes == {0o600}


async def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    with pytest.raises(JournalError, match=f"newer openwx: its version is {schema.VERSION + 1}"):
        await SQLiteJournal(path).__aenter__()


@pytest.mark.parametrize("content", [b"no database" * 1000, None])
async def test_what_cannot_be_opened_is_reported_in_one_line(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "journal.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(JournalError, match=r"^cannot open .*journal\.db: ") as raised:
        await SQLiteJournal(path).__aenter__()
    assert "\n" not in str(raised.value)
