"""Which addresses that others wrote become links: none that a browser takes for this gateway's."""

import time

import pytest

from openwx.api.access import Access
from openwx.config import AccessSettings as Settings
from openwx.console.links import linked, may_follow

ACCESS = Access(Settings(allowed_hosts=["wx.example.org"]))

OURS = [
    "http://localhost:3000/openwx/stop_client",
    "http://LocalHost./",
    "http://anything.localhost/",
    "http://127.0.0.1:3000/",
    "http://127.1/",
    "http://0x7f000001/",
    "http://0X7F.1/",
    "http://0177.0.0.1/",
    "http://2130706433:3000/",
    "http://0/",
    "http://[::1]:3000/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://192.168.1.7:3000/",
    "http://friend@127.0.0.1/",
    "http://example.org@127.0.0.1:3000/",
    "http:\\\\127.0.0.1\\",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "ht\ntp://127.0.0.1/",
    "http://127.0.0\t.1/",
    "http://%31%32%37.0.0.1/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:3000/",
    "http://wx.example.org/",
    "https://WX.EXAMPLE.ORG:8443/",
    "http://wx.example.org./",
]
NOT_CERTAIN = [
    "http://lo\u00adcalhost/",
    "http://127.0.0.1\u200b/",
    "http://[::1/",
    "http://127.0.0.1:3000:3000/",
    "http://1.1.1.1.0x/",
    "http://a.0x7f",
    "javascript:alert(1)",
    "data:text/html,x",
    "//127.0.0.1/",
    "/openwx/stop_client",
    "file:///etc/passwd",
    "",
]
OTHERS = [
    "https://example.org/",
    "HTTP://Example.org:8080/a?b#c",
    "https://例子.测试/路径",
    "https://mp.weixin.qq.com/s?__biz=x",
    "http://127.0.0.1@example.org/",
    "https://example.org/?next=http://127.0.0.1:3000/",
]


@pytest.mark.parametrize("url", OURS)
def test_our_own_address_however_it_is_spelt(url: str) -> None:
    assert not may_follow(url, ACCESS.answers_to)
    assert "<a" not in linked(f"look: {url} !", ACCESS.answers_to)


@pytest.mark.parametrize("url", NOT_CERTAIN)
def test_what_is_no_web_address_for_certain(url: str) -> None:
    assert not may_follow(url, ACCESS.answers_to)


@pytest.mark.parametrize("url", OTHERS)
def test_other_places(url: str) -> None:
    assert may_follow(url, ACCESS.answers_to)
    assert 'target="_blank" rel="noopener noreferrer"' in linked(url, ACCESS.answers_to)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("no link", []),
        ("see https://a.example.org/x, and www.b.example.org.", ["https://a.example.org/x", "https://www.b.example.org"]),
        ("(https://a.example.org/wiki/A_(b))", ["https://a.example.org/wiki/A_(b)"]),
        ("[(https://a.example.org/x_(y)).]", ["https://a.example.org/x_(y)"]),
        ("看 https://a.example.org/。好", ["https://a.example.org/"]),
        ("http://127.0.0.1:3000/ https://a.example.org", ["https://a.example.org"]),
        ('https://a.example.org/"onmouseover=alert(1)', ["https://a.example.org/&#34;onmouseover=alert(1)"]),
    ],
)  # fmt: skip
def test_links_within_a_text(text: str, links: list[str]) -> None:
    html = linked(text, ACCESS.answers_to)
    assert [part.partition('"')[0] for part in html.split('<a href="')[1:]] == links


def test_the_rest_of_the_text_is_text() -> None:
    html = linked("<b>1</b> https://a.example.org <i>", ACCESS.answers_to)
    assert html.startswith("&lt;b&gt;1&lt;/b&gt; <a ")
    assert html.endswith("</a> &lt;i&gt;")


@pytest.mark.parametrize(
    "text",
    [
        "http://a/" + ")" * 60_000,
        "http://a/" + ",)" * 30_000,
        "http://a/" + "(" * 30_000 + ")" * 30_001,
        "http://" + "\u0301\u0316" * 15_000,
        "http://" + "%CC%81%CC%96" * 5_000,
        "http://" + "a." * 30_000,
        "http://" * 9_000,
    ],
    ids=["brackets", "commas", "pairs", "marks", "escaped marks", "labels", "addresses"],
)
def test_no_text_takes_long(text: str) -> None:
    """Strangers write it, and the page is made in the event loop."""
    began = time.thread_time()
    linked(text, ACCESS.answers_to)
    may_follow(text, ACCESS.answers_to)
    assert time.thread_time() - began < 0.5
