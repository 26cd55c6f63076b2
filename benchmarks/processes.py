"""Child processes on a core of their own, which take commands on stdin and answer on stdout."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import machine

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0
"""Time limit of each wait for a program, in seconds."""


class Program:
    """``python -m MODULE ARGUMENTS`` as a child process: ``async with Program(…) as program``. Leaving kills it.

    A JSON object on a line of its stdout is an answer; all other lines are its log.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        core: set[int],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._core = core
        self._environment = dict(environment or {})
        self._process: asyncio.subprocess.Process
        self._reader: asyncio.Task[None]
        self._log: deque[str] = deque(maxlen=200)
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        """None: the program has ended."""

    @property
    def pid(self) -> int:
        return self._process.pid

    async def __aenter__(self) -> Self:
        clean = {name: value for name, value in os.environ.items() if name[:7] != "OPENWX_"}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env=clean | {"PYTHONUNBUFFERED": "1"} | self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**24,
            preexec_fn=lambda: machine.pin(self._core),
        )
        self._reader = asyncio.create_task(self._read(), name=f"read {self._command[2]}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reader
        if kind is not None and error is not None:
            error.add_note("\n".join([f"the last lines of {self._command[2]}:", *self._log]))

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while read := await self._process.stdout.readline():
            line = read.decode(errors="replace").rstrip()
            if not line.startswith("{"):
                self._log.append(line)
            self._lines.put_nowait(line)
        self._lines.put_nowait(None)

    async def prints(self, pattern: str, timeout_s: float = PATIENCE_S) -> re.Match[str]:
        """Wait for a line that matches ``pattern``."""
        async with asyncio.timeout(timeout_s):
            while (line := await self._lines.get()) is not None:
                if found := re.search(pattern, line):
                    return found
        raise RuntimeError(f"{self._command[2]} ended before it printed {pattern!r}")

    async def answer(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for the next JSON object on its stdout."""
        answer: dict[str, Any] = json.loads((await self.prints(r"^\{.*", timeout_s))[0])
        return answer

    async def ask(self, timeout_s: float = PATIENCE_S, **what: Any) -> dict[str, Any]:
        """Send a command, and wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.answer(timeout_s)

    async def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        await self._process.wait()

    async def ends(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until it ends, and return its exit code."""
        async with asyncio.timeout(timeout_s):
            return await self._process.wait()
