"""The journal is as large as the policy says, whatever comes; what is not done yet stays in it."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openwx import service
from openwx.config import JournalLimits, Settings
from openwx.store.records import DeliveryStatus
from tests.memory_wechat import MemoryAccount

from .counting import gauge
from .world import Receiver, World

pytestmark = pytest.mark.in_memory

MIB = 2**20
PATIENCE_S = 25.0
"""These tests move a lot."""


@pytest.fixture(autouse=True)
def pruned_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "PRUNE_EVERY_S", 0.2)


@dataclass
class File:
    """The journal as another program sees it."""

    path: Path

    def rows(self, table: str = "uploads", where: str = "1") -> int:
        uri = f"file:{self.path}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as db:
            count: int = db.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]
        return count

    def of(self, fate: DeliveryStatus) -> int:
        return self.rows(where=f"fate = {int(fate)} AND kind = 'receive_message'")

    @property
    def pending(self) -> int:
        return self.rows(where="fate = 0")

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size

    @property
    def log_bytes(self) -> int:
        """Of the write-ahead log."""
        return self.path.with_name(f"{self.path.name}-wal").stat().st_size

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():  # nothing tells that something was forgotten
            rows = {fate.name: self.of(fate) for fate in DeliveryStatus} | {"pending": self.pending}
            assert time.monotonic() < deadline, f"{rows}, {self.bytes} bytes"
            await asyncio.sleep(0.05)


@pytest.fixture
def file(world: World) -> File:
    return File(world.data_dir / service.JOURNAL)


def limited(world: World, report: dict[str, Any] | None = None, **limits: int) -> Settings:
    settings = world.settings(report={"post_event": False} | (report or {}))
    return settings.model_copy(update={"journal": JournalLimits(**limits)})


async def test_rows_and_bytes_stay_within_the_policy(
    world: World, account: MemoryAccount, receiver: Receiver, file: File
) -> None:
    gateway = await world.run(settings=limited(world, keep_delivered=100))
    n, text = 600, "x" * 12_000
    for number in range(n):
        account.friends[number % 12].says(f"{number} {text}")
    largest_log = 0

    def all_came() -> bool:
        nonlocal largest_log
        largest_log = max(largest_log, file.log_bytes)
        return len(receiver.answered) >= n

    await file.until(all_came)
    # The newest row may stand beside those that are kept: ids are counted on from there.
    await file.until(lambda: 100 <= file.rows() <= 101)
    # A hundred of them, 17 KB each as pages hold them, and a mebibyte for the next ones; 8 MB came.
    await file.until(lambda: file.bytes <= 100 * 17_000 + MIB + 200_000)
    assert max(largest_log, file.log_bytes) < 24 * MIB
    assert await gauge(gateway, "openwx_journal_bytes") == file.bytes + file.log_bytes
    # What is kept is enough to know the last ones again.
    assert len({report.webhook_id for report in receiver.reports}) == n


async def test_what_is_pending_stays_and_failed_ones_up_to_their_limit(
    world: World, account: MemoryAccount, receiver: Receiver, file: File
) -> None:
    group = account.group("PERL学习交流")
    receiver.fails(status=503, type="friend_message", sender="小灰")
    for number in range(6):
        receiver.fails(status=400, content=f"refused {number}")
    settings = limited(world, keep_delivered=100, keep_failed=3)
    slow = settings.accounts["default"].model_copy(update={"send_interval": 60.0})
    settings = settings.model_copy(update={"accounts": {"default": slow}})
    gateway = await world.run(settings=settings)
    for _ in range(5):
        reply = await gateway.get(
            "send_friend_message", id="filehelper", content="x", **{"async": "1"}
        )
        assert reply.code == 0
    for number in range(150):
        account.friend("小灰").says(f"pending {number}")
        group.member_says(group.others[0], f"delivered {number}")
        group.member_says(group.others[1], f"delivered {number}")
    for number in range(6):
        account.friend("momo").says(f"refused {number}")
    await file.until(lambda: file.pending == 150 and file.of(DeliveryStatus.FAILED) == 3)
    await file.until(lambda: file.of(DeliveryStatus.DELIVERED) <= 102)
    assert [one["id"] for one in (await gateway.get("outbox")).json["deliveries"]]
    assert (file.pending, file.rows("sends")) == (150, 4), "one of five was sent"
    receiver.behaves_well()
    for number in range(150):
        await receiver.get(content=f"pending {number}")
    pending = [
        report.json["content"]
        for report in receiver.answered
        if "pending" in report.json["content"]
    ]
    assert pending == [f"pending {number}" for number in range(150)]
    await file.until(lambda: file.pending == 0 and file.of(DeliveryStatus.DELIVERED) <= 102)


async def test_age_counts_for_what_is_done_alone(
    world: World, account: MemoryAccount, receiver: Receiver, file: File
) -> None:
    """After a month in a drawer: what was delivered is forgotten, what was not is delivered."""
    report = {"max_age": 366 * 86_400.0}
    settings = limited(world, report, keep_days=30)
    gateway = await world.run(settings=settings, pace={"finish_s": 0.3})
    receiver.fails(status=503, content="pending")
    receiver.fails(status=400, content="refused")
    for text in ("one", "two", "pending"):
        account.friend("小灰").says(text)
    account.friend("momo").says("refused")
    await file.until(
        lambda: (file.of(DeliveryStatus.DELIVERED), file.of(DeliveryStatus.FAILED)) == (2, 1)
    )
    await gateway.stop()
    month = 31 * 86_400
    with closing(sqlite3.connect(file.path)) as db:
        sql = "UPDATE uploads SET created = created - ?, settled = max(0, settled - ?)"
        assert db.execute(sql, (month, month)).rowcount >= 4
        db.commit()
    assert file.of(DeliveryStatus.DELIVERED) >= 2
    await world.start(settings=settings)
    await file.until(lambda: file.rows(where="body LIKE '%one%' OR body LIKE '%two%'") == 0)
    assert (file.pending, file.of(DeliveryStatus.FAILED)) == (1, 1)
    receiver.behaves_well()
    await receiver.until(
        lambda: "pending" in [one.json.get("content") for one in receiver.answered]
    )
