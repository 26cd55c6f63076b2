"""Old reports, media and keys are deleted; ids are never reused."""

import asyncio

import pytest

from openwx.store.base import Journal
from openwx.store.records import DeliveryOutcome, DeliveryStatus, WriteBatch

from ..reports import Clock, a_message
from .conftest import Open


async def test_pruning_keeps_what_policy_says(
    journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def add(status: DeliveryStatus | None, count: int) -> None:
        batches = [WriteBatch(account="me", reports=[a_message(n)]) for n in range(count)]
        written = await asyncio.gather(*map(journal.write, batches))
        if status is not None:
            ends = [DeliveryOutcome(one.recorded[0].id, status) for one in written]
            await journal.write(WriteBatch(account="me", outcomes=ends))

    await add(DeliveryStatus.DELIVERED, 2500)
    await add(DeliveryStatus.DROPPED, 5)
    await add(DeliveryStatus.FAILED, 20)
    await add(None, 3)
    clock.now += 100
    await add(DeliveryStatus.DELIVERED, 30)
    assert await journal.prune(keep_s=50, keep=10, keep_failed=15) == 2500 + 5 + 20 + 5
    assert len(await journal.pending("me")) == 3
    assert len(await journal.failed("me")) == 15
    assert "deleted the oldest 5 of the failed reports" in caplog.text
    assert await journal.prune(keep_s=50, keep=10, keep_failed=15) == 0


async def test_ids_are_never_reused(reopen: Open, clock: Clock) -> None:
    async with reopen() as journal:
        old = (
            await journal.write(WriteBatch(account="me", reports=[a_message(targets=())]))
        ).recorded
        clock.now += 100
        await journal.prune(keep_s=1, keep=0)
    async with reopen() as journal:
        new = (await journal.write(WriteBatch(account="me", reports=[a_message()]))).recorded
        assert new[0].id > old[0].id


async def test_large_bodies_are_deleted_with_their_delivery(journal: Journal) -> None:
    big = {"media_data": "y" * 1_000_000}
    (report,) = (
        await journal.write(WriteBatch(account="me", reports=[a_message(with_=big)]))
    ).recorded
    not_delivered = WriteBatch(account="me", reports=[a_message(with_=big, targets=())])
    (other,) = (await journal.write(not_delivered)).recorded
    await journal.write(
        WriteBatch(account="me", outcomes=[DeliveryOutcome(report.id, DeliveryStatus.DELIVERED)])
    )
    assert await journal.bodies("me", [report.id, other.id]) == {report.id: b"", other.id: b""}


async def test_old_keys_and_media_are_deleted(journal: Journal, clock: Clock) -> None:
    await journal.write(WriteBatch(account="me", media={"m": b"1"}, keys={"k": b"1"}))
    clock.now += 100
    await journal.write(WriteBatch(account="me", media={"n": b"2"}, keys={"k": b"2", "l": b"3"}))
    assert (await journal.keys_of("me", "k")).get("k") == b"2"
    assert (await journal.keys_of("other", "k")).get("k") is None
    assert await journal.media("me", "m") == b"1"
    await journal.prune_media(keep_s=50)
    await journal.prune_keys(keep_s=50)
    # A key counts from its first use.
    assert (
        (await journal.keys_of("me", "k")).get("k"),
        (await journal.keys_of("me", "l")).get("l"),
    ) == (None, b"3")
    assert (await journal.media("me", "m"), await journal.media("me", "n")) == (None, b"2")
