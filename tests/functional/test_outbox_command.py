"""``openwx`` and ``openwx outbox`` as a person types them: what stands alone, and what asks first."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from openwx.simulator import Account
from tests.patience import PATIENCE_S

from .test_outbox import fails
from .typed import Typed
from .world import Gateway, Receiver, World

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

ROOT = Path(__file__).parents[2]


class Terminal:
    """``openwx …`` with a person before it."""

    def __init__(self, process: asyncio.subprocess.Process, fd: int) -> None:
        self.process = process
        self.shown = ""
        self._fd = fd

    @classmethod
    async def start(cls, data_dir: Path, *arguments: str) -> "Terminal":
        ours, theirs = pty.openpty()
        environ = {name: value for name, value in os.environ.items() if "OPENWX" not in name}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "openwx", *arguments),
            cwd=data_dir.parent,
            env=environ | {"OPENWX_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        return cls(process, ours)

    async def shows(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.shown:
                self.shown += (await asyncio.to_thread(os.read, self._fd, 4096)).decode()

    def types(self, line: str) -> None:
        os.write(self._fd, line.encode())

    async def is_interrupted(self) -> int:
        """Press Ctrl-C until it ends; return its exit code.

        Python notices a signal only after a read that it preceded, if only by a moment (``input``).
        """
        while self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S / 4):
                    await self.process.wait()
        return await self.ends()

    async def ends(self) -> int:
        """Its exit code; what it showed until then is in ``shown``."""
        async with asyncio.timeout(PATIENCE_S):
            code = await self.process.wait()
        try:
            while more := os.read(self._fd, 4096):
                self.shown += more.decode()
        except OSError:
            """The other end of the terminal is closed."""
        os.close(self._fd)
        return code


async def test_openwx_alone_shows_help(typed: Typed) -> None:
    code, out, err = await typed()
    assert (code, err) == (0, "")
    assert out.startswith("usage: openwx ")
    for command in ("serve", "status", "doctor", "outbox", "simulate"):
        assert f"\n    {command} " in out


async def test_outbox_alone_lists(
    typed: Typed, api: Gateway, account: Account, receiver: Receiver
) -> None:
    (failed,) = await fails(api, account, receiver, "refused")
    alone, listed = [await typed("outbox", *more) for more in ((), ("list",))]
    assert alone == listed
    assert alone[1].startswith(f"{failed['id']:>8}  ")
    assert await typed("outbox", "--waiting") == (
        0, "no delivery waits\n", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("drop", "--all"), "there is no terminal to ask at, so add --yes"),
        (("retry", "--all", "--yes"), "--yes is only for: openwx outbox drop --all"),
        (("drop", "1", "--yes"), "--yes is only for: openwx outbox drop --all"),
        (("list", "1"), "openwx outbox show ID"),
        (("drop",), "give the ids of deliveries, or --all"),
    ],
)
async def test_what_is_refused_in_one_line(
    typed: Typed, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = await typed("outbox", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert words in line


@pytest.mark.parametrize("server_runs", [True, False])
async def test_dropping_all_asks(
    world: World, account: Account, receiver: Receiver, server_runs: bool
) -> None:
    api = await world.run()
    await fails(api, account, receiver, "first", "second")
    if not server_runs:
        await api.stop()
    # The question is the same code in both cases.
    for answer in ("n\n", "\n", "no\n", "\x04") if server_runs else ("n\n",):
        terminal = await Terminal.start(world.data_dir, "outbox", "drop", "--all")
        await terminal.shows("Drop all 2 failed deliveries? They cannot be sent again then. [y/N] ")
        terminal.types(answer)
        assert await terminal.ends() == 1, terminal.shown
        assert "nothing is dropped" in terminal.shown
    terminal = await Terminal.start(world.data_dir, "outbox", "drop", "--all")
    await terminal.shows("[y/N] ")
    assert await terminal.is_interrupted() == 130
    assert "Traceback" not in terminal.shown
    terminal = await Terminal.start(world.data_dir, "outbox", "drop", "--all")
    await terminal.shows("[y/N] ")
    terminal.types("y\n")
    assert await terminal.ends() == 0, terminal.shown
    assert "2 done" in terminal.shown
    terminal = await Terminal.start(world.data_dir, "outbox", "drop", "--all")
    assert await terminal.ends() == 0
    assert "0 done" in terminal.shown
    assert "[y/N]" not in terminal.shown, "there is nothing to ask about"


async def test_what_fails_while_somebody_thinks_is_not_dropped(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    await fails(api, account, receiver, "first")
    terminal = await Terminal.start(api.settings.data_dir, "outbox", "drop", "--all")
    await terminal.shows("Drop all 1 failed")
    receiver.fails(status=400, content="second")
    account.friend("小灰").says("second")
    await receiver.gets(5, content="second")
    deliveries = (await api.get("outbox")).json["deliveries"]
    while len(deliveries) < 2:
        deliveries = (await api.get("outbox")).json["deliveries"]
    terminal.types("yes\n")
    assert await terminal.ends() == 0, terminal.shown
    assert (await api.get("outbox")).json["deliveries"] == deliveries[:1]


async def test_ids_and_yes_ask_nothing(
    typed: Typed, api: Gateway, account: Account, receiver: Receiver
) -> None:
    second, first = await fails(api, account, receiver, "first", "second")
    for arguments in ((str(first["id"]),), ("--all", "--yes")):
        done = await typed("outbox", "drop", *arguments)
        assert done == (0, "1 done\n", "")
    assert (await api.get("outbox_show", id=str(second["id"]))).code == 100
