"""The first five minutes and the recipes of docs/ilink.md work as written, but for ports and the simulated WeChat."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from openwx.config import load
from openwx.simulator import ClawBot, Simulator
from tests.patience import PATIENCE_S
from tests.populations import FEW
from tests.ports import free_port
from tests.served import served

from .test_quickstart import lines_of, with_curl
from .world import Gateway, Json, Receiver, Start, World

POPULATION = FEW

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ilink.md").read_text(encoding="utf-8")
"""The Chinese page has the same code (``test_docs.py``)."""
URL = "http://127.0.0.1:3000"


def pieces(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def shell(line: str, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", line, cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode == 0, (line, err)
    return out.decode()


# -- the first five minutes ------------------------------------------------------------------------------


def test_the_configuration_is_right(tmp_path: Path) -> None:
    (piece,) = pieces("toml")
    (tmp_path / "config.toml").write_text(piece, encoding="utf-8")
    loaded = load(tmp_path / "config.toml", {}, {})
    assert loaded.settings.accounts["default"].transport == "ilink"
    assert loaded.settings.report.post_api == "http://127.0.0.1:8000/"
    assert not loaded.warnings


@with_curl
async def test_the_first_five_minutes(
    openwx: Start, world: World, owner: ClawBot, receiver: Receiver, simulator: Simulator,
    tmp_path: Path,
) -> None:  # fmt: skip
    (config,), (digits,) = pieces("toml"), re.findall(r"`(curl '\S+verify_code\S+')`", PAGE)
    assert ".venv/bin/openwx verify-code 123456" in PAGE
    assert lines_of(PAGE, ".venv/bin/openwx serve")[-1] == ".venv/bin/openwx serve"
    config = config.replace("http://127.0.0.1:8000/", receiver.url)
    (tmp_path / "config.toml").write_text(config, encoding="utf-8")
    simulator.ilink.verify_code = True
    gateway = await openwx(
        "serve", "--port", "0",
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL=simulator.url,
        OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL="0",
    )  # fmt: skip
    url = await gateway.url()
    phone = world.account.phone
    await phone.scan()
    shown = await phone.sees_digits()
    await gateway.says("scaning → confirming")
    wrong = f"{(int(shown) + 1) % 10**6:06}"
    command = await openwx("verify-code", wrong)
    assert (await command.ends())[0] == 1
    said = await shell(digits.replace(URL, url).replace("123456", shown), tmp_path)
    assert '"right":true' in said
    phone.confirm()
    await gateway.says("updating → running")
    texts, pictures = [line.replace(URL, url) for line in lines_of(PAGE, "curl ")]
    assert '"code":101' in await shell(texts, tmp_path), "the bot cannot write first"
    owner.says("anything")
    await receiver.get(content="anything")
    await owner.bot.acknowledges()
    for line in (texts, pictures):
        assert '"code":0' in await shell(line, ROOT), line
    text, picture = await owner.hears(2)
    assert text.text == "The backup is done."
    assert picture.medium is not None
    assert picture.kind == "image"
    assert picture.medium.data == (ROOT / "docs/screenshots/console-chat.png").read_bytes()


# -- the recipes -----------------------------------------------------------------------------------------


@with_curl
async def test_a_cron_job_tells(bound: Gateway, owner: ClawBot, tmp_path: Path) -> None:
    (line,) = lines_of(PAGE, "0 7 * * *")
    command = line.removeprefix("0 7 * * *").replace(URL, bound.url)
    command = command.replace("/srv/backup.sh", "false")
    for _ in range(11):
        assert '"code":0' in await shell(command, tmp_path)
    heard = await owner.hears(10)
    host = os.uname().nodename
    assert {one.text for one in heard} == {f"The backup failed on {host}."}
    owner.says("I see")
    await owner.hears()
    assert len(owner.texts) == 11, "the last one waited, and was not lost"


@asynccontextmanager
async def runs(code: str, port: int, folder: Path, **environ: str) -> AsyncIterator[None]:
    """Run a program of the page at another port."""
    (folder / "bot.py").write_text(code.replace("port=8000", f"port={port}"), encoding="utf-8")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "bot.py", cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **environ},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert program.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            assert "Running on" in (await program.stdout.readline()).decode()
        yield
    finally:
        program.terminate()
        await program.communicate()


async def answers_to(world: World, port: int) -> Gateway:
    """Run a gateway whose ``post_api`` is the program."""
    return await world.run(
        transport="ilink", report={"post_api": f"http://127.0.0.1:{port}/", "post_event": False}
    )


async def test_a_server_that_is_asked(world: World, owner: ClawBot, tmp_path: Path) -> None:
    port = free_port()
    async with runs(pieces("python")[0], port, tmp_path):
        gateway = await answers_to(world, port)
        owner.says("hello; rm -rf /")
        assert await owner.hears_text() == "Ask me one of: disk, uptime"
        owner.says(" Disk ")
        assert "%" in await owner.hears_text()
        await gateway.stop()


@asynccontextmanager
async def language_model(asked: list[tuple[Json, str]]) -> AsyncIterator[str]:
    """Serve an endpoint as those of language models, and keep what it was asked."""

    async def complete(request: web.Request) -> web.Response:
        body: Any = await request.json()
        asked.append((body, request.headers["Authorization"]))
        words = body["messages"][-1]["content"]
        return web.json_response(
            {"choices": [{"message": {"role": "assistant", "content": f"I think: {words}"}}]}
        )

    async with served({"/v1/chat/completions": complete}) as url:
        yield f"{url}/v1"


async def test_a_language_model_answers(world: World, owner: ClawBot, tmp_path: Path) -> None:
    asked: list[tuple[Json, str]] = []
    port, code = free_port(), pieces("python")[1]
    async with language_model(asked) as api:
        environ = {"LLM_URL": api, "LLM_MODEL": "tiny", "LLM_KEY": "a secret"}
        async with runs(code, port, tmp_path, **environ):
            gateway = await answers_to(world, port)
            owner.says("你好")
            assert await owner.hears_text() == "I think: 你好"
            owner.says("and now?")
            assert await owner.hears_text() == "I think: and now?"
            await gateway.stop()
    assert asked[0] == (
        {"model": "tiny", "messages": [{"role": "user", "content": "你好"}]},
        "Bearer a secret",
    )


def test_no_piece_is_left_out() -> None:
    assert [len(pieces(language)) for language in ("toml", "python", "sh", "json")] == [1, 2, 4, 1]
