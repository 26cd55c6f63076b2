"""Whether the journal can be written, as far as is known."""

import asyncio
import logging
from pathlib import Path

import pytest

from openwx.store.base import JournalError
from openwx.store.condition import Condition
from openwx.store.records import NewSend, WriteBatch
from openwx.store.sqlite import journal
from openwx.store.sqlite.grouping import size_of
from openwx.store.sqlite.journal import SQLiteJournal
from tests.patience import PATIENCE_S

from ..reports import a_message

FULL = JournalError("the journal failed: database or disk is full")


async def test_everybody_is_woken_by_trouble_and_by_its_end() -> None:
    condition = Condition()
    assert not await condition.until_working()
    fails = asyncio.create_task(condition.until_failing())
    await asyncio.sleep(0)
    condition.failed(FULL, 5)
    condition.failed(FULL, 7)
    assert str(await fails) == str(FULL)
    assert condition.failed_bytes == 12
    with pytest.raises(JournalError, match="full"):
        condition.require()
    works = asyncio.create_task(condition.until_working())
    await asyncio.sleep(0)
    assert not works.done()
    condition.works()
    assert await works
    condition.require()
    assert condition.failed_bytes == 0


async def test_who_is_woken_too_late_waits_on() -> None:
    condition = Condition()
    condition.failed(FULL)
    works = asyncio.create_task(condition.until_working())
    await asyncio.sleep(0)
    condition.works()
    condition.failed(FULL)
    await asyncio.sleep(0)
    assert not works.done()
    condition.works()
    assert await works


async def test_pauses_do_not_grow_while_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred looks come in time, which they would not if each pause were longer than the one before."""
    monkeypatch.setattr(journal, "PROBE_EVERY_S", 0.001)
    looks = 0
    enough = asyncio.Event()

    async def fails(_: object) -> None:
        nonlocal looks
        looks += 1
        if looks == 100:
            enough.set()
        raise FULL

    async with SQLiteJournal(tmp_path / "journal.db") as opened:
        with monkeypatch.context() as full:
            full.setattr(opened, "_do", fails)
            async with asyncio.timeout(PATIENCE_S):
                await enough.wait()


async def test_a_trouble_that_comes_and_goes_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    condition = Condition()
    caplog.set_level(logging.WARNING, "openwx")
    for _ in range(100):
        condition.failed(FULL)
        condition.works()
    condition.failed(JournalError("another one"))
    condition.works()
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "again" not in line] == [
        f"{FULL}: nothing is sent or acknowledged for now",
        "another one: nothing is sent or acknowledged for now",
    ]
    assert lines.count("the journal can be written again") == 2


def test_the_size_of_a_batch() -> None:
    message = a_message(with_={"x": "y" * 1000})
    batch = WriteBatch(
        account="me",
        reports=[message],
        sends=[NewSend(uid="s", body=b"z" * 10)],
        state={"a": b"12345", "b": None},
    )
    assert size_of(batch) == len(message.body) + 10 + 5
