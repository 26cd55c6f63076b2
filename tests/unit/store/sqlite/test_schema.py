"""Journals of earlier versions are migrated, with everything in them."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from openwx.accounts import registry
from openwx.store.base import JournalError
from openwx.store.records import CompletedReport, NewSend, WriteBatch
from openwx.store.sqlite import schema
from openwx.store.sqlite.journal import SQLiteJournal

from ..reports import Clock, a_message

LAST_VERSION = Path(__file__).parents[3] / "data" / "journal" / "version-5.sql"

# As the first version wrote it.
VERSION_1 = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL, chat TEXT NOT NULL, kind TEXT NOT NULL, uid TEXT NOT NULL, dedupe TEXT,
    created REAL NOT NULL, fate INTEGER NOT NULL, settled REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', reply_to BLOB NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX uploads_dedupe ON uploads (account, dedupe) WHERE dedupe IS NOT NULL;
CREATE INDEX uploads_pending ON uploads (account, id, chat) WHERE fate = 0;
CREATE INDEX uploads_settled ON uploads (account, fate, settled) WHERE fate != 0;
CREATE TABLE sends (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, uid TEXT NOT NULL UNIQUE,
    upload_id INTEGER, part INTEGER NOT NULL, created REAL NOT NULL, body BLOB NOT NULL,
    UNIQUE (upload_id, part));
CREATE INDEX sends_account ON sends (account, id);
CREATE TABLE state (
    account TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
PRAGMA user_version = 1;
INSERT INTO uploads (id, account, chat, kind, uid, dedupe, created, fate, settled, reply_to, body)
VALUES (7, 'me', 'chat', 'receive_message', 'u7', 'd7', 1000.0, 0, 0.0, x'01', CAST('{"a":1}' AS BLOB)),
       (8, 'me', 'chat', 'receive_message', 'u8', NULL, 1000.0, 2, 1001.0, x'', CAST('{"b":1}' AS BLOB));
INSERT INTO sends (id, account, uid, upload_id, part, created, body)
VALUES (3, 'me', 's3', NULL, 0, 1000.0, x'7b7d');
INSERT INTO state VALUES ('me', 'session', x'6b657074');
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite3"
    db = sqlite3.connect(path)
    db.executescript(VERSION_1)
    db.close()
    return path


async def test_a_journal_of_version_1_goes_on(old: Path, clock: Clock) -> None:
    for _ in range(2):  # the second time it is of this version already
        async with SQLiteJournal(old, clock=clock) as journal:
            assert await journal.pending("me") == [(7, "chat")]
            report = await journal.pending_report("me", 7)
            assert report is not None
            assert (report.uid, report.dedupe, report.body, report.reply_to) == (
                "u7", "d7", b'{"a":1}', b"\x01",
            )  # fmt: skip
            assert (report.media, report.attachment) == (b"", "")
            assert [failed.id for failed in await journal.failed("me")] == [8]
            assert [send.uid for send in await journal.waiting_sends("me")] == ["s3"]
            assert await journal.state("me") == {"session": b"kept"}
            page = await journal.published("me", 0, rows=9, size=999)
            assert [(one.id, one.uid) for one in page.reports] == [(7, "u7"), (8, "u8")]
    db = sqlite3.connect(old)
    assert db.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
    db.close()


async def test_what_waits_for_its_file_at_the_change_of_version_is_shown_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.sqlite3"
    db = sqlite3.connect(path)
    for step in schema._STEPS[:3]:
        db.executescript(step)
    db.execute("PRAGMA user_version = 3")
    db.executemany(
        """INSERT INTO uploads (id, account, chat, kind, uid, created, fate, settled, reply_to, media, body)
        VALUES (?, 'me', ?, 'receive_message', ?, 1000.0, ?, 0.0, x'', ?, x'7b7d')""",
        [
            (1, "a", "first", 1, b""),
            (2, "a", "picture", 0, b"ref"),
            (3, "a", "behind", 1, b""),
            (4, "b", "other", 0, b""),
        ],
    )
    db.commit()
    db.close()
    async with SQLiteJournal(path) as journal:
        page = await journal.published("me", 0, rows=9, size=999)
        assert [(one.id, one.uid) for one in page.reports] == [(1, "first"), (4, "other")]
        done = CompletedReport(id=2, body=b"{}")
        await journal.write(
            WriteBatch(account="me", completed=[done], reports=[a_message(5, "a", uid="5")])
        )
        page = await journal.published("me", 4, rows=9, size=999)
        assert [one.uid for one in page.reports] == ["picture", "behind", "5"]


@pytest.mark.parametrize("version", range(1, schema.VERSION))
async def test_a_journal_of_every_version_goes_on(
    old: Path, tmp_path: Path, clock: Clock, version: int
) -> None:
    """A journal as that version left it: migrated by its own steps, in use, and not closed."""
    db = sqlite3.connect(old, isolation_level=None)
    for number, step in enumerate(schema._STEPS[1:version], 2):
        db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
    assert db.execute("PRAGMA user_version").fetchone()[0] == version
    killed = tmp_path / "killed"
    killed.mkdir()
    for part in tmp_path.glob(f"{old.name}*"):  # its write-ahead log, too
        shutil.copy(part, killed)
    db.close()
    async with SQLiteJournal(killed / old.name, clock=clock) as journal:
        assert await journal.pending("me") == [(7, "chat")]
        assert [failed.id for failed in await journal.failed("me")] == [8]
        assert [send.uid for send in await journal.waiting_sends("me")] == ["s3"]
        assert await journal.state("me") == {"session": b"kept"}
        batch = WriteBatch(account="me", reports=[a_message()], keys={"k": b"v"}, media={"m": b"v"})
        assert (await journal.write(batch)).reports[0] is not None
        assert (await journal.keys_of("me", "k")).get("k") == await journal.media("me", "m") == b"v"


async def test_what_one_backend_had_becomes_deliveries_of_the_first_target(
    old: Path, clock: Clock
) -> None:
    """Version 6 had the deliveries in the rows of the reports, and replies without a target."""
    db = sqlite3.connect(old, isolation_level=None)
    for step in schema._STEPS[1:6]:
        db.executescript(step)
    db.executescript(
        """PRAGMA user_version = 6;
        UPDATE uploads SET tries = 3, status = 500, error = 'no' WHERE id = 8;
        UPDATE uploads SET tries = 2 WHERE id = 7;
        INSERT INTO uploads (id, account, chat, kind, uid, created, fate, settled, status, reply_to, body, seq) VALUES
        (9, 'me', 'c', 'receive_message', 'u9', 1000.0, 1, 1002.0, 204, x'', x'7b7d', 9),
        (10, 'me', 'c', 'login', 'u10', 1000.0, 1, 1000.0, 0, x'', x'7b7d', 10),
        (11, 'me', 'c', 'receive_message', 'u11', 1000.0, 3, 1003.0, 0, x'', x'7b7d', 11);
        INSERT INTO sends (id, account, uid, upload_id, part, created, body)
        VALUES (4, 'me', 's4', 7, 0, 1000.0, x'7b7d')"""
    )
    db.close()
    async with SQLiteJournal(old, clock=clock) as journal:
        assert await journal.targets_waited_for("me") == ["post_api"]
        (waiting,) = await journal.waiting("me")
        (failed,) = await journal.failed("me")
        (delivered,) = await journal.delivered("me")
        assert (waiting.key, waiting.tries, waiting.created) == ((7, "post_api"), 2, 1000.0)
        assert (failed.key, failed.tries, failed.http_status, failed.error, failed.ended) == (
            (8, "post_api"), 3, 500, "no", 1001.0,
        )  # fmt: skip
        assert (delivered.key, delivered.http_status) == ((9, "post_api"), 204)
        assert await journal.deliveries("me", 10) == []  # it was filtered out
        assert [one.status for one in await journal.deliveries("me", 11)] == [3]
        assert [(one.uid, one.target) for one in await journal.waiting_sends("me")] == [
            ("s3", "post_api"),
            ("s4", "post_api"),
        ]
        # The reply is stored already: a second delivery of its report does not store it again.
        reply = NewSend(uid="again", body=b"", report_id=7)
        assert (await journal.write(WriteBatch(account="me", sends=[reply]))).sends == []
        retried = await journal.write(WriteBatch(account="me", retried=[failed.key]))
        assert [report.uid for report in retried.retried] == ["u8"]


async def test_versions_that_look_elsewhere_for_outcomes_refuse_the_journal(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SQLiteJournal(old):
        pass
    monkeypatch.setattr(schema, "VERSION", 5)  # the last one that kept outcomes in their call's row
    with pytest.raises(JournalError, match="written by a newer openwx"):
        async with SQLiteJournal(old):
            pass


async def test_a_new_journal_has_the_tables_of_an_old_one(old: Path, tmp_path: Path) -> None:
    async with SQLiteJournal(old), SQLiteJournal(tmp_path / "new"):
        pass

    def tables(path: Path) -> list[tuple[str, str]]:
        db = sqlite3.connect(path)
        found = db.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")
        rows = [(name, " ".join(sql.split())) for name, sql in found]
        db.close()
        return rows

    assert tables(old) == tables(tmp_path / "new")


async def test_a_journal_of_the_last_version_opens_unchanged(tmp_path: Path, clock: Clock) -> None:
    """A dump with rows of every kind."""
    path = tmp_path / "journal.sqlite3"
    db = sqlite3.connect(path)
    db.executescript(LAST_VERSION.read_text(encoding="utf-8"))
    db.close()
    async with SQLiteJournal(path, clock=clock) as journal:
        assert await journal.pending("me") == [(2, "a")]
        report = await journal.pending_report("me", 2)
        assert report is not None
        assert (report.uid, report.dedupe, report.reply_to, report.tries) == ("u2", "d2", b"to", 1)
        assert [held.uid for held in await journal.held("me")] == ["u5", "u6"]
        (failed,) = await journal.failed("me")
        assert (failed.uid, failed.http_status, failed.error) == ("u3", 500, "no")
        assert [(send.uid, send.report_id) for send in await journal.waiting_sends("me")] == [
            ("s1", None),
            ("s2", 2),
        ]
        page = await journal.published("me", 0, rows=9, size=999)
        assert [one.uid for one in page.reports] == ["u2", "u3", "u7"]
        assert page.pruned == 4
        assert await journal.state("me") == {"session": b"saved"}
        assert await journal.media("me", "m1") == b"known"
        assert (await journal.keys_of("me", "k1")).get("k1") == b"record"
        batch = WriteBatch(account="me", reports=[a_message(8, dedupe="d2"), a_message(9)])
        duplicate, new = (await journal.write(batch)).reports
        assert duplicate is None
        assert new is not None
        assert new.id > 7


def of_version_7(old: Path, roster: bytes | str | None) -> None:
    """Make a journal of the last version that had the list of accounts as one value."""
    db = sqlite3.connect(old, isolation_level=None)
    for step in schema._STEPS[1:7]:
        db.executescript(step)
    db.execute("PRAGMA user_version = 7")
    state = [("", "clock", b"kept"), ("", "probe", b"left"), ("shy", "session", b"1")]
    if roster is not None:
        state.append(("", "accounts", roster))  # type: ignore[arg-type]
    db.executemany("INSERT INTO state VALUES (?, ?, ?)", state)
    db.close()


async def test_the_list_of_accounts_becomes_rows(old: Path) -> None:
    """With those that have written something: their files are needed, also without the configuration."""
    of_version_7(
        old,
        b'{"started":{"shop":{"post_event":"1"},"Taken":{}},"stopped":["shop","home"],'
        b'"transports":{"home":"ilink","Taken":"web"}}',
    )
    for _ in range(2):
        async with SQLiteJournal(old) as journal:
            found = await registry.load(journal)
            assert found.started == {"Taken": {}, "shop": {"post_event": "1"}}
            assert sorted(found.stopped) == ["home", "shop"]
            assert found.transports == {"Taken": "web", "home": "ilink"}
            records = {one.account: (one.wanted, one.origin) for one in await journal.accounts()}
            assert records == {
                "Taken": (True, "api"),
                "home": (False, "config"),
                "me": (True, "config"),
                "shop": (False, "api"),
                "shy": (True, "config"),
            }
            assert await journal.state("") == {"clock": b"kept"}
            assert await journal.state("shy") == {"session": b"1"}


@pytest.mark.parametrize(
    "roster",
    [b"", b"{", b"\xff\xfe", b'{"started":[1]}', b'{"started":{"a":{"b":1}}}', "\x00text", b"null"],
)
async def test_a_list_of_accounts_that_cannot_be_read_is_dropped(
    old: Path, caplog: pytest.LogCaptureFixture, roster: bytes | str
) -> None:
    """The rest of the journal is migrated all the same."""
    of_version_7(old, roster)
    async with SQLiteJournal(old) as journal:
        assert [one.account for one in await journal.accounts()] == ["me", "shy"]
        assert await journal.state("") == {"clock": b"kept"}
        assert [send.uid for send in await journal.waiting_sends("me")] == ["s3"]
    assert "cannot be read, and is dropped" in caplog.text


async def test_a_migration_is_whole_or_not_at_all(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_version_7(old, b"{}")
    with monkeypatch.context() as broken:

        def fails(_: sqlite3.Connection) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        broken.setattr(schema, "_fill_accounts", fails)
        with pytest.raises(JournalError, match="cannot open"):
            await SQLiteJournal(old).__aenter__()
    db = sqlite3.connect(old)
    assert db.execute("PRAGMA user_version").fetchone() == (7,)
    assert db.execute("SELECT count(*) FROM state WHERE account = ''").fetchone() == (3,)
    db.close()
    async with SQLiteJournal(old) as journal:
        assert [one.account for one in await journal.accounts()] == ["me", "shy"]
