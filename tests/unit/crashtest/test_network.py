"""Networks of the crash test: what a run leaves that was killed does not stop the next one."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.patience import PATIENCE_S

KILLED = """
import asyncio, os, signal
from openwx.crashtest.nodes.network import Namespace, Namespaces

async def run():
    await Namespaces().__aenter__()
    await Namespace(1, 1).start()
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(run())
"""
RUN = f"""
import asyncio, subprocess, sys
from openwx.crashtest.nodes.network import Namespace, Namespaces
from openwx.crashtest.process import Failed

def there():
    links = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True).stdout
    names = subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout
    words = [word.strip(":").split("@")[0] for word in (links + names).split()]
    return sorted(set(word for word in words if word.startswith(("owx", "openwx"))))

def is_killed():
    assert subprocess.run([sys.executable, "-c", {KILLED!r}]).returncode == -9
    print("left", *there())

async def run():
    is_killed()
    async with Namespaces():
        place = Namespace(1, 1)
        await place.start()
        try:
            await Namespaces().__aenter__()
        except Failed as error:
            print(error)
        print("has", *there())
        await place.close()
    print("left", *there())
    is_killed()
    node = subprocess.Popen(["ip", "netns", "exec", "openwx-n1", "cat"], stdin=subprocess.PIPE)
    while not subprocess.run(["ip", "netns", "pids", "openwx-n1"], capture_output=True).stdout:
        pass
    try:
        await Namespaces().__aenter__()
    except Failed as error:
        print(str(error).replace(str(node.pid), "PID"))
    print("left", *there())
    node.communicate()
    async with Namespaces():
        pass
    print("left", *there())

asyncio.run(run())
"""
ALL = "openwx-n1 openwx-nodes owx-n1 owx-pg1"


@pytest.mark.skipif(
    not hasattr(os, "geteuid")
    or os.geteuid() != 0
    or not all(map(shutil.which, ("ip", "tc", "unshare"))),
    reason="network namespaces need root, and the programs ip and tc (iproute2), and unshare",
)
def test_a_run_removes_what_a_killed_one_has_left() -> None:
    """In a network of its own, beside which other tests may run."""
    apart = (
        'mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up && exec "$@"'
    )
    ran = subprocess.run(
        ("unshare", "--net", "--mount", "sh", "-c", apart, "sh", sys.executable, "-c", RUN),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert ran.stdout.splitlines() == [
        f"left {ALL}",
        "removed what a former run has left: openwx-n1, openwx-nodes, owx-n1, owx-pg1",
        "another crash test with --namespaces runs on this machine: wait for its end",
        f"has {ALL}",
        "left",
        f"left {ALL}",
        "processes of a former run live in the network namespace openwx-n1: end PID",
        f"left {ALL}",
        "removed what a former run has left: openwx-n1, openwx-nodes, owx-n1, owx-pg1",
        "left",
    ]
