"""Runs one row in this process: ``python -m benchmarks.row NAME [--quick]`` prints the result as its last line."""

import asyncio
import sys
import time
import traceback

import msgspec

from benchmarks import machine
from benchmarks.figures import Result
from benchmarks.rows import Scale, row
from openwx.crashtest.postgres import NoServer


def main(name: str, *, quick: bool) -> None:
    began = time.monotonic()
    machine.pin(machine.cores()[1])
    result = Result(name=name)
    try:
        result.figures = asyncio.run(row(name)(Scale(quick)))
    except NoServer as error:
        print(f"row {name}: {error}", file=sys.stderr)
    except Exception:  # noqa: BLE001  an error of one row must not stop the others
        result.error = traceback.format_exc()
    result.seconds = time.monotonic() - began
    result.load = machine.load()
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], quick="--quick" in sys.argv[2:])
