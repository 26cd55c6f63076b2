"""Row ``growth``: memory and open files of the gateway after each tenth of 100,000 messages."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks import machine, world
from benchmarks.figures import Figure
from benchmarks.receiver import Receiver
from benchmarks.rows import Scale
from openwx.simulator import Simulator

AT_ONCE = 500
"""The number of messages that may be unreported at a time."""


async def run(scale: Scale) -> list[Figure]:
    messages = scale.of(100_000, 10_000)
    usages: list[tuple[float, int]] = []
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        receiver = await stack.enter_async_context(Receiver())
        simulator = await stack.enter_async_context(Simulator(friends=50, groups=5))
        program, _ = await stack.enter_async_context(
            world.gateway(simulator, folder / "data", settings={"REPORT__POST_API": receiver.url})
        )
        friends = simulator.account().friends
        for number in range(1, messages + 1):
            friends[number % len(friends)].says(f"message {number}")
            if number % AT_ONCE == 0:
                await receiver.until(number - AT_ONCE)
            if number % (messages // 10) == 0:
                await receiver.until(number)
                usages.append(_usage(program.pid, number, folder / "data" / "journal.sqlite3"))
    (first_mib, first_files), (last_mib, last_files) = usages[0], usages[-1]
    return [
        Figure(
            what=f"{messages:,} messages: memory at the end ÷ after the first tenth",
            value=last_mib / first_mib,
            detail={
                "MiB after a tenth": first_mib,
                "MiB at the end": last_mib,
                "files after a tenth": first_files,
                "files at the end": last_files,
            },
        )
    ]


def _usage(pid: int, number: int, journal: Path) -> tuple[float, int]:
    """Read memory in MiB and the number of open files, and print both to stderr."""
    memory, files = machine.memory_kb(pid) / 1024, machine.open_files(pid)
    size = journal.stat().st_size / 2**20
    print(
        f"  {number:8} messages {memory:8.1f} MiB {files:5} files {size:8.1f} MiB journal",
        file=sys.stderr,
        flush=True,
    )
    return memory, files
