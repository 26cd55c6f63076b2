"""The journal's database: its tables, their versions, and how it is opened. ``Transactions`` opens it.

Tables and columns keep the names of their first versions: a row of ``uploads`` is a report, ``fate`` the
``DeliveryStatus`` of all its deliveries (0 while one is pending, else failed, delivered or dropped, in this order),
``settled`` the time when the last of them ended, and ``seq`` its sequence number. ``tries``, ``status`` and ``error``
are in ``deliveries`` since version 7; those of ``uploads`` are not used any more. Every row belongs to an account;
under the account ``""`` of ``state`` stands only the clock of the machine (``reporter/clock.py``).
"""

import errno
import logging
import os
import sqlite3
from pathlib import Path

import msgspec

from openwx import metrics
from openwx.errors import UNREADABLE
from openwx.store.base import JournalError, JournalUnavailable

log = logging.getLogger("openwx.report")

VERSION = 9
_OPENS_WITHIN_S = 5.0
"""How long the start waits for a lock of another program, in seconds."""
BUSY_TIMEOUT_S = 1.0
"""How long a write waits for it later, in seconds."""

_PRAGMAS = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA journal_size_limit = 67108864;
"""

# `body` comes last, so that lists need not read its overflow pages. Ids are never reused, since queued
# sends may still name them: they are counted from the newest row, which is never pruned.
_FIRST = """
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
"""

_MEDIA = """
ALTER TABLE uploads ADD COLUMN media BLOB NOT NULL DEFAULT x'';
ALTER TABLE uploads ADD COLUMN attachment TEXT NOT NULL DEFAULT '';
ALTER TABLE sends ADD COLUMN attachment TEXT NOT NULL DEFAULT '';
CREATE INDEX uploads_incomplete ON uploads (account, chat, id) WHERE fate = 0 AND media != x'';
CREATE TABLE media (
    account TEXT NOT NULL, key TEXT NOT NULL, created REAL NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
CREATE INDEX media_created ON media (created);
"""

_KEYS = """
CREATE TABLE keys (
    account TEXT NOT NULL, key TEXT NOT NULL, created REAL NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
CREATE INDEX keys_created ON keys (created);
"""

# `seq` numbers reports in the order of their publication (see `tables.py`); 0 is not yet. `forgotten` has the highest
# pruned number of each account.
_SEQ = """
ALTER TABLE uploads ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
UPDATE uploads SET seq = id WHERE NOT EXISTS (SELECT 1 FROM uploads AS first
    WHERE first.account = uploads.account AND first.chat = uploads.chat AND first.fate = 0
    AND first.media != x'' AND first.id <= uploads.id);
CREATE INDEX uploads_seq ON uploads (account, seq);
CREATE INDEX uploads_hidden ON uploads (account, chat, id) WHERE seq = 0;
CREATE TABLE forgotten (account TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""

_CHATS = "CREATE INDEX uploads_chat ON uploads (account, chat, seq) WHERE chat != '';"

_OUTCOMES = ""
"""Nothing to migrate: since then ``keys`` holds a row for each outcome, and former versions would wait for ever for an
outcome that they look for in the row of its call."""

# Until then there was one target, and its deliveries were columns of `uploads`. What was filtered out has none.
_TARGETS = """
CREATE TABLE deliveries (
    report_id INTEGER NOT NULL, target TEXT NOT NULL, account TEXT NOT NULL, created REAL NOT NULL,
    fate INTEGER NOT NULL DEFAULT 0, settled REAL NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (report_id, target)) WITHOUT ROWID;
INSERT INTO deliveries
    SELECT id, 'post_api', account, created, fate, settled, tries, status, error FROM uploads
    WHERE fate != 1 OR status != 0;
CREATE INDEX deliveries_settled ON deliveries (account, fate, settled) WHERE fate != 0;
CREATE TABLE new_sends (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, uid TEXT NOT NULL UNIQUE,
    upload_id INTEGER, target TEXT NOT NULL, part INTEGER NOT NULL, created REAL NOT NULL,
    attachment TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (upload_id, target, part));
INSERT INTO new_sends
    SELECT id, account, uid, upload_id, 'post_api', part, created, attachment, body FROM sends;
DROP TABLE sends;
ALTER TABLE new_sends RENAME TO sends;
CREATE INDEX sends_account ON sends (account, id);
"""

# The list of accounts was one value of `state`. Uids of sends were unique over all accounts, and their ids were used
# again when all sends were finished.
_ACCOUNTS = """
CREATE TABLE accounts (
    account TEXT PRIMARY KEY, wanted INTEGER NOT NULL, settings BLOB NOT NULL, origin TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE probe (filler BLOB NOT NULL);
CREATE TABLE new_sends (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, uid TEXT NOT NULL,
    upload_id INTEGER, target TEXT NOT NULL, part INTEGER NOT NULL, created REAL NOT NULL,
    attachment TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (uid, account), UNIQUE (upload_id, target, part));
INSERT INTO new_sends
    SELECT id, account, uid, upload_id, target, part, created, attachment, body FROM sends;
DROP TABLE sends;
ALTER TABLE new_sends RENAME TO sends;
CREATE INDEX sends_account ON sends (account, id);
"""

_NAMES = ""
"""Nothing to migrate: since then ``attachment`` is the name of a file in the folder of media, which former versions
would not find; paths go on working."""

_STEPS = (_FIRST, _MEDIA, _KEYS, _SEQ, _CHATS, _OUTCOMES, _TARGETS, _ACCOUNTS, _NAMES)
"""The migrations from each version to the next. After that to ``_WITH_ACCOUNTS``, ``_fill_accounts`` runs."""
_WITH_ACCOUNTS = 8


_TEMPORARY = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR)


def not_opened(path: Path, error: sqlite3.Error | OSError) -> JournalError:
    """Return the ``JournalError`` of a start that failed."""
    if isinstance(error, OSError):
        is_temporary = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    else:
        code: int = getattr(error, "sqlite_errorcode", 0)
        is_temporary = code & 0xFF in _TEMPORARY  # the upper bits are details
    kind = JournalUnavailable if is_temporary else JournalError
    return kind(f"cannot open {path}: {error}")


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, and migrate it to this version. Raise ``JournalError`` if a newer openwx wrote it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives -wal and -shm this mode
    path.chmod(0o600)
    db = sqlite3.connect(path, timeout=_OPENS_WITHIN_S, isolation_level=None)
    try:
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        _require_known(path, version)
        _require_whole(path, db)
        db.executescript(_PRAGMAS)
        if version < VERSION:
            _migrate(db, version)
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
    except BaseException:
        db.close()
        raise
    return db


def connect_or_refuse(path: Path) -> sqlite3.Connection:
    """Open and migrate the database. Raise ``JournalError`` where that fails."""
    try:
        return connect(path)
    except (sqlite3.Error, OSError) as error:
        raise not_opened(path, error) from error


def _migrate(db: sqlite3.Connection, version: int) -> None:
    db.executescript(f"BEGIN IMMEDIATE; {''.join(_STEPS[version:])}")
    if version < _WITH_ACCOUNTS:
        _fill_accounts(db)
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


class _Roster(msgspec.Struct):
    """What the API had started, stopped and chosen, as versions before 8 stored it."""

    started: dict[str, dict[str, str]] = {}
    stopped: list[str] = []
    transports: dict[str, str] = {}


def _fill_accounts(db: sqlite3.Connection) -> None:
    """Make rows of the list of accounts, and of those that have written something."""
    saved = db.execute("SELECT value FROM state WHERE account = '' AND key = 'accounts'").fetchone()
    roster = _Roster()
    if saved is not None:
        try:
            roster = msgspec.json.decode(saved[0], type=_Roster)
        except (*UNREADABLE, TypeError) as error:
            words = "the list of accounts that the API started cannot be read, and is dropped: %s"
            metrics.dropped(log, "saved_state", words, error)
    rows = []
    for name in {*roster.started, *roster.stopped, *roster.transports}:
        settings: dict[str, object] = {}
        if name in roster.started:
            settings["started_with"] = roster.started[name]
        if name in roster.transports:
            settings["transport"] = roster.transports[name]
        origin = "api" if name in roster.started else "config"
        rows.append((name, name not in roster.stopped, msgspec.json.encode(settings), origin))
    db.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?)", rows)
    db.execute(
        """INSERT OR IGNORE INTO accounts SELECT account, 1, x'', 'config' FROM (
        SELECT account FROM uploads UNION SELECT account FROM sends UNION SELECT account FROM state)
        WHERE account != ''"""
    )
    db.execute("DELETE FROM state WHERE account = '' AND key != 'clock'")


def _require_known(path: Path, version: int) -> None:
    if not 0 <= version <= VERSION:
        raise JournalError(
            f"{path} was written by a newer openwx: its version is {version}, this one knows"
            f" {VERSION}"
        )


def _require_whole(path: Path, db: sqlite3.Connection) -> None:
    """Raise ``JournalError`` for a damaged database: openwx would lose what its damaged pages hold."""
    found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    if found != "ok":
        words = " ".join(found.split())[:200]
        raise JournalError(
            f"{path} is damaged ({words}): restore it from a copy, or move it away to begin anew,"
            " which needs a new login and forgets what was not delivered yet"
        )
