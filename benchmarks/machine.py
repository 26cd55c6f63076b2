"""What the kernel says of the machine and of processes; which core is whose. Linux tells all of it, others less."""

import contextlib
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def cores() -> tuple[set[int], set[int]]:
    """The core of what is measured, and the others, of what loads it; the same where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    mine = sorted(_ALLOWED)
    return ({mine[0]}, {*mine[1:]}) if len(mine) > 1 else (set(mine), set(mine))


_ALLOWED = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()


def pin(which: set[int]) -> None:
    """Keep this process on these cores; its threads and children, too."""
    if which and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, which)


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far, all its threads together.

    The scheduler counts nanoseconds a thread; a process that ended threads meanwhile is read in ticks of 10 ms.
    """
    with contextlib.suppress(OSError):
        used = sum(
            int((task / "schedstat").read_text().split()[0])
            for task in (PROC / str(pid) / "task").iterdir()
        )
        if used:
            return used / 1e9
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kb(pid: int, which: str = "VmRSS") -> int:
    """``VmRSS``: resident now; ``VmHWM``: the most since ``forget_peak``."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1])
    raise LookupError(f"{which} of {pid}")


def forget_peak(pid: int) -> None:
    """From now on ``VmHWM`` counts anew."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def open_files(pid: int) -> int:
    return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())


def words() -> str:
    """The machine in a line, for the table."""
    told = described()
    cores = "one core" if told["cores"] == 1 else f"{told['cores']} cores"
    return f"{cores} of {told['cpu']}, Python {told['python']}, {time.strftime('%Y-%m-%d')}."


def described() -> dict[str, Any]:
    """For the JSON: on what the figures were taken."""
    model = ""
    with contextlib.suppress(OSError):
        for line in (PROC / "cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpu": model or platform.processor(),
        "cores": len(_ALLOWED) or os.cpu_count(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "load": load(),
    }
