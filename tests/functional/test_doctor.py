"""``openwx doctor``: what is right is said to be, and everything that can be wrong is found, with what to do."""

import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from filelock import FileLock

from openwx.cli import doctor
from openwx.cli.doctor import access
from openwx.cli.doctor.finding import Finding, Level
from openwx.config import AccessSettings, load
from openwx.simulator import Simulator
from tests.ports import free_port

from .typed import Typed
from .world import Receiver, Start, World

STRONG = "g7Jx0vQm3RZk9uTnW2yHbC5sLdEaPf8X"


class Patient:
    """A healthy configuration, which a test makes ill in one way."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ
        self.toml = ""

    @property
    def data_dir(self) -> Path:
        return Path(self.environ["OPENWX_DATA_DIR"])

    async def examined(self) -> list[Finding]:
        source = None
        if self.toml:
            source = self.folder / "ill.toml"
            source.write_text(self.toml, encoding="utf-8")
            source.chmod(0o600)
        return await doctor.examine(source, self.environ)

    async def has(self, level: Level, about: str, words: str, advice: str = "") -> None:
        """Check that this is found, and nothing else is wrong."""
        findings = await self.examined()
        ill = [one for one in findings if one.level is not Level.OK]
        assert len(ill) == 1, ill
        assert (ill[0].level, ill[0].about) == (level, about)
        assert words in ill[0].words
        assert advice in ill[0].advice
        assert ill[0].advice

    async def is_well(self, about: str, words: str) -> None:
        findings = await self.examined()
        assert not [one for one in findings if one.level is not Level.OK]
        assert [one for one in findings if one.about == about and words in one.words], findings


@pytest.fixture
def patient(tmp_path: Path, simulator: Simulator, receiver: Receiver) -> Patient:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return Patient(
        tmp_path,
        {
            "OPENWX_DATA_DIR": str(data_dir),
            "OPENWX_LISTEN__PORT": str(free_port()),
            "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": simulator.url,
            "OPENWX_REPORT__POST_API": receiver.url,
        },
    )


def certificate(folder: Path, **how: Any) -> dict[str, str]:
    """Issue a certificate, and return the variables that name it."""
    made = trustme.CA().issue_cert("wx.example.org", **how)
    cert, key = folder / "cert.pem", folder / "key.pem"
    made.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    for blob in made.cert_chain_pems:
        blob.write_to_path(cert, append=True)
    return {"OPENWX_LISTEN__TLS_CERT": str(cert), "OPENWX_LISTEN__TLS_KEY": str(key)}


# -- the command -----------------------------------------------------------------------------------------


async def test_the_command_on_a_healthy_configuration(openwx: Start, patient: Patient) -> None:
    code, out, err = await (await openwx("doctor", **patient.environ)).ends(30)
    assert (code, err) == (0, "")
    *lines, empty, last = out.splitlines()
    assert (empty, last) == ("", "all is well")
    assert all(line.startswith("ok       ") for line in lines)
    abouts = [line.split()[1].rstrip(":") for line in lines]
    assert abouts == [
        *("versions", "configuration", "running", "data_dir", "disk", "token", "listen[0]"),
        *("base_url", "clock", "post_api"),
    ]
    assert not list(patient.data_dir.iterdir()), "it leaves nothing behind"


async def test_the_command_as_json_where_something_is_wrong(
    typed: Typed, patient: Patient, receiver: Receiver
) -> None:
    await receiver.stop()
    address = receiver.url.replace("://", "://bot:s3cr3t@")
    patient.environ["OPENWX_REPORT__POST_API"] = f"{address}?key=s3cr3t"
    code, out, _ = await typed("doctor", "--json", **patient.environ)
    answer = json.loads(out)
    assert (code, answer["problem"], answer["warning"]) == (1, 1, 0)
    (one,) = [one for one in answer["findings"] if one["level"] == "problem"]
    assert one["about"] == "post_api"
    assert one["words"].endswith(": connection refused")
    assert "s3cr3t" not in out
    code, out, _ = await typed("doctor", **patient.environ)
    assert out.splitlines()[-1] == "1 problem"
    assert "           → start your backend" in out
    assert (code, "s3cr3t" in out) == (1, False)


async def test_a_wrong_configuration_is_a_finding(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("lisen = 1", encoding="utf-8")
    code, out, err = await typed("doctor")
    assert (code, err) == (1, "")
    assert "problem  configuration: config.toml: lisen" in out


async def test_the_gateway_that_runs(patient: Patient, world: World) -> None:
    gateway = await world.run()
    patient.environ["OPENWX_DATA_DIR"] = str(world.data_dir)
    patient.environ["OPENWX_LISTEN__PORT"] = gateway.url.rpartition(":")[2]
    (world.data_dir / "qrcode-default.png").chmod(0o600)
    await patient.is_well("running", f"at {gateway.url}: ready")


async def test_the_gateway_that_runs_and_is_not_well(patient: Patient, world: World) -> None:
    gateway = await world.start()
    await gateway.reaches("scaning")
    patient.environ["OPENWX_DATA_DIR"] = str(world.data_dir)
    patient.environ["OPENWX_LISTEN__PORT"] = gateway.url.rpartition(":")[2]
    (world.data_dir / "qrcode-default.png").chmod(0o600)
    await patient.has(Level.WARNING, "account", "default is scaning", "openwx status")


# -- this machine ----------------------------------------------------------------------------------------


async def test_an_openwx_with_another_configuration(patient: Patient) -> None:
    with FileLock(patient.data_dir / "lock", mode=0o600):
        await patient.has(Level.PROBLEM, "running", "but it left no address there", "restart it")


async def test_a_port_that_is_taken(patient: Patient, receiver: Receiver) -> None:
    patient.environ["OPENWX_LISTEN__PORT"] = str(receiver.port)
    await patient.has(Level.PROBLEM, "listen[0]", "is taken by another program", "port")


async def test_a_folder_that_others_can_read(patient: Patient) -> None:
    patient.data_dir.chmod(0o755)
    await patient.has(Level.WARNING, "data_dir", "mode 0755", f"chmod 700 {patient.data_dir}")


async def test_a_file_that_others_can_read(patient: Patient) -> None:
    journal = patient.data_dir / "journal.sqlite3"
    journal.touch(mode=0o600)
    await patient.is_well("data_dir", "readable by its owner only")
    journal.chmod(0o644)
    await patient.has(Level.WARNING, "data_dir", str(journal), "chmod -R go=")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_files_of_several_users(patient: Patient) -> None:
    journal = patient.data_dir / "journal.sqlite3"
    journal.touch(mode=0o600)
    os.chown(journal, 12345, 12345)
    await patient.has(Level.PROBLEM, "data_dir", "not owned by the owner of", "chown -R 0")
    os.chown(patient.data_dir, 12345, 12345)
    await patient.has(Level.WARNING, "data_dir", "belongs to user 12345", "as user 12345")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
async def test_a_folder_that_cannot_be_written(patient: Patient) -> None:
    patient.data_dir.chmod(0o500)
    await patient.has(Level.PROBLEM, "data_dir", "cannot be written", "chown")


async def test_a_folder_that_is_not_there_yet(patient: Patient) -> None:
    patient.environ["OPENWX_DATA_DIR"] += "/below/it"
    await patient.is_well("data_dir", "will be created at the first start")


@pytest.mark.parametrize(("mib", "level"), [(50, Level.PROBLEM), (500, Level.WARNING)])
async def test_a_disk_that_is_nearly_full(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, mib: int, level: Level
) -> None:
    usage = shutil.disk_usage(patient.folder)._replace(free=mib * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    await patient.has(level, "disk", f"{mib} MiB are free", "free some space")


# -- access ----------------------------------------------------------------------------------------------


async def test_a_strong_token(patient: Patient) -> None:
    patient.environ["OPENWX_ACCESS__TOKEN"] = STRONG
    await patient.is_well("token", "long enough")


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("abc123", "it can be guessed"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaa", "it can be guessed"),
        ("a-long-random-text", "it can be guessed"),
        ("k3Xq9Zt2Lw", "rather short"),
    ],
)
async def test_a_weak_token(patient: Patient, token: str, words: str) -> None:
    patient.environ["OPENWX_ACCESS__TOKEN"] = token
    await patient.has(Level.WARNING, "token", words, "secrets.token_urlsafe")
    found = [one.words + one.advice for one in await patient.examined() if one.about == "token"]
    assert all(token not in words for words in found)


async def test_a_weak_token_of_mcp(patient: Patient) -> None:
    patient.environ["OPENWX_MCP__TOKEN"] = STRONG
    await patient.is_well("mcp.token", "long enough")
    await patient.is_well("token", "none; only programs on this machine can reach the API")
    patient.environ["OPENWX_MCP__TOKEN"] = "abc123"
    await patient.has(Level.WARNING, "mcp.token", "it can be guessed", "secrets.token_urlsafe")


async def test_keys(patient: Patient, world: World) -> None:
    strong = {"name": "strong", "token": STRONG, "scope": "read"}
    weak = {"name": "weak", "token": "abc", "scope": "read"}
    patient.environ["OPENWX_ACCESS__KEYS"] = json.dumps([strong])
    await patient.is_well("access.keys[0].token (strong)", "long enough")
    patient.environ["OPENWX_ACCESS__KEYS"] = json.dumps([strong, weak])
    about = "access.keys[1].token (weak)"
    await patient.has(Level.WARNING, about, "it can be guessed", "secrets.token_urlsafe")
    patient.environ["OPENWX_ACCESS__KEYS"] = json.dumps([strong])
    access = AccessSettings.model_validate({"keys": [strong]})
    await world.start(settings=world.settings().model_copy(update={"access": access}))
    await patient.has(Level.WARNING, "running", "needs access.token, or a key", "add such a key")


async def test_other_machines(patient: Patient) -> None:
    patient.environ |= {"OPENWX_LISTEN__HOST": "0.0.0.0", "OPENWX_ACCESS__TOKEN": STRONG}
    await patient.has(Level.WARNING, "listen[0]", "not encrypted", "tls_cert")
    patient.environ |= certificate(patient.folder)
    await patient.is_well("listen[0]", "the certificate is valid for")
    patient.environ["OPENWX_ACCESS__TOKEN"] = "abc123"
    await patient.has(Level.PROBLEM, "token", "it can be guessed", "secrets.token_urlsafe")


async def test_open_to_everyone(patient: Patient) -> None:
    patient.environ |= {"OPENWX_LISTEN__HOST": "0.0.0.0", "OPENWX_ACCESS__ALLOW_ANONYMOUS": "1"}
    levels = {one.about: one.level for one in await patient.examined() if one.level != Level.OK}
    assert levels["token"] is Level.PROBLEM
    assert levels["configuration"] is Level.WARNING


@pytest.mark.parametrize(
    "secret",
    [
        f'[access]\ntoken = "{STRONG}"',
        f'[mcp]\ntoken = "{STRONG}"',
        '[report]\npoll_api = "http://wei:s3cr3t@127.0.0.1:9/"',
        '[report.headers]\nX-Key = "s3cr3t"',
        '[[accounts.default.targets]]\nurl = "http://127.0.0.1:9/"\nsecret = "s3cr3t"',
    ],
)
async def test_a_file_with_secrets_that_others_can_read(patient: Patient, secret: str) -> None:
    source = patient.folder / "open.toml"
    source.write_text(f"{secret}\n", encoding="utf-8")
    source.chmod(0o644)
    findings = await doctor.examine(source, patient.environ)
    _, one = [one for one in findings if one.about == "configuration"]
    assert one.level is Level.WARNING
    assert one.advice == f"chmod 600 {source}"


@pytest.mark.parametrize(
    "text",
    [
        '[report]\nsecret = "s3cr3t"',
        '[report.headers]\nAuthorization = "Bearer s3cr3t"',
        '[report]\npost_api = "http://wei:s3cr3t@127.0.0.1/"',
        '[report]\npoll_api = "http://wei:s3cr3t@127.0.0.1/"',
        '[[report.targets]]\nurl = "http://127.0.0.1/"\nsecret = "s3cr3t"',
        '[[report.targets]]\nurl = "http://127.0.0.1/"\nheaders = {Authorization = "s3cr3t"}',
        '[[accounts.work.targets]]\nurl = "http://wei:s3cr3t@127.0.0.1/"',
        '[accounts.work]\nproxy = "http://wei:s3cr3t@127.0.0.1:1"',
        '[mcp]\ntoken = "s3cr3t"',
        '[[access.keys]]\nname = "bot"\ntoken = "s3cr3t"',
    ],
)
def test_every_secret_of_a_file_is_noticed(tmp_path: Path, text: str) -> None:
    source = tmp_path / "config.toml"
    source.write_text(text, encoding="utf-8")
    source.chmod(0o644)
    (one,) = access.secrecy(load(source, {}, {}))
    assert one.advice == f"chmod 600 {source}"
    assert "s3cr3t" not in str(one)
    source.write_text('[report]\npost_api = "http://127.0.0.1/?a=1"', encoding="utf-8")
    assert access.secrecy(load(source, {}, {})) == []


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("begins", "ends", "level", "words"),
    [
        (NOW - timedelta(days=60), NOW - timedelta(days=1), Level.PROBLEM, "expired on"),
        (NOW - timedelta(days=60), NOW + timedelta(days=5), Level.WARNING, "for 4 more days"),
        (NOW + timedelta(days=1), NOW + timedelta(days=60), Level.PROBLEM, "not valid before"),
    ],
)
async def test_dates_of_a_certificate(
    patient: Patient, begins: datetime, ends: datetime, level: Level, words: str
) -> None:
    patient.environ |= certificate(patient.folder, not_before=begins, not_after=ends)
    await patient.has(level, "listen[0]", words, "")


async def test_files_that_are_no_certificate_and_its_key(patient: Patient) -> None:
    patient.environ |= certificate(patient.folder)
    key = Path(patient.environ["OPENWX_LISTEN__TLS_KEY"])
    key.chmod(0o644)
    await patient.has(Level.WARNING, "listen[0]", "other users can read the key", "chmod 600")
    trustme.CA().issue_cert("other").private_key_pem.write_to_path(key)
    key.chmod(0o600)
    await patient.has(Level.PROBLEM, "listen[0]", "do not work: key values mismatch", "PEM")
    Path(patient.environ["OPENWX_LISTEN__TLS_CERT"]).write_text("nonsense", encoding="utf-8")
    await patient.has(Level.PROBLEM, "listen[0]", "tls_cert and tls_key do not work", "PEM")


# -- the others ------------------------------------------------------------------------------------------


class Stranger:
    """A server with a given answer."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.methods: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.methods.append(request.method)
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    stranger = Stranger()
    runner = web.ServerRunner(web.Server(stranger.answer))  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stranger.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stranger
    await runner.cleanup()


@pytest.mark.parametrize(("hours", "words"), [(1, "behind WeChat's"), (-1, "ahead of WeChat's")])
async def test_a_wrong_clock(patient: Patient, stranger: Stranger, hours: int, words: str) -> None:
    patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"] = stranger.url
    date = datetime.now(UTC) + timedelta(hours=hours)
    stranger.headers["Date"] = format_datetime(date, usegmt=True)
    await patient.has(Level.PROBLEM, "clock", words, "NTP")
    stranger.headers["Date"] = "yesterday"
    findings = await patient.examined()
    assert "clock" not in {one.about for one in findings}


async def test_wechat_that_is_out_of_reach(
    patient: Patient, stranger: Stranger, receiver: Receiver
) -> None:
    patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"] = "http://no-such-host.invalid"
    await patient.has(Level.PROBLEM, "base_url", "its name is not known", "network")
    stranger.status = 502
    patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"] = stranger.url
    await patient.has(Level.WARNING, "base_url", "answers HTTP 502", "later")


async def test_backends_are_asked_and_nothing_is_posted(
    patient: Patient, stranger: Stranger, receiver: Receiver
) -> None:
    patient.environ["OPENWX_ACCOUNTS__SECOND__POST_API"] = stranger.url
    patient.environ["OPENWX_ACCOUNTS__SECOND__BASE_URL"] = patient.environ[
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL"
    ]
    stranger.status = 405
    await patient.is_well("post_api", f"{stranger.url} answers within")
    assert stranger.methods == ["OPTIONS"]
    stranger.status = 503
    await patient.has(Level.WARNING, "post_api", "answers HTTP 503", "start your backend")
    del patient.environ["OPENWX_ACCOUNTS__SECOND__POST_API"]
    del patient.environ["OPENWX_REPORT__POST_API"]
    await patient.is_well("post_api", "none")


@pytest.mark.parametrize(
    ("transport", "expected"),
    [
        (
            "web",
            [
                "https://login.wx.qq.com",
                "https://wx.qq.com",
                "https://webpush.wx.qq.com",
                "https://file.wx.qq.com",
            ],
        ),
        ("ilink", ["https://ilinkai.weixin.qq.com", "https://novac2c.cdn.weixin.qq.com"]),
    ],
)
async def test_without_a_base_url_wechats_own_hosts_are_asked(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, transport: str, expected: list[str]
) -> None:
    """The doctor shows each of them, reachable or not."""
    monkeypatch.setattr("openwx.cli.doctor.reach.TIMEOUT_S", 3.0)
    del patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"]
    patient.environ["OPENWX_ACCOUNTS__DEFAULT__TRANSPORT"] = transport
    findings = [one for one in await patient.examined() if one.about == "WeChat"]
    hosts = [one.words.partition(" ")[0].removesuffix(":") for one in findings]
    assert hosts == expected
