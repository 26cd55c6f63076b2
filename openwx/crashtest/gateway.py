"""The gateway under test: ``openwx serve`` with one port and one data folder, started again and again.
``run`` starts and kills it.
"""

import asyncio
import json
import os
import resource
from pathlib import Path

import aiohttp
from aiohttp.test_utils import unused_port

from .process import Failed, Process

ARCHIVE = "archive"
ARCHIVED = {"post_types": ["receive_message"], "formats": ["text"]}
"""What the second backend gets. It may not reply, and does so all the same."""
RUNS_WITHIN_S = 30.0
FULL = "nothing is acknowledged until it works again"
"""A part of the log line that reports that the journal cannot be written."""
ROOM = "the journal can be written again"
"""A part of the log line that reports the end of that."""
CAN_FILL_DISK = hasattr(resource, "prlimit")
"""Only Linux can set the limits of another process."""


class Gateway(Process):
    def __init__(
        self, folder: Path, *, transport: str, base_url: str, post_api: str, archive: str
    ) -> None:
        """``archive`` is the address of a second backend, which gets ``ARCHIVED`` alone."""
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
                "OPENWX_REPORT__TARGETS": json.dumps(
                    [{"name": ARCHIVE, "url": archive, **ARCHIVED}]
                ),
                # A backend may accept and close often; no delivery may fail because of that.
                "OPENWX_REPORT__TRIES": "100",
                "OPENWX_ACCOUNTS__DEFAULT__TRANSPORT": transport,
                "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": base_url,
                "OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
            },
        )
        self.url = f"http://127.0.0.1:{port}"
        self.starts = 0
        self.tracebacks = 0
        self.has_room = True
        """Whether its disk has room as far as it knows, or had until its end."""
        self.ended_without_room: set[int] = set()
        """The numbers of the starts whose processes ended with a full disk."""
        self.listens, self.runs, self.reports_full = (
            asyncio.Event(),
            asyncio.Event(),
            asyncio.Event(),
        )

    def lacks_room(self, start: int) -> bool:
        """Return whether the process of a start has a full disk, or ended with one."""
        return start in self.ended_without_room or (start == self.starts and not self.has_room)

    async def start(self) -> None:
        if not self.has_room:
            self.ended_without_room.add(self.starts)
        self.has_room = True
        self.starts += 1
        self.last.append(f"--- start {self.starts}")
        await super().start()

    async def close(self) -> None:
        await super().close()
        for event in (self.listens, self.runs, self.reports_full):
            event.clear()

    def handle_line(self, line: str) -> None:
        if "listens on" in line:
            self.listens.set()
        if "→ running" in line:
            self.runs.set()
        elif "running →" in line:
            self.runs.clear()
        if FULL in line:
            self.reports_full.set()
        if ROOM in line:
            self.has_room = True
        self.tracebacks += "Traceback (most recent call last)" in line

    async def wait_until_running(self) -> None:
        """Wait until the account runs. Raises ``Failed``."""
        await self._wait_for(self.runs, "does not run", RUNS_WITHIN_S)

    async def wait_until_full_disk_reported(self) -> None:
        """Wait until the log says that the journal cannot be written. Raises ``Failed``."""
        await self._wait_for(self.reports_full, "does not report a full disk", 10.0)

    async def _wait_for(self, event: asyncio.Event, otherwise: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            raise Failed(f"{self.name} {otherwise} within {timeout_s} s\n{self.tail()}") from None

    async def try_now(self, http: aiohttp.ClientSession) -> None:
        """Retry all waiting deliveries now: after several attempts without an answer, the next is two minutes away."""
        params = {"state": "waiting", "limit": "1000"}
        async with http.get(f"{self.url}/openwx/outbox", params=params) as answer:
            waiting = (await answer.json())["deliveries"]
        for one in waiting:
            if not one["next_try"]:
                continue  # it is queued behind another one, being sent, or delivered by now
            named = {"id": str(one["id"]), "target": one["target"]}
            async with http.post(f"{self.url}/openwx/outbox_retry", data=named):
                pass

    def fill_disk(self) -> None:
        """Make every write to a file fail from now on, as on a full disk (by the limit of file sizes)."""
        self.reports_full.clear()
        self.has_room = False
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, most))

    def free_disk(self) -> None:
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most, most))


def _is_ours(name: str) -> bool:
    return name.upper().startswith("OPENWX_")
