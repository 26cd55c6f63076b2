"""Queries of the SQLite journal use indexes."""

import sqlite3
from pathlib import Path

import pytest

from openwx.store.sqlite import queries, tables
from openwx.store.sqlite.journal import SQLiteJournal


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        (queries.MESSAGES_OF_CHAT, ("me", 2**62, 40, "a"), "uploads_chat (account=? AND chat=?"),
        (queries.MESSAGES, ("me", 2**62, 40), "uploads_seq (account=? AND seq<?"),
        (queries.CHATS, ("me", 100), "COVERING INDEX uploads_chat (account=?"),
        (queries.LOG, ("me", 2**62, 50), "uploads_seq (account=? AND seq<?"),
        (queries.PUBLISHED_REPORT, ("me", 5), "uploads_seq (account=? AND seq=?"),
        (queries.DELIVERED, ("me", None, 100), "deliveries_settled (account=? AND fate=?"),
        (queries.FAILED, ("me", "bot", 100), "deliveries_settled (account=? AND fate=?"),
        (queries.WAITING, ("me", None, 100), "uploads_pending (account=?"),
        (queries.PENDING, ("me", "bot"), "uploads_pending (account=?"),
        (queries.TARGETS_WAITED_FOR, ("me",), "uploads_pending (account=?"),
        (queries.DELIVERIES, ("me", 5), "deliveries USING PRIMARY KEY (report_id=?"),
        (queries.PENDING_REPORT, ("me", 5, "bot"), "uploads USING INTEGER PRIMARY KEY (rowid=?)"),
        (queries.FILES, ("me",), "uploads_pending (account=?"),
        (tables._HELD_BACK, ("me",), "uploads_seq (account=? AND seq=?)"),
        (tables._FINISHED, ("s", "me"), "(uid=? AND account=?)"),
        (tables._END, ("",) * 8, "deliveries USING PRIMARY KEY (report_id=? AND target=?)"),
        (tables._END_REPORT, (5, 0.0, "me"), "uploads USING INTEGER PRIMARY KEY (rowid=?)"),
        (tables._INSERT_REPORT, (None,) * 13, "uploads_hidden (account=? AND chat=?"),
        (queries.COUNTS, ("me", 0.0, b"x"), "uploads_settled (account=? AND fate=? AND settled>?"),
        (
            queries.COUNTS,
            ("me", 0.0, b"x"),
            "deliveries_settled (account=? AND fate=? AND settled>?",
        ),
    ],
)
async def test_queries_use_an_index(
    journal: SQLiteJournal, tmp_path: Path, sql: str, values: tuple[object, ...], index: str
) -> None:
    db = sqlite3.connect(tmp_path / "journal.db")
    plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, values)]
    db.close()
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN reports") and "INDEX" not in step for step in plan), plan
