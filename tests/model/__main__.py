"""Check the model and its mutants, and print states, memory, time and verdict of each."""

import argparse
import sys

from tests.model.checker import check, missing
from tests.model.runs import MODEL, MUTANTS


def main() -> int:
    """Return 1 if something is not as it shall be."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the small sizes only")
    parser.add_argument("--only", default="", metavar="WORDS", help="what has these words")
    asked = parser.parse_args()
    if absent := missing():
        print(f"not found: {', '.join(absent)}", file=sys.stderr)
        return 1
    is_well = True
    print(f"{'states':>12} {'MiB':>8} {'seconds':>8}  verdict")
    for run in (*MODEL, *MUTANTS):
        if asked.only not in run.name or (asked.quick and not run.is_quick):
            continue
        outcome = check(run)
        is_well &= outcome.fits(run)
        verdict = f"breaks after {outcome.steps} steps" if outcome.violated else "holds"
        wrong = "" if outcome.fits(run) else f"  WRONG {outcome.violated}"
        print(
            f"{outcome.states:>12,} {outcome.megabytes:>8,} {outcome.seconds:>8.1f}  {verdict}: {run.name}{wrong}",
            flush=True,
        )
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
