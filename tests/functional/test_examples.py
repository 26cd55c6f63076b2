"""Every example does what it says, as a person would run it."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from openwx.simulator import Account
from openwx.simulator.media import JPEG
from tests.patience import PATIENCE_S, until
from tests.populations import LARGE
from tests.ports import free_port

from .world import Gateway, World

POPULATION = LARGE

EXAMPLES = Path(__file__).parents[2] / "examples"

Program = asyncio.subprocess.Process


async def says(program: Program, *words: str) -> None:
    """Wait until it has printed all of these."""
    assert program.stdout is not None
    said = ""
    async with asyncio.timeout(PATIENCE_S):
        while not all(word in said for word in words):
            line = await program.stdout.readline()
            assert line, f"it ended after: {said}"
            said += line.decode()


@pytest.fixture
async def run() -> AsyncIterator[Callable[..., Awaitable[Program]]]:
    """Return a function that starts ``python examples/NAME ARGUMENTS``; end the programs with the test."""
    async with AsyncExitStack() as stack:

        async def start(name: str, *arguments: str) -> Program:
            program = await asyncio.create_subprocess_exec(
                sys.executable,
                str(EXAMPLES / name),
                *arguments,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

            async def end() -> None:
                if program.returncode is None:
                    program.terminate()
                await program.communicate()

            stack.push_async_callback(end)
            return program

        yield start


Run = Callable[..., Awaitable[Program]]


@pytest.fixture
async def world(run: Run, world: World) -> World:
    """Return a world that ends before its bots, which take its last reports."""
    return world


async def with_bot(world: World, port: int, *events: str) -> Gateway:
    """Run a gateway whose ``post_api`` is the bot."""
    return await world.run(
        report={"post_api": f"http://127.0.0.1:{port}/", "post_event_list": list(events)}
    )


async def test_echo_bot(world: World, account: Account, run: Run) -> None:
    """It answers a friend, and not a group."""
    port = free_port()
    bot = await run("echo_bot.py", str(port))
    await with_bot(world, port)
    group, friend = account.group("PERL学习交流"), account.friend("小灰")
    group.member_says(group.others[0], "大家好")
    friend.says("你好")
    assert await friend.hears_text() == "你说：你好"
    await says(bot, "大家好", "小灰: 你好")
    assert not group.inbox


async def test_flask_bot(world: World, account: Account, run: Run) -> None:
    port = free_port()
    bot = await run("flask_bot.py", str(port))
    await with_bot(world, port)
    friend = account.friend("小灰")
    friend.says("回声 喂")
    assert await friend.hears_text() == "喂"
    friend.says("?")
    assert "时间" in await friend.hears_text()
    friend.says("图片")
    text, picture = await friend.hears(2)
    assert text.text == "给你"
    assert picture.medium is not None
    assert picture.medium.kind == "pic"
    friend.sends_image(JPEG)
    assert await friend.hears_text() == "收到image"
    await says(bot, "小灰 sent image: /")


async def test_greet_bot(world: World, account: Account, run: Run) -> None:
    """It greets whoever mentions it, and nobody else; the file has thirty lines."""
    port = free_port()
    gateway = await with_bot(world, port)
    bot = await run("greet_bot.py", str(port), gateway.url)
    await says(bot, "Running on")
    group, friend = account.group("PERL学习交流"), account.friend("小灰")
    asks, answers = group.others[:2]
    friend.says("@我是谁\u2005在吗")
    said = group.member_says(asks, "谁有空？")
    group.member_quotes(answers, said, "@我是谁\u2005你呢")
    assert await group.hears_text() == (
        f"@{answers.shown_name}\u2005你好！你说：@我是谁 你呢\n你引用了 {asks.shown_name}：谁有空？"
    )
    group.member_mentions(asks, [account.owner], "在吗")
    greeting = f"@{asks.shown_name}\u2005你好！你说：@我是谁 在吗"
    assert await group.hears_text() == greeting
    assert friend.inbox == []
    group.member_mentions(asks, [account.owner], greeting)  # as another such bot would
    group.member_mentions(
        asks, [account.owner], "长" * 5400
    )  # with the greeting, more than WeChat takes
    assert await group.hears_text() == greeting.replace("在吗", "长" * (500 - len("@我是谁 ")))
    assert len((EXAMPLES / "greet_bot.py").read_text(encoding="utf-8").splitlines()) <= 30


async def test_welcome_bot(world: World, account: Account, run: Run) -> None:
    port = free_port()
    gateway = await with_bot(world, port, "new_group_member")
    bot = await run("welcome_bot.py", str(port), gateway.url)
    group = account.group("PERL学习交流")
    group.add_member("新人")
    assert await group.hears_text() == "欢迎 新人 加入！"
    await says(bot, "request already in execution")


async def test_accept_bot(world: World, account: Account, run: Run) -> None:
    port = free_port()
    gateway = await with_bot(world, port, "friend_request", "new_friend")
    await says(await run("accept_bot.py", str(port), gateway.url, "sesame"), "Running on")
    nobody = account.asks_to_be_friends("陌生人", "加我")
    request = account.asks_to_be_friends("阿里巴巴", "open sesame")
    assert await request.person.hears_text() == "你好，阿里巴巴！"
    assert request.accepted
    assert not nobody.accepted


async def test_stream_bot(world: World, account: Account, run: Run, tmp_path: Path) -> None:
    """It is away, and openwx too, and it answers everybody once."""
    gateway = await world.run(report={"post_api": None})
    friend, done = account.friend("小灰"), tmp_path / "done"
    bot = await run("stream_bot.py", gateway.url, str(done))
    await until(done.exists)  # it follows from now on
    group = account.group("PERL学习交流")
    group.member_says(group.others[0], "大家好")
    friend.says("1")
    await says(bot, "小灰: 1", "answered: request already in execution")
    bot.terminate()
    await bot.wait()
    friend.says("2")
    await gateway.stop()
    friend.says("3")
    again = await world.start(report={"post_api": None})
    await again.reaches("running")
    await run("stream_bot.py", again.url, str(done))
    assert [one.text for one in await friend.hears(3)] == [
        "你说：1", "你说：2", "你说：3",
    ]  # fmt: skip
    assert not group.inbox


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
async def test_curl_tour(api: Gateway, account: Account) -> None:
    tour = await asyncio.create_subprocess_exec(
        "sh",
        str(EXAMPLES / "curl_tour.sh"),
        api.url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE_S):
        printed, _ = await tour.communicate()
    said = printed.decode()
    assert tour.returncode == 0, said
    heard = await account.friend("小灰").hears(5)
    assert [one.text for one in heard if one.msg_type == 1] == [
        "hello from a query",
        "表单里的消息",
        "JSON 里的消息",
        "later",
    ]
    pictures = [one.medium for one in heard if one.medium]
    assert [picture.name for picture in pictures] == ["dot.png"]
    for words in ("我是谁", '"code":0', "request already in execution", "image/", "which friend?"):
        assert words in said, said
