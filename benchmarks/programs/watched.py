"""A gateway that measures how long its event loop is blocked, for the rows ``friends`` and ``groups``.

``python -m benchmarks.programs.watched`` takes its settings from the environment. It answers each line on stdin with
the longest blocked time since the last line, in wall-clock and CPU time, and with the CPU time of the loop.
"""

import asyncio
import json
import os
import selectors
import sys
import time
from collections.abc import Mapping
from typing import Any

from openwx import logs, service
from openwx.config import load


class WatchedSelector(selectors.DefaultSelector):
    """A selector that records the time between the return of a ``select`` and the next call."""

    def __init__(self) -> None:
        super().__init__()
        self._since: tuple[float, float] | None = None
        self.reset()

    def reset(self) -> None:
        self.longest_s = self.longest_cpu_s = self.total_cpu_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._since is not None:
            wall, cpu = self._since
            used = time.thread_time() - cpu
            self.longest_s = max(self.longest_s, time.perf_counter() - wall)
            self.longest_cpu_s = max(self.longest_cpu_s, used)
            self.total_cpu_s += used
        ready = super().select(timeout)
        self._since = (time.perf_counter(), time.thread_time())
        return ready


async def main(selector: WatchedSelector, environ: Mapping[str, str]) -> None:
    settings = load(None, environ, {}).settings
    async with service.running(settings) as running:
        print(f"listens on {running.url}/openwx/", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            blocked: dict[str, Any] = {
                "longest_s": selector.longest_s,
                "longest_cpu_s": selector.longest_cpu_s,
                "total_cpu_s": selector.total_cpu_s,
            }
            selector.reset()
            print(json.dumps(blocked), flush=True)


if __name__ == "__main__":
    logs.set_up("warning")
    watched = WatchedSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(watched)) as runner:
        runner.run(main(watched, os.environ))
