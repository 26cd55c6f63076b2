"""What a newcomer runs first: the demo, and the example in ``examples/``."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec

from openwx.simulator import Account

from .world import Command, World

ROOT = Path(__file__).parents[2]
Start = Callable[..., Awaitable[Command]]


async def test_demo_shows_a_login_a_message_a_reply_and_curl_lines(openwx: Start) -> None:
    demo = await openwx("serve", "--demo", "--port", "0")
    await demo.says("scan this QR code", timeout_s=30)
    await demo.says("the phone scans")
    await demo.says("confirms the login")
    await demo.says("updating → running")
    await demo.says(r"← \[小灰\] 小灰: 在吗？")
    await demo.says("post_api got “在吗？.*and answers")
    await demo.says(r"→ \[小灰\] 我 .*你好，小灰！")
    await demo.says(r"← \[群 PERL学习交流\]")
    found = await demo.says(r"curl '(http://[^']+/send_friend_message[^']+)'")
    async with aiohttp.ClientSession() as http, http.get(found[1]) as answer:
        assert msgspec.json.decode(await answer.read())["code"] == 0
    await demo.says("on the phone of 小灰 appears “hello”")
    demo.process.send_signal(signal.SIGINT)
    code, _, err = await demo.ends()
    assert code == 0
    assert "Traceback" not in err


async def test_demo_takes_another_port_only_where_none_was_asked_for(openwx: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = await (await openwx("serve", "--demo", "--port", str(port))).ends(30)
        assert code == 2
        assert f"127.0.0.1:{port} is taken by another program" in err.splitlines()[-1]


async def test_echo_bot_answers_a_friend_and_not_a_group(world: World, account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bot = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / "echo_bot.py"),
        str(port),
        stdout=asyncio.subprocess.PIPE,
    )
    assert bot.stdout is not None
    try:
        await world.run(report={"post_api": f"http://127.0.0.1:{port}/"})
        group, friend = account.group("PERL学习交流"), account.friend("小灰")
        group.member_says(group.others[0], "大家好")
        friend.says("你好")
        assert await friend.hears_text(timeout_s=30) == "你说：你好"
        said = b""
        async with asyncio.timeout(30):
            while "大家好" not in said.decode() or "小灰: 你好" not in said.decode():
                said += await bot.stdout.readline()
        assert not group.inbox
    finally:
        bot.terminate()
        await bot.communicate()
