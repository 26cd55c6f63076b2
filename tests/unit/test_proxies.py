"""Which proxy an account has: the spelling of addresses, the environment's, and their exceptions."""

from pathlib import Path
from typing import Any

import pytest

from openwx.config import AccountSettings, describe, load
from openwx.config.proxies import NO_PROXIES, Proxy, read_environment
from openwx.errors import ConfigError


def account(**settings: Any) -> AccountSettings:
    return AccountSettings.model_validate(settings)


def proxy_of(environ: dict[str, str] | None = None, **settings: Any) -> Proxy | None:
    environment, problems = read_environment(environ or {})
    assert problems == []
    return account(**settings).proxy_with(environment)


def loaded(tmp_path: Path, toml: str, **environ: str) -> Any:
    file = tmp_path / "config.toml"
    file.write_text(toml, encoding="utf-8")
    return load(file, environ, {})


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("HTTP://Proxy.Example:8080/", "http://proxy.example:8080"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("http://proxy.example", "http://proxy.example:80"),
        ("socks5://proxy.example", "socks5://proxy.example:1080"),
        ("socks5h://proxy.example:1", "socks5://proxy.example:1"),
        ("socks5://[::1]:1080", "socks5://[::1]:1080"),
        ("http://wei:s3cr3t@proxy.example:1", "http://proxy.example:1"),
        ("http://wei@proxy.example:1", "http://proxy.example:1"),
    ],
)
def test_addresses(given: str, shown: str) -> None:
    settings = account(proxy=given)
    proxy = settings.proxy_with(NO_PROXIES)
    assert proxy is not None
    assert proxy.shown == shown
    assert settings.proxy == proxy.url, "it is kept as it is used"
    assert account(proxy=settings.proxy).proxy == settings.proxy
    assert "s3cr3t" not in repr(proxy) + repr(settings) + str(settings)


def test_user_and_password_are_decoded() -> None:
    proxy = account(proxy="socks5://w%3Aei:a%40b%2F%25@h:1").proxy_with(NO_PROXIES)
    assert proxy is not None
    assert (proxy.user, proxy.password) == ("w:ei", "a@b/%")
    assert proxy.url == "socks5://w%3Aei:a%40b%2F%25@h:1"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("proxy.example:8080", "not text without ://"),
        ("wei:s3cr3t@proxy.example:8080", "not text without ://"),
        ("socks4://wei:s3cr3t@h:1", "not socks4://…"),
        ("ftp://h", "not ftp://…"),
        ("http://", "and nothing more"),
        ("http://h:0", "and nothing more"),
        ("http://h:99999", "and nothing more"),
        ("http://wei:s3cr3t", "and nothing more"),
        ("http://h/path", "and nothing more"),
        ("http://h?s3cr3t", "and nothing more"),
        ("http://wei:s3cr3t#x@h:1", "write @ : / ? # % as %40"),
        ("http://[::1", "and nothing more"),
        ("http://:s3cr3t@h", "a user before the password"),
        ("socks5://wei@h", "user and password before the @, or neither"),
        ("http://w%3Aei:s3cr3t@h", "a user without a colon"),
        ("http://wei:s3cr3t密@h", "ASCII"),
        ("http://wei:s3cr3t%0d%0a@h", "ASCII"),
        ("socks5://wei:" + "s3cr3t" * 50 + "@h", "up to 255"),
    ],
)
def test_wrong_addresses_are_one_clear_line(tmp_path: Path, given: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f'[accounts.a]\nproxy = "{given}"')
    text = str(caught.value)
    assert "accounts.a.proxy must" in text
    assert words in text
    assert "\n" not in text
    assert "s3cr3t" not in text


@pytest.mark.parametrize("given", ["1", "true", '["http://h"]', "{}"])
def test_other_types(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigError, match="accounts.a.proxy must be http://HOST:PORT"):
        loaded(tmp_path, f"[accounts.a]\nproxy = {given}")


# -- the environment -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://b:1", "HTTPS_PROXY": "http://a:1"}, "http://b:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"ALL_PROXY": "socks5://a:1"}, "socks5://a:1"),
        ({"ALL_PROXY": "socks://a:1"}, "socks5://a:1"),
        ({"ALL_PROXY": "socks5://a:1", "HTTPS_PROXY": "http://b:1"}, "http://b:1"),
        ({"HTTPS_PROXY": "127.0.0.1:7890"}, "http://127.0.0.1:7890"),
        ({"HTTP_PROXY": "http://a:1", "http_proxy": "http://a:1"}, None),
    ],
)
def test_the_environment(environ: dict[str, str], shown: str | None) -> None:
    proxy = proxy_of(environ)
    assert (proxy.shown if proxy else None) == shown
    assert proxy_of(environ, proxy="") is None
    own = proxy_of({**environ, "NO_PROXY": "*"}, proxy="http://own:1")
    assert own is not None
    assert own.shown == "http://own:1"
    assert own.serves("wx.qq.com"), "an account's own knows no exceptions"


def test_addresses_without_tls_have_a_variable_of_their_own() -> None:
    relay = "http://relay.example:8080"
    assert (
        proxy_of({"HTTPS_PROXY": "http://a:1", "HTTP_PROXY": "http://a:1"}, base_url=relay) is None
    )
    for name in ("http_proxy", "ALL_PROXY"):
        proxy = proxy_of({name: "http://a:1"}, base_url=relay)
        assert proxy is not None
        assert proxy.source == name


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "wx.localhost"])
def test_this_machine_is_reached_directly(host: str) -> None:
    environ = dict.fromkeys(("http_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://a:1")
    for scheme in ("http", "https"):
        assert proxy_of(environ, base_url=f"{scheme}://{host}:8900") is None
        own = proxy_of(environ, base_url=f"{scheme}://{host}:8900", proxy="http://own:1")
        assert own is not None, "unless it is written for the account"


@pytest.mark.parametrize(
    ("exceptions", "host", "serves"),
    [
        ("", "wx.qq.com", True),
        ("*", "wx.qq.com", False),
        ("qq.com", "wx.qq.com", False),
        (".qq.com", "wx.qq.com", False),
        ("*.qq.com", "wx.qq.com", False),
        ("QQ.com", "wx.qq.com", False),
        ("wx.qq.com:443", "wx.qq.com", False),
        ("wx.qq.com", "file.wx.qq.com", False),
        ("file.wx.qq.com", "wx.qq.com", True),
        ("q.com", "wx.qq.com", True),
        ("localhost, 127.0.0.1  qq.com", "wx.qq.com", False),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.1.2.3", "10.1.2.3", False),
        ("[fd00::1]", "fd00::1", False),
        ("fd00::/8", "fd00::1", False),
        (",.,*.", "wx.qq.com", True),
    ],
)
def test_exceptions(exceptions: str, host: str, serves: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        proxy = proxy_of({"HTTPS_PROXY": "http://a:1", name: exceptions})
        assert proxy is not None
        assert proxy.serves(host) is serves


def test_a_variable_that_cannot_be_used_stops_the_start_where_it_counts(tmp_path: Path) -> None:
    wrong = {"HTTPS_PROXY": "socks4://wei:s3cr3t@h:1"}
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "", **wrong)
    assert str(caught.value) == (
        "environment variable HTTPS_PROXY: must be http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, "
        'not socks4://…; or set accounts.default.proxy ("" for none)'
    )
    for toml in ('proxy = ""', 'proxy = "http://h:1"', 'base_url = "http://127.0.0.1:1"'):
        (warning,) = loaded(tmp_path, f"[accounts.default]\n{toml}", **wrong).warnings
        assert warning.startswith("environment variable HTTPS_PROXY: must be")
        assert warning.endswith("; it is ignored")
        assert "s3cr3t" not in warning


def test_check_config_shows_it_without_its_secrets(tmp_path: Path) -> None:
    toml = '[accounts.a]\nproxy = "http://wei:s3cr3t@h:1"\n[accounts.b]\n[accounts.c]\nproxy = ""'
    text = describe(loaded(tmp_path, toml, ALL_PROXY="socks5://wei:s3cr3t@g:2"))
    lines = {line.split()[1]: line for line in text.splitlines() if line.startswith("account ")}
    assert ", proxy http://h:1," in lines["a:"]
    assert ", proxy socks5://g:2 (of ALL_PROXY)," in lines["b:"]
    assert "proxy" not in lines["c:"]
    assert "s3cr3t" not in text
