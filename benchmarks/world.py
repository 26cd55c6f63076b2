"""A gateway in a process of its own; the simulated WeChat and ``post_api`` run in this process."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from benchmarks import machine
from benchmarks.processes import PATIENCE_S, Program
from openwx.simulator import Account, Simulator

SERVE = ("benchmarks.programs.plain",)
FAST = ("openwx", "serve")
"""``openwx serve``, with uvloop if it is installed."""
WATCHED = ("benchmarks.programs.watched",)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Make a temporary folder in ``/var/tmp``: ``/tmp`` is often in memory, where ``fdatasync`` costs nothing."""
    on_disk = Path("/var/tmp")
    where = on_disk if on_disk.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="openwx-benchmark-", dir=where) as name:
        yield Path(name)


@asynccontextmanager
async def gateway(
    simulator: Simulator,
    data_dir: Path,
    *,
    command: tuple[str, ...] = SERVE,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[Program, str]]:
    """Run a gateway with all accounts logged in. Yields the program and its URL.

    ``settings`` are environment variables without the prefix ``OPENWX_``.
    """
    usual = {
        "DATA_DIR": str(data_dir),
        "SHOW_MESSAGES": "false",
        "LISTEN__PORT": "0",
        "ACCOUNTS__DEFAULT__BASE_URL": simulator.url,
        "ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
    }
    if settings and "ACCOUNTS" in settings:
        usual = {name: value for name, value in usual.items() if not name.startswith("ACCOUNTS")}
    variables = {f"OPENWX_{name}": value for name, value in (usual | dict(settings or {})).items()}
    program = Program(
        *command, core=machine.cores()[0], environment=variables | dict(environment or {})
    )
    async with program:
        url = (await program.prints(r"listens on (http\S+?)/openwx/"))[1]
        for account in simulator.accounts:
            await account.phone.logs_in(timeout_s=PATIENCE_S)
        await ready(url)
        yield program, url


async def ready(url: str) -> None:
    """Wait until every account runs."""
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{url}/readyz") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def log_in(bare: Program, account: Account) -> None:
    """Scan the QR code of the bare client, and wait until it is ready."""
    await bare.prints("for a scan")
    await account.phone.logs_in(timeout_s=PATIENCE_S)
    await bare.prints("ready")
