"""The commands beside a gateway speak to the one of their data folder, and to no other."""

import json
import shutil
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from filelock import FileLock

from openwx import instance, service
from openwx.config import AccessSettings, Listen
from openwx.simulator import Account
from tests.patience import PATIENCE_S
from tests.ports import free_port

from . import quick
from .test_outbox import fails
from .typed import Typed
from .world import Command, Gateway, Receiver, Start, World


@dataclass
class Stranger:
    """A server that answers everything, and keeps what it was asked."""

    url: str = ""
    port: int = 0
    proof: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.asked.append((request.method, request.path))
        self.headers.append(dict(request.headers))
        found = {
            "code": 0,
            "status": "ready",
            "version": "9",
            "started": 0,
            "accounts": {},
            "count": 1,
        }
        return web.json_response(found, headers={instance.PROOF: self.proof})


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    stranger = Stranger()
    runner = web.ServerRunner(web.Server(stranger.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stranger.port = runner.addresses[0][1]
    stranger.url = f"http://127.0.0.1:{stranger.port}"
    yield stranger
    await runner.cleanup()


@dataclass
class Commands:
    """``openwx …`` with a data folder and a port."""

    typed: Typed
    openwx: Start
    environ: dict[str, str]

    async def __call__(self, *arguments: str) -> tuple[int, str, str]:
        return await self.typed(*arguments, **self.environ)

    async def starts(self, *arguments: str, program: str = "openwx") -> Command:
        """Start it in a process of its own: what takes signals, or sets up the log."""
        return await self.openwx(*arguments, program=program, **self.environ)

    async def logout(self) -> tuple[int, str, str]:
        return await (await self.starts("logout")).ends(PATIENCE_S)


Beside = Callable[..., Commands]


@pytest.fixture
def beside(typed: Typed, openwx: Start) -> Beside:
    """Return a function that makes commands for a data folder and a port."""

    def make(data_dir: Path, port: int | str, **environ: str) -> Commands:
        known = {"OPENWX_DATA_DIR": str(data_dir), "OPENWX_LISTEN__PORT": str(port)}
        return Commands(typed, openwx, known | environ)

    return make


def port_of(url: str) -> str:
    return url.rpartition(":")[2]


async def another(world: World, name: str, **settings: object) -> Gateway:
    """Start a gateway with its own data folder that is not logged in."""
    chosen = world.settings().model_copy(
        update={"data_dir": world.data_dir.with_name(name), **settings}
    )
    return await world.start(settings=chosen)


async def test_two_gateways_of_one_configuration(
    beside: Beside, world: World, account: Account, receiver: Receiver
) -> None:
    """Each has failures of its own; what is dropped with one data folder stays with the other."""
    ours = await world.run()
    theirs = await another(world, "theirs")
    (failed,) = await fails(ours, account, receiver, "ours")
    # The port is that of the wrong one each time.
    with_ours = beside(world.data_dir, port_of(theirs.url))
    with_theirs = beside(theirs.settings.data_dir, port_of(ours.url))
    assert await with_theirs("outbox", "drop", "--all", "--yes") == (0, "0 done\n", "")
    assert (await with_theirs("outbox", "drop", str(failed["id"])))[0] == 1
    assert await with_theirs("outbox") == (0, "no delivery failed\n", "")
    code, out, err = await with_ours("outbox")
    assert (code, err) == (0, "")
    assert out.startswith(f"{failed['id']:>8}  ")
    assert f"at {ours.url}, up" in (await with_ours("status"))[1]
    assert f"at {theirs.url}, up" in (await with_theirs("status"))[1]
    assert f"at {ours.url}: ready" in (await with_ours("doctor"))[1]
    assert (await ours.get("outbox")).json["deliveries"] == [failed]
    # One that has stopped does not lend its name to the other, which listens where it did.
    await ours.stop()
    code, out, err = await with_ours("status")
    assert (code, out) == (2, "")
    assert f"no openwx runs with data_dir {world.data_dir}; at " in err
    code, out, _ = await with_ours("outbox", "drop", "--all", "--yes")
    assert (code, out) == (0, "1 done\n")


async def test_a_stranger_on_the_port_is_asked_nothing(
    beside: Beside, tmp_path: Path, stranger: Stranger
) -> None:
    commands = beside(
        tmp_path / "data", stranger.port, OPENWX_ACCESS__TOKEN="a-token-for-ours-alone"
    )
    code, _, err = await commands("status")
    assert (code, "another program listens" in err) == (2, True)
    code, out, err = await commands("verify-code", "123456")
    assert (code, out, "another program listens" in err) == (2, "", True)
    code, out, err = await commands("send", "--to", "小灰", "x")
    assert (code, out, "another program listens" in err) == (6, "", True)
    assert await commands("outbox", "list") == (0, "no delivery failed\n", "")
    assert await commands("outbox", "drop", "--all", "--yes") == (0, "0 done\n", "")
    assert (await commands.logout())[0] == 0
    code, out, _ = await commands("doctor")
    assert f"127.0.0.1:{stranger.port} is taken by another program" in out
    assert stranger.asked == []


@pytest.mark.parametrize("holds", [True, False], ids=["in-use", "killed"])
async def test_a_stranger_at_the_address_of_a_killed_one(
    beside: Beside, tmp_path: Path, stranger: Stranger, holds: bool
) -> None:
    """The entry of a killed gateway leads to another program: it proves nothing, and gets neither id nor token."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    stale = instance.Instance(id=instance.new_id(), urls=[stranger.url])
    instance.write(data_dir / instance.RUNNING, stale)
    instance.write(data_dir / instance.DEMO, stale)
    stranger.proof = instance.proof(instance.new_id(), "x")
    commands = beside(data_dir, 0, OPENWX_ACCESS__TOKEN="a-token-for-ours-alone")
    lock = FileLock(data_dir / "lock", mode=0o600)
    if holds:
        lock.acquire()
    try:
        for arguments in (("status",), ("outbox", "drop", "1"), ("doctor",)):
            _, out, err = await commands(*arguments)
            if holds:
                assert f"another program answers at {stranger.url}" in out + err
        await commands.logout()
    finally:
        lock.release()
    assert set(stranger.asked) == {("GET", "/healthz")}
    assert stale.id not in str(stranger.headers)
    assert "a-token-for-ours-alone" not in str(stranger.headers)


async def test_a_copy_of_the_folder_is_not_the_folder(
    beside: Beside, world: World, account: Account, receiver: Receiver
) -> None:
    """Though the file of the gateway that runs is in it, too."""
    gateway = await world.run()
    (failed,) = await fails(gateway, account, receiver, "ours")
    copied = world.data_dir.with_name("copied")
    shutil.copytree(world.data_dir, copied)
    commands = beside(copied, port_of(gateway.url))
    code, _, err = await commands("status")
    assert (code, f"no openwx runs with data_dir {copied}" in err) == (2, True)
    code, out, _ = await commands("outbox", "drop", "--all", "--yes")
    assert (code, out) == (0, "1 done\n")
    assert (await gateway.get("outbox")).json["deliveries"] == [failed]


async def test_a_call_for_another_gateway_is_refused(api: Gateway) -> None:
    """Also where the gateway is exchanged between the proof and the call."""
    found = instance.left(api.settings.data_dir / instance.RUNNING)
    assert found is not None
    for name in ("outbox", "outbox_drop", "get_user_info"):
        reply = await api.call(name, params={"id": "all"}, headers={instance.WANTED: "0" * 32})
        assert (reply.status, reply.code) == (403, -8), name
        assert "not the openwx that is asked for" in reply.words
    reply = await api.call("get_user_info", headers={instance.WANTED: found.id})
    assert reply.status == 200


async def test_the_file_is_the_owners_and_is_gone_after_a_stop(world: World) -> None:
    gateway = await world.start()
    file = world.data_dir / instance.RUNNING
    assert file.stat().st_mode & 0o777 == 0o600
    reply = json.loads(file.read_bytes())
    assert reply["urls"] == [gateway.url]
    assert len(reply["id"]) == 32
    async with world.http.get(f"{gateway.url}/healthz") as answer:
        assert reply["id"] not in str(answer.headers) + await answer.text()
    await gateway.stop()
    assert not file.exists()
    await world.start()
    assert json.loads(file.read_bytes())["id"] != reply["id"]


async def test_after_a_kill_nobody_is_taken_for_it(beside: Beside, world: World) -> None:
    """And a port that is chosen on the command line, or is any free one, is found."""
    environ = {"OPENWX_ACCOUNTS__DEFAULT__BASE_URL": world.simulator.url}
    commands = beside(world.data_dir, 1, **environ)
    serve = await commands.starts("serve", "--port", "0")
    url = await serve.url()
    code, out, _ = await commands("status")
    assert (code, f"at {url}, up" in out) == (1, True)
    assert await commands("outbox") == (0, "no delivery failed\n", "")
    code, _, err = await commands.logout()
    assert (code, "in use by another openwx" in err) == (2, True)
    await serve.kill()
    assert (world.data_dir / instance.RUNNING).exists()
    code, _, err = await commands("status")
    assert (code, "no openwx runs with data_dir" in err) == (2, True)
    assert (await commands("outbox"))[0] == 0
    assert (await commands.logout())[0] == 0
    again = await commands.starts("serve", "--port", "0")
    url = await again.url()
    assert f"at {url}, up" in (await commands("status"))[1]
    again.process.send_signal(signal.SIGTERM)
    assert (await again.ends(PATIENCE_S))[0] == 0
    assert not (world.data_dir / instance.RUNNING).exists()


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def tls(folder: Path) -> dict[str, Path]:
    certificate = trustme.CA().issue_cert("wx.example.org")
    cert, key = folder / "cert.pem", folder / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(cert)
    return {"tls_cert": cert, "tls_key": key}


@pytest.mark.parametrize(
    ("host", "shown", "encrypted"),
    [
        ("0.0.0.0", "http://127.0.0.1", False),
        ("0.0.0.0", "https://127.0.0.1", True),
        ("localhost", "http://localhost", False),
        pytest.param(
            *("::", "http://[::1]", False),
            marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"),
        ),
        pytest.param(
            *("::1", "https://[::1]", True),
            marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"),
        ),
    ],
)
async def test_wherever_it_listens(
    beside: Beside, world: World, tmp_path: Path, host: str, shown: str, encrypted: bool
) -> None:
    listen = Listen(host=host, port=0, **(tls(tmp_path) if encrypted else {}))
    access = AccessSettings(token="the-right-one-and-no-other")
    gateway = await another(world, "here", listen=[listen], access=access)
    commands = beside(
        gateway.settings.data_dir, 0, OPENWX_ACCESS__TOKEN="the-right-one-and-no-other"
    )
    code, out, err = await commands("status")
    assert (code, err) == (1, "")
    assert f"at {shown}:{port_of(gateway.url)}, up" in out
    assert await commands("outbox") == (0, "no delivery failed\n", "")
    _, out, _ = await commands("doctor")
    assert f"at {shown}:{port_of(gateway.url)}: not ready" in out


async def test_the_second_address_where_the_first_answers_no_more(
    beside: Beside, world: World, stranger: Stranger
) -> None:
    gateway = await another(world, "two", listen=[Listen(port=0), Listen(port=0)])
    assert gateway.service is not None
    first, second = gateway.service.urls
    file = gateway.settings.data_dir / instance.RUNNING
    found = instance.left(file)
    assert found is not None
    assert found.urls == [first, second]
    instance.write(file, instance.Instance(id=found.id, urls=[stranger.url, second]))
    code, out, _ = await beside(gateway.settings.data_dir, 0)("status")
    assert (code, f"at {second}, up" in out) == (1, True)


async def test_beside_a_demo(beside: Beside, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    port = free_port()
    commands = beside(data_dir, port, OPENWX_ACCOUNTS__DEFAULT__BASE_URL="http://127.0.0.1:9")
    demo = await commands.starts("serve", "--demo", program=quick.PROGRAM)
    url = (await demo.says(r"Its console, in your browser:  (http://\S+)/", timeout_s=PATIENCE_S))[
        1
    ]
    assert port_of(url) == str(port)
    await demo.says("updating → running", timeout_s=PATIENCE_S)
    code, out, err = await commands("status")
    assert (code, err) == (0, "")
    assert out.startswith("the demo of openwx ")
    assert f"at {url}, up" in out
    code, out, _ = await commands("status", "--json")
    assert (code, json.loads(out)["url"], json.loads(out)["demo"]) == (0, url, True)
    code, out, err = await commands("outbox")
    assert (code, out) == (0, "no delivery failed\n")
    assert err == f"openwx: these are the deliveries of the demo at {url}\n"
    _, out, _ = await commands("doctor")
    wrong = [line for line in out.splitlines() if line.startswith(("problem", "warning"))]
    assert [line.split()[1] for line in wrong] == ["base_url:"], "what is not there, and no port"
    assert f"a demo runs at {url}" in out
    # A gateway of the configuration itself comes first.
    serve = await commands.starts("serve", "--port", "0")
    own = await serve.url()
    assert (await commands("status"))[1].startswith("openwx ")
    assert f"at {own}, up" in (await commands("status"))[1]
    serve.process.send_signal(signal.SIGTERM)
    assert (await serve.ends(PATIENCE_S))[0] == 0
    demo.process.send_signal(signal.SIGINT)
    assert (await demo.ends(PATIENCE_S))[0] == 0
    assert not (data_dir / instance.DEMO).exists()


async def test_a_demo_leaves_nothing_and_a_killed_one_is_no_gateway(
    beside: Beside, tmp_path: Path
) -> None:
    commands = beside(tmp_path / "data", 0)
    demo = await commands.starts("serve", "--demo")
    await demo.says("Its console, in your browser", timeout_s=PATIENCE_S)
    assert [file.name for file in (tmp_path / "data").iterdir()] == [instance.DEMO]
    demo.process.send_signal(signal.SIGTERM)
    assert (await demo.ends(PATIENCE_S))[0] == 0
    assert not (tmp_path / "data").exists()
    demo = await commands.starts("serve", "--demo")
    await demo.says("Its console, in your browser", timeout_s=PATIENCE_S)
    await demo.kill()
    code, _, err = await commands("status")
    assert (code, "no openwx runs" in err) == (2, True)


async def test_where_nothing_can_be_left_it_runs_all_the_same(
    world: World, beside: Beside, caplog: pytest.LogCaptureFixture
) -> None:
    """And a command says that the folder is in use."""
    (world.data_dir / instance.RUNNING / "in the way").mkdir(parents=True)
    gateway = await world.start()
    assert "cannot find this gateway" in caplog.text
    async with aiohttp.ClientSession() as http, http.get(f"{gateway.url}/healthz") as answer:
        assert answer.status == 200
    commands = beside(world.data_dir, port_of(gateway.url))
    code, _, err = await commands("status")
    assert (code, "cannot be read" in err) == (2, True)
    code, _, err = await commands("outbox", "drop", "--all", "--yes")
    assert (code, "cannot be read" in err) == (2, True)


async def test_who_only_looks_does_not_keep_a_gateway_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``until openwx status; do …`` beside a start: it holds the lock for a moment."""
    monkeypatch.setattr(instance, "LOCK_S", 10.0)  # it is looked at ten times
    lock = FileLock(tmp_path / instance.LOCK, mode=0o600, thread_local=False)
    lock.acquire()
    threading.Timer(0.05, lock.release).start()
    async with AsyncExitStack() as stack:
        assert service.data_folder(tmp_path, stack) == tmp_path
