"""The PostgreSQL of the rows that need one, and what it has used."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import asyncpg

from benchmarks import machine
from openwx.crashtest import postgres
from openwx.crashtest.postgres import Server

__all__ = ["Server", "Used", "database", "used"]

_FLUSHES = "SELECT wal_sync FROM pg_stat_wal"
_FLUSHES_18 = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"


@contextlib.contextmanager
def database(folder: Path) -> Iterator[Server]:
    """Run a PostgreSQL below ``folder``, on the core of the program under test. Raise ``NoServer``.

    This process goes to the other cores, as if the server were another machine.
    """
    folder.chmod(0o755)  # root runs the server as another user
    with postgres.server(folder) as server:
        server.create()
        machine.pin(machine.cores()[0])
        server.start()
        machine.pin(machine.cores()[1])
        yield server


@dataclass(frozen=True, slots=True)
class Used:
    """What a server has used since its start."""

    cpu_s: float
    wal_bytes: int
    flushes: int
    """Of the WAL, for which a commit waits. Counted up to ten seconds late."""

    def __sub__(self, before: "Used") -> "Used":
        return Used(
            self.cpu_s - before.cpu_s,
            self.wal_bytes - before.wal_bytes,
            self.flushes - before.flushes,
        )


async def used(server: Server) -> Used:
    """Read what a server has used. Its processes for connections must not end in between two readings."""
    connection = await asyncpg.connect(server.url)
    try:
        wal: Decimal = await connection.fetchval(
            "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
        )
        is_18 = connection.get_server_version().major >= 18
        flushes: int = await connection.fetchval(_FLUSHES_18 if is_18 else _FLUSHES)
    finally:
        await connection.close()
    cpu_s = sum(map(machine.cpu_s, _pids(server)))
    return Used(cpu_s, int(wal), int(flushes))


def _pids(server: Server) -> list[int]:
    main = (server.data / "postmaster.pid").read_text().split()[0]
    children = (machine.PROC / main / "task" / main / "children").read_text()
    return [int(pid) for pid in (main, *children.split())]
