"""XML in messages: escaped or not, whole or broken, and never dangerous."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.transports.web.xmltext import Xml

PLAIN = '<msg><appmsg appid="wx1"><title>a &amp; b &lt;c&gt;</title><des>d</des></appmsg></msg>'


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        f'<?xml version="1.0"?>\n{PLAIN}',
        "<br/>".join(PLAIN.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split("\n")),
        PLAIN.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("&", "&amp;"),
        f"wxid_abc:\n{PLAIN}",
        '<msg><appmsg appid="wx1"><title><![CDATA[a & b <c>]]></title><des>d</des></appmsg></msg>',
        PLAIN.removesuffix("</appmsg></msg>"),
        '<msg><appmsg appid="wx1"><title>a & b &lt;c&gt;</title><des>d</des></appmsg></msg>',
        f'<!DOCTYPE x [<!ENTITY e "boom">]>{PLAIN}',
        PLAIN.replace("<des>", "<wrong><des>"),
        PLAIN.replace("<des>", "\x00\x01<des>"),
    ],
)  # fmt: skip
def test_values(content: str) -> None:
    xml = Xml(content)
    assert (xml.text_of("title"), xml.text_of("des")) == ("a & b <c>", "d")
    assert xml.attribute("appmsg", "appid") == "wx1"
    assert xml.text_of("none") == xml.attribute("appmsg", "none") == xml.attribute("x", "y") == ""


def test_emoji_and_entities_in_values() -> None:
    xml = Xml(
        '&lt;msg&gt;&lt;title&gt;a<span class="emoji emoji1f604"></span>&lt;/title&gt;&lt;/msg&gt;'
    )
    assert xml.text_of("title") == "a😄"


@pytest.mark.parametrize(
    "bomb",
    [
        '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
        + "]><msg><title>&a11;</title></msg>",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><msg><title>&x;</title></msg>',
        "<msg>" + "<a>" * 200_000,
        "<msg " + "a='1' " * 100_000,
        "<msg><title>" + "x" * 5_000_000,
        "<![CDATA[" * 100_000,
    ],
)
def test_bombs_do_nothing(bomb: str) -> None:
    title = Xml(bomb).text_of("title")
    assert "root:" not in title
    assert len(title) <= 64 * 1024


@given(st.text())
def test_nothing_raises(content: str) -> None:
    for text in (content, f"<msg>{content}", f"<msg><title a={content!r}>{content}</title></msg>"):
        xml = Xml(text)
        assert isinstance(xml.text_of("title") + xml.attribute("msg", "a"), str)
