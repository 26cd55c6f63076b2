"""The process ends in time whatever hangs, and does not start on a data folder that it cannot trust."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from openwx import service
from openwx.errors import ConfigError
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S

from . import quick
from .world import Api, Command, Receiver, Start, World, never_answers

ENDS_WITHIN_S = 25.0
"""A stop where everything hangs: 3 s for what is on its way at WeChat, 3 s for ``post_api``, 2 s for callers that do
not hang up; a container is killed after 10 s. The rest is for a slow machine, and still less than a call to WeChat
(30 s) or a POST (35 s) may take, so a stop that waits for one of them fails."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"OPENWX_REPORT__POST_EVENT": "true"}


@dataclass
class Scene:
    """A gateway in its own process, logged in, between a simulated WeChat and a backend of its own."""

    command: Command
    api: Api
    simulator: Simulator
    receiver: Receiver

    @property
    def account(self) -> Account:
        return self.simulator.account()


@asynccontextmanager
async def running(openwx: Start, environ: dict[str, str], folder: Path) -> AsyncIterator[Scene]:
    """Run it with a data folder of its own."""
    receiver = Receiver()
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(1, hold_s=0.5, friends=14, groups=6))
        await receiver.start()
        stack.push_async_callback(receiver.stop)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        its_own = {
            "OPENWX_DATA_DIR": str(folder),
            "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": simulator.url,
            "OPENWX_REPORT__POST_API": receiver.url,
        }
        command = await openwx("serve", **{**environ, **its_own})
        stack.push_async_callback(command.kill)
        api = Api(await command.url(), http)
        await simulator.account().phone.logs_in()
        await api.reaches("running", PATIENCE_S)
        yield Scene(command, api, simulator, receiver)


class Hanging:
    """Callers whose calls do not come to an end."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._tasks: list[asyncio.Task[Any]] = []
        self._writers: list[asyncio.StreamWriter] = []

    def calls(self, name: str, **parameters: str) -> None:
        self._tasks.append(asyncio.create_task(self._call(name, parameters)))

    async def _call(self, name: str, parameters: dict[str, str]) -> None:
        with suppress(OSError):
            await self._api.get(name, **parameters)

    async def begins(self, request: bytes) -> None:
        host, _, port = self._api.url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        await writer.drain()
        self._writers.append(writer)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()


async def everything_hangs(scene: Scene, hanging: Hanging) -> None:
    """WeChat, ``post_api`` and callers: whatever is begun comes to no end."""
    scene.receiver.behaves(never_answers())
    rules = [
        scene.simulator.faults.add(call, Fault.HANG)
        for call in ("webwxsendmsg", "webwxgetmsgimg", "webwxoplog", "webwxgeticon")
    ]
    scene.account.friend("小灰").sends_image(PNG)
    scene.account.friend("momo").says("hi")
    for number in range(3):
        hanging.calls("send_friend_message", id="filehelper", content=f"{number}")
    hanging.calls("set_markname", account="hug", new_markname="x")
    hanging.calls("get_avatar", account="xiaohui2016")
    hanging.calls("check_event", timeout="300")
    hanging.calls("consult", account="xiaohui2016", content="?", timeout="300")
    await hanging.begins(
        b"POST /openwx/send_friend_message HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        b"multipart/form-data; boundary=b\r\nContent-Length: 9999\r\n\r\n--b\r\nContent-Disposition:"
        b' form-data; name="media"; filename="a"\r\n\r\nsome'
    )
    await hanging.begins(b"POST /openwx/set_markname HTTP/1.1\r\nHost: localhost\r\n")
    for rule in rules:
        await rule.strikes()
    await scene.receiver.get(content="hi")


async def ends_in_time(command: Command) -> tuple[int, str]:
    began = time.monotonic()
    code, _, err = await command.ends(timeout_s=40)
    took = time.monotonic() - began
    assert took < ENDS_WITHIN_S, f"{took:.1f} s\n{err}"
    assert "Traceback" not in err
    return code, err


async def test_a_stop_waits_for_nothing_that_hangs(
    openwx: Start, environ: dict[str, str], tmp_path: Path
) -> None:
    """Gateways that are stopped by different signals, side by side: each takes the whole time."""

    async def stops(*signals: signal.Signals) -> None:
        names = "+".join(one.name for one in signals)
        async with running(openwx, environ, tmp_path / names) as scene:
            hanging = Hanging(scene.api)
            await everything_hangs(scene, hanging)
            for number in signals:
                scene.command.process.send_signal(number)
                await asyncio.sleep(0.05)  # signals that come at once are one
            code, err = await ends_in_time(scene.command)
            assert code == 0, names
            assert "left in the journal for the next start" in err, names
            await hanging.end()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stops(signal.SIGTERM))
        tasks.create_task(stops(signal.SIGINT))
        tasks.create_task(stops(signal.SIGTERM, signal.SIGTERM))
        tasks.create_task(stops(signal.SIGINT, signal.SIGINT, signal.SIGINT))


async def test_a_stop_while_the_disk_is_full(
    openwx: Start, environ: dict[str, str], tmp_path: Path
) -> None:
    """Nothing can be written down any more: the stop is not published, but it is one."""
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux sets limits of another process")
    quickly = partial(openwx, program=quick.PROGRAM)
    async with running(quickly, environ, tmp_path / "full") as scene:
        _, most = resource.prlimit(scene.command.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(scene.command.process.pid, resource.RLIMIT_FSIZE, (0, most))
        scene.account.friend("小灰").says("hi")
        await scene.command.says("nothing is acknowledged until it works again")
        scene.command.process.terminate()
        code, err = await ends_in_time(scene.command)
        assert code == 0
        assert "its stop is not published" in err


async def test_a_second_one_on_the_same_folder(openwx: Start, environ: dict[str, str]) -> None:
    await (await openwx("serve", **environ)).url()
    code, out, err = await (await openwx("serve", **environ)).ends(timeout_s=20)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "is in use by another openwx" in err


# -- data folders ----------------------------------------------------------------------------------------


@pytest.fixture
async def journal(world: World, account: Account, receiver: Receiver) -> Path:
    """Prepare a journal with reports that are still to be delivered."""
    gateway = await world.run(pace={"finish_s": 0.3})
    receiver.fails(status=503)
    for number in range(40):
        account.friend("小灰").says(f"{number} " + "x" * 300)
    await gateway.get("send_friend_message", id="filehelper", content="x", **{"async": "1"})
    await receiver.get(post_type="send_message")
    await gateway.stop()
    return world.data_dir / service.JOURNAL


def truncated(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def cut_in_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def zeroed(page: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: 4096 * page] + bytes(4096) + data[4096 * (page + 1) :])

    damage.__name__ = f"page {page} zeroed"
    return damage


def no_database(path: Path) -> None:
    path.write_bytes(b"these are my notes\n" * 1000)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_folder_in_its_way(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    path.with_name(path.name + "-wal").mkdir()


def of_tomorrow(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def a_link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere" / "at all")


DAMAGES = [
    *(truncated, cut_in_a_page, no_database, a_folder, a_folder_in_its_way, of_tomorrow),
    *(a_link_to_nowhere, zeroed(1), zeroed(2), zeroed(5), zeroed(8)),
]


async def test_a_journal_that_cannot_be_trusted_stops_the_start(
    journal: Path, world: World
) -> None:
    good = journal.read_bytes()
    for damage in DAMAGES:
        damage(journal)
        with pytest.raises(ConfigError) as raised:
            async with asyncio.timeout(PATIENCE_S), service.running(world.settings()):
                pass
        words = str(raised.value)
        assert "\n" not in words, damage.__name__
        assert str(journal) in words, damage.__name__
        for left in world.data_dir.glob(f"{service.JOURNAL}*"):
            left.rmdir() if left.is_dir() else left.unlink()
        journal.write_bytes(good)
    # The one that is whole still does.
    world.receiver.forget()
    world.receiver.behaves_well()
    await (await world.start()).reaches("running")
    await world.receiver.gets(40, post_type="receive_message")


async def test_a_damaged_journal_is_one_line_on_the_terminal(
    journal: Path, openwx: Start, environ: dict[str, str]
) -> None:
    zeroed(5)(journal)
    code, out, err = await (await openwx("serve", **environ)).ends(timeout_s=20)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{journal} is damaged" in err
    assert "restore it from a copy" in err


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_is_read_only(journal: Path, world: World) -> None:
    journal.chmod(0o400)
    journal.parent.chmod(0o500)
    try:
        with pytest.raises(ConfigError, match=r"data_dir .*") as raised:
            async with service.running(world.settings()):
                pass
        assert "\n" not in str(raised.value)
    finally:
        journal.parent.chmod(0o700)
