"""What one transaction takes, and what of it may be applied part by part."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from openwx.store.records import (
    AccountRecord,
    CompletedReport,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    WriteBatch,
)
from openwx.store.sqlite import grouping
from openwx.store.sqlite.executor import Job
from openwx.store.sqlite.grouping import AccountChange, Write, groups_of, runs_of

from ..reports import a_message


def jobs(writes: Sequence[Write]) -> list[Job]:
    loop = asyncio.get_running_loop()
    return [Job(write, loop.create_future()) for write in writes]


def of_size(size: int) -> WriteBatch:
    return WriteBatch(account="me", state={"x": b"x" * size})


async def test_a_group_has_a_thousand_writes_at_most() -> None:
    many = jobs([of_size(1)] * 2500)
    groups = list(groups_of(many))
    assert [len(group) for group in groups] == [1000, 1000, 500]
    assert [job for group in groups for job in group] == many


async def test_a_group_has_8_mebibytes_at_most() -> None:
    mib = 2**20
    sizes = [5 * mib, 3 * mib, 1, 9 * mib, 1, 7 * mib, mib]
    groups = [
        [grouping.size_of(job.what) for job in group]
        for group in groups_of(jobs([*map(of_size, sizes)]))
    ]
    assert groups == [[5 * mib, 3 * mib], [1], [9 * mib], [1, 7 * mib], [mib]]


async def test_nothing_is_no_group() -> None:
    assert list(groups_of([])) == []


END = DeliveryOutcome(7, DeliveryStatus.DELIVERED)
KEY = DeliveryKey(7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"outcomes": [END]}, {"sends": [NewSend(uid="s", body=b"", report_id=7)]}),
        ({"outcomes": [END]}, {"failed_tries": [KEY]}),
        ({"outcomes": [END]}, {"completed": [CompletedReport(id=7, body=b"")]}),
        ({"retried": [KEY]}, {"outcomes": [END]}),
        ({"dropped": [KEY]}, {"retried": [KEY]}),
        ({"rewritten_sends": {"s": b""}}, {"sends": [NewSend(uid="s", body=b"")]}),
        ({"finished_sends": ["s"]}, {"rewritten_sends": {"s": b""}}),
    ],
)
def test_two_batches_that_change_one_row_are_applied_one_after_the_other(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    batches = [WriteBatch(account="me", **parts) for parts in (first, {}, second)]
    assert list(runs_of(batches)) == [batches[:2], batches[2:]]


def test_others_are_applied_together() -> None:
    batches = [
        WriteBatch(
            account="me",
            reports=[a_message()],
            sends=[NewSend(uid=f"s{n}", body=b"", report_id=n)],
            outcomes=[DeliveryOutcome(n, DeliveryStatus.DELIVERED)],
            state={"same": b""},
        )
        for n in range(5)
    ]
    assert list(runs_of(batches)) == [batches]


def test_the_row_of_an_account_is_a_run_of_its_own() -> None:
    record = AccountRecord(account="me", wanted=True, settings=b"", origin="api")
    change, batch = AccountChange("me", record), WriteBatch(account="me")
    assert list(runs_of([change, batch, change, batch, batch])) == [
        change, [batch], change, [batch, batch],
    ]  # fmt: skip
