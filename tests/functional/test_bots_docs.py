"""Every piece of code in docs/bots.md does what is said of it; the Chinese page has the same ones."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from openwx import client, pytest_plugin
from openwx.config import load
from openwx.simulator.samples import PNG
from tests.patience import PATIENCE_S, until

from .test_testing import pytest_in

DOCS = Path(__file__).parents[2] / "docs"
RUN_ALONE = {"hello.py", "listen.py"}
"""Programs; all other pieces are tested by those that are tests."""


def pieces(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```(?!sh)\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pieces, each in the file that its first line names."""
    folder = tmp_path_factory.mktemp("bots")
    for piece in pieces("bots.md"):
        name = re.match(r"# ([\w.]+)\n", piece)
        assert name, f"this does not begin with the name of a file:\n{piece}"
        (folder / name[1]).write_text(piece, encoding="utf-8")
    (folder / "picture.png").write_bytes(PNG)
    return folder


def test_both_pages_have_the_same_pieces() -> None:
    assert pieces("bots.md") == pieces("zh/bots.md")


@pytest.mark.parametrize("page", ["bots.md", "zh/bots.md"])
def test_the_pages_list_every_error_and_every_fixture(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    fixtures = [name for name, one in vars(pytest_plugin).items() if _is_fixture(one)]
    for name in (*errors_of(client.CallFailed), *fixtures):
        assert f"`{name}`" in text or name.startswith("_"), name


def errors_of(kind: type[client.CallFailed]) -> list[str]:
    """Return the classes at the leaves of the tree."""
    if not kind.__subclasses__():
        return [kind.__name__]
    return [name for one in kind.__subclasses__() for name in errors_of(one)]


def _is_fixture(what: object) -> bool:
    return type(what).__name__ == "FixtureFunctionDefinition"


def test_every_piece_is_used(folder: Path) -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
    for path in folder.glob("*.py"):
        tested = path.name in RUN_ALONE or path.name.startswith("test_")
        assert tested or f"from {path.stem} import" in tests, path.name


def test_the_tests_pass(folder: Path) -> None:
    done = pytest_in(folder, "-p", "no:aiohttp")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_configuration_is_right(folder: Path) -> None:
    loaded = load(folder / "config.toml", {}, {})
    assert loaded.settings.report.post_api == "http://127.0.0.1:8000/"
    assert not loaded.warnings


@pytest.fixture
def environ(openwx_url: str) -> dict[str, str]:
    return {**os.environ, "OPENWX_URL": openwx_url, "PYTHONUTF8": "1"}


async def test_hello(
    folder: Path, environ: dict[str, str], wechat: Any, openwx_gateway: Any
) -> None:
    hello = await asyncio.create_subprocess_exec(
        sys.executable, "hello.py", cwd=folder, env=environ, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(hello.communicate(), PATIENCE_S)
    assert (hello.returncode, said.decode()) == (0, "I am 我是谁\n")
    texts = await wechat.friend("小灰").hears(3)
    assert [one.text for one in texts if one.msg_type == 1] == ["hi", "look"]
    assert [one.medium.data for one in texts if one.medium] == [PNG]
    (announced,) = await wechat.group("PERL学习交流").hears()
    assert announced.revoked


async def test_listen(
    folder: Path, environ: dict[str, str], wechat: Any, openwx_gateway: Any
) -> None:
    kept = folder / "last_id"
    kept.write_text("0")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "listen.py", cwd=folder, env=environ
    )
    try:
        wechat.friend("小灰").says("ping")
        assert await wechat.friend("小灰").hears_text() == "pong"
        request = wechat.asks_to_be_friends("阿里巴巴", "芝麻开门")
        await until(lambda: request.accepted and int(kept.read_text() or 0))
    finally:
        program.terminate()
        await program.wait()
