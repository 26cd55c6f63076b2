"""Starts ``python -m MODULE …`` in a moment, as a fork of a process that has imported openwx: imports are most of what
the start of a command costs. ``tests/functional/world.py`` starts its commands here.

What is forked is a process with a number, standard streams, signals, environment and exit code of its own. Tests of how
Python itself starts, and systems other than Linux, take a new interpreter.
"""

import asyncio
import atexit
import contextlib
import functools
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
IMPORTED = ("openwx.service", "openwx.simulator", "openwx.cli.demo", "openwx.cli.logout")
_MOST = 2**20
"""Bytes of a request."""


class Forked:
    """A process that was forked; it is used as one of ``asyncio``."""

    stdin = None

    def __init__(
        self,
        pid: int,
        out: asyncio.StreamReader,
        err: asyncio.StreamReader,
        end: asyncio.StreamReader,
    ) -> None:
        self.pid = pid
        self.stdout = out
        self.stderr = err
        self.returncode: int | None = None
        self._ends = asyncio.ensure_future(self._end(end))

    @classmethod
    async def start(
        cls, module: str, *arguments: str, cwd: Path, env: Mapping[str, str], limit: int
    ) -> "Forked":
        """Start it with nothing on stdin, and pipes for stdout and stderr."""
        pipes = [os.pipe() for _ in range(3)]
        request = json.dumps([module, arguments, str(cwd), dict(env)]).encode()
        asked = _forker()
        try:
            socket.send_fds(asked, [request], [theirs for _, theirs in pipes])
        finally:
            for _, theirs in pipes:
                os.close(theirs)
        pid = int(asked.recv(20))
        return cls(pid, *[await _reader(ours, limit) for ours, _ in pipes])

    async def _end(self, end: asyncio.StreamReader) -> int:
        self.returncode = int(await end.read())
        return self.returncode

    async def wait(self) -> int:
        return await asyncio.shield(self._ends)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Read all that it still writes, and wait for its end."""
        out, err, _ = await asyncio.gather(self.stdout.read(), self.stderr.read(), self.wait())
        return out, err

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


async def _reader(pipe: int, limit: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", 0)
    )
    return reader


@functools.cache
def _forker() -> socket.socket:
    """Return the way to the process that forks; start it. It ends with this one.

    Its standard streams are pipes, as those of its children: Python asks at its start what they are.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENWX_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
        cwd=ROOT,
        env=clean | {"PYTHONUTF8": "1"},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.communicate()

    atexit.register(end)
    return ours


# -- the process that forks ------------------------------------------------------------------------------


def _serve(asked: socket.socket) -> list[Any] | None:
    """Fork for each request, and say of each child how it ended. Return the request in the child; None at the end."""
    ends: dict[int, int] = {}
    waker, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    while True:
        ready, _, _ = select.select([asked.fileno(), waker], [], [])
        if waker in ready:
            os.read(waker, 4096)
            while ends and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with (
                    os.fdopen(ends.pop(ended[0]), "w") as end,
                    contextlib.suppress(BrokenPipeError),
                ):
                    end.write(str(os.waitstatus_to_exitcode(ended[1])))
        if asked.fileno() not in ready:
            continue
        request, fds, *_ = socket.recv_fds(asked, _MOST, 3)
        if not request:
            return None
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            for fd in (asked.detach(), waker, woken, fds[2], *ends.values()):
                os.close(fd)
            for fd, standard in zip(fds, (1, 2), strict=False):
                os.dup2(fd, standard)
                os.close(fd)
            loaded: list[Any] = json.loads(request)
            return loaded
        ends[pid] = fds[2]
        for fd in fds[:2]:
            os.close(fd)
        asked.send(str(pid).encode())


def _become(module: str, arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    """Be what ``python -m`` starts."""
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[0] = cwd
    sys.path.insert(1, str(ROOT))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    for name in IMPORTED:
        __import__(name)
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if request := _serve(socket.socket(fileno=int(sys.argv[1]))):
        _become(*request)


if __name__ == "__main__":
    main()
