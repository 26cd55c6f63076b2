"""WeChat's HTML-like texts (protocol reference, section 3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.wechat.text import plain, written


def span(code: str) -> str:
    return f'<span class="emoji emoji{code}"></span>'


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("", ""),
        ("小灰", "小灰"),
        (span("1f604"), "😄"),
        (span("2600"), "☀"),
        (span("1f1e81f1f3"), "🇨🇳"),
        (span("3520e3"), "5\u20e3"),
        (span("26002600"), "☀☀"),
        (span("1F604"), "😄"),
        (f"a{span('1f604')[:-1]}b", "a😄b"),  # the server's bug: the last > is missing
        (span("1f63c"), "😁"),  # the server's cats are faces
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("&lt;b&gt; &quot;x&quot; &#39;y&#39;", "<b> \"x\" 'y'"),
        ("a<br/>b<br>c<br />d", "a\nb\nc\nd"),
        ("&lt;br/&gt;", "<br/>"),  # typed by a person: entities come last
        ("&amp;lt;", "&lt;"),
        (span("1234567"), span("1234567")),  # of no known length
        (span("d800"), span("d800")),  # half of a pair is no character
        ('<span class="emoji emojixyz"></span>', '<span class="emoji emojixyz"></span>'),
        (span("123"), span("123")),
        (span("123456789"), span("123456789")),
        (span("1f604") + span("1f604")[:-1] + span("2600"), "😄😄☀"),
        (f"&lt;{span('1f604')[1:]}", '<span class="emoji emoji1f604"></span>'),  # typed
        ("a<BR>b<br\t/>c", "a\nb\nc"),
        ("&#128516;&#x1F604;&nbsp;", "😄😄\xa0"),
        ("https://x.cn/?a=1&copy=2&lt=3&amp;not=4", "https://x.cn/?a=1&copy=2&lt=3&not=4"),
        ("&unknown; & &; &#; &#x;", "&unknown; & &; &#; &#x;"),
        ("&#55357;&#0;", "\ufffd\ufffd"),
        (f"&#{'9' * 5000};", f"&#{'9' * 5000};"),  # int() refuses so many digits
    ],
)
def test_plain(wire: str, text: str) -> None:
    assert plain(wire) == text


PIECES = st.sampled_from(
    ["&", ";", "#", "x", "amp", "lt", "<br/>", "<", ">", "9" * 5000, span("1f604")]
)


@given(st.lists(PIECES | st.text(st.characters(codec="utf-8"))).map("".join))
def test_anything_becomes_a_text_that_can_be_encoded(wire: str) -> None:
    plain(wire).encode()


@given(st.text(alphabet=st.characters(exclude_characters="<&", exclude_categories=["Cs"])))
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert plain(text) == text


@given(st.text())
def test_what_is_written_reads_as_it_was(text: str) -> None:
    assert plain(written(text)) == text
