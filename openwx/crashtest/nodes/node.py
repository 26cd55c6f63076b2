"""A node under test: a gateway process with a data folder, a way to PostgreSQL and a way to WeChat of its own.
``run`` starts them, and ``faults`` disturbs them.
"""

import asyncio
import json
import math
import os
import random
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp.test_utils import unused_port

from openwx.crashtest.process import Failed, Process

from .callbook import CallBook
from .network import Place

SECRET = "the-secret-that-the-nodes-of-a-crash-test-share"  # noqa: S105 - of the test alone
STARTS_WITHIN_S = 60.0
START_AGAIN_S = 0.5
NOT_NOW = 1
"""The exit code where a later start may succeed."""
WRITES_AGAIN_WITHIN_S = 10.0
"""So long after an outage a node may still be writing nothing, in seconds."""
_IN_MEMORY = re.compile(
    r"the outcome of a send \(MsgId (?P<id>\S+)\) is not in the journal yet, and told"
)
_NOT_PUBLISHED = re.compile(r"the outcome of a send to .* \(MsgId (?P<id>\S+)\) is not published")


class Outages:
    """The times in which a node can write nothing: its path to PostgreSQL is cut, that is away, or it is paused."""

    def __init__(self) -> None:
        self._under_way = 0
        self._since = 0.0
        self._ended = -math.inf

    def begin(self) -> None:
        if self.last_since() is None:
            self._since = time.time()
        self._under_way += 1

    def end(self) -> None:
        self._under_way -= 1
        self._ended = time.time()

    def last_since(self) -> float | None:
        """Return when the outage began, in Unix time; None where all is well for so long that it writes again."""
        is_over = not self._under_way and time.time() - self._ended > WRITES_AGAIN_WITHIN_S
        return None if is_over else self._since


class Node(Process):
    """``openwx serve`` as one of several. ``accounts`` are settings by the names of the accounts."""

    def __init__(
        self,
        name: str,
        *,
        program: Sequence[str],
        folder: Path,
        lease_s: float,
        place: Place,
        book: CallBook,
        accounts: Mapping[str, Mapping[str, str | float | bool]],
    ) -> None:
        port, peers = unused_port(), unused_port()
        host, postgres_port = place.to_postgres
        tables: dict[str, Mapping[str, str | float | bool]] = {
            "": {"data_dir": str(folder / name)},
            "[listen]": {"host": place.host, "port": port},
            # The nodes, the harness and nobody else are in that network.
            "access": {"allow_anonymous": True},
            "store": {"url": f"postgresql://postgres@{host}:{postgres_port}/postgres"},
            "cluster": {
                "node": name,
                "listen": f"{place.host}:{peers}",
                "advertise": f"http://{place.host}:{peers}",
                "secret": SECRET,
            },
            # A backend may accept and close often; no delivery may fail because of that.
            "report": {"tries": 100},
            **{f"accounts.{account}": own for account, own in accounts.items()},
        }
        file = folder / f"{name}.toml"
        file.write_text(_toml(tables), encoding="utf-8")
        environment = {key: text for key, text in os.environ.items() if not _is_ours(key)}
        super().__init__(
            name,
            *(*program, str(file), str(lease_s)),
            folder=folder,
            environment=environment
            | {"http_proxy": book.url, "PYTHONPATH": os.pathsep.join(sys.path)},
            prefix=place.prefix,
        )
        self.url = f"http://{place.host}:{port}"
        self.place = place
        self.book = book
        self.listens = asyncio.Event()
        self.tracebacks = 0
        self.is_paused = False
        self.continued: list[float] = []
        """When it went on after a pause, in Unix time."""
        self.outages = Outages()
        self.lost_outcomes: set[str] = set()
        """The MsgIds of sends whose outcome it could not write before it lost the account, or ended."""
        self._in_memory: dict[str, float] = {}
        """Those of which it told before they were in the journal, and when."""

    def handle_line(self, line: str) -> None:
        if "listens on" in line:
            self.listens.set()
        if found := _IN_MEMORY.search(line):
            self._in_memory[found["id"]] = time.time()
        if (found := _NOT_PUBLISHED.search(line)) and self.outages.last_since() is not None:
            self.lost_outcomes.add(found["id"])
        self.tracebacks += "Traceback (most recent call last)" in line

    async def close(self) -> None:
        self.go_on()
        await super().close()
        since = self.outages.last_since()
        if since is not None:
            self.lost_outcomes |= {id_ for id_, told in self._in_memory.items() if told >= since}
        self._in_memory.clear()
        self.listens.clear()

    async def start_until_it_listens(self) -> None:
        """Start it, and again where it cannot start now: a supervisor would do so while PostgreSQL is away."""
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                while True:
                    await self.start()
                    if await self._listens():
                        return
                    await self.close()
                    await asyncio.sleep(START_AGAIN_S)
        except TimeoutError:
            words = f"{self.name} does not start within {STARTS_WITHIN_S} s"
            raise Failed(f"{words}\n{self.tail()}") from None

    async def _listens(self) -> bool:
        """Wait until it listens, or ends because it cannot start now. Raise ``Failed`` for another end."""
        listens = asyncio.ensure_future(self.listens.wait())
        ends = asyncio.ensure_future(self.wait_for_end())
        await asyncio.wait({listens, ends}, return_when=asyncio.FIRST_COMPLETED)
        is_up = self.listens.is_set()
        for waiting in (listens, ends):
            waiting.cancel()
        if not is_up and ends.result() != NOT_NOW:
            raise Failed(f"{self.name} ended with exit code {ends.result()}\n{self.tail()}")
        return is_up

    async def terminate_in_order(self) -> None:
        """Send SIGTERM, and wait for the end. Raise ``Failed`` if it ends with an error, or not."""
        # Until it listens it may still be importing, with the default handler of SIGTERM.
        in_order = self.listens.is_set()
        code = await self.terminate()
        if code != 0 and (in_order or code != -signal.SIGTERM):
            raise Failed(f"{self.name} stopped with exit code {code}\n{self.tail()}")

    def pause(self) -> None:
        """Stop it in the middle of whatever it does."""
        os.kill(self.pid, signal.SIGSTOP)
        self.is_paused = True

    def go_on(self) -> None:
        """Let it go on after ``pause``."""
        if self.is_paused:
            self.is_paused = False
            self.continued.append(time.time())
            os.kill(self.pid, signal.SIGCONT)


class AnyNode:
    """What callers call: a node that was drawn, behind no load balancer that knows better."""

    def __init__(self, nodes: Sequence[Node], seed: str) -> None:
        self._nodes = nodes
        self._draw = random.Random(seed)
        self.starts = 0
        self.runs = asyncio.Event()
        """Set once the rounds have begun."""

    @property
    def url(self) -> str:
        return self._draw.choice(self._nodes).url

    def lacks_room(self, start: int) -> bool:
        """Return False: no disk is filled here."""
        return False


def _toml(tables: Mapping[str, Mapping[str, str | float | bool]]) -> str:
    lines: list[str] = []
    for name, table in tables.items():
        if name:
            lines.append(f"[{name}]")
        # A string of JSON is one of TOML.
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines)


def _is_ours(name: str) -> bool:
    return name.upper().startswith("OPENWX_")
