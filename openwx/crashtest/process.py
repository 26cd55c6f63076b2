"""A program in a process of its own, whose lines are read as they come."""

import asyncio
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

END_S = 20.0
"""A program that was told to end has so long."""


class Failed(Exception):
    """The run cannot go on: a program ended by itself, did not start or did not stop."""


class Process:
    """``python -m MODULE …``, its output kept in ``folder/NAME.log``; it may be started again and again."""

    def __init__(
        self, name: str, *arguments: str, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.last: deque[str] = deque(maxlen=400)
        self._arguments = arguments
        self._folder = folder
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self._arguments),
            env=self._environment,
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # A Ctrl-C is for us alone; what we started we end ourselves.
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read(self._process), name=f"log of {self.name}")

    @property
    def pid(self) -> int:
        if self._process is None:
            raise Failed(f"{self.name} does not run")
        return self._process.pid

    async def kill(self) -> None:
        """SIGKILL: no handler, no flush, no goodbye. Raises ``Failed`` where it had ended before."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM; the exit code. Raises ``Failed`` where it ended before, or does not end."""
        return await self._end(signal.SIGTERM)

    async def close(self) -> None:
        """Whatever state it is in: it runs no more."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading
        self._process = self._reading = None

    def tail(self, lines: int = 40) -> str:
        return "\n".join([*self.last][-lines:])

    def reads(self, line: str) -> None:
        """What a kind of program does with a line of its output."""

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with (self._folder / f"{self.name}.log").open("a", encoding="utf-8") as file:
            async for line in process.stdout:
                text = line.decode(errors="replace").rstrip()
                self.last.append(text)
                file.write(f"{text}\n")
                self.reads(text)

    async def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            raise Failed(f"{self.name} does not run")
        if process.returncode is not None:
            await self.close()
            raise Failed(f"{self.name} ended by itself ({process.returncode})\n{self.tail()}")
        process.send_signal(number)
        try:
            async with asyncio.timeout(END_S):
                code = await process.wait()
        except TimeoutError:
            raise Failed(f"{self.name} does not stop within {END_S} s\n{self.tail()}") from None
        finally:
            await self.close()
        return code
