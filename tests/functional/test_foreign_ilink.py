"""Published iLink clients, unmodified, against the simulator: they log in, receive and send texts and media.

Each was written against the real service, so what they do works there. ILINK_CLIENTS names a virtual environment that
has wechatbot-sdk, weilink and weixin-ilink-client (PyPI), OPENCLAW_HOME a folder whose `node_modules` holds
@tencent-weixin/openclaw-weixin (npm); `.ci/run` makes both.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from openwx.simulator import Account, BotMessage, ILinkOptions, Simulator
from openwx.simulator.media import JPEG, MP4, bytes_of
from tests.patience import PATIENCE_S
from tests.simulator.clients import Output, running

from .foreign_ilink.lines import ANSWER

PROGRAMS = Path(__file__).parent / "foreign_ilink"
PYTHON = Path(os.environ.get("ILINK_CLIENTS", ".")) / "bin" / "python"
OPENCLAW = (
    Path(os.environ.get("OPENCLAW_HOME", "."))
    / "node_modules" / "@tencent-weixin" / "openclaw-weixin"
)  # fmt: skip
NODE = shutil.which("node")

needs_python_clients = pytest.mark.skipif(
    "ILINK_CLIENTS" not in os.environ or not PYTHON.exists(),
    reason="ILINK_CLIENTS names no virtual environment",
)
needs_openclaw = pytest.mark.skipif(
    NODE is None or not OPENCLAW.exists(),
    reason="OPENCLAW_HOME names no folder whose node_modules holds openclaw-weixin, or there is no node",
)
FILE = bytes_of(30_000)
SMALL = bytes_of(3_000)


@asynccontextmanager
async def client(
    program: str, simulator: Simulator, folder: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Output]]:
    command: list[str | Path] = [PYTHON, PROGRAMS / program, simulator.url, folder]
    if program.endswith(".mjs"):
        command = [str(NODE), PROGRAMS / program, simulator.url, folder, OPENCLAW]
    async with running(*command, stdin=asyncio.subprocess.PIPE) as (process, output):
        yield process, output


async def scans(account: Account, process: asyncio.subprocess.Process) -> None:
    """Scan the code of a client, and enter the digits of the phone where it shows any."""

    def is_asked_to_confirm() -> bool:
        code = account.phone.shows()
        return code is not None and code.offers_confirm

    await account.phone.scan()
    if account.world.ilink.options.verify_code:
        digits = await account.phone.sees_digits()
        assert process.stdin is not None
        process.stdin.write(f"{digits}\n".encode())
        process.stdin.close()
        assert await account.world.codes.pulse.until(is_asked_to_confirm, PATIENCE_S)
    account.phone.confirm()


async def talks(program: str, simulator: Simulator, folder: Path) -> None:
    """Scan its code, write to it, and see what comes back."""
    account = simulator.account()
    clawbot = account.clawbot
    async with (
        asyncio.timeout(2 * PATIENCE_S),
        client(program, simulator, folder) as (process, output),
    ):
        await scans(account, process)
        assert (await output.until("login"))["user"] == clawbot.user_id
        await clawbot.comes_online()
        clawbot.says("hi <b> & 你好😄")
        assert (await output.until("message"))["text"] == "hi <b> & 你好😄"
        assert await clawbot.hears_text() == ANSWER
        for kind, data, name in (
            ("image", JPEG, ""), ("image", JPEG, ""), ("video", MP4, ""), ("file", SMALL, "报告.pdf"),
            ("file", FILE, "数据.bin"),
        ):  # fmt: skip
            match kind:
                case "image":
                    clawbot.sends_image(data)
                case "video":
                    clawbot.sends_video(data)
                case _:
                    clawbot.sends_file(name, data)
            file = await output.until("medium")
            md5 = hashlib.md5(data).hexdigest()
            assert (file["kind"], file["md5"], file["name"]) == (kind, md5, name)
            (sent,) = await clawbot.hears()
            assert came_back(sent, kind, data, name), sent
        clawbot.says("bye")
        assert await process.wait() == 0
    assert not [line for line in output.all if line["what"] == "error"]
    assert clawbot.restricted is False
    assert all(message.shown for message in clawbot.sent)


def came_back(sent: BotMessage, kind: str, data: bytes, name: str) -> bool:
    assert sent.medium is not None, "the phone cannot read it"
    return (sent.kind, sent.medium.data, sent.file_name) == (kind, data, name)


@needs_python_clients
@pytest.mark.parametrize("program", ["run_wechatbot.py", "run_weilink.py"])
async def test_clients_from_pypi(program: str, tmp_path: Path) -> None:
    async with Simulator(1, ilink=ILinkOptions(hold_s=2)) as simulator:
        await talks(program, simulator, tmp_path)
        assert "sendtyping" in {call.name for call in simulator.calls}


@needs_python_clients
async def test_a_client_that_accepts_https_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with Simulator(1, tls=serving, ilink=ILinkOptions(hold_s=2)) as simulator:
        await talks("run_weixin_ilink.py", simulator, tmp_path)


@needs_openclaw
@pytest.mark.parametrize("verify_code", [False, True], ids=["", "with digits"])
async def test_tencents_own_client(tmp_path: Path, verify_code: bool) -> None:
    options = ILinkOptions(hold_s=2, verify_code=verify_code)
    async with Simulator(1, ilink=options) as simulator:
        await talks("run_openclaw.mjs", simulator, tmp_path)
        names = {call.name for call in simulator.calls}
        assert {"notifystart", "sendtyping", "notifystop"} <= names
