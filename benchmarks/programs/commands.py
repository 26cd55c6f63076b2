"""Programs that do what they are told: a JSON object a line on stdin, one a line on stdout."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def serve(do: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """Answer until stdin ends, adding how long each took: ``wall_s``, ``cpu_s``."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        wall, cpu = time.perf_counter(), time.process_time()
        told = await do(json.loads(line))
        used = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        print(json.dumps(used | told), flush=True)
