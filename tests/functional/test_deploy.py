"""The files for operators in docs/deploy work: read, and run where the program that reads them is installed."""

import asyncio
import contextlib
import io
import re
import shutil
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme
import yaml

from openwx.config import AccessSettings, load
from tests.patience import PATIENCE_S, until_seen
from tests.ports import free_port

from .world import Gateway, World

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
ROOT = DEPLOY.parents[1]
NAME = "wx.example.org"
TOKEN = "a-token-of-thirty-two-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def settings_of(dockerfile: str) -> dict[str, str]:
    """Return the settings in the environment of the image."""
    return dict(re.findall(r"(OPENWX_\w+)=(\S+)", dockerfile))


def needs(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


# -- the container ---------------------------------------------------------------------------------------


def test_the_image_is_made_of_files_that_exist_and_are_let_in() -> None:
    let_in = re.findall(r"^!(\S+)", read("Dockerfile.dockerignore"), re.MULTILINE)
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", read("Dockerfile"), re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert name in let_in, name


def test_the_image_does_not_run_as_root_and_asks_for_a_token() -> None:
    dockerfile = read("Dockerfile")
    assert re.search(r"^USER openwx$", dockerfile, re.MULTILINE)
    with pytest.raises(Exception, match="token is needed"):
        load(None, settings_of(dockerfile), {})
    loaded = load(None, settings_of(dockerfile) | {"OPENWX_ACCESS__TOKEN": TOKEN}, {})
    assert str(loaded.settings.data_dir) == "/data"
    assert "VOLUME /data" in dockerfile


async def test_the_image_is_healthy_as_long_as_the_process_answers(gateway: Gateway) -> None:
    found = re.search(r'"(from urllib.+)"\]$', read("Dockerfile"), re.MULTILINE)
    assert found
    command = found[1].replace("http://127.0.0.1:3000", gateway.url)

    async def probe() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", command, stderr=asyncio.subprocess.DEVNULL
        )
        return await asyncio.wait_for(process.wait(), PATIENCE_S)

    assert await probe() == 0
    await gateway.stop()
    assert await probe() != 0


def test_compose_sets_settings_that_exist() -> None:
    service = yaml.safe_load(read("compose.yaml"))["services"]["openwx"]
    assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    environ = {
        name: re.sub(r"\$\{OPENWX_TOKEN:.*\}", TOKEN, re.sub(r"\$\{\w+:-\}", "", value))
        for name, value in service["environment"].items()
    }
    loaded = load(None, settings_of(read("Dockerfile")) | environ, {})
    assert not loaded.warnings
    assert loaded.settings.access.token == TOKEN
    assert loaded.settings.report.post_api is None
    assert loaded.settings.log_format == "console", "in JSON the QR code is no picture"
    assert service["ports"] == [f"127.0.0.1:3000:{loaded.settings.listen[0].port}"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")
@pytest.mark.parametrize("page", ["deploy.md", "zh/deploy.md"])
async def test_the_lines_of_the_page_leave_a_token_that_compose_finds(
    page: str, tmp_path: Path
) -> None:
    """There is no Docker here: what it reads from ``.env`` is all that ``compose.yaml`` asks for."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    block = text.partition("cd docs/deploy\n")[2].partition("```")[0]
    before, _, after = block.partition("docker compose up -d")
    assert "docker" not in before
    assert "OPENWX_TOKEN" not in after
    (tmp_path / "docs" / "deploy").mkdir(parents=True)
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f"cd docs/deploy\n{before}", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    kept = tmp_path / "docs" / "deploy" / ".env"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert out.decode() == kept.read_text(encoding="utf-8"), "it is shown"
    known = dict(line.split("=", 1) for line in out.decode().splitlines())
    assert re.fullmatch("[0-9a-f]{64}", known["OPENWX_TOKEN"])
    assert set(re.findall(r"\$\{(\w+):\?", read("compose.yaml"))) == known.keys()
    for readme in ("README.md", "README.zh-CN.md"):
        (line,) = re.findall(r"\(umask .*\)", before)
        assert line in (ROOT / readme).read_text(encoding="utf-8")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/docs/deploy/.env" in ignored


# -- systemd ---------------------------------------------------------------------------------------------


async def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    verify = needs("systemd-analyze")
    unit = tmp_path / "openwx.service"
    # What it starts is not installed where this runs, so it stands for another program that is.
    unit.write_text(read("openwx.service").replace("/opt/openwx/bin/openwx", sys.executable))
    process = await asyncio.create_subprocess_exec(
        verify, "verify", str(unit), stderr=asyncio.subprocess.PIPE
    )
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert (process.returncode, err.decode()) == (0, "")


def test_systemd_does_not_start_again_what_is_configured_wrongly() -> None:
    from openwx.cli.main import EXIT_CONFIG

    assert f"RestartPreventExitStatus={EXIT_CONFIG}\n" in read("openwx.service")


# -- TLS before it ---------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def behind(world: World) -> Gateway:
    """Start a gateway with the settings that the proxies' files ask for, and log it in."""
    access = AccessSettings(token=TOKEN, allowed_hosts=[NAME])
    gateway = await world.start(settings=world.settings().model_copy(update={"access": access}))
    await world.account.phone.logs_in()
    await until_seen(
        lambda: gateway.get("get_user_info", token=TOKEN), lambda one: one.status == 200
    )
    return gateway


@asynccontextmanager
async def running(*command: str, port: int) -> AsyncIterator[None]:
    """Run a proxy for the context, from when it listens."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                assert process.returncode is None, await process.communicate()
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)  # nothing tells that it listens
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE_S)


async def nginx(gateway: Gateway, authority: trustme.CA, folder: Path, port: int) -> list[str]:
    """Return the command for nginx with our file, at another port and with another certificate."""
    certificate = authority.issue_cert(NAME)
    cert, key = folder / "cert.pem", folder / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(cert, append=True)
    site = (
        read("nginx.conf")
        .replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        .replace("http://127.0.0.1:3000", gateway.url)
        .replace(f"/etc/ssl/{NAME}.pem", str(cert))
        .replace(f"/etc/ssl/{NAME}.key", str(key))
    )
    temp = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ {temp} {site} }}"
    )
    return [needs("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(conf)]


async def caddy(gateway: Gateway, authority: trustme.CA, folder: Path, port: int) -> list[str]:
    """Return the command for Caddy with our file, at another port and with another certificate."""
    certificate = authority.issue_cert(NAME)
    pem = folder / "both.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(pem)
    site = (
        read("Caddyfile")
        .replace(f"{NAME} {{", f"https://{NAME}:{port} {{\n\ttls {pem} {pem}\n")
        .replace("127.0.0.1:3000", gateway.url.removeprefix("http://"))
    )
    conf = folder / "Caddyfile"
    conf.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    return [needs("caddy"), "run", "--config", str(conf), "--adapter", "caddyfile"]


class AtHome(aiohttp.abc.AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: int = 0
    ) -> list[aiohttp.abc.ResolveResult]:
        return [
            aiohttp.abc.ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("proxy", [nginx, caddy])
async def test_tls_before_it(
    proxy: Callable[..., Awaitable[list[str]]],
    behind: Gateway,
    world: World,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    port = free_port()
    command = await proxy(behind, authority, tmp_path, port)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    url = f"https://{NAME}:{port}"
    connector = aiohttp.TCPConnector(ssl=trusting, resolver=AtHome())
    async with (
        running(*command, port=port),
        aiohttp.ClientSession(url, connector=connector, headers=BEARER) as http,
    ):
        async with http.get("/openwx/get_user_info") as answer:
            assert (answer.status, (await answer.json())["name"]) == (200, "我是谁")
        async with http.get("/openwx/get_user_info", headers={"Authorization": ""}) as answer:
            assert answer.status == 401
        # The proxy hands on the name and the origin that the browser used, and openwx judges them.
        async with http.get("/openwx/get_user_info", headers={"Origin": url}) as answer:
            assert answer.status == 200
        foreign = {"Origin": "https://evil.example"}
        async with http.get("/openwx/get_user_info", headers=foreign) as answer:
            assert answer.status == 403
        form = aiohttp.FormData({"displayname": "小灰"})
        form.add_field("media", io.BytesIO(bytes(3 * 2**20)), filename="three.bin")
        async with http.post("/openwx/send_friend_message", data=form) as answer:
            assert (answer.status, (await answer.json())["code"]) == (200, 0)
    (heard,) = await world.account.friend("小灰").hears()
    assert heard.medium is not None
    assert heard.medium.size == 3 * 2**20
