"""``python -m benchmarks``: runs the rows, one process each, and prints the table."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.figures import (
    Result,
    as_json,
    as_markdown,
    as_text,
    between_marks,
    details,
    table,
)
from benchmarks.processes import ROOT
from benchmarks.rows import ROWS

ROW_TIMEOUT_S = 600
"""Time limit of a row, in seconds."""


def main() -> int:
    arguments = _parser().parse_args()
    names = arguments.only or [name for name in ROWS if name != "growth"]
    results: list[Result] = []
    for name in names:
        print(f"{name}: {ROWS[name]} …", file=sys.stderr, flush=True)
        result = _run(name, quick=arguments.quick)
        results.append(result)
        print(details([result]), file=sys.stderr, flush=True)
    rows = table(results)
    print(as_markdown(rows) if arguments.markdown else as_text(rows))
    if arguments.json:
        arguments.json.write_bytes(as_json(results, machine.description()))
    if arguments.into:
        text = arguments.into.read_text()
        arguments.into.write_text(
            between_marks(text, f"{as_markdown(rows)}\n\n{machine.summary()}")
        )
    return 1 if any(result.error for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    rows = "\n".join(f"  {name:10} {what}" for name, what in ROWS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure openwx side by side with the simplest program that does the same work.",
        epilog=f"the rows (growth runs only with --only growth):\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--only",
        action="append",
        choices=ROWS,
        metavar="ROW",
        help="run this row only (can be repeated)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write all figures to this file"
    )
    parser.add_argument(
        "--into", type=Path, metavar="FILE", help="replace the table between the marks of this file"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    return parser


def _run(name: str, *, quick: bool) -> Result:
    command = [sys.executable, "-m", "benchmarks.row", name, *(["--quick"] if quick else [])]
    try:
        completed = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, timeout=ROW_TIMEOUT_S, check=True
        )
        return msgspec.json.decode(completed.stdout.splitlines()[-1], type=Result)
    except (
        subprocess.SubprocessError,
        IndexError,
        msgspec.DecodeError,
        json.JSONDecodeError,
    ) as error:
        return Result(name=name, error=str(error), load=machine.load())


if __name__ == "__main__":
    sys.exit(main())
