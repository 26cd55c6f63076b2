"""``JournalError`` means that nothing was stored and never will be, however a COMMIT fails."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openwx.store.base import InDoubt, InvalidBatch, JournalError
from openwx.store.records import AccountRecord, NewSend, WriteBatch
from openwx.store.sqlite import journal as journals
from openwx.store.sqlite.executor import JobResult
from openwx.store.sqlite.journal import SQLiteJournal
from openwx.store.sqlite.transactions import Transactions
from tests.patience import PATIENCE_S

from ..reports import a_message
from .faults import FaultyConnection, can_fail_syncs, fail_all_syncs

FSYNC = sqlite3.SQLITE_IOERR_FSYNC
PROBE = "INSERT INTO probe"

needs_seccomp = pytest.mark.skipif(not can_fail_syncs(), reason="seccomp is of Linux")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "PROBE_EVERY_S", 0.01)


def batch_of(uid: str) -> WriteBatch:
    return WriteBatch(account="me", reports=[a_message(uid=uid)])


async def uids(journal: SQLiteJournal) -> list[str]:
    return [one.uid for one in reversed(await journal.log("me", limit=99))]


def faulty(journal: SQLiteJournal, code: int = FSYNC) -> FaultyConnection:
    """Have statements of an open journal fail."""
    transactions = journal._transactions
    made = FaultyConnection(transactions._db, code)
    transactions._db = made  # type: ignore[assignment]
    transactions._tables._db = made  # type: ignore[assignment]
    return made


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


# -- what SQLite does, on which the rule rests -------------------------------------------------------------


@needs_seccomp
def test_the_next_start_takes_a_commit_for_done_whose_fsync_failed(tmp_path: Path) -> None:
    """Unless the same connection commits something else before."""
    codes: list[int] = []

    def fails(folder: Path) -> None:
        db = sqlite3.connect(folder / "db", isolation_level=None)
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x)")
        fail_all_syncs()
        try:
            db.execute("INSERT INTO t VALUES ('in doubt')")
        except sqlite3.OperationalError as error:
            codes.append(error.sqlite_errorcode)
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
        for after in ("killed", "later"):
            shutil.copytree(folder, tmp_path / after)
            db.execute("PRAGMA synchronous = OFF")
            db.execute("INSERT INTO t VALUES ('later')")
        db.close()

    folder = tmp_path / "folder"
    folder.mkdir()
    thread = threading.Thread(target=fails, args=(folder,))
    thread.start()
    thread.join()
    assert codes == [FSYNC]
    rows = {}
    for after in ("killed", "later"):
        db = sqlite3.connect(tmp_path / after / "db")
        rows[after] = db.execute("SELECT x FROM t").fetchall()
        db.close()
    assert rows == {"killed": [("in doubt",)], "later": [("later",)]}


# -- real faults -------------------------------------------------------------------------------------------


@needs_seccomp
async def test_nobody_is_told_while_the_next_start_may_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Transactions._settle

    def keep_a_copy(self: Transactions) -> list[JobResult]:
        if self._in_doubt and not (tmp_path / "killed").exists():
            shutil.copytree(tmp_path / "data", tmp_path / "killed")
        return settle(self)

    monkeypatch.setattr(Transactions, "_settle", keep_a_copy)
    (tmp_path / "data").mkdir()
    async with SQLiteJournal(tmp_path / "data" / "j") as journal:
        await journal.write(batch_of("before"))
        await journal._worker.do(lambda _: fail_all_syncs())
        waits = asyncio.create_task(journal.write(batch_of("in doubt")))
        await until(lambda: journal.trouble)
        with pytest.raises(JournalError, match="disk I/O error"):
            await journal.write(batch_of("refused"))
        assert await uids(journal) == ["before"]
        assert not waits.done()
    with pytest.raises(InDoubt, match="not known"):
        await waits
    async with SQLiteJournal(tmp_path / "killed" / "j") as journal:
        assert await uids(journal) == ["before", "in doubt"]
    async with SQLiteJournal(tmp_path / "data" / "j") as journal:
        assert await uids(journal) in (["before"], ["before", "in doubt"])


# -- faults that come and go -------------------------------------------------------------------------------


async def test_it_is_overwritten_before_anybody_is_told(journal: SQLiteJournal) -> None:
    disk = faulty(journal)
    disk.failing = {"COMMIT"}
    with pytest.raises(JournalError, match="disk I/O error"):
        await journal.write(batch_of("lost"))
    asked = [sql.split()[0] for sql in disk.asked[disk.asked.index("COMMIT") :]]
    assert asked[:3] == ["COMMIT", "ROLLBACK", "INSERT"]
    disk.failing = set()
    await journal.until_writable()
    await journal.write(batch_of("next"))
    assert await uids(journal) == ["next"]


async def test_who_waits_is_told_once_it_is_overwritten(journal: SQLiteJournal) -> None:
    disk = faulty(journal)
    disk.failing = {"COMMIT", PROBE}
    record = AccountRecord(account="me", wanted=True, settings=b"", origin="api")
    waits = [
        asyncio.create_task(journal.write(batch_of("in doubt"))),
        asyncio.create_task(journal.save_account(record)),
    ]
    troubles: list[JournalError] = []
    retried = asyncio.create_task(
        journal.until_done(lambda: journal.write(batch_of("insists")), troubles.append)
    )
    await until(lambda: journal.trouble)
    with pytest.raises(JournalError):
        await journal.write(batch_of("refused"))
    assert not any(task.done() for task in waits)
    assert await journal.accounts() == []
    disk.failing = set()
    for task in waits:
        with pytest.raises(JournalError, match="disk I/O error"):
            await task
    async with asyncio.timeout(PATIENCE_S):
        await retried
    assert len(troubles) == 1
    assert await uids(journal) == ["insists"]
    assert await journal.accounts() == []


async def test_nothing_is_written_after_what_is_in_doubt(
    journal: SQLiteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even what waited already: it would overwrite that one, which must be told first."""
    monkeypatch.setattr("openwx.store.sqlite.grouping.MAX_BATCHES", 1)
    disk = faulty(journal)
    disk.failing = {"COMMIT", PROBE}
    first = asyncio.create_task(journal.write(batch_of("first")))
    second = asyncio.create_task(journal.write(batch_of("second")))
    with pytest.raises(JournalError):
        await second
    assert not first.done()
    disk.failing = set()
    with pytest.raises(JournalError):
        await first


async def test_closing_ends_the_wait(tmp_path: Path) -> None:
    async with SQLiteJournal(tmp_path / "j") as journal:
        disk = faulty(journal)
        disk.failing = {"COMMIT", PROBE}
        on_wait: list[JournalError] = []
        write = asyncio.create_task(journal.write(batch_of("in doubt")))
        insists = asyncio.create_task(
            journal.until_done(lambda: journal.write(batch_of("insists")), on_wait.append)
        )
        await until(lambda: journal.trouble)
    for task in (write, insists):
        with pytest.raises(InDoubt):
            await task
    assert on_wait == [], "what is in doubt is not repeated"


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE])
async def test_a_page_that_was_not_written_is_no_doubt(journal: SQLiteJournal, code: int) -> None:
    disk = faulty(journal, code)
    disk.failing = {"COMMIT", PROBE}
    with pytest.raises(JournalError):
        await journal.write(batch_of("not done"))


async def test_an_invalid_batch_beside_it_is_known_to_be_invalid(journal: SQLiteJournal) -> None:
    await journal.write(WriteBatch(account="me", sends=[NewSend(uid="s", body=b"")]))
    disk = faulty(journal)
    disk.failing = {"COMMIT", PROBE}
    bad = WriteBatch(account="me", sends=[NewSend(uid="s", body=b"")])
    is_enough = threading.Event()
    held = asyncio.create_task(journal._worker.do(lambda _: is_enough.wait()))
    good = asyncio.create_task(journal.write(batch_of("good")))
    invalid = asyncio.create_task(journal.write(bad))
    await asyncio.sleep(0)
    is_enough.set()  # both in one transaction
    await held
    with pytest.raises(InvalidBatch):
        await invalid
    assert not good.done()
    disk.failing = set()
    with pytest.raises(JournalError):
        await good


async def test_a_disk_that_does_not_answer_leaves_the_outcome_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The close does not wait for ever. Reads are not in doubt."""
    monkeypatch.setattr(journals, "PROBE_TIMEOUT_S", 0.05)
    answers = threading.Event()
    began = threading.Event()

    def hangs(_: sqlite3.Connection) -> None:
        began.set()
        answers.wait()

    async with SQLiteJournal(tmp_path / "j") as journal:
        hanging = asyncio.create_task(journal._worker.do(hangs))
        await asyncio.to_thread(began.wait)
        write = asyncio.create_task(journal.write(batch_of("late")))
        read = asyncio.create_task(journal.state("me"))
        await asyncio.sleep(0)
    with pytest.raises(InDoubt, match="before its disk answered"):
        await write
    with pytest.raises(JournalError, match="closed"):
        await read
    assert "its disk does not answer" in caplog.text
    answers.set()
    await asyncio.gather(hanging, return_exceptions=True)
    await journal._worker._ended
    async with SQLiteJournal(tmp_path / "j") as journal:
        assert await uids(journal) == ["late"]
