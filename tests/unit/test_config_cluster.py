"""``[store]`` and ``[cluster]``: what they allow, what they say, and that nothing shows their secrets."""

import socket
from pathlib import Path

import pytest

from openwx.config import ClusterSettings, Settings, StoreSettings, describe, load
from openwx.config import cluster as clusters
from openwx.config.addresses import masked
from openwx.errors import ConfigError

PASSWORD = "s3cr3t-p4ss"
URL = f"postgresql://openwx:{PASSWORD}@10.0.0.5,10.0.0.6:5433/wx?sslmode=verify-full"
SECRET = "Zt3xQ8mV1nB5kL7pR2wY9cD4fG6hJ0sA"


def read(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "given.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ, {}).settings


def problem(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, **environ)
    line = str(caught.value).replace(str(tmp_path / "given.toml"), "given.toml")
    assert line.isprintable()
    assert PASSWORD not in line
    assert SECRET not in line
    return line


def test_without_them_the_journal_is_a_file_and_this_process_is_alone(tmp_path: Path) -> None:
    config = read(tmp_path, "")
    assert (config.store.url, config.store.schema) == (None, "openwx")
    assert (config.cluster.listen, config.cluster.url, config.cluster.address) == (None, "", None)
    assert (config.cluster.lease, config.cluster.join_pause) == (15.0, 5.0)


def test_all_of_the_file(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.touch()
    config = read(
        tmp_path,
        f"""
        [store]
        url = "{URL}"
        schema = "wx"
        [cluster]
        node = "wx-1.example"
        listen = "0.0.0.0:3100"
        advertise = "https://10.0.0.7:3100/"
        secret = "{SECRET}"
        tls_cert = "{certificate}"
        tls_key = "{certificate}"
        lease = 20
        join_pause = 0
        """,
    )
    assert (config.store.url, config.store.schema) == (URL, "wx")
    assert (config.cluster.node, config.cluster.lease) == ("wx-1.example", 20.0)
    assert config.cluster.url == "https://10.0.0.7:3100"
    address = config.cluster.address
    assert address is not None
    assert (address.host, address.port, address.tls_key) == ("0.0.0.0", 3100, certificate)
    assert certificate in config.own_files


def test_all_of_the_environment(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "",
        OPENWX_STORE__URL=URL,
        OPENWX_STORE__SCHEMA="wx",
        OPENWX_CLUSTER__NODE="wx-2",
        OPENWX_CLUSTER__LISTEN="[FD00::5]:3100",
        OPENWX_CLUSTER__SECRET=SECRET,
        OPENWX_CLUSTER__LEASE="7.5",
        OPENWX_CLUSTER__JOIN_PAUSE="1",
    )
    assert config.store == StoreSettings(url=URL, schema="wx")
    assert (config.cluster.node, config.cluster.lease, config.cluster.join_pause) == (
        "wx-2",
        7.5,
        1,
    )
    assert (config.cluster.listen, config.cluster.url) == (
        "[fd00::5]:3100",
        "http://[fd00::5]:3100",
    )


@pytest.mark.parametrize(
    ("host", "node"),
    [
        ("wx-1.example.org", "wx-1.example.org"),
        ("王伟的电脑 (2)", "-2-"),
        ("a" * 80, "a" * 63),
        ("", "openwx"),
    ],
)
def test_a_node_is_called_as_its_host(
    host: str, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert ClusterSettings().node == node
    assert ClusterSettings(node=node).node == node


STORE = f'[store]\nurl = "{URL}"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[store]\nurl = 5", "store.url must be an address such as postgresql://"),
        (f'[store]\nurl = "mysql://{PASSWORD}@h"', "does not begin with postgresql://"),
        (f'[store]\nurl = "postgresql:{PASSWORD}"', "does not begin with postgresql://"),
        (f'[store]\nurl = "host=h password={PASSWORD}"', "without spaces"),
        (f'[store]\nurl = "postgresql://{PASSWORD}@[h/x"', "what is written there is none"),
        ('[store]\nschema = "wx"', "store has schema, which is without effect"),
        (STORE + 'schema = "My Schema"', "store.schema must be up to 63 characters a-z"),
        (STORE + 'schema = "pg_x"', "not begin with a digit or pg_"),
        (STORE + '[cluster]\nnode = "a b"', "cluster.node must be a name of 1 to 63 letters"),
        (STORE + f'[cluster]\nnode = "{"a" * 64}"', "cluster.node must be a name"),
        (STORE + '[cluster]\nlisten = "10.0.0.5"', "cluster.listen must be HOST:PORT"),
        (STORE + '[cluster]\nlisten = "10.0.0.5:0"', "cluster.listen must be HOST:PORT"),
        (STORE + '[cluster]\nlisten = "10.0.0.5:65536"', "cluster.listen must be HOST:PORT"),
        (STORE + '[cluster]\nlisten = "::5:3100"', "needs a secret of 32 characters or more"),
        (STORE + '[cluster]\nlisten = "10.0.0.5:3100"', "needs a secret of 32 characters or more"),
        (STORE + f'[cluster]\nsecret = "{SECRET[:31]}"', "32 characters or more, not of 31"),
        (STORE + '[cluster]\nadvertise = "http://10.0.0.5:3100"', "advertise, which needs listen"),
        (
            STORE + '[cluster]\nadvertise = "http://10.0.0.5/x"',
            "cluster.advertise must be an origin",
        ),
        (
            STORE + f'[cluster]\nlisten = "0.0.0.0:3100"\nsecret = "{SECRET}"',
            "write in advertise which one other nodes use",
        ),
        (
            STORE + f'[cluster]\nlisten = "127.0.0.1:3000"\nsecret = "{SECRET}"',
            "which is the address of listen[0]",
        ),
        (STORE + '[cluster]\ntls_cert = "given.toml"', "tls_cert must be the path of a file"),
        (
            STORE + "[cluster]\nlease = 4.9",
            "cluster.lease must be a number of seconds from 5 to 60",
        ),
        (STORE + "[cluster]\nlease = 61", "cluster.lease must be a number of seconds from 5 to 60"),
        (STORE + "[cluster]\njoin_pause = -1", "cluster.join_pause must be a number of seconds"),
        ("[cluster]\nlease = 20", "cluster has lease, but store.url is not set"),
        ('[cluster]\nnode = "a"', "cluster has node, but store.url is not set"),
        (f'[cluster]\nsecret = "{SECRET}"', "cluster has secret, but store.url is not set"),
        ("[cluster]\nnodes = 3", "cluster.nodes is unknown; did you mean node?"),
        ("lease = 20", "lease is unknown; lease belongs to [cluster]"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    assert words in problem(tmp_path, text)


def test_a_certificate_needs_its_key_and_an_address(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.touch()
    text = f'{STORE}[cluster]\ntls_cert = "{file}"'
    assert "needs tls_cert and tls_key together: tls_key is missing" in problem(tmp_path, text)
    text += f'\ntls_key = "{file}"'
    assert "has tls_cert, which needs listen" in problem(tmp_path, text)


def test_a_variable_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    line = problem(tmp_path, "", OPENWX_STORE__URL=f"mysql://u:{PASSWORD}@h/d")
    assert line.startswith("environment variable OPENWX_STORE__URL: store.url must be")
    assert read(tmp_path, STORE, OPENWX_STORE__URL="").store.url is None


def test_a_missing_driver_is_said_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "find_spec", lambda name: None)
    line = problem(tmp_path, STORE)
    assert line.startswith("given.toml: store.url needs a package that is not installed: ")
    assert line.endswith("-m pip install 'asyncpg>=0.30'")
    assert read(tmp_path, "").store.url is None  # without the database nothing is missed


def test_the_description_shows_no_secret(tmp_path: Path) -> None:
    listen = f'[cluster]\nnode = "wx-1"\nlisten = "10.0.0.7:3100"\nsecret = "{SECRET}"'
    file = tmp_path / "given.toml"
    file.write_text(STORE + listen)
    loaded = load(file, {}, {})
    lines = describe(loaded)
    assert "store: postgresql://***@10.0.0.5,10.0.0.6:5433/wx?***, schema openwx" in lines
    assert "node: wx-1, lease 15 s, listens for other nodes at 10.0.0.7:3100" in lines
    for found in (lines, repr(loaded.settings), str(loaded.settings.store)):
        assert PASSWORD not in found
        assert SECRET not in found
    assert "store" not in describe(load(None, {}, {}))


def test_a_secret_that_can_be_guessed_is_told() -> None:
    settings = Settings(
        store=StoreSettings(url=URL),
        cluster=ClusterSettings(
            node="a", listen="10.0.0.7:3100", secret="openwx-cluster-secret-" * 2
        ),
    )
    assert "cluster.secret" in settings.tokens


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h/d?a=b", "postgresql://***@h/d?***"),
        ("postgresql://h/d?user=u&password=a@b", "postgresql://***"),
        ("https://u:p?q@h/x", "https://***"),
        ("https://h/x?mail=a@b", "https://***"),
        ("u:p?q@h", "***"),
    ],
)
def test_no_part_of_a_password_is_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("written", "store"),
    [
        ("database", "database"),
        ("Folder", "folder"),
        ("", "database"),
        ("s3://wx-media", "s3://wx-media"),
        ("s3://wx-media/some/where/", "s3://wx-media/some/where"),
    ],
)
def test_stores_of_media(tmp_path: Path, written: str, store: str) -> None:
    config = read(tmp_path, f'[store]\nurl = "{URL}"\n[media]\nstore = "{written}"\n')
    assert config.media_store == store


def test_the_usual_store_of_media(tmp_path: Path) -> None:
    assert read(tmp_path, "").media_store == "folder"
    assert read(tmp_path, f'[store]\nurl = "{URL}"\n').media_store == "database"


@pytest.mark.parametrize(
    "written",
    [
        '"s3://"',
        '"s3://wx-media/../other"',
        '"s3://who:secret-key@wx-media"',
        '"https://s3.example.org/wx-media"',
        '"s3://wx-media/a b"',
        '"disk"',
        "5",
    ],
)
def test_wrong_stores_of_media(tmp_path: Path, written: str) -> None:
    words = problem(tmp_path, f'[store]\nurl = "{URL}"\n[media]\nstore = {written}\n')
    assert "media.store must be database, folder, or a bucket such as s3://bucket/prefix" in words
    assert "secret-key" not in words


def test_a_process_alone_has_its_folder(tmp_path: Path) -> None:
    words = problem(tmp_path, '[media]\nstore = "s3://wx-media"\n')
    assert "has store s3://wx-media, but store.url is not set" in words
    assert read(tmp_path, '[media]\nstore = "folder"\n').media_store == "folder"
