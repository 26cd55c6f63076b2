"""A program that leaves ``events`` early leaves nothing behind: no words on stderr, no warning, no connection."""

import asyncio
import contextlib
import os
import sys
import textwrap
from pathlib import Path

import pytest

from openwx.client import Client, TextMessage
from openwx.simulator import Account
from tests.patience import PATIENCE_S, until

from .world import Gateway

PROGRAM = """
import asyncio, contextlib, sys
from openwx.client import Client

URL = sys.argv[1]

async def hear(wx):
    async for happened in wx.events(0):
        return happened

async def leave_by_break():
    async with Client(URL) as wx:
        async for happened in wx.events(0):
            break
        await wx.check_client()

async def leave_by_return():
    async with Client(URL) as wx:
        return await hear(wx)

async def leave_by_exception():
    with contextlib.suppress(ZeroDivisionError):
        async with Client(URL) as wx:
            async for happened in wx.events(0):
                1 / 0

async def leave_by_cancellation():
    async with Client(URL) as wx:
        async def follow():
            async for happened in wx.events(0):
                begun.set()
        begun = asyncio.Event()
        task = asyncio.create_task(follow())
        await begun.wait()
        task.cancel()
        await asyncio.wait({task})

async def leave_by_time():
    async with Client(URL) as wx:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                async for happened in wx.events(0):
                    pass

async def leave_two():
    async with Client(URL) as wx:
        first, second = wx.events(0), wx.events(0)
        await asyncio.gather(anext(first), anext(second))
        async for happened in first:
            break

async def leave_one_that_is_kept():
    global kept
    async with Client(URL) as wx:
        kept = wx.events(0)
        await anext(kept)

async def leave_without_the_client():
    global wx, events
    wx = await Client(URL).__aenter__()
    events = wx.events(0)
    await anext(events)
    await wx.close()
    await wx.close()

async def leave_in_the_middle_of_another_iterator():
    async with Client(URL) as wx:
        async for happened in wx.events(0):
            async for happened in wx.events(0):
                break
            break

async def main():
    # -X dev warns of callbacks that took long, which on a busy machine any does.
    asyncio.get_running_loop().slow_callback_duration = 3600
    for name, leave in list(globals().items()):
        if name.startswith("leave_"):
            await leave()
            print(name, flush=True)

asyncio.run(main())
async def alone(leave):
    asyncio.get_running_loop().slow_callback_duration = 3600
    await leave()

for name in ("leave_by_break", "leave_one_that_is_kept"):
    asyncio.run(alone(globals()[name]))
"""


async def test_every_way_to_leave(api: Gateway, account: Account, tmp_path: Path) -> None:
    account.friend("小灰").says("first")
    file = tmp_path / "leaves.py"
    file.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", str(file), api.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await program.communicate()
    assert (program.returncode, err.decode()) == (0, ""), out.decode()
    assert len(out.decode().split()) == PROGRAM.count("async def leave_")
    await no_stream_is_left(api)


async def no_stream_is_left(api: Gateway) -> None:
    assert api.service is not None
    slots = api.service.gateway.streams
    await until(lambda: not slots.taken)


async def test_the_connection_goes_with_the_iterator(api: Gateway, account: Account) -> None:
    """Though the client stays: a program that follows for one event each hour does not use up the streams."""
    account.friend("小灰").says("first")
    async with Client(api.url) as wx:
        for _ in range(3):
            async for _ in wx.events(0):
                break
            await no_stream_is_left(api)


async def test_a_wait_that_was_cut_short_goes_on(api: Gateway, account: Account) -> None:
    async with Client(api.url) as wx:
        events = wx.events(0, type="receive_message")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.3)
        async with asyncio.timeout(PATIENCE_S):
            while not api.service or not api.service.gateway.streams.taken:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(anext(events), 0.1)
        account.friend("小灰").says("later")
        message = await asyncio.wait_for(anext(events), PATIENCE_S)
        assert isinstance(message, TextMessage)
        assert message.content == "later"
        await events.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_closing_it_ends_waiting_calls(api: Gateway) -> None:
    async with Client(api.url) as wx:
        events = wx.events("now")
        waiting = asyncio.ensure_future(anext(events))
        assert api.service is not None
        streams = api.service.gateway.streams
        await until(lambda: streams.taken)
        async with asyncio.timeout(PATIENCE_S):
            await events.aclose()
            with pytest.raises(StopAsyncIteration):
                await waiting
        await no_stream_is_left(api)


async def test_two_who_ask_one_iterator_share_its_events(api: Gateway, account: Account) -> None:
    async with Client(api.url) as wx:
        events = wx.events(0, type="receive_message")
        asking = [asyncio.ensure_future(anext(events)) for _ in range(2)]
        account.friend("小灰").says("1")
        account.friend("小灰").says("2")
        async with asyncio.timeout(PATIENCE_S):
            heard = await asyncio.gather(*asking)
        assert {one.content for one in heard if isinstance(one, TextMessage)} == {"1", "2"}
