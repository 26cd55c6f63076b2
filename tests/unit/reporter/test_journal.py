import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import msgspec
import pytest

from openwx.store.sqlite.journal import (
    DeliveryStatus,
    Journal,
    JournalError,
    NewSend,
    Settled,
    WriteBatch,
)

from .world import Clock, a_message


async def test_an_upload_comes_back_as_it_was_put_in(journal: Journal, clock: Clock) -> None:
    new = a_message(1, "chat", dedupe="d")
    written = await journal.write(WriteBatch(account="me", uploads=[new]))
    upload = written.uploads[0]
    assert upload is not None
    assert (upload.account, upload.created, upload.tries) == ("me", clock.now, 0)
    assert await journal.upload(upload.id) == upload
    assert await journal.pending("me") == [(upload.id, "chat")]
    assert await journal.pending("other") == []


async def test_every_field_of_an_upload_is_kept(journal: Journal) -> None:
    new = a_message(1, "chat", dedupe="d", deliver=False, media=b"ref", attachment="/a.png")
    written = await journal.write(WriteBatch(account="me", uploads=[new]))
    fields = msgspec.structs.asdict(new)
    defaults = {field.name: field.default for field in msgspec.structs.fields(new)}
    assert all(value != defaults[name] for name, value in fields.items())
    (upload,) = written.fresh
    assert fields.items() <= msgspec.structs.asdict(upload).items()
    (held,) = await journal.held("me")
    assert {**fields, "deliver": True}.items() <= msgspec.structs.asdict(held).items()


async def test_duplicates_are_ignored_for_each_account(journal: Journal) -> None:
    first, second, third = a_message(1, dedupe="d"), a_message(2, dedupe="d"), a_message(3)
    written = await journal.write(WriteBatch(account="me", uploads=[first, second, third]))
    assert [upload and upload.uid for upload in written.uploads] == [first.uid, None, third.uid]
    again, other = await asyncio.gather(
        journal.write(WriteBatch(account="me", uploads=[a_message(dedupe="d")])),
        journal.write(WriteBatch(account="other", uploads=[a_message(dedupe="d")])),
    )
    assert again.fresh == []
    assert len(other.fresh) == 1


async def test_what_is_not_to_be_delivered_still_counts_for_duplicates(journal: Journal) -> None:
    unit = WriteBatch(account="me", uploads=[a_message(dedupe="d", deliver=False)])
    assert len((await journal.write(unit)).fresh) == 1
    assert await journal.pending("me") == []
    assert (await journal.write(unit)).fresh == []


async def test_many_units_at_once_keep_their_own_results(journal: Journal) -> None:
    async def put(n: int) -> None:
        unit = WriteBatch(
            account="me",
            uploads=[a_message(n, f"c{n}", dedupe=str(n // 2)), a_message(n, f"c{n}")],
            sends=[NewSend(uid=f"s{n}", body=b"%d" % n)],
            state={"last": b"%d" % n},
        )
        written = await journal.write(unit)
        assert {upload.chat for upload in written.fresh} == {f"c{n}"}
        assert len(written.fresh) == 2 - n % 2
        assert [send.body for send in written.sends] == [b"%d" % n]

    await asyncio.gather(*(put(n) for n in range(300)))
    assert len(await journal.pending("me")) == 450
    assert [send.uid for send in await journal.waiting_sends("me")] == [f"s{n}" for n in range(300)]
    assert await journal.state("me") == {"last": b"299"}


async def test_a_reply_is_queued_once_however_often_its_upload_is_delivered(
    journal: Journal,
) -> None:
    (upload,) = (await journal.write(WriteBatch(account="me", uploads=[a_message()]))).fresh

    def delivered(uid: str) -> WriteBatch:
        return WriteBatch(
            account="me",
            sends=[
                NewSend(uid=uid, body=b"hi", upload_id=upload.id),
                NewSend(uid=uid + "m", body=b"pic", upload_id=upload.id, part=1),
            ],
            settled=[Settled(upload.id, DeliveryStatus.DELIVERED, 200)],
        )

    first, second = await asyncio.gather(
        journal.write(delivered("a")), journal.write(delivered("b"))
    )
    assert [send.uid for send in first.sends] == ["a", "am"]
    assert second.sends == []
    await journal.write(WriteBatch(account="me", finished_sends=["a", "am"]))
    assert (await journal.write(delivered("c"))).sends == []
    assert await journal.waiting_sends("me") == []
    assert await journal.upload(upload.id) is None


async def test_a_failed_upload_can_be_listed_and_sent_again(journal: Journal, clock: Clock) -> None:
    (upload,) = (await journal.write(WriteBatch(account="me", uploads=[a_message()]))).fresh
    await journal.write(WriteBatch(account="me", refused=[upload.id]))
    await journal.write(
        WriteBatch(account="me", settled=[Settled(upload.id, DeliveryStatus.FAILED, 500, "no")])
    )
    (failed,) = await journal.failed("me")
    assert (failed.id, failed.status, failed.error, failed.tries) == (upload.id, 500, "no", 1)
    clock.now += 100
    (again,) = (await journal.write(WriteBatch(account="me", again=[upload.id, 99]))).fresh
    assert (again.body, again.created, again.tries) == (upload.body, clock.now, 0)
    assert await journal.pending("me") == [(upload.id, "c")]
    assert await journal.failed("me") == []


async def test_state_is_kept_for_each_account_and_forgotten(journal: Journal) -> None:
    await journal.write(WriteBatch(account="me", state={"a": b"1", "b": b"2"}))
    await journal.write(WriteBatch(account="me", state={"a": None, "b": b"3"}))
    await journal.write(WriteBatch(account="other", state={"b": b"4"}))
    assert await journal.state("me") == {"b": b"3"}


async def test_one_bad_unit_does_not_touch_the_others(journal: Journal) -> None:
    await journal.write(WriteBatch(account="me", sends=[NewSend(uid="s", body=b"")]))
    good = [WriteBatch(account="me", uploads=[a_message(n)], state={str(n): b""}) for n in range(5)]
    bad = WriteBatch(account="me", uploads=[a_message(9)], sends=[NewSend(uid="s", body=b"")])
    results = await asyncio.gather(
        *(journal.write(unit) for unit in [*good[:2], bad, *good[2:]]), return_exceptions=True
    )
    assert isinstance(results[2], sqlite3.IntegrityError)
    assert sum(isinstance(result, BaseException) for result in results) == 1
    assert len(await journal.pending("me")) == 5
    assert set(await journal.state("me")) == set("01234")


async def test_a_full_disk_is_told_and_survived(journal: Journal, tmp_path: Path) -> None:
    await journal.write(WriteBatch(account="me", uploads=[a_message(1)]))
    db = journal._writer._workshop._db  # type: ignore[attr-defined]
    pages = await _pages(journal)
    await journal._writer.order(lambda _: db.execute(f"PRAGMA max_page_count = {pages}"))
    big = {"x": "y" * 100_000}
    units = [WriteBatch(account="me", uploads=[a_message(n, with_=big)]) for n in range(3)]
    results = await asyncio.gather(*map(journal.write, units), return_exceptions=True)
    assert [type(result) for result in results] == [JournalError] * 3
    assert len(await journal.pending("me")) == 1
    assert "full" in journal.trouble
    await journal._writer.order(lambda _: db.execute("PRAGMA max_page_count = 1000000"))
    assert await journal.writable()
    await asyncio.gather(*map(journal.write, units))
    assert len(await journal.pending("me")) == 4


async def _pages(journal: Journal) -> int:
    rows = await journal._writer.order(lambda db: db.execute("PRAGMA page_count").fetchall())
    pages: int = rows[0][0]
    return pages


async def test_a_locked_file_is_told_and_survived(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with Journal(path) as journal:
        await journal._writer.order(lambda db: db.execute("PRAGMA busy_timeout = 1"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked"):
            await journal.write(WriteBatch(account="me", uploads=[a_message()]))
        other.execute("ROLLBACK")
        other.close()
        assert await journal.writable()
        await journal.write(WriteBatch(account="me", uploads=[a_message()]))


async def test_everything_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with Journal(path) as journal:
        writing = asyncio.gather(
            *(journal.write(WriteBatch(account="me", uploads=[a_message(n)])) for n in range(50))
        )
        await asyncio.sleep(0)
    ids = {written.fresh[0].id for written in await writing}
    with pytest.raises(JournalError, match="closed"):
        await journal.write(WriteBatch(account="me"))
    async with Journal(path) as journal:
        assert {id_ for id_, _ in await journal.pending("me")} == ids
        (new,) = (await journal.write(WriteBatch(account="me", uploads=[a_message()]))).fresh
        assert new.id not in ids


async def test_a_caller_who_is_cancelled_disturbs_nobody(journal: Journal) -> None:
    cancelled = asyncio.create_task(journal.write(WriteBatch(account="me", uploads=[a_message()])))
    other = asyncio.create_task(journal.write(WriteBatch(account="me", uploads=[a_message()])))
    await asyncio.sleep(0)
    cancelled.cancel()
    await other
    assert len(await journal.pending("me")) == 2


async def test_the_file_is_private(journal: Journal, tmp_path: Path) -> None:
    await journal.write(WriteBatch(account="me", uploads=[a_message()]))
    if os.name == "posix":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert modes == {0o600}


async def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 7")
    db.close()
    with pytest.raises(JournalError, match="newer openwx: its version is 7"):
        await Journal(path).__aenter__()


@pytest.mark.parametrize("content", [b"no database" * 1000, None])
async def test_what_cannot_be_opened_is_told_in_one_line(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "journal.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(JournalError, match=r"^cannot open .*journal\.db: ") as raised:
        await Journal(path).__aenter__()
    assert "\n" not in str(raised.value)


async def test_pruning_keeps_what_policy_says(
    journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def put(fate: DeliveryStatus | None, count: int) -> None:
        units = [WriteBatch(account="me", uploads=[a_message(n)]) for n in range(count)]
        written = await asyncio.gather(*map(journal.write, units))
        if fate is not None:
            ends = [Settled(one.fresh[0].id, fate) for one in written]
            await journal.write(WriteBatch(account="me", settled=ends))

    await put(DeliveryStatus.DELIVERED, 2500)
    await put(DeliveryStatus.DROPPED, 5)
    await put(DeliveryStatus.FAILED, 20)
    await put(None, 3)
    clock.now += 100
    await put(DeliveryStatus.DELIVERED, 30)
    assert await journal.prune(keep_s=50, keep=10, keep_failed=15) == 2500 + 5 + 20 + 5
    assert len(await journal.pending("me")) == 3
    assert len(await journal.failed("me")) == 15
    assert "forgot the oldest 5 of the failed uploads" in caplog.text
    assert await journal.prune(keep_s=50, keep=10, keep_failed=15) == 0


async def test_ids_never_come_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    clock = Clock()
    async with Journal(path, clock=clock) as journal:
        old = (
            await journal.write(WriteBatch(account="me", uploads=[a_message(deliver=False)]))
        ).fresh
        clock.now += 100
        await journal.prune(keep_s=1, keep=0)
    async with Journal(path, clock=clock) as journal:
        new = (await journal.write(WriteBatch(account="me", uploads=[a_message()]))).fresh
        assert new[0].id > old[0].id


async def test_media_bodies_go_with_their_delivery(journal: Journal, tmp_path: Path) -> None:
    big = {"media_data": "y" * 1_000_000}
    (upload,) = (
        await journal.write(WriteBatch(account="me", uploads=[a_message(with_=big)]))
    ).fresh
    await journal.write(WriteBatch(account="me", uploads=[a_message(with_=big, deliver=False)]))
    await journal.write(
        WriteBatch(account="me", settled=[Settled(upload.id, DeliveryStatus.DELIVERED)])
    )
    rows = await journal._writer.order(
        lambda db: db.execute("SELECT length(body) FROM uploads").fetchall()
    )
    assert rows == [(0,), (0,)]
