"""Runs a program in a process of its own, and reads its output line by line.
All programs of the crash tests run in it.
"""

import asyncio
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

END_S = 20.0
"""The time in which a program must end after a signal, in seconds."""


class Failed(Exception):
    """The run cannot go on: a program ended by itself, did not start or did not stop."""


def reasons(error: BaseException) -> list[str]:
    """Return the texts of all errors in a group of them."""
    if isinstance(error, BaseExceptionGroup):
        return [text for one in error.exceptions for text in reasons(one)]
    return [str(error)]


class Process:
    """``python -m MODULE …`` with its output in ``folder/NAME.log``. It can be started repeatedly."""

    def __init__(
        self,
        name: str,
        *arguments: str,
        folder: Path,
        environment: Mapping[str, str],
        prefix: Sequence[str] = (),
    ) -> None:
        """``prefix``: a command that runs Python elsewhere, such as in a network namespace."""
        self.name = name
        self.last: deque[str] = deque(maxlen=400)
        self._arguments = (*prefix, sys.executable, "-m", *arguments)
        self._folder = folder
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments,
            env=self._environment,
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C must reach only this process, which ends its children itself.
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read(self._process), name=f"log of {self.name}")

    @property
    def pid(self) -> int:
        if self._process is None:
            raise Failed(f"{self.name} does not run")
        return self._process.pid

    async def kill(self) -> None:
        """Send SIGKILL, which allows no clean-up. Raises ``Failed`` if the process had ended before."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """Send SIGTERM, and return the exit code. Raises ``Failed`` if it had ended before, or does not end."""
        return await self._end(signal.SIGTERM)

    async def wait_for_end(self) -> int:
        """Wait until it ends by itself, and return the exit code."""
        if self._process is None:
            raise Failed(f"{self.name} does not run")
        return await self._process.wait()

    async def close(self) -> None:
        """End the process, whatever its state."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading
        self._process = self._reading = None

    def tail(self, lines: int = 40) -> str:
        return "\n".join([*self.last][-lines:])

    def handle_line(self, line: str) -> None:
        """Handle a line of output; subclasses override this."""

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with (self._folder / f"{self.name}.log").open("a", encoding="utf-8") as file:
            async for line in process.stdout:
                text = line.decode(errors="replace").rstrip()
                self.last.append(text)
                file.write(f"{text}\n")
                self.handle_line(text)

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
