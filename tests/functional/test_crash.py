"""Nothing is lost, nothing is done twice, nothing is out of order: killed at random moments.

Longer: ``OPENWX_TEST_KILLS=100 pytest -s tests/functional/test_crash.py``; ``OPENWX_TEST_SEED`` draws the same
world and pauses again, but no clock strikes twice alike.
"""

import asyncio
import os
import random
import signal
from pathlib import Path

import aiohttp
import pytest

from openwx.simulator import Account, Fault, Simulator

from .crash import Bot, GatewayProcess, Traffic, Verdict, judge

KILLS = int(os.environ.get("OPENWX_TEST_KILLS", "7"))
"""A run, one in seven of them a SIGTERM in the middle of the work; there are two runs."""
SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.mark.parametrize("keeps_unread", [True, False])
async def test_what_was_promised_outlives_every_kill(tmp_path: Path, keeps_unread: bool) -> None:
    draw = random.Random(SEED)
    simulator = Simulator(
        SEED, friends=8, groups=2, biggest_group=8, group_members=5, auto_scan=True,
        scan_delay_s=0.05, keeps_unread=keeps_unread,
    )  # fmt: skip
    async with (
        simulator,
        Bot(SEED, trouble=0.02) as bot,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        account = simulator.account()
        simulator.faults.add("webwxsendmsg", Fault.LOSE_ANSWER, probability=0.02)
        gateway = GatewayProcess(tmp_path, base_url=simulator.url, post_api=bot.url)
        traffic = Traffic(account, gateway, SEED)
        try:
            async with asyncio.TaskGroup() as tasks:
                noise = [
                    tasks.create_task(traffic.write(0.02)),
                    tasks.create_task(traffic.send(http, later=True, pause_s=0.03)),
                    tasks.create_task(traffic.send(http, later=True, pause_s=0.03)),
                    *(
                        tasks.create_task(traffic.send(http, later=False, pause_s=0.02))
                        for _ in range(4)
                    ),
                ]
                for number in range(KILLS):
                    await gateway.start()
                    await a_while(gateway, account, bot, draw, number, keeps_unread=keeps_unread)
                    if number % 7 == 5:
                        # Before it listens it may still be importing, and the default of SIGTERM holds.
                        orderly = gateway.listens.is_set()
                        code = await gateway.stop()
                        assert code == 0 or (code == -signal.SIGTERM and not orderly)
                    else:
                        await gateway.kill()
                await gateway.start()
                await gateway.is_running()
                for task in noise:
                    task.cancel()
            simulator.faults.clear()
            bot.trouble = 0.0
            verdict = await settled(account, bot, traffic)
            code = await gateway.stop()
        finally:
            await gateway.close()
    print(f"seed {SEED}, {KILLS} kills, keeps_unread={keeps_unread}: {verdict.figures}")
    log = gateway.tail(400)
    assert not verdict.complaints, f"seed {SEED}: {verdict.complaints}\n{log}"
    assert code == 0
    assert traffic.sent.accepted
    assert "Traceback" not in "\n".join(gateway.log)


async def a_while(
    gateway: GatewayProcess, account: Account, bot: Bot, draw: random.Random, number: int, *,
    keeps_unread: bool,
) -> None:  # fmt: skip
    """Until the moment of the kill: in the middle of the start, or of the work."""
    if number % 4 == 3:
        await asyncio.sleep(draw.uniform(0.1, 1.2))
        return
    await gateway.is_running()
    await asyncio.sleep(draw.uniform(0.0, 0.8))
    if number % 4 == 2:
        # A new login, with new ids for all. Where WeChat keeps nothing for the next login, what was
        # handed out and is not in the journal yet would be lost without anybody's fault.
        if not keeps_unread:
            await bot.until(lambda: bot.knows(account.handed_out[-1]), 5)
        account.phone.logs_out_web()
        await asyncio.sleep(draw.uniform(0.0, 0.6))


async def settled(account: Account, bot: Bot, traffic: Traffic) -> Verdict:
    """Wait until nothing is missing any more, or until nothing has come for long."""
    # With the last one everything before was handed out, or skipped by a new login that WeChat keeps nothing for.
    await account.hands_out(traffic.write_once(), timeout_s=20)
    verdict = judge(account, bot, traffic)
    while verdict.complaints:
        before = (len(bot.arrivals), len(account.sent))
        waits = {
            asyncio.ensure_future(bot.until(lambda: len(bot.arrivals) > before[0], 8)),  # noqa: B023
            asyncio.ensure_future(account.pulse.until(lambda: len(account.sent) > before[1], 8)),  # noqa: B023
        }
        _, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for waiting in left:
            waiting.cancel()
        await asyncio.wait(waits)
        verdict = judge(account, bot, traffic)
        if (len(bot.arrivals), len(account.sent)) == before:
            break
    return verdict
