"""A journal in an SQLite database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openwx.store.sqlite.journal import SQLiteJournal

from ..reports import Clock


@pytest.fixture
async def journal(tmp_path: Path, clock: Clock) -> AsyncIterator[SQLiteJournal]:
    async with SQLiteJournal(tmp_path / "journal.db", clock=clock) as opened:
        yield opened
