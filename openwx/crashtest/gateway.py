"""The gateway under test: ``openwx serve`` on one port and one data folder, started again and again."""

import asyncio
import os
import resource
from pathlib import Path

import aiohttp
from aiohttp.test_utils import unused_port

from .process import Failed, Process

RUNS_WITHIN_S = 30.0
FULL = "nothing is acknowledged until it works again"
"""What it says of a journal that cannot be written."""
CAN_FILL_DISK = hasattr(resource, "prlimit")
"""Only Linux lets the limits of another process be set."""


class Gateway(Process):
    def __init__(self, folder: Path, *, base_url: str, post_api: str) -> None:
        port = unused_port()
        super().__init__(
            "gateway",
            *("openwx", "serve"),
            folder=folder,
            environment={
                **{name: text for name, text in os.environ.items() if not _is_ours(name)},
                "OPENWX_DATA_DIR": str(folder / "data"),
                "OPENWX_LISTEN__PORT": str(port),
                "OPENWX_REPORT__POST_API": post_api,
                # A backend that takes and closes may do so often: nothing is to fail in the end.
                "OPENWX_REPORT__TRIES": "100",
                "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": base_url,
                "OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
            },
        )
        self.url = f"http://127.0.0.1:{port}"
        self.starts = 0
        self.tracebacks = 0
        self.has_room = True
        """Whether it can write to its disk, or could until its end."""
        self.ended_without_room: set[int] = set()
        """The numbers of the starts whose processes ended on a full disk."""
        self.listens, self.runs, self.says_full = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def start(self) -> None:
        if not self.has_room:
            self.ended_without_room.add(self.starts)
        self.has_room = True
        self.starts += 1
        self.last.append(f"--- start {self.starts}")
        await super().start()

    async def close(self) -> None:
        await super().close()
        for event in (self.listens, self.runs, self.says_full):
            event.clear()

    def reads(self, line: str) -> None:
        if "listens on" in line:
            self.listens.set()
        if "→ running" in line:
            self.runs.set()
        elif "running →" in line:
            self.runs.clear()
        if FULL in line:
            self.says_full.set()
        self.tracebacks += "Traceback (most recent call last)" in line

    async def is_running(self) -> None:
        """Wait until its account runs. Raises ``Failed``."""
        await self._sees(self.runs, "does not run", RUNS_WITHIN_S)

    async def is_told_of_full_disk(self) -> None:
        """Wait until it says that it cannot write. Raises ``Failed``."""
        await self._sees(self.says_full, "says nothing of a full disk", 10.0)

    async def _sees(self, event: asyncio.Event, otherwise: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            raise Failed(f"{self.name} {otherwise} within {timeout_s} s\n{self.tail()}") from None

    async def try_now(self, http: aiohttp.ClientSession) -> None:
        """Have it try now what rests between two tries: after several that were not answered that is two minutes."""
        params = {"state": "waiting", "limit": "1000"}
        async with http.get(f"{self.url}/openwx/outbox", params=params) as answer:
            waiting = (await answer.json())["deliveries"]
        for one in waiting:
            if not one["next_try"]:
                continue  # it is behind another one, or under way; or it has arrived by now
            id = {"id": str(one["id"])}
            async with http.post(f"{self.url}/openwx/outbox_retry", data=id):
                pass

    def fill_disk(self) -> None:
        """From now on every write to a file fails, as on a full disk (Linux: the limit of file sizes)."""
        self.says_full.clear()
        self.has_room = False
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, most))

    def free_disk(self) -> None:
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most, most))
        self.has_room = True


def _is_ours(name: str) -> bool:
    return name.upper().startswith("OPENWX_")
