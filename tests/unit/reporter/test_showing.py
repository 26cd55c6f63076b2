"""Uploads are numbered as they can be seen: who reads on after a number misses nothing, and reads nothing twice."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from openwx.store.sqlite.journal import (
    Completed,
    DeliveryStatus,
    Journal,
    NewReport,
    NewSend,
    Settled,
    WriteBatch,
)

from .world import Clock, a_message

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


class Reader:
    """Reads on after what it has read, whenever it is asked to."""

    def __init__(self, chance: random.Random) -> None:
        self.seen: list[str] = []
        self._after = 0
        self._chance = chance

    async def reads(self, journal: Journal) -> None:
        while True:
            rows = self._chance.choice((1, 3, 100))
            shown = await journal.shown("me", self._after, rows=rows, size=10**6)
            assert [upload.id for upload in shown.uploads] == sorted(
                {upload.id for upload in shown.uploads if upload.id > self._after}
            )
            if not shown.uploads:
                return
            assert not any(b"incomplete" in upload.body for upload in shown.uploads)
            self.seen += [upload.uid for upload in shown.uploads]
            self._after = shown.uploads[-1].id


class Author:
    """Writes messages and media of four chats, some again, and completes media in any order."""

    def __init__(self, chance: random.Random) -> None:
        self.written: dict[str, list[tuple[int, str]]] = {chat: [] for chat in "abcd"}
        """Id and uid of what was taken."""
        self.waiting: list[int] = []
        self._chance = chance
        self._count = 0

    async def tells(self, journal: Journal) -> None:
        """A unit that may complete one, too, and may fail."""
        chance = self._chance
        uploads = [self._upload() for _ in range(chance.randrange(1, 4))]
        # Every send with the uid "taken" but the first makes its unit fail.
        sends = [NewSend(uid="taken", body=b"")] if chance.random() < 0.2 else []
        done = [self._any_waiting()] if self.waiting and chance.random() < 0.3 else []
        completed = [Completed(id=id_, body=b"{}", deliver=chance.random() < 0.5) for id_ in done]
        unit = WriteBatch(account="me", uploads=uploads, sends=sends, completed=completed)
        try:
            fresh = (await journal.write(unit)).fresh
        except sqlite3.IntegrityError:
            self.waiting.extend(done)
            return
        for upload in fresh:
            self.written[upload.chat].append((upload.id, upload.uid))
            if upload.media:
                self.waiting.append(upload.id)

    async def completes(self, journal: Journal) -> None:
        if self.waiting:
            done = Completed(id=self._any_waiting(), body=b"{}")
            await journal.write(WriteBatch(account="me", completed=[done]))

    def _upload(self) -> NewReport:
        self._count += 1
        chance, count = self._chance, self._count
        is_medium = chance.random() < 0.3
        return a_message(
            count,
            chance.choice("abcd"),
            uid=str(count),
            dedupe=str(chance.randrange(count)) if chance.random() < 0.5 else str(count),
            media=b"ref" if is_medium else b"",
            with_={"incomplete": is_medium} if is_medium else {},
            deliver=chance.random() < 0.5,
        )

    def _any_waiting(self) -> int:
        return self.waiting.pop(self._chance.randrange(len(self.waiting)))


async def test_who_reads_on_misses_nothing(tmp_path: Path) -> None:
    """Whatever comes in whatever order, with duplicates, units that fail, and restarts."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    reader, author = Reader(chance), Author(chance)
    for _ in range(5):
        async with Journal(tmp_path / "journal") as journal:
            for _ in range(40):
                acts = chance.choices((author.tells, author.tells, author.completes), k=3)
                await asyncio.gather(*(act(journal) for act in acts))  # in one transaction
                if chance.random() < 0.5:
                    await reader.reads(journal)
    async with Journal(tmp_path / "journal") as journal:
        while author.waiting:
            await author.completes(journal)
            await reader.reads(journal)
        await reader.reads(journal)
    chat_of = {uid: chat for chat, told in author.written.items() for _, uid in told}
    assert len(reader.seen) == len(chat_of) > 100
    for chat, told in author.written.items():
        assert [uid for uid in reader.seen if chat_of[uid] == chat] == [
            uid for _, uid in sorted(told)
        ]


async def test_a_message_is_numbered_when_it_can_be_seen(journal: Journal) -> None:
    picture = a_message(1, "a", media=b"ref", uid="picture")
    behind, other = a_message(2, "a", uid="behind"), a_message(3, "b", uid="other")
    written = (
        await journal.write(WriteBatch(account="me", uploads=[picture, behind, other]))
    ).fresh
    assert await uids(journal) == ["other"]
    newest = await journal.newest_shown("me")
    done = Completed(id=written[0].id, body=b"{}")
    later = WriteBatch(account="me", uploads=[a_message(4, "b", uid="later")])
    await asyncio.gather(
        journal.write(WriteBatch(account="me", completed=[done])), journal.write(later)
    )
    assert sorted(await uids(journal, newest)) == ["behind", "later", "picture"]
    assert [uid for uid in await uids(journal, newest) if uid != "later"] == ["picture", "behind"]


async def test_a_picture_that_comes_again_holds_up_nobody(journal: Journal) -> None:
    picture = a_message(1, "a", media=b"ref", dedupe="d", uid="picture")
    (first,) = (await journal.write(WriteBatch(account="me", uploads=[picture]))).fresh
    await journal.write(WriteBatch(account="me", completed=[Completed(id=first.id, body=b"{}")]))
    unit = WriteBatch(account="me", uploads=[picture, a_message(2, "a", uid="text")])
    await journal.write(unit)
    assert await uids(journal) == ["picture", "text"]


async def test_a_unit_that_fails_hides_nothing(journal: Journal) -> None:
    await journal.write(WriteBatch(account="me", sends=[NewSend(uid="s", body=b"")]))
    bad = WriteBatch(
        account="me",
        uploads=[a_message(1, "a", media=b"ref")],
        sends=[NewSend(uid="s", body=b"")],
    )
    good = WriteBatch(account="me", uploads=[a_message(2, "a", uid="good")])
    results = await asyncio.gather(*map(journal.write, (bad, good)), return_exceptions=True)
    assert isinstance(results[0], Exception)
    await journal.write(WriteBatch(account="me", uploads=[a_message(3, "a", uid="next")]))
    assert await uids(journal) == ["good", "next"]


async def test_numbers_never_come_back(tmp_path: Path, clock: Clock) -> None:
    """Not even when the one with the highest is the oldest by its id, and is forgotten."""
    path = tmp_path / "journal.db"
    async with Journal(path, clock=clock) as journal:
        picture = a_message(1, "a", media=b"ref", deliver=False)
        unit = WriteBatch(account="me", uploads=[picture, a_message(2, "b", deliver=False)])
        held = (await journal.write(unit)).fresh[0]
        done = Completed(id=held.id, body=b"{}", deliver=False)
        await journal.write(WriteBatch(account="me", completed=[done]))
        newest = await journal.newest_shown("me")
        assert newest > held.id + 1
        clock.now += 100
        await journal.prune(keep_s=1, keep=0)
    async with Journal(path, clock=clock) as journal:
        await journal.write(WriteBatch(account="me", uploads=[a_message(3, uid="new")]))
        assert await uids(journal, newest) == ["new"]


async def test_what_is_forgotten_is_known(journal: Journal, clock: Clock) -> None:
    unit = WriteBatch(account="me", uploads=[a_message(n, deliver=n != 1) for n in range(4)])
    failed, gone, *rest = (await journal.write(unit)).fresh
    await journal.write(
        WriteBatch(account="me", settled=[Settled(failed.id, DeliveryStatus.FAILED)])
    )
    await journal.write(WriteBatch(account="other", uploads=[a_message(5)]))
    assert (await journal.shown("me", 0, rows=9, size=9**9)).forgotten == 0
    clock.now += 100
    assert await journal.prune(keep_s=50) == 1
    shown = await journal.shown("me", 0, rows=9, size=9**9)
    assert shown.forgotten == gone.id
    assert [upload.id for upload in shown.uploads] == [failed.id, *(one.id for one in rest)]
    assert (await journal.shown("other", 0, rows=9, size=9**9)).forgotten == 0


async def test_a_piece_is_bounded(journal: Journal) -> None:
    big = {"x": "y" * 50_000}
    await journal.write(
        WriteBatch(account="me", uploads=[a_message(n, with_=big) for n in range(9)])
    )
    shown = await journal.shown("me", 0, rows=100, size=120_000)
    assert (len(shown.uploads), shown.more) == (3, True)
    shown = await journal.shown("me", 0, rows=2, size=120_000)
    assert (len(shown.uploads), shown.more) == (2, True)
    shown = await journal.shown("me", 0, rows=100, size=1)
    assert len(shown.uploads) == 1
    assert not (await journal.shown("me", 0, rows=100, size=10**6)).more


async def uids(journal: Journal, after: int = 0) -> list[str]:
    shown = await journal.shown("me", after, rows=100, size=10**6)
    return [upload.uid for upload in shown.uploads]


_TELLER = """
import asyncio, random, sys
from pathlib import Path
from openwx.store.records import Completed, DeliveryStatus, NewSend, NewReport, Settled, WriteBatch
from openwx.store.sqlite.journal import Journal

async def main():
    chance = random.Random(int(sys.argv[2]))
    async with Journal(Path(sys.argv[1])) as journal:
        waiting = [upload.id for upload in await journal.held("me") if upload.media]

        async def tells(chat):
            n = 0
            while True:
                n += 1
                media = b"ref" if chance.random() < 0.3 else b""
                new = NewReport(chat=chat, kind="k", body=b"{}", uid=f"{sys.argv[2]}-{chat}-{n}", media=media)
                (upload,) = (await journal.write(WriteBatch(account="me", uploads=[new]))).fresh
                if media:
                    waiting.append(upload.id)

        async def completes():
            while True:
                await asyncio.sleep(0)
                if waiting:
                    done = Completed(id=waiting.pop(chance.randrange(len(waiting))), body=b"{}")
                    await journal.write(WriteBatch(account="me", completed=[done]))

        async def reads():
            after = int(sys.argv[3])
            while True:
                shown = await journal.shown("me", after, rows=50, size=10**6)
                for upload in shown.uploads:
                    print(upload.id, upload.uid, flush=True)
                    after = upload.id
                await asyncio.sleep(0.001)

        await asyncio.gather(*(tells(f"c{i}") for i in range(5)), completes(), completes(), reads())

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
async def test_a_reader_goes_on_after_a_kill(tmp_path: Path) -> None:
    """Killed again and again, while media are awaited: what was read stays read, and all else follows."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    path = tmp_path / "journal.db"
    read: list[tuple[int, str]] = []
    for _ in range(3):
        after = read[-1][0] if read else 0
        read += _read_and_kill(path, chance.randrange(100), after, chance.randrange(50, 800))
    async with Journal(path) as journal:
        for upload in await journal.held("me"):
            if upload.media:
                await journal.write(
                    WriteBatch(account="me", completed=[Completed(id=upload.id, body=b"{}")])
                )
        shown = await journal.shown("me", read[-1][0], rows=10**6, size=10**9)
        read += [(upload.id, upload.uid) for upload in shown.uploads]
        told = await journal.shown("me", 0, rows=10**6, size=10**9)
        assert [(upload.id, upload.uid) for upload in told.uploads] == read
        assert len({id_ for id_, _ in read}) == len(read)
        assert len(await journal.pending("me")) == len(read)


def _read_and_kill(path: Path, seed: int, after: int, lines: int) -> list[tuple[int, str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _TELLER, str(path), str(seed), str(after)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    read: list[tuple[int, str]] = []
    assert process.stdout is not None
    with process, process.stdout as output:
        for line in output:
            if line.endswith("\n"):
                id_, uid = line.split()
                read.append((int(id_), uid))
            if len(read) == lines:
                process.send_signal(signal.SIGKILL)
    return read
