"""``python -m benchmarks``: measure, and print the table."""

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

LAST_S = 600
"""A row that takes longer hangs."""


def main() -> int:
    arguments = _parser().parse_args()
    names = arguments.only or [name for name in ROWS if name != "growth"]
    results: list[Result] = []
    for name in names:
        print(f"{name}: {ROWS[name]} …", file=sys.stderr, flush=True)
        result = _measured(name, quick=arguments.quick)
        results.append(result)
        print(details([result]), file=sys.stderr, flush=True)
    rows = table(results)
    print(as_markdown(rows) if arguments.markdown else as_text(rows))
    if arguments.json:
        arguments.json.write_bytes(as_json(results, machine.described()))
    if arguments.into:
        text = arguments.into.read_text()
        arguments.into.write_text(between_marks(text, f"{as_markdown(rows)}\n\n{machine.words()}"))
    return 1 if any(result.error for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    rows = "\n".join(f"  {name:10} {what}" for name, what in ROWS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures openwx against what it could be at best, side by side.",
        epilog=f"the rows (growth only where it is asked for):\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--only", action="append", choices=ROWS, metavar="ROW", help="this row (can be repeated)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything here, too")
    parser.add_argument(
        "--into", type=Path, metavar="FILE", help="put the table into this file, between its marks"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    return parser


def _measured(name: str, *, quick: bool) -> Result:
    command = [sys.executable, "-m", "benchmarks.row", name, *(["--quick"] if quick else [])]
    try:
        ended = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, timeout=LAST_S, check=True
        )
        return msgspec.json.decode(ended.stdout.splitlines()[-1], type=Result)
    except (
        subprocess.SubprocessError,
        IndexError,
        msgspec.DecodeError,
        json.JSONDecodeError,
    ) as error:
        return Result(name=name, error=str(error), load=machine.load())


if __name__ == "__main__":
    sys.exit(main())
