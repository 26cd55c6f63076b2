"""The commands and bots of the README and of the quickstart page work as written, but for the ports."""

import asyncio
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from openwx.simulator import Account
from tests.patience import PATIENCE_S
from tests.ports import free_port

from .world import Gateway, Start

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
"""The Chinese pages have the same code (``test_docs.py``)."""
with_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")


def lines_of(page: str, beginning: str) -> list[str]:
    """Return the lines in code blocks that begin so, without their comments."""
    code = "\n".join(re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    found = [line for line in code.splitlines() if line.startswith(beginning)]
    return [re.sub(r"\s{2,}#.*$", "", line) for line in found]


async def shell(line: str, **environ: str) -> str:
    """Run a line in a shell in the project's folder, and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", line,
        cwd=ROOT, env=os.environ | environ, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        out, _ = await process.communicate()
    assert process.returncode == 0, line
    return out.decode()


async def run_lines_with_curl(page: str, url: str) -> int:
    """Run them all, check that each is answered well, and return how many there are."""
    lines = lines_of(page, "curl ")
    for line in lines:
        said = await shell(line.replace("http://127.0.0.1:3000", url))
        assert said.startswith("[") or '"code":0' in said or '"name":' in said, (line, said)
    return len(lines)


@with_curl
async def test_the_lines_with_curl_of_the_readme(api: Gateway, account: Account) -> None:
    assert await run_lines_with_curl(README, api.url) == 3
    (text,) = await account.friend("小灰").hears()
    assert text.text == "你好"
    (text,) = await account.group("PERL学习交流").hears()
    assert text.text == "开会了"


@with_curl
async def test_the_lines_with_curl(api: Gateway, account: Account) -> None:
    assert await run_lines_with_curl(PAGE, api.url) == 4
    text, picture = await account.friend("小灰").hears(2)
    assert text.text == "你好"
    assert picture.medium is not None


@pytest.mark.parametrize(
    ("page", "printed"), [(PAGE, "receive_message"), (README, "")], ids=["quickstart", "README"]
)
async def test_a_bot_of_ones_own(openwx: Start, tmp_path: Path, page: str, printed: str) -> None:
    """The three parts, each in a process of its own: the simulated WeChat, the bot, and openwx between them."""
    (simulate,) = lines_of(PAGE, ".venv/bin/openwx simulate")
    (serve,) = lines_of(PAGE, "OPENWX_DATA_DIR")
    code = re.search(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert code
    wechat_port, bot_port = free_port(), free_port()
    bot = tmp_path / "bot.py"
    bot.write_text(code[1].replace("port=8000", f"port={bot_port}"), encoding="utf-8")
    arguments = shlex.split(simulate)[1:]
    arguments[arguments.index("--chatter") + 1] = "0.5"
    wechat = await openwx(*arguments, "--port", str(wechat_port))
    backend = await asyncio.create_subprocess_exec(
        sys.executable, str(bot), stdout=asyncio.subprocess.PIPE
    )
    environ = dict(word.split("=", 1) for word in shlex.split(serve) if re.match(r"[A-Z_]+=", word))
    environ = {
        name: value.replace(":3080", f":{wechat_port}").replace(":8000", f":{bot_port}")
        for name, value in environ.items()
    } | {"OPENWX_DATA_DIR": str(tmp_path / "first")}
    gateway = await openwx("serve", "--port", "0", **environ)
    try:
        await gateway.says("→ .*收到：", timeout_s=PATIENCE_S)
    finally:
        backend.terminate()
        out, _ = await backend.communicate()
    assert printed in out.decode()
    assert wechat.process.returncode is None
