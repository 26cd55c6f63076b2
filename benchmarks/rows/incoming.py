"""Row ``incoming``: the latency from the simulated WeChat to ``post_api``, above a bare poll-and-POST loop."""

import asyncio
import time
from contextlib import AsyncExitStack

from benchmarks import machine, world
from benchmarks.figures import Figure
from benchmarks.processes import Program
from benchmarks.receiver import Receiver
from benchmarks.rounds import percentile
from benchmarks.rows import Scale
from openwx.simulator import Account, Simulator

PAUSE_S = 0.01


async def run(scale: Scale) -> list[Figure]:
    """Write to two accounts in turn: the gateway serves one, the bare loop the other."""
    ours: list[float] = []
    theirs: list[float] = []
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        receiver = await stack.enter_async_context(Receiver())
        simulator = await stack.enter_async_context(Simulator())
        gateway = world.gateway(
            simulator, folder / "data", settings={"REPORT__POST_API": receiver.url}
        )
        program, _ = await stack.enter_async_context(gateway)
        other = simulator.add_account("bare")
        bare = await stack.enter_async_context(
            Program(
                "benchmarks.programs.bare_wechat",
                simulator.url,
                receiver.url,
                core=machine.cores()[0],
            )
        )
        await world.log_in(bare, other)
        cpu = {program.pid: machine.cpu_s(program.pid), bare.pid: machine.cpu_s(bare.pid)}
        count = scale.of(1000, 150)
        for _ in range(count):
            ours.append(await _latency(simulator.account(), receiver))
            theirs.append(await _latency(other, receiver))
        used = {pid: (machine.cpu_s(pid) - before) / count * 1e3 for pid, before in cpu.items()}
    return [
        Figure(
            what=f"message in: p{percent} above a bare loop",
            value=(percentile(ours, percent) - percentile(theirs, percent)) * 1e3,
            unit="ms",
            target=target,
            at_least=False,
            detail={
                "ms": percentile(ours, percent) * 1e3,
                "bare ms": percentile(theirs, percent) * 1e3,
                "CPU ms a message": used[program.pid],
                "bare CPU ms": used[bare.pid],
            },
        )
        for percent, target in ((50, 5), (99, 25))
    ]


async def _latency(account: Account, receiver: Receiver) -> float:
    """Measure the seconds from the simulator's answer with the message to its arrival."""
    await asyncio.sleep(PAUSE_S)
    count = receiver.count
    message = account.friends[0].says("在吗？周末一起爬山吗？")
    await account.hands_out(message)
    handed_out = time.perf_counter()
    await receiver.until(count + 1)
    return receiver.last - handed_out
