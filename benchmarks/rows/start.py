"""Row ``start``: the time to the first answer and the time of all imports, against importing aiohttp."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from aiohttp.test_utils import unused_port

from benchmarks import load, machine, world
from benchmarks.figures import Figure
from benchmarks.processes import ROOT
from benchmarks.rounds import high, middle
from benchmarks.rows import Scale

TIMED = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{imports}
print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
import os; os._exit(0)
"""
OURS = TIMED.format(
    imports="import openwx.cli.main\nwith openwx.cli.main.undisturbed(): import openwx.logs, openwx.service"
)
"""The imports of ``openwx serve``."""
THEIRS = TIMED.format(imports="import aiohttp.web")


async def run(scale: Scale) -> list[Figure]:
    machine.pin(machine.cores()[0])
    starts: list[float] = []
    ours: list[Imported] = []
    theirs: list[Imported] = []
    with world.folder() as folder:
        for number in range(scale.of(9, 3) + 1):
            start = await _start(folder / str(number))
            a, b = _imported(OURS), _imported(THEIRS)
            if number:  # the first one reads from the disk
                starts.append(start)
                ours.append(a)
                theirs.append(b)
    to_serve = [start / b.since_start_s for start, b in zip(starts, theirs, strict=True)]
    to_import = [a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True)]
    return [
        Figure(
            what="start to first request served ÷ start and import of aiohttp",
            value=middle(to_serve),
            target=2.2,
            at_least=False,
            worst=high(to_serve),
            detail={
                "ms": middle(starts) * 1e3,
                "start and import of aiohttp.web ms": middle([b.since_start_s for b in theirs])
                * 1e3,
            },
        ),
        Figure(
            what="import of openwx serve ÷ import of aiohttp",
            value=middle(to_import),
            target=2.0,
            at_least=False,
            worst=high(to_import),
            by_cpu=middle([a.cpu_s / b.cpu_s for a, b in zip(ours, theirs, strict=True)]),
            detail={
                "ms": middle([a.wall_s for a in ours]) * 1e3,
                "CPU ms": middle([a.cpu_s for a in ours]) * 1e3,
                "CPU ms of aiohttp.web": middle([b.cpu_s for b in theirs]) * 1e3,
            },
        ),
    ]


def _environment() -> dict[str, str]:
    """Copy the environment, with compiled modules allowed on the disk, as after an installation."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Imported(NamedTuple):
    """The time of an import: alone in wall-clock and CPU time, and with the start of Python."""

    wall_s: float
    cpu_s: float
    since_start_s: float


def _imported(program: str) -> Imported:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        check=True,
    )
    ended = time.perf_counter()
    wall_s, cpu_s = done.stdout.split()
    return Imported(float(wall_s), float(cpu_s), ended - began)


async def _start(data_dir: Path) -> float:
    """Measure the seconds from the start of the process to the end of its first answer."""
    port = unused_port()
    environment = {
        **_environment(),
        "OPENWX_DATA_DIR": str(data_dir),
        "OPENWX_LISTEN__PORT": str(port),
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": f"http://127.0.0.1:{unused_port()}",
    }
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *world.SERVE),
        cwd=ROOT,
        env=environment,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    request = load.request(port, "/openwx/get_client_info")
                    [caller] = await load.callers(port, [request])
                except ConnectionRefusedError:
                    await asyncio.sleep(0.002)
                else:
                    await load.stop([caller])
                    return time.perf_counter() - began
    finally:
        process.kill()
        await process.wait()
