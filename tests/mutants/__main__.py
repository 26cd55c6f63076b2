"""Run mutants: ``python -m tests.mutants [NAME …]``."""

import sys

from openwx.crashtest.nodes import NodesPlan, main

from .node import MUTANTS

SEED = 20
FAULTS = 24


def run(names: list[str]) -> int:
    """Run each mutant. Return 1 if one of them passed."""
    unnoticed = []
    for name in names or [*MUTANTS]:
        print(f"== {name}", flush=True)
        if not main(NodesPlan(SEED, FAULTS, program=("tests.mutants.node", name))):
            unnoticed.append(name)
    print(f"unnoticed: {', '.join(unnoticed) or 'none'}")
    return bool(unnoticed)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
