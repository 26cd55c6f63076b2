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
        (queries.DELIVERED, ("me", 100), "uploads_settled (account=? AND fate=?"),
        (tables._INSERT_REPORT, (None,) * 13, "uploads_hidden (account=? AND chat=?"),
        (queries.COUNTS, ("me", 0.0, b"x"), "uploads_settled (account=? AND fate=? AND settled>?"),
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
