"""The machine and its processes: cores, load, CPU time, memory. Complete on Linux only."""

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
    """Return the core for the program under test and the cores for the load; both are the same on a single core."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    allowed = sorted(_ALLOWED)
    return ({allowed[0]}, {*allowed[1:]}) if len(allowed) > 1 else (set(allowed), set(allowed))


_ALLOWED = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()


def pin(which: set[int]) -> None:
    """Restrict this process, its new threads and its children to these cores."""
    if which and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, which)


def load() -> float:
    """Return the one-minute load average."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, all threads together.

    Reads the scheduler's nanoseconds for each thread; where there are none, the ticks of 10 ms of ``stat``.
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
    """Return resident memory (``VmRSS``), or its peak since ``reset_peak`` (``VmHWM``)."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1])
    raise LookupError(f"{which} of {pid}")


def reset_peak(pid: int) -> None:
    """Reset ``VmHWM`` to the present memory."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def open_files(pid: int) -> int:
    return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())


def summary() -> str:
    """Describe the machine in one line, for the table."""
    about = description()
    cores = "one core" if about["cores"] == 1 else f"{about['cores']} cores"
    return f"{cores} of {about['cpu']}, Python {about['python']}, {time.strftime('%Y-%m-%d')}."


def description() -> dict[str, Any]:
    """Describe the machine, for the JSON file."""
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
