"""``openwx doctor`` where nodes share a PostgreSQL: what it finds of it, of the nodes, and of proxies."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from yarl import URL

from openwx import __version__, service, store
from openwx.cli.doctor import access, process
from openwx.cli.doctor import shared as checks
from openwx.cli.doctor.finding import Finding, Level
from openwx.config import Settings, load
from openwx.store.examination import VERSION, Examination, Facts
from openwx.store.postgres.connections import Address
from openwx.store.postgres.surroundings import Surroundings
from openwx.store.records import AccountRecord
from tests import postgres

from ..typed import Typed
from .conftest import Environ
from .nodes import member

WELL = Facts(16, True, True, False, "UTF8", 0.1)
HERE = Surroundings("", [], is_encrypted=False, is_here=True, may_create=True)


async def found(environ: Environ, *, runs_here: bool = False) -> list[Finding]:
    settings = load(None, environ, {}).settings
    return await checks.everything(settings, runs_here=runs_here)


def ill(findings: list[Finding]) -> list[tuple[Level, str, str]]:
    assert all(bool(one.advice) is (one.level is not Level.OK) for one in findings)
    return [(one.level, one.about, one.words) for one in findings if one.level is not Level.OK]


def words(findings: list[Finding], about: str) -> str:
    return "; ".join(one.words for one in findings if one.about == about)


def of(shared: Environ, examination: Examination) -> list[Finding]:
    """Return what is said of an examination that was made up."""
    settings: Settings = load(None, shared, {}).settings
    parts = (
        checks._server(settings, examination),
        checks._clock(examination),
        checks._way(examination),
        checks._standbys(examination),
        checks._schema(settings, examination),
    )
    return [finding for part in parts for finding in part]


async def test_without_a_database_there_is_nothing_to_check() -> None:
    assert await found({}) == []


async def test_a_server_that_nobody_has_used_yet(typed: Typed, shared: Environ) -> None:
    findings = await found(shared)
    assert not ill(findings)
    assert words(findings, "schema").endswith("will be created at the first start")
    assert words(findings, "standby").startswith("none: ")
    assert words(findings, "proxy").startswith("default: no proxy; a takeover changes the address")
    _, out, _ = await typed("doctor", "--json", **shared)
    answer = [one["about"] for one in json.loads(out)["findings"]]
    assert ("store" in answer, "nodes" in answer) == (True, False)
    again = await found(shared)
    assert words(again, "schema") == words(findings, "schema"), "it makes no schema"


async def test_a_journal_that_was_not_copied(typed: Typed, shared: Environ, tmp_path: Path) -> None:
    shared["OPENWX_DATA_DIR"] = str(tmp_path / "data")
    (tmp_path / "data").mkdir()
    async with store.open(tmp_path / "data" / service.JOURNAL) as journal:
        record = AccountRecord(account="shop", wanted=True, settings=b"{}", origin="api")
        await journal.save_account(record)
    ((level, about, said),) = ill(await found(shared))
    assert (level, about) == (Level.WARNING, "store")
    assert "is not used: PostgreSQL has no account yet" in said
    assert (await typed("journal", "copy", **shared)).code == 0
    ((_, _, said),) = ill(await found(shared))
    assert said == "shop: no node runs what should run"


async def test_the_nodes(shared: Environ) -> None:
    async with member(shared, "wx-2", is_idle=True) as other, member(shared, "wx-1") as one:
        await one.owns("family")
        findings = await found(shared, runs_here=True)
        assert not ill(findings)
        assert words(findings, "schema") == f"{shared['OPENWX_STORE__SCHEMA']}, version {VERSION}"
        assert words(findings, "nodes") == "wx-1, wx-2; this one is wx-1"
        ((level, about, said),) = ill(await found(shared))
        assert (level, about) == (Level.WARNING, "nodes")
        assert said.startswith("a node wx-1 runs, but not with data_dir")
        await other.ownership.set_draining("wx-2", is_draining=True)
        assert ill(await found(shared, runs_here=True)) == [
            (Level.WARNING, "nodes", "wx-2 hands its accounts over, and takes none")
        ]
        await other.ownership.set_draining("wx-2", is_draining=False)  # it would stay so
    ((level, _, said),) = ill(await found(shared))
    assert (level, said) == (Level.WARNING, "family: no node runs what should run")
    async with member(shared, "wx-2", is_idle=True):
        ((level, _, said),) = ill(await found(shared))
        assert (level, said) == (Level.PROBLEM, "family: no node runs what should run")


async def test_nodes_with_different_secrets(shared: Environ) -> None:
    shared["OPENWX_CLUSTER__SECRET"] = ours = "s" * 32
    async with (
        member(shared, "wx-2", is_idle=True, secret=ours),
        member(shared, "wx-3", is_idle=True),  # cannot be known
        member(shared, "wx-4", is_idle=True, secret=ours[1:] + "x") as other,
    ):
        ((level, about, said),) = ill(await found(shared))
        assert (level, about) == (Level.PROBLEM, "nodes")
        assert said == "wx-4 has another cluster.secret: neither node forwards calls to the other"
        proofs = [one.proof for one in (await other.view()).nodes]
        assert len(set(proofs)) == 3
        assert not any(ours in proof for proof in proofs)
        del shared["OPENWX_CLUSTER__SECRET"]
        assert not ill(await found(shared))


async def test_nodes_of_different_versions(
    shared: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openwx.store.postgres.ownership.__version__", "0.0.1")
    async with member(shared, "wx-2", is_idle=True):
        ((level, about, said),) = ill(await found(shared))
        assert (level, about) == (Level.WARNING, "nodes")
        assert said.endswith(f", {__version__}: wx-2 0.0.1")


async def test_a_server_that_does_not_answer_or_refuses(shared: Environ) -> None:
    shared["OPENWX_STORE__URL"] = "postgresql://openwx:s3cr3t@127.0.0.1:1/openwx"
    ((level, about, said),) = ill(await found(shared))
    assert (level, about) == (Level.PROBLEM, "store")
    assert said.startswith("postgresql://***@127.0.0.1:1/openwx: the store cannot be opened: ")
    assert "s3cr3t" not in said


async def test_a_newer_schema(shared: Environ) -> None:
    async with member(shared, "wx-2"):
        pass
    address = Address(shared["OPENWX_STORE__URL"], shared["OPENWX_STORE__SCHEMA"])
    connection = await address.connect()
    await connection.execute("UPDATE version SET version = 99")
    await connection.close()
    (one,) = await found(shared)
    assert (one.level, one.about) == (Level.PROBLEM, "store")
    assert "name another store.schema" in one.advice
    said = one.words
    assert f"its version is 99, this one knows {VERSION}" in said


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (WELL._replace(version=14), "version 14: 15 or newer is needed"),
        (WELL._replace(is_flushed=False), "fsync is off"),
        (WELL._replace(has_full_pages=False), "full_page_writes is off"),
        (WELL._replace(is_standby=True), "it is a standby, which cannot be written"),
        (WELL._replace(encoding="LATIN1"), "the database's encoding is LATIN1, not UTF8"),
    ],
)
def test_a_server_that_no_gateway_starts_with(shared: Environ, server: Facts, said: str) -> None:
    ((level, about, got),) = ill(of(shared, Examination(server, HERE, VERSION)))
    assert (level, about) == (Level.PROBLEM, "store")
    assert said in got


def test_clocks_that_differ(shared: Environ) -> None:
    for ahead_s, said in ((9.2, "9 s ahead of"), (-3.4, "3 s behind")):
        server = WELL._replace(clock_ahead_s=ahead_s)
        ((level, _, got),) = ill(of(shared, Examination(server, HERE, VERSION)))
        assert (level, got) == (Level.WARNING, f"PostgreSQL's clock is {said} this machine's")
    server = WELL._replace(clock_ahead_s=-1.9)
    assert not ill(of(shared, Examination(server, HERE, VERSION)))


def test_a_way_that_others_can_read(shared: Environ) -> None:
    around = HERE._replace(is_here=False)
    ((level, _, said),) = ill(of(shared, Examination(WELL, around, VERSION)))
    assert (level, "unencrypted" in said) == (Level.WARNING, True)
    around = around._replace(is_encrypted=True)
    assert not ill(of(shared, Examination(WELL, around, VERSION)))


@pytest.mark.parametrize(
    ("wanted", "there", "level", "said"),
    [
        ("", [], Level.OK, "none: "),
        ("", ["async", "async"], Level.WARNING, "2 asynchronous: a failover loses"),
        ("", [""], Level.WARNING, "1 asynchronous"),
        ("s1", ["sync", "potential"], Level.OK, "1 synchronous: "),
        ("ANY 1 (a, b)", ["quorum", "quorum"], Level.OK, "2 synchronous: "),
        ("s1", ["async"], Level.PROBLEM, "no such standby follows: nothing can be written"),
        ("s1", [], Level.PROBLEM, "no such standby follows: nothing can be written"),
        ("s1", [""], Level.OK, "which follow is hidden from this role"),
    ],
)
def test_standbys(shared: Environ, wanted: str, there: list[str], level: Level, said: str) -> None:
    around = HERE._replace(wanted_standbys=wanted, standbys=there)
    (one,) = [
        one for one in of(shared, Examination(WELL, around, VERSION)) if one.about == "standby"
    ]
    assert one.level is level
    assert said in one.words


def test_a_schema_that_the_role_may_not_make(shared: Environ) -> None:
    around = HERE._replace(may_create=False)
    ((level, about, _),) = ill(of(shared, Examination(WELL, around, 0)))
    assert (level, about) == (Level.PROBLEM, "schema")
    assert not ill(of(shared, Examination(WELL, around, VERSION)))


async def test_proxies(shared: Environ) -> None:
    shared |= {
        "OPENWX_ACCOUNTS__SHOP__PROXY": "socks5://127.0.0.1:1080",
        "OPENWX_ACCOUNTS__FAMILY__PROXY": "socks5://10.0.0.9:1080",
        "OPENWX_ACCOUNTS__CLUB__PROXY": "",
    }
    findings = await found(shared)
    ((level, about, said),) = ill(findings)
    assert (level, about) == (Level.WARNING, "proxy")
    assert said.startswith("the proxy of shop is on this machine")
    assert "club: no proxy" in words(findings, "proxy")
    assert "family" not in words(findings, "proxy")


@contextmanager
def with_standby() -> Iterator[tuple[str, postgres.Server]]:
    """Start a server with an asynchronous standby, and give the URL of the first."""
    with postgres.for_test() as first, postgres.for_test() as second:
        first.create()
        first.start()
        second.copy_of(first)
        second.start()
        yield first.url, second


async def test_a_real_standby(shared: Environ) -> None:
    with with_standby() as (url, standby):
        shared["OPENWX_STORE__URL"] = url
        ((level, about, said),) = ill(await found(shared))
        assert (level, about) == (Level.WARNING, "standby")
        assert said.startswith("1 asynchronous")
        shared["OPENWX_STORE__URL"] = standby.url
        ((level, about, said),) = ill(await found(shared))
        assert (level, about) == (Level.PROBLEM, "store")
        assert said.endswith("each host that answers is a standby or read-only")


async def test_a_role_that_was_given_a_schema(shared: Environ, postgres_url: str) -> None:
    """As documented: in a database of others, a schema of its own is enough."""
    schema = shared["OPENWX_STORE__SCHEMA"]
    admin = await Address(postgres_url).connect()
    try:
        await admin.execute(f"CREATE ROLE {schema} LOGIN PASSWORD 'p'")
        server = URL(postgres_url).with_user(schema).with_password("p")
        shared["OPENWX_STORE__URL"] = str(server)
        ((level, about, said),) = ill(await found(shared))
        assert (level, about) == (Level.PROBLEM, "schema")
        assert said == f"the role may neither create the schema {schema}, nor tables in it"
        await admin.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {schema}")
        assert not ill(await found(shared))
        async with member(shared, "wx-2") as one:
            await one.owns("shop")
    finally:
        await admin.execute(f"DROP OWNED BY {schema} CASCADE; DROP ROLE {schema}")
        await admin.close()


def peers(shared: Environ, host: str, port: int, **more: str) -> Settings:
    listen = {
        "OPENWX_CLUSTER__LISTEN": f"{host}:{port}",
        "OPENWX_CLUSTER__SECRET": "Zt3xQ8mV1nB5kL7pR2wY9cD4fG6hJ0sA",
    }
    return load(None, shared | listen | more, {}).settings


def test_the_address_for_other_nodes(shared: Environ, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = peers(shared, "127.0.0.1", port)
        (one,) = [
            one
            for one in process.ports(settings, process.Beside([]))
            if one.about == "cluster.listen"
        ]
        assert one.level is Level.PROBLEM
        assert f"127.0.0.1:{port} is taken by another program" in one.words
        assert one.advice.endswith("under [cluster]")
    assert access.exposure(settings) == []
    (one,) = access.exposure(peers(shared, "10.0.0.5", 3100))
    assert (one.level, one.about) == (Level.WARNING, "cluster.listen")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for file in (cert, key):
        file.write_text("no certificate")
        file.chmod(0o600)
    tls = {"OPENWX_CLUSTER__TLS_CERT": str(cert), "OPENWX_CLUSTER__TLS_KEY": str(key)}
    settings = peers(shared, "10.0.0.5", 3100, **tls)
    assert access.exposure(settings) == []
    (one,) = access.certificates(settings)
    assert (one.level, one.about) == (Level.PROBLEM, "cluster.listen")
