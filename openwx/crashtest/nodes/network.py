"""Where a node lives: on loopback, or in a network namespace of its own, whose links to the rest can be cut.
``node`` lives in one.

Loopback has no partitions: a relay that holds bytes up stands for them (``wire``). A namespace has real ones: it has
two links, one to PostgreSQL and one to everything else, and packets are dropped at either end of the first.
"""

import asyncio
import json
import os
import re
import shutil
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol, Self

from openwx.crashtest.process import Failed

from .wire import Way, Wire

_DROP, _PASS = "blackhole", "pfifo_fast"
_BRIDGE = "openwx-nodes"
_NAMESPACE = re.compile(r"openwx-n[0-9]{1,3}")
_LINK = re.compile(rf"owx-(n|pg)[0-9]{{1,3}}|{_BRIDGE}")
"""The names of what a run makes on this machine."""


class Place(Protocol):
    """What a node needs to know of the network that it is in."""

    @property
    def prefix(self) -> Sequence[str]:
        """What a command begins with that runs there."""

    @property
    def host(self) -> str:
        """The node's own address."""

    @property
    def here(self) -> str:
        """The address of the harness, as the node sees it."""

    @property
    def to_postgres(self) -> tuple[str, int]:
        """Host and port of PostgreSQL, as the node sees it."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def cut(self, way: Way) -> None:
        """Change the path to PostgreSQL."""


class Loopback:
    """A place on this machine, which shares its network."""

    prefix: Sequence[str] = ()
    host = here = "127.0.0.1"

    def __init__(self, postgres_port: int) -> None:
        self._wire = Wire(postgres_port)

    @property
    def to_postgres(self) -> tuple[str, int]:
        return self._wire.address

    async def start(self) -> None:
        await self._wire.start(self.here)

    async def close(self) -> None:
        await self._wire.close()

    async def cut(self, way: Way) -> None:
        self._wire.be(way)


class Namespaces:
    """The network of all nodes: a bridge. It needs root, and ``ip`` and ``tc``. Use it as ``async with``.

    Names and addresses are the same in each run, so there is one run at a time, and it removes what one has left that
    was killed. What is there while no other run goes on was left by such a run.
    """

    here = "10.99.0.1"

    _alone: ExitStack

    async def __aenter__(self) -> Self:
        """Begin. Raise ``Failed``, also while another run, or a node of one, is still there."""
        if (
            os.name != "posix"
            or os.geteuid() != 0
            or not (shutil.which("ip") and shutil.which("tc"))
        ):
            raise Failed("network namespaces need root, and the programs ip and tc (iproute2)")
        with ExitStack() as stack:
            _be_alone(stack.enter_context(socket.socket(socket.AF_UNIX)))
            if left := await _clear():
                print(f"removed what a former run has left: {', '.join(left)}")
            await _run("ip", "link", "add", _BRIDGE, "type", "bridge")
            await _run("ip", "addr", "add", f"{self.here}/24", "dev", _BRIDGE)
            await _run("ip", "link", "set", _BRIDGE, "up")
            self._alone = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Remove the bridge, and the places of the nodes."""
        with self._alone:
            await _clear()


def _be_alone(mark: socket.socket) -> None:
    """Take a name that one process of this network can have, as long as the socket is open."""
    try:
        mark.bind(f"\0{_BRIDGE}")
    except OSError:
        words = "another crash test with --namespaces runs on this machine: wait for its end"
        raise Failed(words) from None


async def _clear() -> list[str]:
    """Remove all that runs make, and return the names. Raise ``Failed`` where a process lives in one of them."""
    namespaces = [
        one["name"] for one in json.loads(await _run("ip", "-j", "netns", "list") or "[]")
    ]
    ours = [name for name in namespaces if _NAMESPACE.fullmatch(name)]
    for name in ours:
        if pids := (await _run("ip", "netns", "pids", name)).split():
            raise Failed(
                f"processes of a former run live in the network namespace {name}: end {', '.join(pids)}"
            )
    links = [one["ifname"] for one in json.loads(await _run("ip", "-j", "link", "show"))]
    links = [name for name in links if _LINK.fullmatch(name)]
    for link in links:
        await _run("ip", "link", "del", link)
    for name in ours:
        await _run("ip", "netns", "del", name)
    return ours + links


class Namespace:
    """A place with a network of its own, until that of all ends. ``number`` is from 1 to 200."""

    here = Namespaces.here

    def __init__(self, number: int, postgres_port: int) -> None:
        self.name = f"openwx-n{number}"
        self.host = f"10.99.0.{10 + number}"
        self.prefix = ("ip", "netns", "exec", self.name)
        self._near, self._far = f"owx-pg{number}", f"owx-pg{number}-in"
        self._net = f"10.98.{number}"
        self._link = f"owx-n{number}"
        self._wire = Wire(postgres_port)

    @property
    def to_postgres(self) -> tuple[str, int]:
        return self._wire.address

    async def start(self) -> None:
        name, inside = self.name, ("ip", "-n", self.name)
        await _run("ip", "netns", "add", name)
        await _run(*inside, "link", "set", "lo", "up")
        for near, far, address in (
            (self._link, f"{self._link}-in", f"{self.host}/24"),
            (self._near, self._far, f"{self._net}.2/24"),
        ):
            await _run(
                "ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name
            )
            await _run("ip", "link", "set", near, "up")
            await _run(*inside, "addr", "add", address, "dev", far)
            await _run(*inside, "link", "set", far, "up")
        await _run("ip", "link", "set", self._link, "master", _BRIDGE)
        await _run("ip", "addr", "add", f"{self._net}.1/24", "dev", self._near)
        await self._wire.start(f"{self._net}.1")

    async def close(self) -> None:
        await self._wire.close()

    async def cut(self, way: Way) -> None:
        if way in (Way.CLOSED, Way.LATE):  # packets can be dropped, but not kept
            self._wire.be(way)
            return
        self._wire.be(Way.OPEN)
        await self._drop_at(("tc",), self._near, is_dropped=way in (Way.STALLED, Way.NO_ANSWERS))
        await self._drop_at(("tc", "-n", self.name), self._far, is_dropped=way is Way.STALLED)

    async def _drop_at(self, tc: Sequence[str], link: str, *, is_dropped: bool) -> None:
        kind = _DROP if is_dropped else _PASS
        await _run(*tc, "qdisc", "replace", "dev", link, "root", kind)


async def _run(*command: str) -> str:
    """Return what a command prints. Raise ``Failed`` where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, said = await process.communicate()
    if process.returncode != 0:
        raise Failed(f"{' '.join(command)}: {said.decode(errors='replace').strip()}")
    return printed.decode(errors="replace")
