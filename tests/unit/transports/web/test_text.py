"""WeChat's HTML-like texts (protocol reference, section 3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.domain.text import decoded, encoded, notice_text, plain


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
        (f"a{span('1234567')}b", "ab"),  # of no known length
        (f"a{span('d800')}b", "ab"),  # half of a pair is no character
        (f"a{span('0000')}{span('202e')}{span('000a')}b", "ab"),  # nor are controls
        ('a<span class="emoji emojixyz"></span>b', "ab"),
        (span("a9") + span("ae"), "©®"),
        (span("00a9"), "©"),
        ("a<span class='emoji emoji1f604'></span>b", "a😄b"),
        ("a<span class=emoji1f604 ></span >b", "a😄b"),
        ('a<span\tid="x"  class = "emoji  emoji1f604" style="a"></span>b', "a😄b"),
        ('a<SPAN CLASS="EMOJI EMOJI1F604"></SPAN>b', "a😄b"),
        ('a<span class="emoji emoji1f604"/>b', "a😄b"),
        ('a<span class="emoji emoji1f604"></span b', "a😄 b"),
        ('a<span class="x">words</span>b', "awordsb"),
        ('<a href="weixin://x">go</a> <b>x</b><img src="y"/>', "go x"),
        ("&lt;b&gt;x&lt;/b&gt; &lt;a href=&quot;y&quot;&gt;", '<b>x</b> <a href="y">'),  # typed
        ("1 < 2 > 0, <3, a<bc>d, <x.y>", "1 < 2 > 0, <3, a<bc>d, <x.y>"),  # no tags
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


@pytest.mark.parametrize("digits", range(1, 31))
def test_of_a_span_nothing_is_left_but_characters(digits: int) -> None:
    for digit in "12af":
        text = plain(f"小{span(digit * digits)}灰{span(digit * digits)[:-1]}")
        assert not set(text) & set('<>"=/'), text
        assert text.startswith("小")
        assert "灰" in text
        assert len(text) in (2, 4, 6)


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ('你领取了<a href="weixin://x">小灰的红包</a>', "你领取了小灰的红包"),
        (
            '<img src="Hongbao.png"/>  小灰领取了你的<_wc_custom_link_ href="weixin://x">红包</_wc_custom_link_>',
            "小灰领取了你的红包",
        ),
        ("请先&lt;a href=&quot;weixin://f/v&quot;&gt;发送朋友验证&lt;/a&gt;", "请先发送朋友验证"),
        ("&lt;img src=&quot;x.png&quot;/&gt; 收到红包", "收到红包"),
        ("&lt;b&gt; 邀请 &lt;a&gt; 加入了群聊", "<b> 邀请 <a> 加入了群聊"),  # names of people
        (f"{span('1f604')}<br/>x", "😄\nx"),
        ("&lt;/a&gt;", "</a>"),
    ],
)
def test_words_of_a_notice(wire: str, text: str) -> None:
    assert notice_text(wire) == text


@pytest.mark.parametrize(
    "piece", ["<", "<span", "<a ", '<a href="', "<span>", "</span", "&lt;a href=", "<b <b", "&#"]
)
def test_long_texts_come_to_an_end(piece: str) -> None:
    """They are read in a time that grows with their length; else these would take hours."""
    text = piece * (600_000 // len(piece))
    assert isinstance(notice_text(text) + decoded(text), str)


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
    assert plain(encoded(text)) == text


@pytest.mark.parametrize(
    "tag", ["<a href=", "<a href =x ", "<img src=", "<a ", "<span class='emoji1"]
)
def test_a_notice_of_broken_tags_comes_to_an_end(tag: str) -> None:
    """Tries grow with its length; with the square of it, 2 MB would take hours, and no test may take so long."""
    name, space, rest = tag.partition(" ")
    notice = name + space + (rest or " ") * (2_000_000 // len(rest or " "))
    assert notice_text(notice) == notice.rstrip()
