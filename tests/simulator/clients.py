"""Published clients as processes that print JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from openwx.simulator import Account

HERE = Path(__file__).parent
NODE = shutil.which("node")
WECHAT4U_HOME = Path(os.environ.get("WECHAT4U_HOME", "."))


class Output:
    """The JSON lines of a client process, as they come."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.all: list[dict[str, Any]] = []

    async def until(self, what: str) -> dict[str, Any]:
        """Return the next line of this kind."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            # itchat clears the screen by printing other things.
            begin = line.find(b'{"what"')
            if begin >= 0:
                found: dict[str, Any] = json.loads(line[begin:])
                self.all.append(found)
                if found["what"] == what:
                    return found
        raise AssertionError(f"the client ended before it printed {what!r}; it printed {self.all}")


@asynccontextmanager
async def running(
    *command: str | Path, stdin: int | None = None
) -> AsyncIterator[tuple[Process, Output]]:
    process = await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=PIPE)
    try:
        yield process, Output(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # The transport closes on the loop's next turns; without them pytest sees it open.
        await asyncio.sleep(0)


async def scanned(account: Account, output: Output) -> None:
    code = await output.until("code")
    await account.phone.scan(code["uuid"])


def needs_wechat4u(test: Any) -> Any:
    """Skip a test where node or the package is missing."""
    missing = not (WECHAT4U_HOME / "node_modules" / "wechat4u").exists()
    reason = "WECHAT4U_HOME names no folder whose node_modules holds wechat4u"
    test = pytest.mark.skipif(missing, reason=reason)(test)
    return pytest.mark.skipif(NODE is None, reason="node is not installed")(test)
