"""The recipes of docs/shell.md do as written what they promise; the Chinese page has the same ones."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openwx.simulator import Account, ClawBot
from tests.patience import PATIENCE_S, until
from tests.populations import FEW

from .world import Gateway, World

POPULATION = FEW

ROOT = Path(__file__).parents[2]
PAGE, CHINESE = (
    (ROOT / "docs" / folder / "shell.md").read_text(encoding="utf-8") for folder in ("", "zh")
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="this system has no POSIX shell")


def pieces(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


COMMANDS, CRONTAB, BACKUP, LOG, STATUS, ASK, ONCE, COMPLETION = pieces(PAGE, "sh")
UNIT, DROP_IN = pieces(PAGE, "ini")


class Machine:
    """A folder with programs on the path, ``openwx`` among them, and scripts that run there."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self._environ = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "HOME": str(folder),
            "OPENWX_DATA_DIR": str(data_dir),
        }
        self.program("openwx", f"exec '{sys.executable}' -m openwx \"$@\"")

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    async def runs(self, script: str, *arguments: str, **environ: str) -> tuple[int, str]:
        """Run a script to its end; return its exit code, and all that it printed."""
        process = await self._start(script, *arguments, **environ)
        async with asyncio.timeout(PATIENCE_S):
            out, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode()

    @asynccontextmanager
    async def running(self, script: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a script until the end of the block."""
        process = await self._start(script)
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()

    async def _start(
        self, script: str, *arguments: str, **environ: str
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "sh", "-c", script, "sh", *arguments,
            cwd=self.folder, env=self._environ | environ, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path, world: World) -> Machine:
    return Machine(tmp_path, world.data_dir)


def test_both_pages_have_the_same_pieces() -> None:
    for language in ("sh", "ini"):
        assert pieces(PAGE, language) == pieces(CHINESE, language)


async def test_the_commands_at_the_top(machine: Machine, api: Gateway, account: Account) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    (machine.folder / "chart.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    *lines, tail = COMMANDS.splitlines()
    following = asyncio.create_task(machine.runs(tail.replace("-n 1", "-n 1 --after 0")))
    running = asyncio.create_task(machine.runs("set -e\n" + "\n".join(lines)))
    assert await friend.hears_text() == "The backup is done."
    assert await friend.hears_text() == "Deploy now?"
    friend.says("yes")
    code, out = await running
    assert (code, out.splitlines()[:2]) == (0, ["yes", "a friend: 小灰"])
    text, picture = await group.hears(2)
    assert text.text == "Today's numbers"
    assert picture.medium is not None
    code, out = await following
    assert (code, out.endswith("[小灰] 小灰: yes\n")) == (0, True)


async def test_a_cron_job(machine: Machine, bound: Gateway, owner: ClawBot) -> None:
    _, line = CRONTAB.splitlines()
    command = re.sub(r"^(\S+ +){5} *", "", line)
    machine.program("nightly-backup", "exit 1")
    assert await machine.runs(command) == (0, "")
    assert await owner.hears_text() == f"nightly-backup failed on {os.uname().nodename}"
    machine.program("nightly-backup", "exit 0")
    assert await machine.runs(command) == (0, "")
    assert len(owner.texts) == 1


async def test_a_backup(machine: Machine, bound: Gateway, owner: ClawBot) -> None:
    (machine.folder / "photos").mkdir()
    assert await machine.runs(BACKUP, "photos") == (0, "")
    assert re.fullmatch(r"Backup of photos: \d[\d.]*K", await owner.hears_text())
    assert await machine.runs(BACKUP, "none") == (0, "")
    assert re.match(r"Backup of none failed:\n.*none", await owner.hears_text())


async def test_a_unit_that_fails(machine: Machine, bound: Gateway, owner: ClawBot) -> None:
    """As systemd does, but for its specifiers and paths, which are another machine's."""
    assert DROP_IN == "[Unit]\nOnFailure=tell@%n.service\n"
    (command,) = re.findall(r"^ExecStart=/bin/sh -c '(.+)'$", UNIT, re.MULTILINE)
    config = machine.folder / "config.toml"
    config.touch()
    command = command.replace("%i", "backup.service").replace(
        "/etc/openwx/config.toml", str(config)
    )
    machine.program("systemctl", 'echo "$*"; exit 3')
    assert await machine.runs(command) == (0, "")
    assert await owner.hears_text() == "status --no-pager --lines=20 backup.service"
    machine.program("systemctl", "seq 5000")
    assert await machine.runs(command) == (0, "")
    async with asyncio.timeout(PATIENCE_S):
        while not (await owner.hears_text()).endswith("\n5000"):
            """A long text comes in parts."""
    assert 7_000 < sum(map(len, owner.texts[1:])) <= 8_000


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
async def test_systemd_takes_the_units(machine: Machine) -> None:
    for name, text in (
        ("tell@.service", UNIT),
        ("backup.service", f"{DROP_IN}\n[Service]\nExecStart=/bin/false\n"),
    ):
        (machine.folder / name).write_text(text, encoding="utf-8")
    code, out = await machine.runs("systemd-analyze verify ./backup.service ./tell@x.service")
    assert (code, re.findall("tell|backup", out)) == (0, []), out


async def test_a_watch_on_a_log(machine: Machine, bound: Gateway, owner: ClawBot) -> None:
    log = machine.folder / "app.log"
    log.write_text("ERROR before\n", encoding="utf-8")
    async with machine.running(LOG):
        with log.open("a", encoding="utf-8") as file:

            def goes_on() -> bool:
                file.write("all is well\nERROR: 磁盘 is full\n")
                file.flush()
                return bool(owner.texts)

            await until(goes_on)
    assert owner.texts[0] == "ERROR: 磁盘 is full"


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq on this machine")
async def test_who_writes_status_is_answered(
    machine: Machine, api: Gateway, account: Account
) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    async with machine.running(STATUS):
        await until((machine.folder / "status.id").exists)
        friend.says('x","content":"status')
        group.member_says(group.others[0], "status")
        friend.says("status")
        assert "load average" in await friend.hears_text()
    assert len(friend.inbox) == 1
    assert not group.inbox


@pytest.mark.parametrize(("answer", "deployed"), [("yes", ["1.2"]), ("no", [])])
async def test_ask_and_wait(
    machine: Machine, bound: Gateway, owner: ClawBot, answer: str, deployed: list[str]
) -> None:
    done = machine.folder / "deployed"
    machine.program("deploy", f"echo $1 >> '{done}'")
    (machine.folder / "deploy").symlink_to(machine.programs / "deploy")
    asking = asyncio.create_task(machine.runs(ASK, VERSION="1.2"))
    assert await owner.hears_text() == "Deploy 1.2? yes or no"
    owner.says(answer)
    assert await asking == (0, "")
    assert (done.read_text().split() if done.exists() else []) == deployed


async def test_once_and_for_certain(machine: Machine, world: World, account: Account) -> None:
    pauses = machine.folder / "pauses"
    machine.program("sleep", f"echo $1 >> '{pauses}'; exec /bin/sleep 0.1")
    telling = asyncio.create_task(machine.runs(ONCE, VERSION="1.2"))
    await until(pauses.exists)
    await world.run()
    code, out = await telling
    assert (code, set(pauses.read_text().split())) == (0, {"10"})
    assert "no openwx runs with data_dir" in out
    assert (await machine.runs(ONCE, VERSION="1.2")) == (0, "")
    sent = [one.text for one in account.sent]
    assert sent == ["Deployed 1.2"]


async def test_completions_are_saved_where_shells_look(machine: Machine) -> None:
    wanted = re.findall(r"> ~/(\S+)", COMPLETION)
    assert await machine.runs(COMPLETION) == (0, "")
    for path in wanted:
        assert "openwx" in (machine.folder / path).read_text(encoding="utf-8")
