"""Which addresses are accepted: a token goes to WeChat alone, and files come from its CDN alone."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openwx.transports.ilink.hosts import Hosts

OURS = Hosts()
RELAYED = Hosts("http://127.0.0.1:8080/")
CDN = "https://novac2c.cdn.weixin.qq.com"


def test_the_fixed_hosts() -> None:
    assert str(OURS.first) == "https://ilinkai.weixin.qq.com"
    url = OURS.media("download", {"encrypted_query_param": "a+b/c=&d"})
    assert str(url) == f"{CDN}/c2c/download?encrypted_query_param=a%2Bb/c%3D%26d"


def test_one_origin_stands_for_all() -> None:
    base = "http://127.0.0.1:8080"
    assert str(RELAYED.first) == base
    for host in ("sh.weixin.qq.com", "127.0.0.1:9999", "x"):
        assert str(RELAYED.at(host)) == str(RELAYED.of(f"https://{host}/")) == base
    assert str(RELAYED.media("upload", {"x": "1"})) == f"{base}/c2c/upload?x=1"
    for origin in (CDN, base):
        assert str(RELAYED.media_at(f"{origin}/c2c/d?x=%2B+")) == f"{base}/c2c/d?x=%2B+"
    assert RELAYED.media_at("http://127.0.0.1:8081/c2c/d") is None


@pytest.mark.parametrize(
    "host", ["ilinkai.weixin.qq.com", "SH.weixin.qq.com", "a.b.weixin.qq.com."]
)
def test_data_centres(host: str) -> None:
    assert str(OURS.at(host)) == f"https://{host.lower().rstrip('.')}"


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "xweixin.qq.com", "weixin.qq.com.evil.example", "weixin.qq.com:99", "a@weixin.qq.com",
        "evil.example/.weixin.qq.com", "evil.example#.weixin.qq.com", "\nweixin.qq.com\nx", "a b.weixin.qq.com",
        "ｗ.weixin.qq.com", "..weixin.qq.com", "evil.example\\.weixin.qq.com", "127.0.0.1", "[::1]", "localhost",
        "169.254.169.254", "0x7f000001", "evil.example%2f.weixin.qq.com", "evil.example%00.weixin.qq.com",
        "weixin.qq.com\x00.evil.example", "evil.example?.weixin.qq.com", "https://sh.weixin.qq.com", "qq.com",
        "weixin.qq.com:443", "xn--80ak6aa92e.com", "weixin。qq.com", "a" * 64 + ".weixin.qq.com",
        "a." * 20 + "weixin.qq.com",
    ],
)  # fmt: skip
def test_no_data_centres(host: str) -> None:
    assert OURS.at(host) is None


@pytest.mark.parametrize(
    ("stated", "origin"),
    [
        ("https://sh.weixin.qq.com", "https://sh.weixin.qq.com"),
        ("https://sh.weixin.qq.com/a?b#c", "https://sh.weixin.qq.com"),
        ("http://sh.weixin.qq.com", None),
        ("https://sh.weixin.qq.com:444", None),
        ("https://u:p@sh.weixin.qq.com", None),
        ("https://evil.example", None),
        ("sh.weixin.qq.com", None),
        ("https://weixin.qq.com.evil.example", None),
        ("https://evil.example/sh.weixin.qq.com", None),
        ("https://evil.example\\@sh.weixin.qq.com", None),
        ("https://sh.weixin.qq.com@evil.example", None),
        ("https://sh.weixin.qq.com%00.evil.example", None),
        ("https://%65vil.example", None),
        ("https://127.0.0.1", None),
        ("https://[::1]", None),
        ("file://sh.weixin.qq.com", None),
        ("javascript:sh.weixin.qq.com", None),
        (" https://sh.weixin.qq.com\r\nX: y", None),
        ("https://", None),
        ("https://[::1", None),
        ("", None),
    ],
)
def test_told_origins(stated: str, origin: str | None) -> None:
    found = OURS.of(stated)
    assert (str(found) if found else None) == origin


@pytest.mark.parametrize(
    "url",
    [
        "http://novac2c.cdn.weixin.qq.com/c2c/d", f"{CDN}:8443/c2c/d", f"{CDN}/other", f"{CDN}/c2c/../other",
        "https://ilinkai.weixin.qq.com/c2c/d", "https://u@novac2c.cdn.weixin.qq.com/c2c/d", "file:///c2c/d",
        f"{CDN}/c2c/%2e%2e/other", f"{CDN}/c2c/%2E./other", f"{CDN}/C2C/d", f"{CDN}/c2c",
        f"{CDN}@evil.example/c2c/d", "https://evil.example\\@novac2c.cdn.weixin.qq.com/c2c/d",
        "https://novac2c.cdn.weixin.qq.com.evil.example/c2c/d", "//novac2c.cdn.weixin.qq.com/c2c/d", "x" * 9000,
    ],
)  # fmt: skip
def test_files_from_elsewhere(url: str) -> None:
    assert OURS.media_at(url) is None


def test_a_file_of_the_cdn_keeps_its_query_as_it_is() -> None:
    url = f"{CDN}/c2c/download?encrypted_query_param=a%2Bb%3D&x=+"
    assert str(OURS.media_at(url)) == url


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    for hosts in (OURS, RELAYED):
        for found in (hosts.at(text), hosts.of(text), hosts.media_at(text)):
            assert found is None or found.host


@given(
    st.text("aZ.-:/@%?#\\[]01é\n", max_size=30), st.sampled_from(["", "https://", "//", "http://"])
)
@example("://[]@", "")
def test_whatever_stands_around_the_name_of_wechat(text: str, scheme: str) -> None:
    """A token and a file's key go to no other host, whatever the spelling."""
    for stated in (f"{scheme}{text}weixin.qq.com", f"{scheme}weixin.qq.com{text}"):
        for found in (OURS.at(stated), OURS.of(stated)):
            if found is not None:
                host = found.host or ""
                assert host == "weixin.qq.com" or host.endswith(".weixin.qq.com")
                assert (found.scheme, found.port, found.user) == ("https", 443, None)
