"""The configuration: its keys, its sources, and the one line about what is wrong."""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openwx.config import (
    EVENTS,
    AccessKey,
    AccessSettings,
    AccountSettings,
    ClusterSettings,
    JournalLimits,
    Listen,
    Loaded,
    McpSettings,
    Media,
    ReportSettings,
    Settings,
    StoreSettings,
    describe,
    load,
)
from openwx.errors import ConfigError
from tests.how_many import how_many

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config.example.toml"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty working folder and home."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def read(
    text: str | bytes,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Loaded:
    path = Path("given.toml")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path, environ or {}, overrides or {})


def problem(
    text: str | bytes,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, environ, overrides)
    return checked(str(caught.value))


def checked(line: str) -> str:
    """Check that a problem is one line, in our words, with a place and a colon in front."""
    assert line.isprintable()
    assert len(line) < 1000
    assert re.match(r"(\S*\.toml|environment variable \S+|option --\S+|the defaults): ", line)
    for words in ("pydantic", "Input should", "validation error", "errors.py", "Traceback"):
        assert words not in line
    return line


# Defaults and sources


def test_defaults() -> None:
    loaded = load(None, {}, {})
    config = loaded.settings
    assert (loaded.source, loaded.warnings) == (None, [])
    assert config.data_dir == platformdirs.user_data_path("openwx", appauthor=False)
    assert (config.log_level, config.log_path, config.log_format) == ("info", None, "console")
    assert (config.show_messages, config.max_clients) == (True, 100)
    assert config.listen == [Listen(host="127.0.0.1", port=3000, tls_cert=None, tls_key=None)]
    assert config.access == AccessSettings(
        token=None, allow_anonymous=False, cors_origins=[], allowed_hosts=[]
    )
    assert config.media == Media(
        roots=None, private_hosts=[], download=True, max_size=26_214_400, keep_days=7
    )
    assert config.report == ReportSettings(
        post_api=None,
        post_event=False,
        post_event_list=["login", "stop", "state_change", "input_qrcode"],
        post_media_data=True,
        post_message_filter={},
        post_stdout=False,
        poll_api=None,
        poll_interval=5.0,
        check_event_list_max_size=20,
        secret=None,
        timeout=35.0,
        max_age=86_400.0,
    )
    assert config.journal == JournalLimits(keep_days=7, keep_delivered=10_000, keep_failed=10_000)
    assert config.mcp == McpSettings(account=None, send_to=[], read_from=None, files=[], token=None)
    assert config.accounts == {
        "default": AccountSettings(
            transport="web",
            login_mode="desktop",
            base_url=None,
            send_interval=3.0,
            send_tries=5,
            queue_size=1000,
        )
    }
    roots = config.media_roots
    assert roots[-1] == config.data_dir / "media" == config.media_dir
    assert {Path(tempfile.gettempdir()), Path("/tmp")} == set(roots[:-1])
    with pytest.raises(KeyError):
        config.report_for("nobody")
    assert read("[media]\nroots = ['/a', 'b']").settings.media_roots == [
        Path("/a"),
        Path.cwd() / "b",
    ]


def test_empty_accounts_are_the_default_one() -> None:
    assert list(read("[accounts]").settings.accounts) == ["default"]
    assert list(read("[accounts.work]").settings.accounts) == ["work"]


def test_where_the_file_is_looked_for() -> None:
    user = platformdirs.user_config_path("openwx", appauthor=False) / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text("max_clients = 1")
    assert load(None, {}, {}).source == user
    Path("config.toml").write_text("max_clients = 2")
    loaded = load(None, {}, {})
    assert (loaded.source, loaded.settings.max_clients) == (Path("config.toml"), 2)
    Path("other.toml").write_text("max_clients = 3")
    assert load(Path("other.toml"), {}, {}).settings.max_clients == 3


def test_command_line_over_environment_over_file() -> None:
    text = 'log_level = "error"\n[report]\ntimeout = 1\nmax_age = 10'
    assert read(text).settings.log_level == "error"
    environ = {"OPENWX_LOG_LEVEL": "debug", "OPENWX_REPORT__TIMEOUT": "2.5"}
    config = read(text, environ).settings
    assert (config.log_level, config.report.timeout, config.report.max_age) == ("debug", 2.5, 10)
    assert read(text, environ, {"log_level": "warning"}).settings.log_level == "warning"
    assert read(text, environ, {"log_level": None, "host": None}).settings.log_level == "debug"


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert read(b"\xef\xbb\xbfmax_clients = 7\r\n").settings.max_clients == 7


def test_settings_are_frozen_and_keep_secrets_to_themselves() -> None:
    config = read('[access]\ntoken = "s3cr3t"\n[report]\nsecret = "s3cr3t"').settings
    assert "s3cr3t" not in repr(config) + str(config)
    with pytest.raises(ValueError, match="frozen"):
        config.max_clients = 1  # type: ignore[misc]


# Values


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("1", 1),
        ("26214400", 26_214_400),
        ('"26214400"', 26_214_400),
        ('"25 MiB"', 26_214_400),
        ('"25mib"', 26_214_400),
        ('"25 MB"', 25_000_000),
        ('"500 kB"', 500_000),
        ('"1.5 KiB"', 1536),
        ('"2K"', 2000),
        ('"2 Ki"', 2048),
        ('"4 GiB"', 4 * 1024**3),
    ],
)
def test_sizes(written: str, size: int) -> None:
    assert read(f"[media]\nmax_size = {written}").settings.media.max_size == size
    variable = {"OPENWX_MEDIA__MAX_SIZE": written.strip('"')}
    assert read("", variable).settings.media.max_size == size


def test_values_are_brought_to_one_spelling() -> None:
    config = read(
        """
        log_level = "INFO"
        data_dir = "~/wx"
        log_path = "openwx.log"
        listen = [{host = "[::1]"}, {host = "LocalHost", port = 0}, {host = "localhost", port = 0}]
        [access]
        cors_origins = ["HTTPS://App.Example.org:443/", "http://[::1]:80", "http://例子.cn:8080"]
        allowed_hosts = ["Wx.Example.org.", "my_host"]
        [report]
        post_api = "http://user:pw@backend:4000/a?b=c"
        poll_api = ""
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        [accounts.a]
        base_url = "http://127.0.0.1:8900/"
        [accounts.b]
        base_url = ""
        """
    ).settings
    assert config.log_level == "info"
    assert config.data_dir == Path.home() / "wx"
    assert config.log_path == Path.cwd() / "openwx.log"
    assert [one.host for one in config.listen] == ["::1", "localhost", "localhost"]
    assert config.listen[0].url == "http://[::1]:3000"
    assert config.access.cors_origins == [
        "https://app.example.org",
        "http://[::1]",
        "http://xn--fsqu00a.cn:8080",
    ]
    assert config.access.allowed_hosts == ["wx.example.org", "my_host"]
    assert config.report.post_api == "http://user:pw@backend:4000/a?b=c"
    assert config.report.poll_api is None
    assert config.accounts["a"].base_url == "http://127.0.0.1:8900"
    assert config.accounts["b"].base_url is None


def test_an_account_says_for_itself_what_report_says_for_all() -> None:
    config = read(
        """
        [report]
        post_api = "http://all/"
        timeout = 9
        [accounts.one]
        [accounts.two]
        post_api = "http://two/"
        post_event = true
        [accounts.three]
        post_api = ""
        timeout = 35.0
        """
    ).settings
    assert config.report_for("one") == config.report
    two = config.report_for("two")
    assert type(two) is ReportSettings
    assert (two.post_api, two.post_event, two.timeout) == ("http://two/", True, 9)
    three = config.report_for("three")
    assert (three.post_api, three.post_event, three.timeout) == (None, False, 35)


def test_tls_files() -> None:
    Path("c.pem").touch()
    Path("k.pem").touch()
    config = read('[[listen]]\ntls_cert = "c.pem"\ntls_key = "k.pem"').settings
    assert config.listen[0].tls_cert == Path.cwd() / "c.pem"
    assert config.listen[0].url == "https://127.0.0.1:3000"
    line = problem('[[listen]]\ntls_key = "k.pem"')
    assert "listen[0] needs tls_cert and tls_key together: tls_cert is missing" in line
    assert "tls_key is missing" in problem('[[listen]]\ntls_cert = "c.pem"')


WHOLE = "must be a whole number from"
BAD_VALUES = [
    # key, value in TOML, the words after the key
    ("data_dir", "3", "must be the path of a folder, not 3"),
    ("data_dir", '""', "must be the path of a folder, not ''"),
    ("data_dir", '"given.toml"', "must be the path of a folder, not 'given.toml'"),
    ("data_dir", r'"a\u0000b"', "must be the path of a folder, not 'a\\x00b'"),
    ("data_dir", '"~nobody-of-this-name/x"', "must be a path that exists here"),
    ("data_dir", '"' + "x" * 5000 + '"', "must be the path of a folder, not 'xxx"),
    ("log_level", '"warn"', "must be one of debug, info, warning, error, not 'warn'; did you mean"),
    ("log_level", "1", "must be one of debug, info, warning, error, not 1"),
    ("log_path", '"."', "must be the path of a file, not '.'"),
    ("log_format", '"xml"', "must be one of console, json, not 'xml'"),
    ("show_messages", "1", "must be true or false, not 1"),
    ("show_messages", '"yes"', "must be true or false, not 'yes'"),
    ("max_clients", "0", f"{WHOLE} 1 to 10000, not 0"),
    ("listen", "[]", "must list at least one address"),
    ("listen", "{host = '::1'}", "must be a list ([[listen]]), not a table"),
    ("listen", "[{}, {}]", "lists host 127.0.0.1 with port 3000 twice"),
    ("listen", "[1]", "must be a table, not a number"),
    ("listen", "[{}, {port = 1, prot = 2}]", "is unknown; did you mean port? Known here: host"),
    ("access", '"s3cr3t"', "must be a table, not text"),
    ("access.token", '""', "is empty"),
    ("access.token", "12345678", "must be text in quotes, not a number"),
    ("access.token", '"s3cr3t x"', "must be up to 512 visible ASCII characters"),
    ("access.token", r'"s3cr3t\n"', "must be up to 512 visible ASCII characters"),
    ("access.token", '"s3cr3t密"', "must be up to 512 visible ASCII characters"),
    ("access.allow_anonymous", '"no"', "must be true or false, not 'no'"),
    ("access.cors_origins", '"*"', "must be a list, not text"),
    ("access.cors_origins", '["*"]', "must be an origin such as"),
    ("access.cors_origins", '["null"]', "must be an origin such as"),
    ("access.cors_origins", '["http://a/b"]', "must be an origin such as"),
    ("access.allowed_hosts", '["http://a"]', "must be a host name or an IP address, without"),
    ("access.allowed_hosts", '["a:80"]', "must be a host name or an IP address, without"),
    ("access.allowed_hosts", "[1]", "not 1"),
    ("access.allowed_hosts", '["例\u3002\u3002子"]', "must be a host name or an IP address"),
    ("access.allowed_hosts", '["' + "例" * 70 + '"]', "must be a host name or an IP address"),
    ("media.roots", '"/tmp"', "must be a list, not text"),
    ("media.roots", '["given.toml"]', "must be the path of a folder"),
    ("media.private_hosts", '["10.0.0.0/8"]', "must be a host name or an IP address"),
    ("media.download", "2024-01-01", "must be true or false, not a date or a time"),
    ("media.max_size", "0", "must be a size from 1 byte to 4 GiB"),
    ("media.max_size", "1.5", "must be a size from 1 byte to 4 GiB"),
    ("media.max_size", "true", 'such as 26214400 or "25 MiB", not true'),
    ("media.max_size", '"5 GiB"', "not '5 GiB'"),
    ("media.max_size", '"5 I"', "not '5 I'"),
    ("media.max_size", '"big"', "not 'big'"),
    ("media.keep_days", "0", f"{WHOLE} 1 to 36500, not 0"),
    ("report.post_api", '"backend:80"', "must be an http:// or https:// address with a host"),
    ("report.post_api", '"ftp://backend"', "not 'ftp://backend'"),
    ("report.post_api", '"http://"', "not 'http://'"),
    ("report.post_api", '"http://a:0"', "not 'http://a:0'"),
    ("report.post_api", '"http://a:99999"', "not 'http://a:99999'"),
    ("report.post_api", '"http://a b"', "not 'http://a b'"),
    ("report.post_api", '"http://[::1"', "not 'http://[::1'"),
    ("report.post_api", '"http://1.2.3"', "not 'http://1.2.3'"),
    ("report.post_api", '"http://u:s3cr3t@h:x/"', "not 'http://***@h:x/'"),
    ("report.post_api", '"http://h:x/?k=s3cr3t"', "not 'http://h:x/?***'"),
    ("report.post_api", "false", "not false"),
    ("report.poll_api", '"x"', "must be an http:// or https:// address with a host, not 'x'"),
    ("report.post_event", "0", "must be true or false, not 0"),
    ("report.post_event_list", '"login"', "must be a list, not text"),
    ("report.post_event_list", '["login", "logn"]', "not 'logn'; did you mean login?"),
    ("report.post_message_filter", '["a"]', "must be a table, not a list"),
    ("report.post_message_filter", "{type = 1}", "must be text in quotes, not 1"),
    ("report.poll_interval", "0", "must be a number of seconds from 0.1 to 86400, not 0"),
    ("report.poll_interval", "nan", "not nan"),
    ("report.check_event_list_max_size", "1.0", f"{WHOLE} 1 to 100000, not 1.0"),
    ("report.secret", '""', "is empty"),
    ("report.secret", '"whsec_s3cr3t!"', "must have base64 after whsec_"),
    ("report.secret", '"whsec_"', "must have base64 after whsec_"),
    ("report.secret", "{s3cr3t = 1}", "must be text in quotes, not a table"),
    ("report.timeout", "inf", "not inf"),
    ("report.timeout", '"35"', "not '35'"),
    ("journal.keep_days", "0", f"{WHOLE} 1 to 36500, not 0"),
    ("journal.keep_delivered", "99", f"{WHOLE} 100 to 10000000, not 99"),
    ("journal.keep_failed", "0", f"{WHOLE} 1 to 10000000, not 0"),
    ("journal", "[1]", "must be a table, not a list"),
    ("mcp.send_to", '"momo"', "must be a list, not text"),
    ("mcp.send_to", "[1]", "must be text in quotes, not 1"),
    ("mcp.read_from", "[[]]", "must be text in quotes, not a list"),
    ("mcp.token", '""', "is empty, which would protect nothing"),
    ("report.max_age", "true", "must be a number of seconds from 1 to 31622400, not true"),
    ("accounts", '["a"]', "must be a table, not a list"),
    ("accounts", "{A = {}, a = {}}", "must have names that differ in more than case, not A and a"),
    ("accounts", "{'a b' = {}}", '."a b" is not a name for an account: up to 64 letters'),
    ("accounts", "{'.a' = {}}", '.".a" is not a name for an account'),
    ("accounts", r'{"a\n" = {}}', '."a\\n" is not a name for an account'),
    ("accounts", "{" + "a" * 65 + " = {}}", "is not a name for an account"),
    ("accounts", "{a = 1}", ".a must be a table, not a number"),
    ("accounts.default.transport", '"pigeon"', "must be one of web, ilink, not 'pigeon'"),
    ("accounts.default.login_mode", '"phone"', "must be one of desktop, web, not 'phone'"),
    ("accounts.default.base_url", '"http://h/path"', "must be an origin such as"),
    ("accounts.default.base_url", '"http://h?q"', "must be an origin such as"),
    ("accounts.default.base_url", '"http://u@h"', "not 'http://***@h'"),
    ("accounts.default.base_url", "1", "must be an origin such as"),
    ("accounts.default.send_interval", "-1", "must be a number of seconds from 0 to 3600, not -1"),
    ("accounts.default.send_tries", "0", f"{WHOLE} 1 to 100, not 0"),
    ("report.tries", "0", f"{WHOLE} 1 to 100, not 0"),
    ("accounts.default.tries", "101", f"{WHOLE} 1 to 100, not 101"),
    ("report.numbers", '"yes"', "must be true or false, not 'yes'"),
    (
        "report.ca",
        '"/nowhere.pem"',
        "a PEM file with certificates, not '/nowhere.pem': there is no such file",
    ),
    ("report.ca", "7", "must be the path of a PEM file with certificates, not 7"),
    ("report.ca", '"/"', "a PEM file with certificates, not '/': there is no such file"),
    ("accounts.default.send_tries", "0x" + "f" * 5000, "not a number that long"),
    ("accounts.default.queue_size", "[5]", f"{WHOLE} 1 to 1000000, not a list"),
    ("accounts.default.post_api", "1", "must be an http:// or https:// address"),
    ("accounts.default.secret", '"s3cr3t \\u0007"', "must be up to 512 visible ASCII"),
    ("listen_port", "1", "is unknown; did you mean listen? Known here: data_dir"),
    ("token", '"s3cr3t"', "is unknown; token belongs to [access]; known here: data_dir"),
    ("send_tries", "1", "is unknown; send_tries belongs to [accounts.NAME]"),
    ("access.tokn", '"s3cr3t"', "is unknown; did you mean token? Known here: token, allow_anon"),
    ("access.data_dir", '"x"', "belongs to the top of the file, before the first [table]"),
    ("accounts.default.report", "{}", "is unknown; report belongs to the top of the file"),
    ('media."a b\\n"', "1", "is unknown; known here: roots"),
]


@pytest.mark.parametrize(("key", "value", "words"), BAD_VALUES)
def test_a_bad_value_is_one_line(key: str, value: str, words: str) -> None:
    line = problem(f"{key} = {value}")
    assert line.startswith(f"given.toml: {key}")
    assert words in line
    assert "s3cr3t" not in line


KEY = {"name": '"k"', "token": '"s3cr3t"'}
BAD_KEYS = [
    ({"name": '"token"'}, "keys[0].name is not a name for a key: up to 64"),
    ({"name": '"Anonymous"'}, "(the first not a dot), and none of token, anonymous"),
    ({"name": '"a b"'}, "keys[0].name is not a name for a key"),
    ({"name": '"s3cr3t\\n"'}, "keys[0].name is not a name for a key"),
    ({"name": "1"}, "keys[0].name is not a name for a key"),
    ({"token": '""'}, "keys[0].token is empty, which would protect nothing"),
    ({"token": '"s3cr3t s3cr3t"'}, "keys[0].token must be up to 512 visible ASCII"),
    ({"token": "[]"}, "keys[0].token must be text in quotes, not a list"),
    ({"scope": '"write"'}, "keys[0].scope must be one of full, send, read, not 'write'"),
    ({"accounts": "[]"}, "keys[0].accounts must name an account; leave the key out for all"),
    ({"accounts": '"work"'}, "keys[0].accounts must be a list, not text"),
    ({"accounts": '["a b"]'}, "keys[0].accounts[0] is not a name for an account"),
    ({"tokn": '"s3cr3t"'}, "keys[0].tokn is unknown; did you mean token? Known here: name, token"),
]


@pytest.mark.parametrize(("given", "words"), BAD_KEYS)
def test_bad_keys(given: dict[str, str], words: str) -> None:
    line = problem("[[access.keys]]\n" + "\n".join(f"{k} = {v}" for k, v in (KEY | given).items()))
    assert line.startswith("given.toml: access.")
    assert words in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize("missing", ["name", "token"])
def test_a_key_has_name_and_token(missing: str) -> None:
    rest = "\n".join(f"{name} = {value}" for name, value in KEY.items() if name != missing)
    line = problem(f"[[access.keys]]\n{rest}")
    assert line == f"given.toml: access.keys[0].{missing} is missing"


def test_keys_differ_in_name_and_token() -> None:
    a, b = '[[access.keys]]\nname = "a"\n', '[[access.keys]]\nname = "b"\n'
    for text, words in (
        (f'{a}token = "s3cr3t"\n{b}token = "s3cr3t"', "b has that of a"),
        (f'[access]\ntoken = "s3cr3t"\n{a}token = "s3cr3t"', "a has that of access.token"),
        (f'{a}token = "s3cr3t1"\n[[access.keys]]\nname = "A"\ntoken = "s3cr3t2"', "another A"),
    ):
        line = problem(text)
        assert words in line
        assert "s3cr3t" not in line
    assert "must be a list ([[access.keys]]), not a table" in problem('[access.keys]\nname = "a"')


def test_keys_from_the_environment() -> None:
    given = '[{"name": "k", "token": "s3cr3t", "accounts": ["work"], "scope": "READ"}]'
    loaded = read("[access]\ntoken = 's3cr3t0'", {"OPENWX_ACCESS__KEYS": given})
    (key,) = loaded.settings.access.keys
    assert (key.name, key.token, key.accounts, key.scope) == ("k", "s3cr3t", ["work"], "read")
    assert "s3cr3t" not in repr(loaded.settings) + describe(loaded) + str(loaded.advice)
    assert "access: token or key k (read, work) required" in describe(loaded)
    weak, strange = loaded.advice[1:]
    assert weak.startswith("access.keys[0].token (k): it can be guessed")
    assert strange.startswith("access.keys: k: the configuration has no account work")
    for wrong in ("s3cr3t", '["s3cr3t"]', '{"s3cr3t": 1}', '[{"name": "k", "token": ["s3cr3t"]}]'):
        line = problem("", {"OPENWX_ACCESS__KEYS": wrong})
        assert line.startswith("environment variable OPENWX_ACCESS__KEYS: access.keys")
        assert "s3cr3t" not in line


def test_keys_alone_close_the_door() -> None:
    listen = '[[listen]]\nhost = "0.0.0.0"\n'
    loaded = read(f'{listen}[[access.keys]]\nname = "k"\ntoken = "s3cr3t"\nscope = "read"')
    assert loaded.warnings == []
    assert "access: key k (read, all accounts) required" in describe(loaded)


def test_the_token_of_commands() -> None:
    less = [
        AccessKey(name="a", token="1", scope="send"),
        AccessKey(name="b", token="2", accounts=["work"]),
    ]
    every = AccessKey(name="c", token="3")
    assert AccessSettings().own_token is None
    assert AccessSettings(token="t", keys=less).own_token == "t"
    assert AccessSettings(keys=[*less, every]).own_token == "3"
    with pytest.raises(ConfigError, match=r"\[\[access.keys\]\] with the scope full"):
        assert AccessSettings(keys=less).own_token


@pytest.mark.parametrize("port", ["-1", "65536", "'3000'", "3000.0", "true", "[]", "{}"])
def test_bad_ports(port: str) -> None:
    line = problem(f"[[listen]]\nport = {port}")
    assert line.startswith(f"given.toml: listen[0].port {WHOLE} 0 to 65535 (0: any free one), not ")


@pytest.mark.parametrize("host", ["", "*", "a b", "http://a", "127.0.0.1:80", "256.1.1.1", "127.1"])
def test_bad_hosts(host: str) -> None:
    line = problem(f"[[listen]]\nhost = '{host}'")
    assert line.startswith("given.toml: listen[0].host must be an IP address (0.0.0.0 is every")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a = ", "is not valid TOML: Invalid value (at end of document)"),
        (b"[access]\ntoken = s3cr3t", "is not valid TOML: Invalid value (at line 2, column 9)"),
        (b'[access]\ntoken = "s3cr3t', "is not valid TOML: "),
        (b"max_clients = 1\nmax_clients = 2", "is not valid TOML: "),
        (
            b"[access]\n[report]\n[access]",
            "twice (at line 3, column 8); each [section] may occur once",
        ),
        (b"\n\n# \xff", "must be UTF-8 text, which line 3 is not"),
        (b"a = " + b"9" * 5000, "a number is too long, or tables or lists are nested too deeply"),
        (
            b"a = " + b"[" * 100_000,
            "a number is too long, or tables or lists are nested too deeply",
        ),
    ],
)
def test_a_broken_file(data: bytes, words: str) -> None:
    line = problem(data)
    assert line.startswith("given.toml: ")
    assert words in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.toml", "none.toml: there is no such file"),
        ("folder.toml", "folder.toml: must be a file, not a folder"),
        ("file/x.toml", "x.toml: cannot be read (Not a directory)"),
        ("nul\0.toml", "nul\\x00.toml: cannot be read (not a possible path)"),
        ("new\nline.toml", "new\\nline.toml: there is no such file"),
    ],
)
def test_a_named_file_that_cannot_be_read(name: str, words: str) -> None:
    Path("folder.toml").mkdir()
    Path("file").touch()
    with pytest.raises(ConfigError) as caught:
        load(Path(name), {}, {})
    assert checked(str(caught.value)).endswith(words)


def test_a_file_that_was_not_named_but_cannot_be_read_is_reported_too() -> None:
    Path("config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"^config\.toml: must be a file, not a folder$"):
        load(None, {}, {})


# The environment

GOOD_VARIABLES: list[tuple[str, str, str, Any]] = [
    ("OPENWX_LOG_LEVEL", "debug", "log_level", "debug"),
    ("OPENWX_LOG_FORMAT", "json", "log_format", "json"),
    ("OPENWX_LOG_PATH", "/x.log", "log_path", Path("/x.log")),
    ("OPENWX_DATA_DIR", "/x", "data_dir", Path("/x")),
    ("OPENWX_MAX_CLIENTS", "3", "max_clients", 3),
    ("OPENWX_LISTEN", '[{"port": 1}]', "listen", [Listen(port=1)]),
    ("OPENWX_LISTEN__PORT", "1", "listen", [Listen(port=1)]),
    ("OPENWX_LISTEN__HOST", "::1", "listen", [Listen(host="::1")]),
    ("OPENWX_ACCESS", '{"token": "t"}', "access.token", "t"),
    ("OPENWX_ACCESS__TOKEN", "123", "access.token", "123"),
    ("OPENWX_ACCESS__CORS_ORIGINS", '["http://a"]', "access.cors_origins", ["http://a"]),
    ("OPENWX_MEDIA__ROOTS", '["/a"]', "media.roots", [Path("/a")]),
    ("OPENWX_MEDIA__KEEP_DAYS", "3", "media.keep_days", 3),
    ("OPENWX_REPORT__POST_API", "http://a/", "report.post_api", "http://a/"),
    ("OPENWX_REPORT__POST_API", "", "report.post_api", None),
    ("OPENWX_REPORT__TIMEOUT", "3", "report.timeout", 3.0),
    ("OPENWX_REPORT__POST_EVENT_LIST", '["stop"]', "report.post_event_list", ["stop"]),
    (
        "OPENWX_REPORT__POST_MESSAGE_FILTER",
        '{"type": "friend_message"}',
        "report.post_message_filter",
        {"type": "friend_message"},
    ),
    *(
        ("OPENWX_SHOW_MESSAGES", word, "show_messages", truth)
        for truth, words in ((True, "true 1 yes on TRUE"), (False, "false 0 no off No"))
        for word in words.split()
    ),
]


@pytest.mark.parametrize(("name", "text", "key", "value"), GOOD_VARIABLES)
def test_every_setting_can_be_a_variable(name: str, text: str, key: str, value: Any) -> None:
    there: Any = read("", {name: text, "HOME": "/x"}).settings
    for step in key.split("."):
        there = getattr(there, step)
    assert there == value
    assert type(there) is type(value)


@pytest.mark.parametrize(
    ("variable", "account"),
    [
        ("DEFAULT", "default"),
        ("BOSS", "Boss"),
        ("Boss", "Boss"),
        ("MY__WORK", "my__Work"),
        ("NEW", "new"),
    ],
)
def test_accounts_of_variables_are_found_in_any_case(variable: str, account: str) -> None:
    text = "[accounts.default]\n[accounts.Boss]\nsend_tries = 2\n[accounts.my__Work]"
    accounts = read(text, {f"OPENWX_ACCOUNTS__{variable}__QUEUE_SIZE": "7"}).settings.accounts
    assert {name for name, one in accounts.items() if one.queue_size == 7} == {account}
    assert accounts["Boss"].send_tries == 2
    accounts = read(text, {f"OPENWX_ACCOUNTS__{variable}": '{"queue_size": 7}'}).settings.accounts
    meant = "my__Work" if "__" in variable else account
    assert accounts[meant].queue_size == 7


def test_a_variable_for_a_section_is_under_those_for_its_keys() -> None:
    environ = {"OPENWX_ACCESS__TOKEN": "b", "OPENWX_ACCESS": '{"token": "a", "cors_origins": []}'}
    assert read("", environ).settings.access.token == "b"


def test_a_variable_changes_the_first_address_only() -> None:
    text = "[[listen]]\nport = 1\n[[listen]]\nport = 2"
    listen = read(text, {"OPENWX_LISTEN__PORT": "5"}).settings.listen
    assert [one.port for one in listen] == [5, 2]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("OPENWX_LISTEN__PORT", "abc", f"listen[0].port {WHOLE} 0 to 65535 (0: any free one), "),
        ("OPENWX_LISTEN", "3000", "listen must be a list in JSON, not a number"),
        ("OPENWX_LISTEN", "[{]", "listen must be a list in JSON, not text"),
        ("OPENWX_LISTEN", "[" * 100_000, "listen must be a list in JSON, not text"),
        ("OPENWX_ACCESS", '{"token": "s3cr3t', "access must be a table in JSON, not text"),
        ("OPENWX_ACCESS", '{"token": ["s3cr3t"]}', "access.token must be text in quotes"),
        ("OPENWX_ACCESS__TOKEN", "", "access.token is empty, which would protect nothing"),
        ("OPENWX_ACCESS__TOKN", "s3cr3t", "access.tokn is unknown; did you mean token?"),
        ("OPENWX_ACES__TOKEN", "s3cr3t", "there is no section 'aces'; did you mean access?"),
        ("OPENWX_ACCESS__", "s3cr3t", "there is no section 'access'"),
        ("OPENWX__LOG_LEVEL", "info", "_log_level is unknown; did you mean log_level?"),
        ("OPENWX_LISTEN__TLS_KEY", "given.toml", "listen[0] needs tls_cert and tls_key together"),
        ("OPENWX_DATA_DIR__X", "1", "there is no section 'data_dir'"),
        ("OPENWX_LISTEN__PRT", "1", "listen[0].prt is unknown; did you mean port?"),
        ("OPENWX_SHOW_MESSAGES", "maybe", "show_messages must be true or false, not 'maybe'"),
        ("OPENWX_MAX_CLIENTS", "9" * 5000, f"max_clients {WHOLE} 1 to 10000, not '999"),
        ("OPENWX_REPORT__TIMEOUT", "nan", "report.timeout must be a number of seconds from 0.1"),
        ("OPENWX_REPORT__POST_EVENT_LIST", "login", "must be a list in JSON, not text"),
        ("OPENWX_REPORT__POST_EVENT_LIST", '["x"]', "report.post_event_list[0] must be one of"),
        ("OPENWX_REPORT__POST_MESSAGE_FILTER", '{"a": null}', "filter.a must be text in quotes"),
        ("OPENWX_REPORT__POST_MESSAGE_FILTER", '{"\\ud800": ""}', "must be a table in JSON"),
        ("OPENWX_ACCOUNTS__A__SEND_TRIES", "0", f"accounts.a.send_tries {WHOLE} 1 to 100, not 0"),
        ("OPENWX_ACCOUNTS__A B__SEND_TRIES", "1", 'accounts."a b" is not a name for an account'),
        ("OPENWX_ACCOUNTS__A", "x", "accounts.a must be a table in JSON, not text"),
        ("OPENWX_ACCOUNTS__A__NO", "x", "accounts.a.no is unknown"),
        ("OPENWX_DATA_DIR", "\udcff", "must be UTF-8 text"),
        ("OPENWX_ACCOUNTS__\udcff__NO", "", "must be UTF-8 text"),
    ],
)
def test_a_bad_variable_is_one_line(name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read("", {name: text})
    line = str(caught.value)
    shown = name.replace("\udcff", "\\udcff")
    assert line.startswith(f"environment variable {shown}: ")
    assert words in line
    assert line.isprintable()
    assert "s3cr3t" not in line
    assert "Input should" not in line


def test_a_wrong_file_is_reported_before_a_variable_that_overrides_it() -> None:
    environ = {"OPENWX_ACCESS__TOKEN": "t", "OPENWX_LISTEN__PORT": "1"}
    assert problem("access = 1", environ) == "given.toml: access must be a table, not a number"
    line = problem("listen = {}", environ)
    assert line == "given.toml: listen must be a list ([[listen]]), not a table"
    assert problem("listen = []", environ) == "given.toml: listen must list at least one address"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("OPENWX_TOKEN", "; did you mean OPENWX_ACCESS__TOKEN?"),
        ("OPENWX_ACCESS_TOKEN", "; did you mean OPENWX_ACCESS__TOKEN?"),
        ("OPENWX_DATADIR", "; did you mean OPENWX_DATA_DIR?"),
        ("OPENWX_", ""),
        ("OPENWX_VERSION_OF_IMAGE", ""),
    ],
)
def test_other_variables_draw_a_warning(name: str, near: str) -> None:
    loaded = read("", {name: "s3cr3t\udcff", "OPENWXX": "1"})
    assert loaded.warnings == [f"environment variable {name} is not a setting and is ignored{near}"]


# The command line


def test_host_and_port_of_the_command_line_make_the_only_address() -> None:
    text = "[[listen]]\nhost = '::1'\nport = 1\n[[listen]]\nport = 2"
    assert read(text, {}, {"port": 5}).settings.listen == [Listen(host="::1", port=5)]
    assert read(text, {}, {"host": "127.0.0.2"}).settings.listen == [
        Listen(host="127.0.0.2", port=1)
    ]
    assert read("", {}, {"host": "::1", "port": "0"}).settings.listen == [
        Listen(host="::1", port=0)
    ]
    environ = {"OPENWX_LISTEN__PORT": "7"}
    assert read(text, environ, {"host": "localhost"}).settings.listen == [
        Listen(host="localhost", port=7)
    ]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"port": "abc"}, f"option --port: listen[0].port {WHOLE} 0 to 65535 (0: any free one), "),
        ({"port": 65536}, "option --port: listen[0].port"),
        ({"host": ""}, "option --host: listen[0].host must be an IP address"),
        ({"host": "\udcff"}, "option --host: listen[0].host must be an IP address"),
        ({"host": "0.0.0.0", "port": 1}, "option --host: listen[0].host 0.0.0.0 can be reached"),
        ({"log_level": "loud"}, "option --log-level: log_level must be one of debug"),
        ({"bogus": 1}, "option --bogus: bogus is unknown"),
    ],
)
def test_a_bad_option_is_one_line(overrides: dict[str, Any], words: str) -> None:
    assert problem("", {}, overrides).startswith(words)


def test_what_the_command_line_replaces_must_be_right_too() -> None:
    line = problem("[[listen]]\n[[listen]]\nport = 'x'", {}, {"port": 5})
    assert line.startswith("given.toml: listen[1].port")


# Exposure

LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "0:0::1", "localhost", "LOCALHOST"]
BEYOND = ["0.0.0.0", "::", "192.168.1.2", "10.0.0.1", "128.0.0.1", "localhost.example.org", "wx"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_needs_no_token(host: str) -> None:
    loaded = read(f"[[listen]]\nhost = '{host}'")
    assert loaded.settings.exposed() == []
    assert loaded.warnings == []


@pytest.mark.parametrize("host", BEYOND)
def test_beyond_loopback_a_token_is_needed(host: str) -> None:
    Path("p.pem").touch()
    text = f"[[listen]]\n[[listen]]\nhost = '{host}'\ntls_cert = 'p.pem'\ntls_key = 'p.pem'\n"
    line = problem(text)
    assert line == (
        f"given.toml: listen[1].host {host} can be reached from other machines, so a token is "
        'needed: write token = "a long random text" under [access] (or set OPENWX_ACCESS__TOKEN), '
        "or allow_anonymous = true there to let in everyone"
    )
    assert "allow_anonymous" in problem(text + "[access]\nallow_anonymous = false")
    assert read(text + "[access]\ntoken = 't'").warnings == []
    assert read(text, {"OPENWX_ACCESS__TOKEN": "t"}).warnings == []
    warnings = read(text + "[access]\nallow_anonymous = true").warnings
    assert len(warnings) == 1
    assert warnings[0].startswith(f"anybody who can reach https://{Listen(host=host).url[7:-5]}")


def test_check_exposure_of_settings_made_by_hand() -> None:
    with pytest.raises(ConfigError, match="a token is needed"):
        Settings(listen=[Listen(host="0.0.0.0")]).check_exposure()
    Settings(listen=[Listen(host="0.0.0.0")], access=AccessSettings(token="t")).check_exposure()


# The example, and check-config


def test_the_example_holds_the_defaults() -> None:
    loaded = load(EXAMPLE, {}, {})
    found = loaded.settings.model_dump()
    assert found["report"].pop("post_event") is True
    default = load(None, {}, {}).settings.model_dump()
    assert default["report"].pop("post_event") is False
    assert found == default
    assert loaded.warnings == []


def _keys_of_example() -> dict[str, set[str]]:
    """Return the keys of each table, with those that are commented out (``# key = value``)."""
    text = EXAMPLE.read_text(encoding="utf-8")
    live = tomllib.loads(re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", text))
    tables = {name: value for name, value in live.items() if isinstance(value, dict)}
    return {
        "": set(live),
        "listen": set(live["listen"][0]),
        "access.keys": set(live["access"]["keys"][0]),
        "accounts": set(tables.pop("accounts")["default"]),
        **{name: set(value) for name, value in tables.items()},
    }


def test_the_example_names_every_key_and_no_other() -> None:
    assert _keys_of_example() == {
        "": set(Settings.model_fields),
        "listen": set(Listen.model_fields),
        "access": set(AccessSettings.model_fields),
        "access.keys": set(AccessKey.model_fields),
        "store": set(StoreSettings.model_fields),
        "cluster": set(ClusterSettings.model_fields),
        "media": set(Media.model_fields),
        "report": set(ReportSettings.model_fields),
        "journal": set(JournalLimits.model_fields),
        "mcp": set(McpSettings.model_fields),
        "accounts": AccountSettings.model_fields.keys() - ReportSettings.model_fields.keys(),
    }
    text = EXAMPLE.read_text(encoding="utf-8")
    assert all(event in text for event in EVENTS)


def test_every_key_of_the_example_is_explained_in_both_languages() -> None:
    for block in EXAMPLE.read_text(encoding="utf-8").split("\n\n"):
        assert re.search("[A-Za-z]{3}", block)
        assert re.search("[\u4e00-\u9fff]", block)


def test_describe() -> None:
    loaded = read(
        """
        data_dir = "/var/lib/openwx"
        [[listen]]
        [[listen]]
        host = "::"
        port = 0
        [access]
        token = "s3cr3t"
        [report]
        post_api = "https://me:s3cr3t@backend/wx?key=s3cr3t"
        secret = "s3cr3t"
        [accounts.one]
        base_url = "http://127.0.0.1:8900"
        [accounts.two]
        login_mode = "web"
        post_api = ""
        [accounts.three]
        secret = "other"
        verify = false
        [accounts.four]
        transport = "ilink"
        post_api = ""
        """,
        {"OPENWX_TOKEN": "s3cr3t"},
    )
    assert describe(loaded).splitlines() == [
        "file: given.toml",
        "listen: http://127.0.0.1:3000, http://[::]:0",
        "access: token required",
        "data_dir: /var/lib/openwx",
        (
            "account one: login_mode desktop, base_url http://127.0.0.1:8900, "
            "post_api https://***@backend/wx?***, signed"
        ),
        "account two: login_mode web, post_api none",
        (
            "account three: login_mode desktop, post_api https://***@backend/wx?***, signed,"
            " any certificate"
        ),
        "account four: transport ilink, post_api none",
        (
            "warning: environment variable OPENWX_TOKEN is not a setting and is ignored; "
            "did you mean OPENWX_ACCESS__TOKEN?"
        ),
        (
            "warning: access.token: it can be guessed: it is short, or contains common words; create a better one: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        ),
    ]


def test_describe_of_the_defaults_and_of_an_open_server() -> None:
    text = describe(load(None, {}, {}))
    assert "file: none, the defaults" in text
    assert "access: no token, this machine only" in text
    environ = {"OPENWX_ACCESS__ALLOW_ANONYMOUS": "yes", "OPENWX_LISTEN__HOST": "0.0.0.0"}
    text = describe(load(None, environ, {}))
    assert "environment: OPENWX_ACCESS__ALLOW_ANONYMOUS, OPENWX_LISTEN__HOST" in text
    assert "access: no token, open to everyone (allow_anonymous = true)" in text
    assert "warning: anybody who can reach http://0.0.0.0:3000" in text


# Anything at all: settings or one line

_FUZZ = settings(
    max_examples=int(os.environ.get("OPENWX_TEST_EXAMPLES", how_many(100, in_ci=300))),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_KEYS = sorted(
    {
        "",
        "x",
        "default",
        *Settings.model_fields,
        *Listen.model_fields,
        *AccountSettings.model_fields,
    }
    | {*AccessSettings.model_fields, *Media.model_fields}
    | {*StoreSettings.model_fields, *ClusterSettings.model_fields}
)
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(EVENTS)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS) | st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)
_LINES = st.builds(
    lambda key, value: f"{key} = {json.dumps(value)}",
    st.sampled_from(_KEYS),
    _SCALARS | st.lists(_SCALARS, max_size=2),
) | st.sampled_from(
    [
        "[[listen]]",
        "[access]",
        "[store]",
        "[cluster]",
        "[media]",
        "[report]",
        "[accounts.a]",
        "[accounts.'\\n']",
        "[listen]",
    ]
)


def _settings_or_one_line(data: bytes, environ: Mapping[str, str]) -> None:
    try:
        loaded = read(data, environ)
    except ConfigError as error:
        line = str(error)
        assert line.isprintable()
        assert len(line) < 1500
        assert "Input should" not in line
        assert "Traceback" not in line
        # Its origin: the file, or the variable.
        assert "given.toml" in line or "OPENWX_" in line, line
    else:
        assert describe(loaded)


@_FUZZ
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes(data: bytes) -> None:
    _settings_or_one_line(data, {})


@_FUZZ
@given(st.lists(_LINES, max_size=8))
def test_any_lines(lines: list[str]) -> None:
    _settings_or_one_line("\n".join(lines).encode("utf-8", "replace"), {})


def _as_toml(value: Any) -> str:
    """Encode any value on one line."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(key)} = {_as_toml(inner)}" for key, inner in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_toml, value))}]"
    return (
        "1979-05-27"
        if value is None
        else json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan")
    )


@_FUZZ
@given(st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), _VALUES, max_size=5))
def test_any_tree(tree: dict[str, Any]) -> None:
    lines = [f"{json.dumps(key)} = {_as_toml(value)}" for key, value in tree.items()]
    _settings_or_one_line("\n".join(lines).encode("utf-8", "replace"), {})


@_FUZZ
@given(
    st.dictionaries(
        st.lists(st.sampled_from([*_KEYS, "_", "é", "A b"]), min_size=1, max_size=3).map(
            lambda steps: "OPENWX_" + "__".join(steps).upper()
        ),
        _VALUES.map(json.dumps)
        | st.text(st.characters())
        | st.sampled_from(["1", "yes", "\udc80"]),
        max_size=4,
    )
)
def test_any_variables(environ: dict[str, str]) -> None:
    _settings_or_one_line(b"[accounts.Work]\n[[listen]]\n", environ)


@pytest.mark.parametrize(
    ("toml", "warned"),
    [
        ('transport = "ilink"\nsend_interval = 0', "accounts.me.send_interval is 0 s"),
        ('transport = "ilink"\nsend_interval = 2.9', "accounts.me.send_interval is 2.9 s"),
        ('transport = "ilink"\nsend_interval = 3', ""),
        ('transport = "ilink"', ""),
        ("send_interval = 0", ""),
    ],
)
def test_a_pace_that_ilink_punishes_is_said(tmp_path: Path, toml: str, warned: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[accounts.me]\n{toml}", encoding="utf-8")
    loaded = load(file, {}, {})
    assert [line.partition(":")[0] for line in loaded.advice] == ([warned] if warned else [])
    assert ("lock the bot out" in describe(loaded)) is bool(warned)
