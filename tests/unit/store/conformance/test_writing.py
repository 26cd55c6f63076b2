"""Batches are stored whole, once, and in order."""

import asyncio
import random
from typing import Any

import msgspec
import pytest

from openwx.domain.names import LONGEST_NAME
from openwx.store.base import InvalidBatch, Journal, JournalError
from openwx.store.records import (
    AccountRecord,
    CompletedReport,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewReport,
    NewSend,
    WriteBatch,
    WriteResult,
)

from ..reports import Clock, a_message
from .conftest import Open


async def test_a_report_comes_back_as_it_was_put_in(journal: Journal, clock: Clock) -> None:
    new = a_message(1, "chat", dedupe="d")
    written = await journal.write(WriteBatch(account="me", reports=[new]))
    report = written.reports[0]
    assert report is not None
    assert (report.account, report.created, report.tries) == ("me", clock.now, 0)
    assert await journal.pending_report("me", report.id) == report
    assert await journal.pending("me") == [(report.id, "chat")]
    assert await journal.pending("other") == []


async def test_every_field_of_a_report_is_kept(journal: Journal) -> None:
    new = a_message(1, "chat", dedupe="d", targets=(), media=b"ref", attachment="/a.png")
    written = await journal.write(WriteBatch(account="me", reports=[new]))
    fields = msgspec.structs.asdict(new)
    defaults = {field.name: field.default for field in msgspec.structs.fields(new)}
    assert all(value != defaults[name] for name, value in fields.items())
    (report,) = written.recorded
    assert fields.items() <= msgspec.structs.asdict(report).items()
    (held,) = await journal.held("me")
    assert fields.items() <= msgspec.structs.asdict(held).items()


async def test_every_field_of_a_send_is_kept(journal: Journal) -> None:
    (report,) = (
        await journal.write(WriteBatch(account="me", reports=[a_message(targets=("bot",))]))
    ).recorded
    new = NewSend(
        uid="s", body=b"x", report_id=report.id, target="bot", part=3, attachment="/a.png"
    )
    (send,) = (await journal.write(WriteBatch(account="me", sends=[new]))).sends
    fields = msgspec.structs.asdict(new)
    defaults = {field.name: field.default for field in msgspec.structs.fields(new)}
    assert all(value != defaults[name] for name, value in fields.items())
    assert fields.items() <= msgspec.structs.asdict(send).items()
    assert await journal.waiting_sends("me") == [send]


async def test_duplicates_are_ignored_for_each_account(journal: Journal) -> None:
    first, second, third = a_message(1, dedupe="d"), a_message(2, dedupe="d"), a_message(3)
    written = await journal.write(WriteBatch(account="me", reports=[first, second, third]))
    assert [report and report.uid for report in written.reports] == [first.uid, None, third.uid]
    again, other = await asyncio.gather(
        journal.write(WriteBatch(account="me", reports=[a_message(dedupe="d")])),
        journal.write(WriteBatch(account="other", reports=[a_message(dedupe="d")])),
    )
    assert again.recorded == []
    assert len(other.recorded) == 1


async def test_what_is_not_to_be_delivered_still_counts_for_duplicates(journal: Journal) -> None:
    batch = WriteBatch(account="me", reports=[a_message(dedupe="d", targets=())])
    assert len((await journal.write(batch)).recorded) == 1
    assert await journal.pending("me") == []
    assert (await journal.write(batch)).recorded == []


async def test_many_batches_at_once_keep_their_own_results(journal: Journal) -> None:
    async def put(n: int) -> None:
        batch = WriteBatch(
            account="me",
            reports=[a_message(n, f"c{n}", dedupe=str(n // 2)), a_message(n, f"c{n}")],
            sends=[NewSend(uid=f"s{n}", body=b"%d" % n)],
            state={"last": b"%d" % n},
        )
        written = await journal.write(batch)
        assert {report.chat for report in written.recorded} == {f"c{n}"}
        assert len(written.recorded) == 2 - n % 2
        assert [send.body for send in written.sends] == [b"%d" % n]

    await asyncio.gather(*(put(n) for n in range(300)))
    assert len(await journal.pending("me")) == 450
    assert [send.uid for send in await journal.waiting_sends("me")] == [f"s{n}" for n in range(300)]
    assert await journal.state("me") == {"last": b"299"}


async def test_a_reply_is_queued_once_however_often_its_report_is_delivered(
    journal: Journal,
) -> None:
    (report,) = (await journal.write(WriteBatch(account="me", reports=[a_message()]))).recorded

    def delivered(uid: str) -> WriteBatch:
        return WriteBatch(
            account="me",
            sends=[
                NewSend(uid=uid, body=b"hi", report_id=report.id),
                NewSend(uid=uid + "m", body=b"pic", report_id=report.id, part=1),
            ],
            outcomes=[DeliveryOutcome(report.id, DeliveryStatus.DELIVERED, 200)],
        )

    first, second = await asyncio.gather(
        journal.write(delivered("a")), journal.write(delivered("b"))
    )
    assert [send.uid for send in first.sends] == ["a", "am"]
    assert second.sends == []
    await journal.write(WriteBatch(account="me", finished_sends=["a", "am"]))
    assert (await journal.write(delivered("c"))).sends == []
    assert await journal.waiting_sends("me") == []
    assert await journal.pending_report("me", report.id) is None


async def test_a_send_is_rewritten_until_it_is_finished(reopen: Open) -> None:
    async with reopen() as journal:
        sends = [NewSend(uid=uid, body=b"old", attachment=f"/{uid}") for uid in "abc"]
        await journal.write(WriteBatch(account="me", sends=sends))
        await journal.write(WriteBatch(account="me", rewritten_sends={"b": b"new", "none": b"x"}))
        await journal.write(WriteBatch(account="other", rewritten_sends={"a": b"not theirs"}))
        # Finished in the same batch, and before.
        gone = WriteBatch(account="me", rewritten_sends={"c": b"new"}, finished_sends=["c"])
        await journal.write(gone)
        await journal.write(gone)
    async with reopen() as journal:
        waiting = await journal.waiting_sends("me")
        assert [(one.uid, one.body, one.attachment) for one in waiting] == [
            ("a", b"old", "/a"),
            ("b", b"new", "/b"),
        ]


async def test_a_failed_report_can_be_listed_and_sent_again(journal: Journal, clock: Clock) -> None:
    (report,) = (await journal.write(WriteBatch(account="me", reports=[a_message()]))).recorded
    await journal.write(WriteBatch(account="me", failed_tries=[DeliveryKey(report.id)]))
    await journal.write(
        WriteBatch(
            account="me", outcomes=[DeliveryOutcome(report.id, DeliveryStatus.FAILED, 500, "no")]
        )
    )
    (failed,) = await journal.failed("me")
    assert (failed.id, failed.http_status, failed.error, failed.tries) == (report.id, 500, "no", 1)
    clock.now += 100
    (again,) = (
        await journal.write(
            WriteBatch(account="me", retried=[DeliveryKey(report.id), DeliveryKey(99)])
        )
    ).retried
    assert (again.body, again.created, again.tries) == (report.body, clock.now, 0)
    assert await journal.pending("me") == [(report.id, "c")]
    assert await journal.failed("me") == []


async def test_state_is_kept_for_each_account_and_forgotten(journal: Journal) -> None:
    await journal.write(WriteBatch(account="me", state={"a": b"1", "b": b"2"}))
    await journal.write(WriteBatch(account="me", state={"a": None, "b": b"3"}))
    await journal.write(WriteBatch(account="other", state={"b": b"4"}))
    assert await journal.state("me") == {"b": b"3"}


async def test_one_bad_batch_does_not_touch_the_others(journal: Journal) -> None:
    await journal.write(WriteBatch(account="me", sends=[NewSend(uid="s", body=b"")]))
    good = [WriteBatch(account="me", reports=[a_message(n)], state={str(n): b""}) for n in range(5)]
    bad = WriteBatch(account="me", reports=[a_message(9)], sends=[NewSend(uid="s", body=b"")])
    results = await asyncio.gather(
        *(journal.write(batch) for batch in [*good[:2], bad, *good[2:]]), return_exceptions=True
    )
    assert isinstance(results[2], InvalidBatch)
    assert sum(isinstance(result, BaseException) for result in results) == 1
    assert len(await journal.pending("me")) == 5
    assert set(await journal.state("me")) == set("01234")


async def test_everything_is_there_after_closing_and_opening(reopen: Open) -> None:
    async with reopen() as journal:
        writing = asyncio.gather(
            *(journal.write(WriteBatch(account="me", reports=[a_message(n)])) for n in range(50))
        )
        await asyncio.sleep(0)
    ids = {written.recorded[0].id for written in await writing}
    with pytest.raises(JournalError, match="closed"):
        await journal.write(WriteBatch(account="me"))
    async with reopen() as journal:
        assert {id_ for id_, _ in await journal.pending("me")} == ids
        (new,) = (await journal.write(WriteBatch(account="me", reports=[a_message()]))).recorded
        assert new.id not in ids


async def test_a_caller_who_is_cancelled_disturbs_nobody(journal: Journal) -> None:
    cancelled = asyncio.create_task(journal.write(WriteBatch(account="me", reports=[a_message()])))
    other = asyncio.create_task(journal.write(WriteBatch(account="me", reports=[a_message()])))
    await asyncio.sleep(0)
    cancelled.cancel()
    await other
    assert len(await journal.pending("me")) == 2


ANY_TEXT = "\x00 a\x00b\r\n\t\x1b\x7f '\"\\%_ 小灰 🧧 \u2028 \ufeff \U0010ffff \x00"


async def test_any_text_is_kept(reopen: Open) -> None:
    text = ANY_TEXT
    new = a_message(
        1, text, uid=f"u{text}", dedupe=text, attachment=text, targets=(text, f"{text}2")
    )
    batch = WriteBatch(
        account="me",
        reports=[new],
        sends=[NewSend(uid=text, body=b"\x00", attachment=text)],
        state={text: b"\x00\xff"},
        media={text: b"\x00"},
        keys={text: b"1", f"{text} {text}": b"2"},
    )
    record = AccountRecord(account="me", wanted=True, settings=b"\x00", origin="config")
    async with reopen() as journal:
        await journal.save_account(record)
        (report,) = (await journal.write(batch)).recorded
        end = DeliveryOutcome(report.id, DeliveryStatus.FAILED, 500, text, target=text)
        await journal.write(WriteBatch(account="me", outcomes=[end]))
        rewritten = WriteBatch(account="me", rewritten_sends={text: b"new"})
        await journal.write(rewritten)
    async with reopen() as journal:
        found = await journal.pending_report("me", report.id, f"{text}2")
        assert found is not None
        assert (found.chat, found.uid, found.dedupe, found.attachment) == (
            text, f"u{text}", text, text,
        )  # fmt: skip
        assert (await journal.write(batch_of(a_message(2, dedupe=text)))).recorded == []
        (failed,) = await journal.failed("me", target=text)
        assert (failed.target, failed.chat, failed.error) == (text, text, text)
        assert [
            (one.uid, one.body, one.attachment) for one in await journal.waiting_sends("me")
        ] == [(text, b"new", text)]
        assert await journal.state("me") == {text: b"\x00\xff"}
        assert await journal.media("me", text) == b"\x00"
        assert await journal.keys_of("me", text) == {text: b"1", f"{text} {text}": b"2"}
        assert await journal.files("me") == {text}
        assert await journal.body_of("me", text) == new.body
        assert [one.uid for one in await journal.chats("me", limit=9)] == [f"u{text}"]
        assert len((await journal.messages("me", text, rows=9, size=999)).messages) == 1
        assert await journal.accounts() == [record]
        await journal.write(WriteBatch(account="me", finished_sends=[text]))
        assert await journal.waiting_sends("me") == []


def batch_of(report: NewReport) -> WriteBatch:
    return WriteBatch(account="me", reports=[report])


def long_name(size: int) -> str:
    """Make a name of this many bytes that cannot be compressed, of two each."""
    letters = random.Random(size).choices([chr(n) for n in range(0x80, 0x800)], k=size // 2)
    return "".join(letters) + "x" * (size % 2)


def named(name: str, part: str) -> WriteBatch:
    """Make a batch with this name in one of its places."""
    batches: dict[str, dict[str, Any]] = {
        "chat": {"reports": [a_message(1, name)]},
        "held": {"reports": [a_message(1, name, media=b"ref")]},
        "dedupe": {"reports": [a_message(1, dedupe=name)]},
        "target": {"reports": [a_message(1, targets=(name,))]},
        "uid": {"sends": [NewSend(uid=name, body=b"")]},
        "target of a send": {"sends": [NewSend(uid="s", body=b"", target=name)]},
        "completed": {"completed": [CompletedReport(id=1, body=b"", targets=(name,))]},
        "state": {"state": {name: b"1"}},
        "media": {"media": {name: b"1"}},
        "keys": {"keys": {name: b"1"}},
    }
    return WriteBatch(account="me", **batches[part])


NAMED = (
    *("chat", "held", "dedupe", "target", "uid", "target of a send", "completed"),
    *("state", "media", "keys"),
)


@pytest.mark.parametrize("part", NAMED)
async def test_a_name_is_as_long_as_every_store_takes(journal: Journal, part: str) -> None:
    """A longer one fails alone, with what it stands in, and with the same error in every store."""
    longest = named(long_name(LONGEST_NAME), part)
    too_long = named(long_name(LONGEST_NAME + 1), part)
    done = await asyncio.gather(
        journal.write(WriteBatch(account="me", state={"before": b""})),
        journal.write(too_long),
        journal.write(longest),
        journal.write(WriteBatch(account="me", state={"after": b""})),
        return_exceptions=True,
    )
    assert [type(one) for one in done] == [WriteResult, InvalidBatch, WriteResult, WriteResult]
    assert {"before", "after"} <= set(await journal.state("me"))
    stored = [*await journal.log("me", limit=9), *await journal.held("me")]
    assert len(stored) == len(longest.reports)


async def test_names_that_differ_in_nul_alone_are_different(journal: Journal) -> None:
    names = ["a", "a\x00", "a\x00b", "\x00a", "A"]
    for number, name in enumerate(names):
        batch = batch_of(a_message(number, name, dedupe=name))
        assert len((await journal.write(batch)).recorded) == 1
        await journal.write(WriteBatch(account="me", state={name: b"%d" % number}))
    assert await journal.state("me") == {name: b"%d" % n for n, name in enumerate(names)}
    for name in names:
        page = await journal.messages("me", name, rows=9, size=999)
        assert len(page.messages) == 1, name


async def test_a_caller_who_is_cancelled_undoes_nothing(journal: Journal) -> None:
    """Of many at once, in any state of their writes."""
    tasks = []
    for number in range(50):
        batch = WriteBatch(
            account="me", reports=[a_message(number)], state={f"{number}": b"%d" % number}
        )
        tasks.append(asyncio.create_task(journal.write(batch)))
        await asyncio.sleep(0)
        if number % 2:
            tasks[-1].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in done) > 10
    await journal.write(WriteBatch(account="me", state={"last": b""}))
    assert len(await journal.pending("me")) == 50
    assert len(await journal.state("me")) == 51


async def test_more_than_a_transaction_takes_is_stored_in_order(journal: Journal) -> None:
    """More batches, and more bytes."""
    big = {"x": "y" * 300_000}
    batches = [
        WriteBatch(
            account="me",
            reports=[a_message(n, with_=big if n % 50 == 0 else {})],
            state={"last": b"%d" % n},
        )
        for n in range(1500)
    ]
    await asyncio.gather(*map(journal.write, batches))
    found = await journal.log("me", limit=2000)
    numbers = [msgspec.json.decode(one.body)["n"] for one in reversed(found)]
    assert numbers == list(range(1500))
    assert await journal.state("me") == {"last": b"1499"}
    assert await journal.size() > 30 * 300_000


async def test_nothing_is_done_after_closing(reopen: Open) -> None:
    """After closing, nothing is done, and the error says so."""
    async with reopen() as journal:
        pass
    record = AccountRecord(account="me", wanted=True, settings=b"", origin="api")
    for call in (
        journal.state("me"),
        journal.accounts(),
        journal.save_account(record),
        journal.forget_account("me"),
    ):
        with pytest.raises(JournalError, match="closed"):
            await call
