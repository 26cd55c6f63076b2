"""What the journal acknowledged survives the death of the process, and nothing is there by half."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openwx.store.sqlite.journal import Journal

_WRITER = """
import asyncio, sys
from pathlib import Path
from openwx.store.records import NewSend, NewReport, WriteBatch
from openwx.store.sqlite.journal import Journal

async def main():
    async with Journal(Path(sys.argv[1])) as journal:
        async def caller(name):
            n = 0
            while True:
                n += 1
                key = f"{name}-{n}"
                await journal.write(WriteBatch(
                    account="me",
                    uploads=[NewReport(chat=name, kind="k", body=b"x" * 500, uid=key)],
                    sends=[NewSend(uid=key, body=b"")],
                    state={name: str(n).encode()},
                ))
                print(key, flush=True)
        await asyncio.gather(*(caller(f"c{i}") for i in range(20)))

asyncio.run(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = tmp_path / "journal.db"
    acknowledged: set[str] = set()
    for _ in range(3):
        path.unlink(missing_ok=True)
        for rest in ("journal.db-wal", "journal.db-shm"):
            (tmp_path / rest).unlink(missing_ok=True)
        acknowledged = _write_and_die(path, chance.randrange(1, 2000))
        async with Journal(path) as journal:
            pending = await journal.pending("me")
            uids = set()
            for id_, _chat in pending:
                upload = await journal.upload(id_)
                assert upload is not None
                uids.add(upload.uid)
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
        cwd=Path(__file__).parents[3],
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
