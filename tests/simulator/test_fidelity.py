"""Published clients, unmodified, against the simulator: it answers what they need.

itchat-uos (PyPI) is in the test extra. wechat4u (npm) is used where node is there and the
environment variable WECHAT4U_HOME names a folder whose `node_modules` holds it.
"""

from __future__ import annotations

import asyncio
import sys

from openwx.simulator import Account, Simulator
from tests.patience import PATIENCE_S

from .clients import HERE, NODE, WECHAT4U_HOME, needs_wechat4u, running, scanned


async def two_messages(account: Account) -> None:
    account.friend("小灰").says("hi <b> & 你好😄")
    group = account.group("PERL学习交流")
    group.member_says(group.others[0], "大家好")


async def test_itchat_logs_in_receives_and_sends() -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        Simulator(1) as simulator,
        running(sys.executable, "-W", "ignore", HERE / "itchat_client.py", simulator.url) as (
            process,
            output,
        ),
    ):
        account = simulator.account()
        account.desktop_only = True
        await scanned(account, output)
        while (await output.until("code"))["status"] != "201":
            pass
        account.phone.confirm()
        login = await output.until("login")
        assert {"小灰", "阳光😄宝贝", "momo"} <= set(login["friends"])
        assert {group.name.split("❤")[0] for group in account.groups if group.saved} <= {
            name.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").strip("\ufffd")
            for name in login["groups"]
        }
        await account.comes_online()
        await two_messages(account)
        heard = await output.until("message")
        assert (heard["sender"], heard["text"]) == ("小灰", "hi <b> & 你好😄")
        heard = await output.until("message")
        member = account.group("PERL学习交流").others[0]
        assert (heard["chat"], heard["text"]) == ("PERL学习交流", "大家好")
        assert heard["sender"] == member.shown_name
        (sent,) = await account.friend("小灰").hears()
        assert sent.text == "收到 <两条> & 谢谢😄"
        assert await output.until("sent") == {"what": "sent", "ret": 0, "msg_id": sent.msg_id}
        account.phone.logs_out_web()
        await output.until("exit")
        assert await process.wait() == 0


@needs_wechat4u
async def test_wechat4u_logs_in_receives_and_sends() -> None:
    assert NODE is not None
    async with (
        asyncio.timeout(PATIENCE_S),
        Simulator(1) as simulator,
        running(NODE, HERE / "wechat4u_fidelity.cjs", simulator.url, WECHAT4U_HOME) as (
            process,
            output,
        ),
    ):
        account = simulator.account()
        account.desktop_only = True
        await scanned(account, output)
        await output.until("avatar")
        account.phone.confirm()
        assert (await output.until("login"))["user"] == account.owner.nickname
        # The second update brings webwxgetcontact's answer: only then it knows whom to write to.
        await output.until("contacts")
        await two_messages(account)
        heard = await output.until("message")
        assert (heard["chat"], heard["text"]) == ("小灰", "hi <b> &amp; 你好😄")
        heard = await output.until("message")
        member = account.group("PERL学习交流").others[0]
        assert heard["text"] == f"{member.shown_name}:\n大家好"
        (sent,) = await account.friend("小灰").hears()
        assert sent.text == "收到 <两条> & 谢谢😄"
        assert (await output.until("sent"))["ret"] == 0
        assert account.filehelper.texts[0].startswith("心跳")
        account.phone.says(account.filehelper, "退出wechat4u")
        await output.until("exit")
        assert await process.wait() == 0
        assert not [line for line in output.all if line["what"] == "error"]
