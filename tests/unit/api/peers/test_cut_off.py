"""A node that is cut off from another one while that answers: packets are lost, and nobody says so."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from openwx.api.peers import client
from tests.patience import PATIENCE_S

from .nodes import Nodes, OneNode

NET = ip_address("10.128.0.0") + 4 * (os.getpid() % 2**21)
"""Four addresses that no other process of these tests has."""
NEAR, FAR = NET + 1, NET + 2
SILENT = f"""
import socket, time
listener = socket.create_server(("{FAR}", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.recv(65536)
print("asked", flush=True)
time.sleep(600)
"""
"""A node that takes a call, and answers nothing."""


def ip(*command: str) -> None:
    subprocess.run(("ip", *command), check=True, capture_output=True)


class Elsewhere:
    """A network namespace, and the link to it."""

    def __init__(self) -> None:
        self.name = f"openwx-cut-{os.getpid()}"
        self.near = f"owx{os.getpid()}"

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make it; the link goes with the namespace in the end."""
        far = f"{self.near}-in"
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self.near, "type", "veth", "peer", "name", far, "netns", self.name)
            for inside, link, address in ((), self.near, NEAR), (("-n", self.name), far, FAR):
                ip(*inside, "addr", "add", f"{address}/30", "dev", link)
                ip(*inside, "link", "set", link, "up")
            yield
        finally:
            ip("netns", "del", self.name)

    def cut(self) -> None:
        """Lose all packets."""
        command = ("tc", "qdisc", "replace", "dev", self.near, "root", "blackhole")
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    if (
        not hasattr(os, "geteuid")
        or os.geteuid()
        or not (shutil.which("ip") and shutil.which("tc"))
    ):
        pytest.skip("network namespaces need root, and the programs ip and tc (iproute2)")
    one = Elsewhere()
    with one.made():
        yield one


async def test_a_caller_does_not_wait_for_a_node_that_is_cut_off(
    elsewhere: Elsewhere, a: OneNode, b: OneNode, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 2000}
    monkeypatch.setattr(client, "WATCHED", quick)
    node = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", elsewhere.name, sys.executable, "-c", SILENT),
        stdout=asyncio.subprocess.PIPE,
    )
    assert node.stdout is not None
    try:
        port = int(await node.stdout.readline())
        nodes.table.moves("b", f"http://{FAR}:{port}")
        calling = asyncio.create_task(
            a.get("send_friend_message", client="bob", id="@a", content="hi")
        )
        assert await node.stdout.readline() == b"asked\n"
        elsewhere.cut()
        reply = await asyncio.wait_for(calling, PATIENCE_S)
        assert (reply.status, reply.code) == (504, -1)
    finally:
        node.kill()
        await node.wait()
