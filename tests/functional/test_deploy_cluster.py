"""The files in docs/deploy/cluster: nodes with the environment of compose.yaml behind its nginx, without containers.

Only addresses, folders and PostgreSQL's name are replaced; the accounts are those of a simulated WeChat.
"""

import asyncio
import io
import re
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import yaml

from openwx.api.app import routes
from openwx.api.callers import Scope
from openwx.config import load
from openwx.simulator import Simulator
from tests import postgres
from tests.patience import PATIENCE_S, until_seen
from tests.ports import free_port

from .nodes import Process
from .streaming import event_source, socket
from .test_deploy import BEARER, DEPLOY, ROOT, TOKEN, needs, read, running, settings_of
from .world import Api, Command, Json, Receiver

ASKED_S = 40.0
"""Longer than a call that may be made again is made again, and than a takeover, in seconds."""
KEY = {"Idempotency-Key": "after-the-loss"}


def compose() -> Json:
    found = yaml.safe_load(read("cluster/compose.yaml"))
    assert isinstance(found, dict)
    return found


def environment_of(service: str, **given: str) -> dict[str, str]:
    """Return what compose.yaml gives a service, with these in ``.env``."""

    def fill(found: re.Match[str]) -> str:
        name, default, needed = found.groups()
        assert default is not None or needed is None or name in given, f"{name} is not given"
        return given.get(name, default or "")

    return {
        name: re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?([^}]*))?\}", fill, value)
        for name, value in compose()["services"][service]["environment"].items()
    }


SECRETS = {"OPENWX_TOKEN": TOKEN, "OPENWX_SECRET": "s" * 64, "POSTGRES_PASSWORD": "p" * 64}
NODES = ("wx-1", "wx-2", "wx-3")


def test_compose_sets_settings_that_exist_and_fit_together() -> None:
    services = compose()["services"]
    addresses = {name: one["networks"]["openwx"]["ipv4_address"] for name, one in services.items()}
    site = read("cluster/nginx.conf")
    for name in NODES:
        service = services[name]
        build = service["build"]
        assert (DEPLOY / "cluster" / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
        assert build["args"] == {"EXTRAS": "[cluster]"}
        assert '".${EXTRAS}"' in read("Dockerfile")
        loaded = load(None, settings_of(read("Dockerfile")) | environment_of(name, **SECRETS), {})
        assert not loaded.warnings
        settings = loaded.settings
        assert settings.cluster.node == name
        assert settings.cluster.url == f"http://{addresses[name]}:3100"
        assert f"server {addresses[name]}:{settings.listen[0].port} " in site
        assert [str(one) for one in settings.access.trusted_proxies] == [
            f"{addresses['balancer']}/32"
        ]
        assert settings.store.url is not None
        assert f"@{addresses['postgres']}:5432/" in settings.store.url
        assert service["volumes"] == [f"{name}:/data"], "each has a folder of its own"
    assert services["balancer"]["ports"] == ["127.0.0.1:3000:3000"]
    assert (DEPLOY / "cluster" / "nginx.conf").is_file()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
@pytest.mark.parametrize("page", ["cluster.md", "zh/cluster.md"])
async def test_the_lines_of_the_page_write_the_secrets_that_compose_asks_for(
    page: str, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (line,) = re.findall(
        r"^\(umask .*\)$", text.partition("cd docs/deploy/cluster\n")[2], re.MULTILINE
    )
    process = await asyncio.create_subprocess_exec("sh", "-c", line, cwd=tmp_path)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    kept = tmp_path / ".env"
    assert kept.stat().st_mode & 0o777 == 0o600
    known = dict(one.split("=", 1) for one in kept.read_text(encoding="utf-8").splitlines())
    assert set(re.findall(r"\$\{(\w+):\?", read("cluster/compose.yaml"))) == known.keys()
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in known.values())
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/docs/deploy/cluster/.env" in ignored


def test_the_balancer_asks_another_node_by_get_only_for_what_changes_nothing() -> None:
    (pattern,) = re.findall(r"location ~ (\S+) \{", read("cluster/nginx.conf"))
    again = [one for one in routes() if re.match(pattern, f"/openwx/{one.name}")]
    assert len(again) > 5
    assert {one.scope for one in again} == {Scope.READ}


@asynccontextmanager
async def balancer_before(nodes: Sequence[str], folder: Path) -> AsyncIterator[str]:
    """Run nginx with our file before nodes at these URLs. Return its own."""
    program = needs("nginx")
    port = free_port()
    site = read("cluster/nginx.conf").replace("listen 3000;", f"listen 127.0.0.1:{port};")
    for name, url in zip(NODES, nodes, strict=True):
        address = compose()["services"][name]["networks"]["openwx"]["ipv4_address"]
        assert f"server {address}:3000 " in site
        site = site.replace(f"{address}:3000", url.removeprefix("http://"))
    temp = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/nginx.log;"
        f" events {{}} http {{ {temp} {site} }}"
    )
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(conf)]
    async with running(*command, port=port):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def node_that(answers: bool, heard: list[str]) -> AsyncIterator[str]:
    """Run what reads a request whole, writes down its parameter ``n``, and answers, or hangs up. Return its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)^content-length: *(\d+)", head, re.MULTILINE)
        await reader.readexactly(int(length[1]) if length else 0)
        heard.extend(re.findall(r"[?&]n=(\w+)", head))
        if answers:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_that_reached_a_node_is_sent_to_another(method: str, tmp_path: Path) -> None:
    """One node hangs up, one is not there, one answers."""
    hung_up: list[str] = []
    answered: list[str] = []
    statuses: dict[str, int] = {}
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with (
        node_that(False, hung_up) as bad,
        node_that(True, answered) as good,
        balancer_before([bad, nowhere, good], tmp_path) as url,
        aiohttp.ClientSession(url) as http,
    ):
        # Until the balancer has met both of those that fail, and has tried them again.
        async with asyncio.timeout(PATIENCE_S):
            while len(hung_up) < 2:
                name = f"send{len(statuses)}"
                data = b"x" * 70_000 if method == "POST" else None
                async with http.request(
                    method, f"/openwx/send_friend_message?n={name}", data=data
                ) as answer:
                    statuses[name] = answer.status
        for number in range(9):
            async with http.get(f"/openwx/get_user_info?n=read{number}") as answer:
                assert answer.status == 200
    sends = [name for name in hung_up + answered if name.startswith("send")]
    assert len(sends) == len(set(sends))
    for name, status in statuses.items():
        assert (status == 200) == (name in answered), name
    failed = {name for name, status in statuses.items() if status != 200}
    unsent = failed - set(hung_up)
    # A POST that reached nobody went on to another node.
    assert bool(unsent) == (method == "GET")


@dataclass
class Deployed:
    """What compose.yaml runs, each in a process of its own."""

    folder: Path
    http: aiohttp.ClientSession
    simulator: Simulator
    receiver: Receiver
    store_url: str
    more: dict[str, str] = field(default_factory=dict)
    """More of the environment of the nodes."""
    schema: str = field(default_factory=postgres.new_schema)
    nodes: dict[str, Process] = field(default_factory=dict)

    async def start(self, *names: str) -> None:
        """Start the nodes, and wait until they are ready."""
        for name in names:
            given = environment_of(name, **SECRETS, OPENWX_POST_API=self.receiver.url)
            port, peers = free_port(), free_port()
            here = {
                "OPENWX_DATA_DIR": str(self.folder / name),
                "OPENWX_LISTEN__HOST": "127.0.0.1",
                "OPENWX_LISTEN__PORT": str(port),
                "OPENWX_ACCESS__TRUSTED_PROXIES": '["127.0.0.1"]',
                "OPENWX_STORE__URL": self.store_url,
                "OPENWX_STORE__SCHEMA": self.schema,
                "OPENWX_CLUSTER__LISTEN": f"127.0.0.1:{peers}",
                "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": self.simulator.url,
            }
            command = await Command.start("serve", cwd=self.folder, **given | here | self.more)
            self.nodes[name] = Process(command, f"http://127.0.0.1:{port}", self.http)
        for name in names:
            await self.nodes[name].command.says("listens on ")

    @asynccontextmanager
    async def balanced(self) -> AsyncIterator[Api]:
        """Run nginx before the nodes that run."""
        urls = [self.nodes[name].url for name in NODES]
        async with balancer_before(urls, self.folder) as url:
            yield Api(url, self.http)

    async def close(self) -> None:
        for node in self.nodes.values():
            await node.command.kill()


@pytest.fixture
async def deployed(
    simulator: Simulator, receiver: Receiver, tmp_path: Path, postgres_url: str
) -> AsyncIterator[Deployed]:
    needs("nginx")
    async with (
        aiohttp.ClientSession(headers=BEARER, connector=aiohttp.TCPConnector(limit=0)) as http,
        AsyncExitStack() as stack,
    ):
        found = Deployed(
            tmp_path,
            http,
            simulator,
            receiver,
            postgres_url,
            # The shortest lease that a configuration may say, so that the takeover is quick.
            {
                "OPENWX_CLUSTER__LEASE": "5",
                "OPENWX_CLUSTER__JOIN_PAUSE": "1",
                "OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
            },
        )
        stack.push_async_callback(found.close)
        yield found


async def owner_of(api: Api) -> str:
    """Return the node that runs the account; empty where none does, or it is not logged in."""
    reply = await api.get("check_client")
    if reply.status != 200:
        return ""
    (client,) = reply.json["client"]
    return str(client["node"]) if client["state"] == "running" else ""


async def test_three_nodes_behind_the_balancer(deployed: Deployed) -> None:
    receiver, account = deployed.receiver, deployed.simulator.account()
    await deployed.start(*NODES)
    async with deployed.balanced() as balancer:
        async with deployed.http.get(f"{balancer.url}/healthz") as answer:
            assert answer.status == 200
        await account.phone.logs_in()
        owner = await until_seen(lambda: owner_of(balancer))

        # More calls than nodes: most of them reach one that forwards.
        for number in range(6):
            reply = await balancer.get(
                "send_friend_message", displayname="小灰", content=f"{number}"
            )
            assert (reply.status, reply.code) == (200, 0)
        form = aiohttp.FormData({"displayname": "小灰"})
        form.add_field("media", io.BytesIO(bytes(3 * 2**20)), filename="three.bin")
        assert (await balancer.call("send_friend_message", method="POST", data=form)).code == 0
        heard = await account.friend("小灰").hears(7)
        assert [one.text for one in heard[:6]] == [*"012345"]
        assert heard[6].medium is not None
        assert heard[6].medium.size == 3 * 2**20
        account.friend("小灰").says("in")
        await receiver.get(content="in")

        async with event_source(balancer) as source, socket(balancer) as ws:
            account.friend("小灰").says("to both")
            await source.until("to both")
            assert (await ws.next_of("event"))["event"]["content"] == "to both"
            last_id = source.last_id

        deployed.nodes[owner].signals(signal.SIGKILL)
        account.friend("小灰").says("while nobody runs it")
        # A call with a key may be made again by the caller, until a node has the account.
        sent = await until_seen(lambda: accepted(balancer), lambda code: code == 0)
        assert sent == 0
        other = await until_seen(lambda: owner_of(balancer), lambda name: name not in ("", owner))
        assert other in NODES
        await receiver.get(content="while nobody runs it")
        async with event_source(balancer, last_id=last_id) as source:
            found = await source.until("while nobody runs it")
            assert "to both" not in [one.content for one in found]
        (once,) = [one for one in await account.friend("小灰").hears() if one.text == "goes on"]
        assert once.text == "goes on"
        # The node that is gone costs callers no more than the time in which it is tried again.
        for _ in range(6):
            assert (await balancer.get("get_user_info")).status == 200


async def accepted(balancer: Api) -> int | None:
    """Send with a key. Return the code, or None where the balancer answered itself."""
    async with asyncio.timeout(ASKED_S):
        reply = await balancer.call(
            "send_friend_message",
            method="POST",
            data={"displayname": "小灰", "content": "goes on"},
            headers=KEY,
        )
    of_the_balancer = reply.headers["Content-Type"].startswith("text/html")
    return None if of_the_balancer else reply.code
