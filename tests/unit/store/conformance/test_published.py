"""Sequence numbers: a reader that continues after one misses nothing, and reads nothing twice."""

import asyncio
import os
import random

from openwx.store.base import InvalidBatch, Journal
from openwx.store.records import (
    CompletedReport,
    DeliveryOutcome,
    DeliveryStatus,
    NewReport,
    NewSend,
    WriteBatch,
)

from ..reports import Clock, a_message
from .conftest import Open

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


class Reader:
    """Continues after what it has read."""

    def __init__(self, chance: random.Random) -> None:
        self.uids: list[str] = []
        self._after = 0
        self._chance = chance

    async def reads(self, journal: Journal) -> None:
        while True:
            rows = self._chance.choice((1, 3, 100))
            page = await journal.published("me", self._after, rows=rows, size=10**6)
            assert [report.id for report in page.reports] == sorted(
                {report.id for report in page.reports if report.id > self._after}
            )
            if not page.reports:
                return
            assert not any(b"incomplete" in report.body for report in page.reports)
            self.uids += [report.uid for report in page.reports]
            self._after = page.reports[-1].id


class Author:
    """Writes messages and media of four chats, some twice, and completes media in any order."""

    def __init__(self, chance: random.Random) -> None:
        self.written: dict[str, list[tuple[int, str]]] = {chat: [] for chat in "abcd"}
        """Id and uid of what was stored."""
        self.waiting: list[int] = []
        self._chance = chance
        self._count = 0

    async def writes(self, journal: Journal) -> None:
        """Write a batch that may complete a report, too, and may fail."""
        chance = self._chance
        reports = [self._report() for _ in range(chance.randrange(1, 4))]
        # Each send with the uid "taken" except the first makes its batch fail.
        sends = [NewSend(uid="taken", body=b"")] if chance.random() < 0.2 else []
        done = [self._any_waiting()] if self.waiting and chance.random() < 0.3 else []
        completed = [
            CompletedReport(id=id_, body=b"{}", targets=("post_api",) * (chance.random() < 0.5))
            for id_ in done
        ]
        batch = WriteBatch(account="me", reports=reports, sends=sends, completed=completed)
        try:
            fresh = (await journal.write(batch)).recorded
        except InvalidBatch:
            self.waiting.extend(done)
            return
        for report in fresh:
            self.written[report.chat].append((report.id, report.uid))
            if report.media:
                self.waiting.append(report.id)

    async def completes(self, journal: Journal) -> None:
        if self.waiting:
            done = CompletedReport(id=self._any_waiting(), body=b"{}")
            await journal.write(WriteBatch(account="me", completed=[done]))

    def _report(self) -> NewReport:
        self._count += 1
        chance, count = self._chance, self._count
        has_file = chance.random() < 0.3
        return a_message(
            count,
            chance.choice("abcd"),
            uid=str(count),
            dedupe=str(chance.randrange(count)) if chance.random() < 0.5 else str(count),
            media=b"ref" if has_file else b"",
            with_={"incomplete": has_file} if has_file else {},
            targets=("post_api",) * (chance.random() < 0.5),
        )

    def _any_waiting(self) -> int:
        return self.waiting.pop(self._chance.randrange(len(self.waiting)))


async def test_a_reader_misses_nothing(reopen: Open) -> None:
    """In any order, with duplicates, invalid batches and restarts."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    reader, author = Reader(chance), Author(chance)
    for _ in range(5):
        async with reopen() as journal:
            for _ in range(40):
                acts = chance.choices((author.writes, author.writes, author.completes), k=3)
                await asyncio.gather(*(act(journal) for act in acts))  # in one transaction
                if chance.random() < 0.5:
                    await reader.reads(journal)
    async with reopen() as journal:
        while author.waiting:
            await author.completes(journal)
            await reader.reads(journal)
        await reader.reads(journal)
    chat_of = {uid: chat for chat, written in author.written.items() for _, uid in written}
    assert len(reader.uids) == len(chat_of) > 100
    for chat, written in author.written.items():
        assert [uid for uid in reader.uids if chat_of[uid] == chat] == [
            uid for _, uid in sorted(written)
        ]


async def test_a_message_is_numbered_when_it_is_published(journal: Journal) -> None:
    picture = a_message(1, "a", media=b"ref", uid="picture")
    behind, other = a_message(2, "a", uid="behind"), a_message(3, "b", uid="other")
    written = (
        await journal.write(WriteBatch(account="me", reports=[picture, behind, other]))
    ).recorded
    assert await uids(journal) == ["other"]
    newest = await journal.newest_published("me")
    done = CompletedReport(id=written[0].id, body=b"{}")
    later = WriteBatch(account="me", reports=[a_message(4, "b", uid="later")])
    await asyncio.gather(
        journal.write(WriteBatch(account="me", completed=[done])), journal.write(later)
    )
    assert sorted(await uids(journal, newest)) == ["behind", "later", "picture"]
    assert [uid for uid in await uids(journal, newest) if uid != "later"] == ["picture", "behind"]


async def test_a_duplicate_picture_holds_back_nothing(journal: Journal) -> None:
    picture = a_message(1, "a", media=b"ref", dedupe="d", uid="picture")
    (first,) = (await journal.write(WriteBatch(account="me", reports=[picture]))).recorded
    await journal.write(
        WriteBatch(account="me", completed=[CompletedReport(id=first.id, body=b"{}")])
    )
    batch = WriteBatch(account="me", reports=[picture, a_message(2, "a", uid="text")])
    await journal.write(batch)
    assert await uids(journal) == ["picture", "text"]


async def test_an_invalid_batch_holds_back_nothing(journal: Journal) -> None:
    await journal.write(WriteBatch(account="me", sends=[NewSend(uid="s", body=b"")]))
    bad = WriteBatch(
        account="me",
        reports=[a_message(1, "a", media=b"ref")],
        sends=[NewSend(uid="s", body=b"")],
    )
    good = WriteBatch(account="me", reports=[a_message(2, "a", uid="good")])
    results = await asyncio.gather(*map(journal.write, (bad, good)), return_exceptions=True)
    assert isinstance(results[0], Exception)
    await journal.write(WriteBatch(account="me", reports=[a_message(3, "a", uid="next")]))
    assert await uids(journal) == ["good", "next"]


async def test_numbers_are_never_reused(reopen: Open, clock: Clock) -> None:
    """Not even if the report with the highest number has the lowest id, and is pruned."""
    async with reopen() as journal:
        picture = a_message(1, "a", media=b"ref", targets=())
        batch = WriteBatch(account="me", reports=[picture, a_message(2, "b", targets=())])
        held = (await journal.write(batch)).recorded[0]
        done = CompletedReport(id=held.id, body=b"{}", targets=())
        await journal.write(WriteBatch(account="me", completed=[done]))
        newest = await journal.newest_published("me")
        assert newest > held.id + 1
        clock.now += 100
        await journal.prune(keep_s=1, keep=0)
    async with reopen() as journal:
        await journal.write(WriteBatch(account="me", reports=[a_message(3, uid="new")]))
        assert await uids(journal, newest) == ["new"]


async def test_readers_know_of_what_is_pruned(journal: Journal, clock: Clock) -> None:
    batch = WriteBatch(
        account="me",
        reports=[a_message(n, targets=("post_api",) if n != 1 else ()) for n in range(4)],
    )
    failed, gone, *rest = (await journal.write(batch)).recorded
    await journal.write(
        WriteBatch(account="me", outcomes=[DeliveryOutcome(failed.id, DeliveryStatus.FAILED)])
    )
    await journal.write(WriteBatch(account="other", reports=[a_message(5)]))
    assert (await journal.published("me", 0, rows=9, size=9**9)).pruned == 0
    clock.now += 100
    assert await journal.prune(keep_s=50) == 1
    page = await journal.published("me", 0, rows=9, size=9**9)
    assert page.pruned == gone.id
    assert [report.id for report in page.reports] == [failed.id, *(one.id for one in rest)]
    assert (await journal.published("other", 0, rows=9, size=9**9)).pruned == 0


async def test_a_page_is_bounded(journal: Journal) -> None:
    big = {"x": "y" * 50_000}
    await journal.write(
        WriteBatch(account="me", reports=[a_message(n, with_=big) for n in range(9)])
    )
    page = await journal.published("me", 0, rows=100, size=120_000)
    assert (len(page.reports), page.more) == (3, True)
    page = await journal.published("me", 0, rows=2, size=120_000)
    assert (len(page.reports), page.more) == (2, True)
    page = await journal.published("me", 0, rows=100, size=1)
    assert len(page.reports) == 1
    assert not (await journal.published("me", 0, rows=100, size=10**6)).more


async def uids(journal: Journal, after: int = 0) -> list[str]:
    page = await journal.published("me", after, rows=100, size=10**6)
    return [report.uid for report in page.reports]
