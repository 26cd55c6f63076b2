"""A report has a delivery for each target, and each of these has a life of its own."""

import pytest

from openwx.store.base import InvalidBatch, Journal
from openwx.store.records import (
    CompletedReport,
    Counts,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    Report,
    WriteBatch,
)

from ..reports import Clock, a_message

BOTH = ("bot", "log")


async def record(journal: Journal, **more: object) -> Report:
    batch = WriteBatch(account="me", reports=[a_message(**{"targets": BOTH, **more})])  # type: ignore[arg-type]
    (report,) = (await journal.write(batch)).recorded
    return report


async def end(
    journal: Journal,
    report: Report,
    target: str,
    status: DeliveryStatus = DeliveryStatus.DELIVERED,
) -> None:
    outcome = DeliveryOutcome(report.id, status, 200, target=target)
    await journal.write(WriteBatch(account="me", outcomes=[outcome]))


async def test_each_target_has_its_own_outcome(journal: Journal) -> None:
    report = await record(journal, attachment="/a.png")
    assert sorted(await journal.targets_waited_for("me")) == ["bot", "log"]
    assert await journal.targets_waited_for("other") == []
    await end(journal, report, "bot")
    assert await journal.pending("me", "bot") == []
    assert await journal.pending_report("me", report.id, "bot") is None
    assert await journal.pending("me", "log") == [(report.id, "c")]
    waiting = await journal.pending_report("me", report.id, "log")
    assert waiting is not None
    assert waiting.targets == ("log",)
    assert await journal.files("me") == {"/a.png"}  # the other one still needs it
    await end(journal, report, "log", DeliveryStatus.FAILED)
    assert await journal.files("me") == set()
    assert [one.key for one in await journal.failed("me")] == [(report.id, "log")]
    assert [one.key for one in await journal.delivered("me")] == [(report.id, "bot")]
    assert await journal.failed("me", target="bot") == []
    assert [(one.target, one.status) for one in await journal.deliveries("me", report.id)] == [
        ("bot", DeliveryStatus.DELIVERED),
        ("log", DeliveryStatus.FAILED),
    ]
    counts = await journal.counts("me", within_s=60)
    assert counts == Counts(received=1, sent=0, delivered=1, failed=1, waiting=0)


async def test_tries_are_counted_for_each_target(journal: Journal) -> None:
    report = await record(journal)
    await journal.write(WriteBatch(account="me", failed_tries=[DeliveryKey(report.id, "bot")] * 2))
    tries = {
        target: found.tries
        for target in BOTH
        if (found := await journal.pending_report("me", report.id, target)) is not None
    }
    assert tries == {"bot": 2, "log": 0}


async def test_one_target_is_retried_or_dropped_without_the_other(
    journal: Journal, clock: Clock
) -> None:
    report = await record(journal)
    for target in BOTH:
        await end(journal, report, target, DeliveryStatus.FAILED)
    clock.now += 100
    retried = WriteBatch(account="me", retried=[DeliveryKey(report.id, "bot")])
    (again,) = (await journal.write(retried)).retried
    assert (again.targets, again.created) == (("bot",), clock.now)
    assert await journal.pending("me", "log") == []
    stored = await journal.report("me", report.id)
    assert stored is not None
    assert stored.created == report.created
    dropped = WriteBatch(account="me", dropped=[DeliveryKey(report.id, name) for name in BOTH])
    assert (await journal.write(dropped)).dropped == [(report.id, "log")]
    assert [one.target for one in await journal.waiting("me")] == ["bot"]
    assert (await journal.write(retried)).retried == []  # it waits already


async def test_the_replies_of_two_targets_are_each_stored_once(journal: Journal) -> None:
    report = await record(journal)

    def answered(target: str, uid: str) -> WriteBatch:
        sends = [
            NewSend(uid=f"{uid}{part}", body=b"", report_id=report.id, target=target, part=part)
            for part in range(2)
        ]
        outcome = DeliveryOutcome(report.id, DeliveryStatus.DELIVERED, 200, target=target)
        return WriteBatch(account="me", sends=sends, outcomes=[outcome])

    for target, uid in (("bot", "a"), ("log", "b"), ("bot", "c"), ("log", "d")):
        await journal.write(answered(target, uid))
    sends = await journal.waiting_sends("me")
    assert [(one.uid, one.target) for one in sends] == [
        ("a0", "bot"),
        ("a1", "bot"),
        ("b0", "log"),
        ("b1", "log"),
    ]


async def test_a_report_is_pruned_when_all_its_deliveries_are_over(
    journal: Journal, clock: Clock
) -> None:
    waits, done, failed, newest = [await record(journal) for _ in range(4)]
    for report, ends in (
        (waits, {"bot": DeliveryStatus.DELIVERED}),
        (done, {"bot": DeliveryStatus.DELIVERED, "log": DeliveryStatus.DROPPED}),
        (failed, {"bot": DeliveryStatus.DELIVERED, "log": DeliveryStatus.FAILED}),
    ):
        for target, status in ends.items():
            await end(journal, report, target, status)
    clock.now += 100
    assert await journal.prune(keep_s=50) == 1
    left = {one.id: await journal.deliveries("me", one.id) for one in (waits, done, failed, newest)}
    assert [id for id, found in left.items() if not found] == [done.id]
    assert await journal.prune(keep_s=50, keep_failed=0) == 1
    assert await journal.deliveries("me", failed.id) == []
    assert await journal.count_failed("me") == 0


async def test_a_large_body_stays_until_no_target_can_ask_for_it(journal: Journal) -> None:
    big = {"x": "y" * 100_000}
    report = await record(journal, with_=big)
    await end(journal, report, "bot")
    assert (await journal.bodies("me", [report.id]))[report.id]
    await end(journal, report, "log", DeliveryStatus.FAILED)
    assert (await journal.bodies("me", [report.id]))[report.id]
    await journal.write(WriteBatch(account="me", dropped=[DeliveryKey(report.id, "log")]))
    assert not (await journal.bodies("me", [report.id]))[report.id]


async def test_complete_media_may_have_other_targets(journal: Journal) -> None:
    """A filter may look at what is known of a file only once it is there."""
    report = await record(journal, media=b"ref")
    assert [one.target for one in await journal.waiting("me")] == ["bot", "log"]
    assert await journal.pending("me", "bot") == []
    (held,) = await journal.held("me")
    assert sorted(held.targets) == ["bot", "log"]
    done = CompletedReport(id=report.id, body=b"{}", targets=("log", "more"))
    await journal.write(WriteBatch(account="me", completed=[done]))
    assert await journal.pending("me", "bot") == []
    for target in ("log", "more"):
        assert await journal.pending("me", target) == [(report.id, "c")]
    await end(journal, report, "log")
    await journal.write(WriteBatch(account="me", completed=[done]))  # without effect
    assert await journal.pending("me", "log") == []


async def test_a_target_is_named_once(journal: Journal) -> None:
    with pytest.raises(InvalidBatch):
        await record(journal, targets=("bot", "bot"))
