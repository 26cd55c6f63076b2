"""The fixtures of the functional tests; ``world.py`` says what is in them.

``simulator`` and ``account`` are the simulated WeChat and its first account, ``receiver`` is the ``post_api``.
``world`` starts gateways between them. ``gateway`` is one that waits for a scan, ``api`` one that runs,
``bench`` one for all tests of a module, which is called in bytes. ``bound`` runs on iLink, where ``owner`` has written.

In modules with ``pytestmark = pytest.mark.in_memory`` accounts run on ``tests/memory.py``, and ``account`` is a
``MemoryAccount``; their tests that take ``simulator`` run on it as those of other modules do.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from openwx.simulator import Account, ClawBot, Simulator
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount
from tests.populations import USUAL

from .nodes import Cluster
from .rawcalls import Bench, benched
from .typed import Typed
from .visitor import Comes, Visitor
from .world import Command, Gateway, Receiver, Start, World


@pytest.fixture
def population(request: pytest.FixtureRequest) -> Mapping[str, int]:
    """How many of everybody; a module with other wishes has a ``POPULATION``."""
    population: Mapping[str, int] = getattr(request.module, "POPULATION", USUAL)
    return population


@pytest.fixture
async def simulator(population: Mapping[str, Any]) -> AsyncIterator[Simulator]:
    async with Simulator(1, hold_s=0.5, **population) as simulator:
        yield simulator


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> Simulator | MemoryTransports:
    """Make what accounts talk to."""
    if "simulator" not in request.fixturenames and request.node.get_closest_marker("in_memory"):
        return MemoryTransports()
    simulator = request.getfixturevalue("simulator")
    assert isinstance(simulator, Simulator)
    return simulator


@pytest.fixture
def account(peer: Simulator | MemoryTransports) -> Account | MemoryAccount:
    return peer.account()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def world(
    peer: Simulator | MemoryTransports, receiver: Receiver, tmp_path: Path
) -> AsyncIterator[World]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        world = World(peer, receiver, tmp_path / "data", http)
        yield world
        await world.close()


@pytest.fixture
async def gateway(world: World) -> Gateway:
    return await world.start()


@pytest.fixture
async def api(world: World) -> Gateway:
    """Start a gateway and log it in; forget the reports of the login."""
    gateway = await world.run()
    await world.receiver.gets(event="login")
    await world.receiver.gets(event="state_change", params=["updating", "running"])
    world.receiver.forget()
    return gateway


@pytest.fixture
def stops_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``stop_client`` stop an account when it has answered, and not seconds later."""
    monkeypatch.setattr("openwx.api.routes.accounts.STOP_DELAY_S", 0)


@pytest.fixture
def owner(account: Account) -> ClawBot:
    """Return the person of an account on iLink: their chat with the bot."""
    return account.clawbot


@pytest.fixture
async def bound(world: World, owner: ClawBot) -> Gateway:
    """Start a gateway on iLink and scan its code; its person writes, so that it may send. Forget those reports."""
    gateway = await world.run(transport="ilink")
    owner.says("first")
    await world.receiver.get(content="first")
    await owner.bot.acknowledges()
    world.receiver.forget()
    return gateway


@pytest.fixture
def is_fresh() -> bool:
    """Whether commands start as new interpreters; a module about the start itself has its own."""
    return False


@pytest.fixture
async def openwx(tmp_path: Path, is_fresh: bool) -> AsyncIterator[Start]:
    """Return a function that starts ``openwx``; kill what still runs at the end."""
    async with AsyncExitStack() as stack:

        async def start(*arguments: str, **environ: str) -> Command:
            begin = Command.start_afresh if is_fresh else Command.start
            command = await begin(*arguments, cwd=tmp_path, **environ)
            stack.push_async_callback(command.kill)
            return command

        yield start


@pytest.fixture
def typed(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Typed:
    """Return a function that runs ``openwx …`` in this process, beside the gateways of the world."""
    return Typed(world.data_dir, tmp_path, monkeypatch, capsys)


@pytest.fixture
def environ(world: World) -> dict[str, str]:
    """Return the variables with which ``openwx serve`` runs in the world, in its data folder."""
    return {
        "OPENWX_DATA_DIR": str(world.data_dir),
        "OPENWX_LISTEN__PORT": "0",
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": world.simulator.url,
        "OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
        "OPENWX_REPORT__POST_API": world.receiver.url,
    }


@pytest.fixture
async def cluster(
    simulator: Simulator, receiver: Receiver, tmp_path: Path, postgres_url: str
) -> AsyncIterator[Cluster]:
    """Return nodes that share a PostgreSQL; none runs yet."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        cluster = Cluster(simulator, receiver, tmp_path, http, postgres_url)
        yield cluster
        receiver.behaves_well()
        await cluster.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benched(tmp_path_factory.mktemp("openwx")) as bench:
        yield bench


@pytest.fixture
def nothing_sent_yet(bench: Bench) -> None:
    """Forget the messages of the previous test."""
    bench.sent()


@pytest.fixture
async def comes() -> AsyncIterator[Comes]:
    """Somebody with a browser comes to a gateway."""
    async with AsyncExitStack() as stack:

        def come(gateway: Gateway, language: str = "en") -> Visitor:
            visitor = Visitor(gateway.url, language)
            stack.push_async_callback(visitor.http.close)
            return visitor

        yield come


@pytest.fixture
async def visitor(api: Gateway, comes: Comes) -> Visitor:
    return comes(api)


@pytest.fixture(params=["web", "ilink"])
def either(cluster: Cluster, request: pytest.FixtureRequest) -> Cluster:
    """Return a cluster whose accounts run over either transport."""
    cluster.account = {"transport": request.param}
    return cluster
