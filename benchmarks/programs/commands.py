"""The command loop of the programs: reads JSON objects from stdin, one per line, and answers on stdout."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def serve(do: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """Answer commands until stdin ends. Adds ``wall_s`` and ``cpu_s`` of each command to its answer."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = await do(json.loads(line))
        used = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        print(json.dumps(used | answer), flush=True)
