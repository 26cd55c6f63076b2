"""Row ``idle``: CPU and memory of 100 accounts that are logged in over TLS and receive nothing, on each transport."""

import asyncio
import ssl
import time
from contextlib import AsyncExitStack
from pathlib import Path

import trustme

from benchmarks import machine, world
from benchmarks.crowd import TRANSPORTS, accounts
from benchmarks.figures import Figure
from benchmarks.rows import Scale
from openwx.simulator import ILinkOptions, Simulator

ACCOUNTS = 100
FRIENDS, GROUPS, MEMBERS = 100, 5, 20
"""The contacts of each web account: friends, groups, members of a group."""


async def run(scale: Scale) -> list[Figure]:
    seconds = scale.of(25, 8)
    return [figure for transport in TRANSPORTS for figure in await _figures(seconds, transport)]


async def _figures(seconds: int, transport: str) -> list[Figure]:
    one_kb, _ = await measure(1, 1, seconds, transport)
    all_kb, share = await measure(ACCOUNTS, seconds, seconds, transport)
    what = f"{ACCOUNTS} idle accounts{TRANSPORTS[transport]} over TLS"
    return [
        Figure(
            what=f"{what}: CPU of a core",
            value=share * 100,
            unit="%",
            target=1.5,
            at_least=False,
            detail={"seconds": seconds},
        ),
        Figure(
            what=f"{what}: memory of each above one",
            value=(all_kb - one_kb) / (ACCOUNTS - 1),
            unit="kB",
            target=600,
            at_least=False,
            detail={"one account kB": one_kb, "all accounts kB": all_kb},
        ),
    ]


async def measure(
    count: int, seconds: float, hold_s: float, transport: str = "web"
) -> tuple[int, float]:
    """Measure ``count`` idle accounts, whose polls are held for ``hold_s``.

    Returns resident memory in kB, and CPU time as a share of a core.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(world.folder())
        authority = trustme.CA()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        simulator = Simulator(
            friends=FRIENDS,
            groups=GROUPS,
            biggest_group=MEMBERS,
            group_members=MEMBERS,
            tls=tls,
            hold_s=hold_s,
            ilink=ILinkOptions(hold_s=hold_s),
        )
        await stack.enter_async_context(simulator)
        program, _ = await stack.enter_async_context(
            world.gateway(
                simulator,
                folder / "data",
                settings=accounts(simulator, count, transport),
                environment={"SSL_CERT_FILE": _trusted(authority, folder / "ca.pem")},
            )
        )
        await asyncio.sleep(3)  # the work after a login ends
        wall, cpu = time.perf_counter(), machine.cpu_s(program.pid)
        await asyncio.sleep(seconds)
        share = (machine.cpu_s(program.pid) - cpu) / (time.perf_counter() - wall)
        return machine.memory_kb(program.pid), share


def _trusted(authority: trustme.CA, path: Path) -> str:
    authority.cert_pem.write_to_path(path)
    return str(path)
