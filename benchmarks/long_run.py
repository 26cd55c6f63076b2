"""Does the gateway grow? Messages by the ten thousands through a real process, and its memory and open files.

    python benchmarks/long_run.py [MESSAGES]

Prints a line every tenth: messages told, resident memory in MiB, open files, threads, size of the journal. Linux only.
"""

import asyncio
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import web

from openwx.simulator import Simulator

AT_ONCE = 500
"""So many messages are under way at a time."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


class Backend:
    """A ``post_api`` that counts."""

    def __init__(self) -> None:
        self.count = 0
        self.came = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        upload = await request.json()
        if upload["post_type"] == "receive_message":
            self.count += 1
            self.came.set()
        return web.json_response({})

    async def until(self, count: int) -> None:
        while self.count < count:
            self.came.clear()
            await self.came.wait()


def measured(pid: int, journal: Path) -> str:
    """What the kernel says of the process."""
    status = Path(f"/proc/{pid}/status").read_text()
    values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    memory = int(values["VmRSS"].split()[0]) / 1024
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    size = journal.stat().st_size / 2**20
    return f"{memory:8.1f} MiB {files:5} files {values['Threads'].strip():>4} threads {size:8.1f} MiB journal"


async def main(messages: int) -> None:
    backend = Backend()
    app = web.Application()
    app.router.add_post("/", backend.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with tempfile.TemporaryDirectory(prefix="openwx-long-run-") as folder:
        async with Simulator(
            1, friends=50, groups=5, auto_scan=True, scan_delay_s=0.1
        ) as simulator:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "openwx", "serve"),
                env={
                    **os.environ,
                    "OPENWX_DATA_DIR": folder,
                    "OPENWX_SHOW_MESSAGES": "false",
                    "OPENWX_LISTEN__PORT": str(free_port()),
                    "OPENWX_REPORT__POST_API": f"http://127.0.0.1:{runner.addresses[0][1]}/",
                    "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": simulator.url,
                },
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                await follow(simulator, backend, process.pid, Path(folder), messages)
            finally:
                process.terminate()
                await process.wait()
    await runner.cleanup()


async def follow(
    simulator: Simulator, backend: Backend, pid: int, folder: Path, messages: int
) -> None:
    account = simulator.account()
    await account.comes_online(30)
    began = time.monotonic()
    for number in range(1, messages + 1):
        chat = account.friends[number % len(account.friends)]
        chat.says(f"message {number}")
        if number % AT_ONCE == 0:
            await backend.until(number - AT_ONCE)
        if number % max(1, messages // 10) == 0:
            await backend.until(number)
            rate = number / (time.monotonic() - began)
            print(
                f"{number:8} messages {measured(pid, folder / 'journal.sqlite3')} {rate:6.0f} a second",
                flush=True,
            )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
