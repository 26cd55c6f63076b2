"""Row ``media``: peak memory while 1 GiB of files is received and 1 GiB is sent, without ``post_media_data``."""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from benchmarks import machine, world
from benchmarks.figures import Figure
from benchmarks.receiver import Receiver
from benchmarks.rows import Scale
from openwx.simulator import Simulator

SIZE = 16 * 2**20
"""The size of a file, in bytes."""
CHATS = 8


async def run(scale: Scale) -> list[Figure]:
    files = scale.of(64, 8)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        receiver = await stack.enter_async_context(Receiver())
        simulator = await stack.enter_async_context(Simulator(keep_media=False))
        settings = {
            "REPORT__POST_API": receiver.url,
            "REPORT__POST_MEDIA_DATA": "false",
            "MEDIA__ROOTS": f'["{folder}"]',
        }
        program, url = await stack.enter_async_context(
            world.gateway(simulator, folder / "data", settings=settings)
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        await asyncio.sleep(1)
        idle_kb = machine.memory_kb(program.pid)
        machine.reset_peak(program.pid)
        began = time.perf_counter()
        await _incoming(simulator, receiver, files)
        in_s, in_kb = time.perf_counter() - began, machine.memory_kb(program.pid, "VmHWM")
        await asyncio.to_thread((folder / "out.bin").write_bytes, os.urandom(SIZE))
        began = time.perf_counter()
        await _outgoing(http, url, folder / "out.bin", files)
        out_s, out_kb = time.perf_counter() - began, machine.memory_kb(program.pid, "VmHWM")
    gigabytes = files * SIZE / 2**30
    return [
        Figure(
            what=f"{gigabytes:.3g} GiB of media in, and out: peak memory above idle",
            value=(out_kb - idle_kb) / 1024,
            unit="MiB",
            target=32,
            at_least=False,
            detail={
                "idle MiB": idle_kb / 1024,
                "peak after receiving MiB": in_kb / 1024,
                "received MiB a second": gigabytes * 1024 / in_s,
                "sent MiB a second": gigabytes * 1024 / out_s,
            },
        )
    ]


async def _incoming(simulator: Simulator, receiver: Receiver, files: int) -> None:
    """Let friends send files, at most ``CHATS`` at a time, so that the simulator does not hold them all."""
    account, data = simulator.account(), os.urandom(SIZE)
    for number in range(files):
        account.friends[number % CHATS].sends_file(f"file{number}.bin", data)
        await receiver.until(number + 1 - CHATS)
    await receiver.until(files)


async def _outgoing(http: aiohttp.ClientSession, url: str, file: Path, files: int) -> None:
    """Send a file that changes each time: openwx does not upload the same file to WeChat again."""
    friends = await (await http.get(f"{url}/openwx/get_friend_info")).json()
    ids = [friend["id"] for friend in friends if friend["category"] == "好友"][:CHATS]
    for number in range(files):
        with file.open("r+b") as changing:
            changing.write(number.to_bytes(4))
        query = {"id": ids[number % CHATS], "media_path": str(file)}
        async with http.get(f"{url}/openwx/send_friend_message", params=query) as answer:
            result = await answer.json()
            assert result["code"] == 0, result
