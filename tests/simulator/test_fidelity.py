"""Published clients, unmodified, against the simulator: it answers what they need.

itchat-uos (PyPI) is in the test extra. wechat4u (npm) is used where node is there and the
environment variable WECHAT4U_HOME names a folder whose `node_modules` holds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from openwx.simulator import Account, Simulator

HERE = Path(__file__).parent
NODE = shutil.which("node")
WECHAT4U_HOME = Path(os.environ.get("WECHAT4U_HOME", "."))


class Told:
    """The JSON lines that a client process tells, as they come."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.all: list[dict[str, Any]] = []

    async def until(self, what: str) -> dict[str, Any]:
        """The next line of this kind."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            # itchat clears the screen by printing other things.
            begin = line.find(b'{"what"')
            if begin >= 0:
                told: dict[str, Any] = json.loads(line[begin:])
                self.all.append(told)
                if told["what"] == what:
                    return told
        raise AssertionError(f"the client ended before it told {what!r}; it told {self.all}")


@asynccontextmanager
async def running(*command: str | Path) -> AsyncIterator[tuple[Process, Told]]:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        yield process, Told(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # The transport closes on the loop's next turns; without them pytest sees it open.
        await asyncio.sleep(0)


async def scanned(account: Account, told: Told) -> None:
    code = await told.until("code")
    await account.phone.scan(code["uuid"])


async def two_messages(account: Account) -> None:
    account.friend("小灰").says("hi <b> & 你好😄")
    group = account.group("PERL学习交流")
    group.member_says(group.others[0], "大家好")


async def test_itchat_logs_in_receives_and_sends() -> None:
    async with (
        asyncio.timeout(60),
        Simulator(1) as simulator,
        running(sys.executable, "-W", "ignore", HERE / "itchat_client.py", simulator.url) as (
            process,
            told,
        ),
    ):
        account = simulator.account()
        account.desktop_only = True
        await scanned(account, told)
        while (await told.until("code"))["status"] != "201":
            pass
        account.phone.confirm()
        login = await told.until("login")
        assert {"小灰", "阳光😄宝贝", "momo"} <= set(login["friends"])
        assert {group.name.split("❤")[0] for group in account.groups if group.saved} <= {
            name.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").strip("\ufffd")
            for name in login["groups"]
        }
        await account.comes_online()
        await two_messages(account)
        heard = await told.until("message")
        assert (heard["sender"], heard["text"]) == ("小灰", "hi <b> & 你好😄")
        heard = await told.until("message")
        member = account.group("PERL学习交流").others[0]
        assert (heard["chat"], heard["text"]) == ("PERL学习交流", "大家好")
        assert heard["sender"] == member.shown_name
        (sent,) = await account.friend("小灰").hears()
        assert sent.text == "收到 <两条> & 谢谢😄"
        assert await told.until("sent") == {"what": "sent", "ret": 0, "msg_id": sent.msg_id}
        account.phone.logs_out_web()
        await told.until("exit")
        assert await process.wait() == 0


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.skipif(
    not (WECHAT4U_HOME / "node_modules" / "wechat4u").exists(),
    reason="WECHAT4U_HOME names no folder whose node_modules holds wechat4u",
)
async def test_wechat4u_logs_in_receives_and_sends() -> None:
    assert NODE is not None
    async with (
        asyncio.timeout(60),
        Simulator(1) as simulator,
        running(NODE, HERE / "wechat4u_fidelity.cjs", simulator.url, WECHAT4U_HOME) as (
            process,
            told,
        ),
    ):
        account = simulator.account()
        account.desktop_only = True
        await scanned(account, told)
        await told.until("avatar")
        account.phone.confirm()
        assert (await told.until("login"))["user"] == account.owner.nickname
        # The second update brings webwxgetcontact's answer: only then it knows whom to write to.
        await told.until("contacts")
        await two_messages(account)
        heard = await told.until("message")
        assert (heard["chat"], heard["text"]) == ("小灰", "hi <b> &amp; 你好😄")
        heard = await told.until("message")
        member = account.group("PERL学习交流").others[0]
        assert heard["text"] == f"{member.shown_name}:\n大家好"
        (sent,) = await account.friend("小灰").hears()
        assert sent.text == "收到 <两条> & 谢谢😄"
        assert (await told.until("sent"))["ret"] == 0
        assert account.filehelper.texts[0].startswith("心跳")
        account.phone.says(account.filehelper, "退出wechat4u")
        await told.until("exit")
        assert await process.wait() == 0
        assert not [line for line in told.all if line["what"] == "error"]
