"""Has ``spin`` and ``gcc`` check one run, and says what came of it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.model.runs import Run

FOLDER = Path(__file__).parent
MEMORY_MB = 8000
# All states, breadth first, so that the trace of an error is a shortest one; each state is kept whole.
_COMPILE = ("-w", "-DSAFETY", "-DBFS", "-DNOCLAIM", "-DNOFAIR")
_CAPPED = re.compile(r"max search depth too small|reached -DMEMLIM|out of memory", re.IGNORECASE)


class Outcome(NamedTuple):
    """``seconds``: of the processor, building included; ``violated``: the assertion that fails, empty if none does.

    ``steps``: of the shortest way to it.
    """

    states: int
    megabytes: int
    seconds: float
    violated: str
    steps: int

    def fits(self, run: Run) -> bool:
        """Return whether it is what the run shall show."""
        return run.breaks in self.violated if run.breaks else not self.violated


def missing() -> list[str]:
    """Return the programs that are needed and not there."""
    return [name for name in ("spin", "gcc") if shutil.which(name) is None]


def check(run: Run) -> Outcome:
    """Check one run. Raise ``RuntimeError`` if it could not be checked whole."""
    began = _processor_s()
    with tempfile.TemporaryDirectory(prefix="openwx-model-") as folder:
        shutil.copy(FOLDER / f"{run.file}.pml", folder)
        _done(["spin", "-a", *(f"-D{one}" for one in run.defines), f"{run.file}.pml"], folder)
        _done(
            [
                "gcc",
                "-O0" if run.is_quick else "-O2",
                *_COMPILE,
                f"-DMEMLIM={MEMORY_MB}",
                "-o",
                "pan",
                "pan.c",
            ],
            folder,
        )
        said = _done([str(Path(folder, "pan")), "-E"], folder)  # a bounded model may come to an end
    states = re.search(r"(\d+|[\d.]+e\+\d+) states, stored", said)
    memory = re.search(r"([\d.]+)\s+total actual memory usage", said)
    if states is None or memory is None or _CAPPED.search(said):
        raise RuntimeError(f"{run.name} was not checked whole:\n{said}")
    violated = re.search(r"pan:1: (assertion violated .*?) \(at depth (\d+)\)", said)
    if not violated and "errors: 0" not in said:
        raise RuntimeError(f"{run.name}:\n{said}")
    return Outcome(
        states=int(float(states[1])),
        megabytes=round(float(memory[1])),
        seconds=_processor_s() - began,
        violated=violated[1] if violated else "",
        steps=int(violated[2]) if violated else 0,
    )


def _processor_s() -> float:
    now = os.times()
    return now.children_user + now.children_system


def _done(command: list[str], folder: str) -> str:
    result = subprocess.run(
        ["nice", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if "error:" in result.stdout.lower() and "errors:" not in result.stdout:
        raise RuntimeError(f"{' '.join(command)}:\n{result.stdout}")
    return result.stdout
