"""``openwx mcp`` as it is started: on standard input and output and by streamable HTTP, with a simulated WeChat.

INSPECTOR_HOME names a folder whose `node_modules` holds @modelcontextprotocol/inspector (npm); `.ci/run` makes it.
"""

import asyncio
import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tomllib
from pathlib import Path

import aiohttp
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from openwx.cli.mcp import EXTRA
from openwx.config import AccessSettings
from openwx.simulator import Account
from tests.patience import PATIENCE_S

from .mcp_calls import ROOT, Model, command, environ
from .typed import Typed
from .world import Start, World

TOKEN = "b8-of-mcp-7d1f0c9e"
KEYS = json.dumps([{"name": "own", "token": TOKEN}])
GATEWAYS = "c9-of-the-gateway-2a"
LINE = r"listens on (http://\S+)"
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"},
    },
}  # fmt: skip
ACCEPT = {"Accept": "application/json, text/event-stream"}
INSPECTOR = Path(os.environ.get("INSPECTOR_HOME", ".")) / "node_modules" / ".bin" / "mcp-inspector"


async def converses(model: Model, account: Account) -> None:
    """Read, wait for a message, and answer it."""
    friend = account.friend("小灰")
    after = (await model.call("read_messages"))["after"]
    waits = asyncio.create_task(model.call("wait_for_message", after=after, timeout_s=50))
    friend.says("are you there?")
    (message,) = (await waits)["messages"]
    assert message["untrusted_text"] == "are you there?"
    sent = await model.call("send_message", chat=message["chat_id"], text="yes")
    assert sent["outcome"] == "sent"
    assert await friend.hears_text() == "yes"
    refused = await model.call("send_message", chat="momo", text="no")
    assert refused["outcome"] in ("not_allowed", "not_found")


async def test_standard_input_and_output(world: World, account: Account) -> None:
    await world.run()
    async with Client(command(world, send_to=["小灰"])) as client:
        assert client.server_info is not None
        assert client.server_info.name == "openwx"
        assert "untrusted_" in (client.instructions or "")
        await converses(Model(client), account)


async def test_an_older_client(world: World, account: Account) -> None:
    await world.run()
    async with Client(command(world, send_to=["小灰"]), mode="legacy") as client:
        await converses(Model(client), account)


async def test_streamable_http(openwx: Start, world: World, account: Account) -> None:
    settings = world.settings().model_copy(update={"access": AccessSettings(token=GATEWAYS)})
    gateway = await world.start(settings=settings)
    await account.phone.logs_in()
    async with asyncio.timeout(PATIENCE_S):
        while (await gateway.get("check_client", token=GATEWAYS)).json["client"][0][
            "state"
        ] != "running":
            await gateway.get("check_event", token=GATEWAYS, timeout="0.2")
    given = environ(world, send_to=["小灰"], token=TOKEN) | {"OPENWX_ACCESS__TOKEN": GATEWAYS}
    server = await openwx("mcp", "--http", "127.0.0.1:0", **given)
    url = (await server.says(LINE, 3 * PATIENCE_S))[1]  # the SDK takes long to import
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
        Client(streamable_http_client(url, http_client=http)) as one,
        Client(streamable_http_client(url, http_client=http), mode="legacy") as other,
    ):
        await converses(Model(one), account)
        await converses(Model(other), account)
    await only_this_machine_and_who_has_the_token(url)
    server.process.terminate()
    async with asyncio.timeout(PATIENCE_S):
        await server.process.wait()


async def only_this_machine_and_who_has_the_token(url: str) -> None:
    good = ACCEPT | {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession() as http:
        for headers, status in (
            (good, 200),
            (ACCEPT, 401),
            (ACCEPT | {"Authorization": f"Bearer {TOKEN}x"}, 401),
            (ACCEPT | {"Authorization": f"Bearer {GATEWAYS}"}, 401),
            (good | {"Host": "evil.example.org"}, 421),
            (good | {"Origin": "https://evil.example.org"}, 403),
            (good | {"Origin": "http://127.0.0.1:5173"}, 403),
            (good | {"Origin": "null"}, 403),
        ):
            async with http.post(url, json=INITIALIZE, headers=headers) as answer:
                assert answer.status == status, (headers, await answer.text())
        async with http.post(url, data=io.BytesIO(bytes(5 * 2**20)), headers=good) as answer:
            assert answer.status in (400, 413)


async def test_who_says_nothing_keeps_nobody_out(openwx: Start, world: World) -> None:
    """Idle connections, halves of heads and of bodies, all without the token: the oldest ones are closed."""
    given = environ(world, token=TOKEN)
    server = await openwx("mcp", "--http", "127.0.0.1:0", **given)
    url = (await server.says(LINE, 3 * PATIENCE_S))[1]
    port = int(url.removesuffix("/mcp").rpartition(":")[2])
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
    async with contextlib.AsyncExitStack() as stack:
        for begun in (b"", head, head + b"Content-Length: 9\r\n\r\n") * 100:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(begun)
            await writer.drain()
        http = await stack.enter_async_context(aiohttp.ClientSession())
        good = ACCEPT | {"Authorization": f"Bearer {TOKEN}"}
        async with http.post(url, json=INITIALIZE, headers=good) as answer:
            assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("closed", ["<&-", ">&- < /dev/zero"])
async def test_a_closed_standard_stream_is_told(world: World, closed: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f"'{sys.executable}' -m openwx mcp {closed}", cwd=world.data_dir.parent,
        env={**os.environ, **environ(world), "PYTHONPATH": str(ROOT)}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        _, err = await process.communicate()
    assert process.returncode == 2
    assert b"one of them is closed" in err
    assert err.count(b"\n") == 1


async def test_a_client_that_leaves_is_no_failure(world: World) -> None:
    server = command(world)
    out, its_out = os.pipe()
    process = await asyncio.create_subprocess_exec(
        server.command, *server.args, env=server.env, cwd=server.cwd, stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.PIPE, stdout=its_out,
    )  # fmt: skip
    os.close(its_out)
    ask = json.dumps(INITIALIZE).encode() + b"\n"
    assert process.stdin is not None
    process.stdin.write(ask)
    async with asyncio.timeout(2 * PATIENCE_S):
        assert await asyncio.to_thread(os.read, out, 65536)
        os.close(out)
        _, err = await process.communicate(ask)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize(
    ("http", "given", "words"),
    [
        ("0.0.0.0:0", {}, "a token is needed"),
        ("[::]:0", {}, "a token is needed"),
        ("example.org:0", {}, "a token is needed"),
        ("127.0.0.1:0", {"OPENWX_ACCESS__TOKEN": TOKEN}, "a way around it"),
        ("127.0.0.1:0", {"OPENWX_ACCESS__TOKEN": TOKEN, "OPENWX_MCP__TOKEN": TOKEN}, "another one"),
        ("127.0.0.1:0", {"OPENWX_ACCESS__KEYS": KEYS}, "a way around it"),
        ("127.0.0.1:0", {"OPENWX_ACCESS__KEYS": KEYS, "OPENWX_MCP__TOKEN": TOKEN}, "another one"),
        ("127.0.0.1", {}, "must be HOST:PORT"),
        (":3000", {}, "must be HOST:PORT"),
        ("127.0.0.1:x", {}, "must be HOST:PORT"),
        ("127.0.0.1:99999", {}, "must be HOST:PORT"),
        ("http://127.0.0.1:1", {}, "must be HOST:PORT"),
        ("192.0.2.1:1", {"OPENWX_MCP__TOKEN": TOKEN}, "http://192.0.2.1:1"),
    ],
)
async def test_addresses_that_are_refused(
    typed: Typed, http: str, given: dict[str, str], words: str
) -> None:
    code, out, err = await typed("mcp", "--http", http, **given)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert TOKEN not in err


async def test_a_missing_package_is_told(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['mcp'] = None\n"
        "from openwx.cli.main import main\nsys.exit(main(['mcp']))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENWX_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        _, err = await process.communicate()
    pip = f"{sys.executable} -m pip install '{EXTRA}'"
    assert err.decode() == f"openwx: openwx mcp needs a package that is not installed: {pip}\n"
    assert process.returncode == 2


def test_the_package_is_that_of_the_extra() -> None:
    """What is told to install works beside a clone, a wheel and a package alike."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["mcp"] == [EXTRA]


@pytest.mark.skipif(
    "INSPECTOR_HOME" not in os.environ or not INSPECTOR.exists() or shutil.which("node") is None,
    reason="INSPECTOR_HOME names no folder whose node_modules holds the Inspector, or there is no node",
)
async def test_the_inspector(world: World, account: Account) -> None:
    """The command line of the Inspector, unmodified: it lists the tools and calls them."""
    await world.run()
    server = command(world, send_to=["小灰"])
    variables = [
        part for name, value in (server.env or {}).items() for part in ("-e", f"{name}={value}")
    ]

    async def inspects(*arguments: str) -> dict[str, object]:
        process = await asyncio.create_subprocess_exec(
            INSPECTOR, "--cli", *variables, server.command, *server.args, *arguments,
            cwd=world.data_dir.parent, start_new_session=True, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                out, err = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it starts others
        assert process.returncode == 0, (out, err)
        answer = json.loads(out)
        assert isinstance(answer, dict)
        return answer

    listed = await inspects("--method", "tools/list")
    assert isinstance(listed["tools"], list)
    assert len(listed["tools"]) == 7
    call = ["--method", "tools/call", "--tool-name", "send_message"]
    sent = await inspects(*call, "--tool-arg", "chat=小灰", "text=hello", "idempotency_key=k1")
    assert sent["structuredContent"]["outcome"] == "sent"  # type: ignore[index]
    again = await inspects(*call, "--tool-arg", "chat=小灰", "text=hello", "idempotency_key=k1")
    assert again["structuredContent"] == sent["structuredContent"]
    assert account.friend("小灰").texts == ["hello"]
