"""What was acknowledged survives a kill of the process, and batches are whole or missing."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openwx.store.records import CompletedReport, WriteBatch
from openwx.store.sqlite.journal import SQLiteJournal

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)

_WRITER = """
import asyncio, sys
from pathlib import Path
from openwx.store.sqlite.journal import SQLiteJournal
from openwx.store.records import NewSend, NewReport, WriteBatch

async def main():
    async with SQLiteJournal(Path(sys.argv[1])) as journal:
        async def caller(name):
            n = 0
            while True:
                n += 1
                key = f"{name}-{n}"
                await journal.write(WriteBatch(
                    account="me",
                    reports=[NewReport(chat=name, kind="k", body=b"x" * 500, uid=key)],
                    sends=[NewSend(uid=key, body=b"")],
                    state={name: str(n).encode()},
                ))
                print(key, flush=True)
        await asyncio.gather(*(caller(f"c{i}") for i in range(20)))

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    path = tmp_path / "journal.db"
    acknowledged: set[str] = set()
    for _ in range(3):
        path.unlink(missing_ok=True)
        for rest in ("journal.db-wal", "journal.db-shm"):
            (tmp_path / rest).unlink(missing_ok=True)
        acknowledged = _write_and_die(path, chance.randrange(1, 2000))
        async with SQLiteJournal(path) as journal:
            pending = await journal.pending("me")
            uids = set()
            for id_, _chat in pending:
                report = await journal.pending_report("me", id_)
                assert report is not None
                uids.add(report.uid)
            sends = {send.uid for send in await journal.waiting_sends("me")}
            last = await journal.state("me")
        assert acknowledged <= uids
        assert uids == sends
        assert {f"{name}-{n.decode()}" for name, n in last.items()} <= uids
        assert len(uids) == sum(int(n) for n in last.values())


def _write_and_die(path: Path, after: int) -> set[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    acknowledged = set()
    assert process.stdout is not None
    with process, process.stdout as lines:
        for line in lines:
            if line.endswith("\n"):
                acknowledged.add(line.strip())
            if len(acknowledged) == after:
                process.send_signal(signal.SIGKILL)
    return acknowledged


_PUBLISHER = """
import asyncio, random, sys
from pathlib import Path
from openwx.store.records import CompletedReport, NewReport, WriteBatch
from openwx.store.sqlite.journal import SQLiteJournal

async def main():
    chance = random.Random(int(sys.argv[2]))
    async with SQLiteJournal(Path(sys.argv[1])) as journal:
        waiting = [report.id for report in await journal.held("me") if report.media]

        async def writes(chat):
            n = 0
            while True:
                n += 1
                media = b"ref" if chance.random() < 0.3 else b""
                new = NewReport(chat=chat, kind="k", body=b"{}", uid=f"{sys.argv[2]}-{chat}-{n}", media=media)
                (report,) = (await journal.write(WriteBatch(account="me", reports=[new]))).recorded
                if media:
                    waiting.append(report.id)

        async def completes():
            while True:
                await asyncio.sleep(0)
                if waiting:
                    done = CompletedReport(id=waiting.pop(chance.randrange(len(waiting))), body=b"{}")
                    await journal.write(WriteBatch(account="me", completed=[done]))

        async def reads():
            after = int(sys.argv[3])
            while True:
                page = await journal.published("me", after, rows=50, size=10**6)
                for report in page.reports:
                    print(report.id, report.uid, flush=True)
                    after = report.id
                await asyncio.sleep(0.001)

        await asyncio.gather(*(writes(f"c{i}") for i in range(5)), completes(), completes(), reads())

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
async def test_a_reader_goes_on_after_a_kill(tmp_path: Path) -> None:
    """Repeated kills while media is incomplete: a reader misses nothing, and reads nothing twice."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    path = tmp_path / "journal.db"
    read: list[tuple[int, str]] = []
    for _ in range(3):
        after = read[-1][0] if read else 0
        read += _read_and_kill(path, chance.randrange(100), after, chance.randrange(50, 800))
    async with SQLiteJournal(path) as journal:
        for report in await journal.held("me"):
            if report.media:
                await journal.write(
                    WriteBatch(account="me", completed=[CompletedReport(id=report.id, body=b"{}")])
                )
        page = await journal.published("me", read[-1][0], rows=10**6, size=10**9)
        read += [(report.id, report.uid) for report in page.reports]
        all_ = await journal.published("me", 0, rows=10**6, size=10**9)
        assert [(report.id, report.uid) for report in all_.reports] == read
        assert len({id_ for id_, _ in read}) == len(read)
        assert len(await journal.pending("me")) == len(read)


def _read_and_kill(path: Path, seed: int, after: int, lines: int) -> list[tuple[int, str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, str(path), str(seed), str(after)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
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
