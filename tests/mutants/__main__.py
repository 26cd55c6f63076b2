"""Run mutants: ``python -m tests.mutants [NAME …]``."""

import sys
import tempfile
from pathlib import Path

from openwx.crashtest.nodes import TRACEBACKS, Chosen, NodesPlan, run

from .node import MUTANTS

SEED = 20
FAULTS = 24
CHOSEN = {
    "watching_goes_on": [[Chosen("PostgreSQL killed", 6.0)]] * 6,
    "no_gate": [[Chosen("SIGSTOP", 7.0, f"n{n}")] for n in (1, 2, 3)] * 3,
}
"""Faults for mutants that show in these alone: few of those that are drawn are of this kind and long."""
SHOWN = 5
"""How many complaints are shown."""


def main(names: list[str]) -> int:
    """Run each mutant. Return 1 if one of them passed."""
    unnoticed = [name for name in names or [*MUTANTS] if not _is_noticed(name)]
    print(f"unnoticed: {', '.join(unnoticed) or 'none'}")
    return bool(unnoticed)


def _is_noticed(name: str) -> bool:
    """Run a mutant, and return whether a promise was broken. A traceback breaks none."""
    print(f"== {name}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix=f"openwx-mutant-{name}-"))
    chosen = CHOSEN.get(name, ())
    program = ("tests.mutants.node", name)
    wrong = run(
        NodesPlan(SEED, len(chosen) or FAULTS, chosen=chosen, program=program, folder=folder)
    )
    (folder / "complaints.txt").write_text("\n".join(wrong), encoding="utf-8")
    broken = [one for one in wrong if TRACEBACKS not in one]
    print(f"{len(broken)} promises broken", *broken[:SHOWN], sep="\n  ", flush=True)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
