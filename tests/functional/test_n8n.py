"""The workflow of examples/n8n.json in n8n itself, against a gateway (docs/recipes.md).

N8N_HOME names a folder whose `node_modules` holds n8n (npm, 1.8 GB), which need not be compiled, as its database here
is PostgreSQL: `npm install --ignore-scripts n8n@1.123.81`. Where npm alone can be reached, its `package.json` needs
`"overrides": {"xlsx": "0.18.5"}`.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openwx.simulator import Account
from openwx.simulator.samples import PNG
from tests import postgres
from tests.patience import PATIENCE_S, until_seen
from tests.ports import free_port

from .world import Gateway, Receiver, World

NODE = shutil.which("node")
PROGRAM = Path(os.environ.get("N8N_HOME", ".")).resolve() / "node_modules" / "n8n" / "bin" / "n8n"
EXAMPLE = Path(__file__).parents[2] / "examples" / "n8n.json"
URL = "http://127.0.0.1:3000"
"""Where the gateway of the example is."""
N8N_PATIENCE_S = 5 * PATIENCE_S
"""It takes long to start, and makes its tables on its first start."""

pytestmark = pytest.mark.skipif(
    NODE is None or "N8N_HOME" not in os.environ or not PROGRAM.exists(),
    reason="N8N_HOME names no folder whose node_modules holds n8n, or there is no node",
)


@dataclass
class N8n:
    """An installation with a folder and a database of its own."""

    folder: Path
    database_port: int
    port: int

    def webhook(self) -> str:
        """Return the Production URL of the example's webhook."""
        return f"http://127.0.0.1:{self.port}/webhook/openwx-a-long-random-text"

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        assert NODE is not None
        return await asyncio.create_subprocess_exec(
            NODE,
            str(PROGRAM),
            *arguments,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "N8N_USER_FOLDER": str(self.folder),
                "N8N_PORT": str(self.port),
                "N8N_LISTEN_ADDRESS": "127.0.0.1",
                "N8N_DIAGNOSTICS_ENABLED": "false",
                "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
                "N8N_TEMPLATES_ENABLED": "false",
                "N8N_PERSONALIZATION_ENABLED": "false",
                "N8N_RUNNERS_ENABLED": "false",
                "N8N_EXPRESSION_ENGINE": "legacy",  # the other one is a native module
                "DB_TYPE": "postgresdb",
                "DB_POSTGRESDB_HOST": "127.0.0.1",
                "DB_POSTGRESDB_PORT": str(self.database_port),
                "DB_POSTGRESDB_USER": "postgres",
                "DB_POSTGRESDB_DATABASE": "postgres",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *arguments: str) -> str:
        """Run a command to its end. Returns what it wrote."""
        process = await self.start(*arguments)
        try:
            async with asyncio.timeout(N8N_PATIENCE_S):
                said, _ = await process.communicate()
        finally:
            await end(process)
        return said.decode()

    async def takes(self, workflow: dict[str, Any]) -> None:
        """Import a workflow, as a person does who has downloaded it."""
        file = self.folder / "workflow.json"
        file.write_text(json.dumps(workflow), "utf-8")
        said = await self.run("import:workflow", f"--input={file}")
        assert "Successfully imported 1 workflow" in said, said

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Run it with its active workflows, from when their webhooks are there."""
        process = await self.start("start")
        try:
            async with asyncio.timeout(N8N_PATIENCE_S):
                await said_until(process, b"Editor is now accessible")
            reading = asyncio.create_task(said_until(process, None))  # a full pipe would stop it
            try:
                yield
            finally:
                reading.cancel()
        finally:
            await end(process)


async def said_until(process: asyncio.subprocess.Process, words: bytes | None) -> None:
    """Read what a process writes, until these words come, or to its end."""
    assert process.stdout is not None
    said = b""
    while line := await process.stdout.readline():
        said += line
        if words is not None and words in line:
            return
    assert words is None, said.decode()


async def end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Server]:
    with postgres.for_test() as server:
        server.create()
        server.start()
        yield server


@pytest.fixture
def n8n(database: postgres.Server, tmp_path: Path) -> N8n:
    folder = tmp_path / "n8n"
    folder.mkdir()
    return N8n(folder, database.port, free_port())


def example(gateway_url: str, **body: str) -> dict[str, Any]:
    """Return the workflow with this address of the gateway, and other fields of the message where they are given."""
    workflow: dict[str, Any] = json.loads(EXAMPLE.read_text("utf-8"))
    (send,) = (node for node in workflow["nodes"] if node["name"] == "Send to WeChat")
    parameters = send["parameters"]
    parameters["url"] = parameters["url"].replace(URL, gateway_url)
    for field in parameters["bodyParameters"]["parameters"]:
        field["value"] = body.get(field["name"], field["value"])
    return workflow


async def deliveries(gateway: Gateway, **params: str) -> list[Any]:
    """Return those that n8n did not accept."""
    found: list[Any] = (await gateway.get("outbox", **params)).json["deliveries"]
    return found


async def test_it_answers_a_friend(n8n: N8n, world: World, account: Account) -> None:
    workflow = example(URL)
    await n8n.takes(workflow)
    await n8n.run("update:workflow", f"--id={workflow['id']}", "--active=true")
    async with n8n.serving():
        gateway = await world.run(report={"post_api": n8n.webhook(), "timeout": N8N_PATIENCE_S})
        friend = account.friend("小灰")
        friend.says("no answer to this")
        friend.sends_image(PNG)
        friend.says('echo "引号" {{ 1 }} \\ </script> 😄')
        assert await friend.hears_text(N8N_PATIENCE_S) == '"引号" {{ 1 }} \\ </script> 😄'
        friend.says("echo again")
        assert await friend.hears_text(N8N_PATIENCE_S) == "again"
        await until_seen(lambda: deliveries(gateway, state="waiting"), lambda waiting: not waiting)
        assert await deliveries(gateway) == []


async def test_it_sends(n8n: N8n, api: Gateway, account: Account, receiver: Receiver) -> None:
    workflow = example(api.url)
    await n8n.takes(workflow)
    said = await n8n.run("execute", f"--id={workflow['id']}")
    assert "Execution was successful" in said, said
    assert await account.friend("小灰").hears_text() == "n8n says hello"


async def test_nobody_of_that_name_fails_the_node(n8n: N8n, api: Gateway) -> None:
    workflow = example(api.url, displayname="nobody")
    await n8n.takes(workflow)
    said = await n8n.run("execute", f"--id={workflow['id']}")
    assert "Execution was NOT successful" in said, said
    assert "404" in said


async def test_every_try_has_the_same_key(n8n: N8n, receiver: Receiver) -> None:
    receiver.fails(1)
    workflow = example(f"http://127.0.0.1:{receiver.port}")
    await n8n.takes(workflow)
    said = await n8n.run("execute", f"--id={workflow['id']}")
    assert "Execution was successful" in said, said
    first, second = (report.headers["idempotency-key"] for report in receiver.reports)
    assert first == second
    assert re.fullmatch(rf"n8n-{workflow['id']}-\d+-0", first)
