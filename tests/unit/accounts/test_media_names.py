"""Names of media stay as they were written, whatever the way in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from openwx.accounts.media import names

LONG = "很" * 150 + "长的报告.docx"
WHOLE = [
    "Q&A: why? <1>.txt",
    ".env",
    LONG,
    "年度报告 v1.2",
    "say \"hi\" 'there'.txt",
    "100%.txt",
    "a;b=c, d.txt",
    "全角　空格.txt",
    "👨‍👩‍👧 家.png",
    "  spaces  .txt",
    "C:no path.txt",
    "..two dots",
    "=?broken?=.txt",
]


@pytest.mark.parametrize("name", WHOLE)
def test_a_name_is_its_authors(name: str) -> None:
    assert names.safe(name) == name
    assert names.of_client(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\0b\x1bc\x7f.txt", "abc.txt"),
        ("two\r\nlines\tand\u2028three.txt", "two lines and three.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("half \ud83d.txt", "half .txt"),
        ("a/b\\c.txt", "a／b＼c.txt"),
        ("../../evil.txt", "..／..／evil.txt"),
        ("..", ""),
        (".", ""),
        (" ", ""),
        ("\0\r", ""),
    ],
)
def test_what_is_no_name(name: str, shown: str) -> None:
    assert names.safe(name) == shown


@given(st.text())
def test_no_name_is_a_path_or_more_than_a_line(name: str) -> None:
    shown = names.safe(name)
    assert not set("/\\\0\r\n") & set(shown)
    assert shown not in (".", "..")
    assert names.safe(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("C:\\x\\y.txt", "y.txt"),
        ("c:/x/报告 1.txt", "报告 1.txt"),
        ("\\\\server\\share\\y.txt", "y.txt"),
        ("/tmp/y.txt", "y.txt"),
        ("./y.txt", "y.txt"),
        ("..\\y.txt", "y.txt"),
        ("~/y.txt", "y.txt"),
        ("file:///tmp/y.txt", "y.txt"),
        ("2024/25 预算.xlsx", "2024／25 预算.xlsx"),
        ("a\\b.txt", "a＼b.txt"),
    ],
)
def test_a_path_of_a_client(path: str, name: str) -> None:
    assert names.of_client(path) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [("folder/y.txt", "y.txt"), ("C:\\x\\y.txt", "y.txt"), ("a\\b.txt", "a＼b.txt"), ("y", "y")],
)
def test_a_path_of_a_part(path: str, name: str) -> None:
    assert names.of_part(path) == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ('filename="Q&A: why? <1>.txt"', "Q&A: why? <1>.txt"),
        ('filename="a;b=c.txt"; x=y', "a;b=c.txt"),
        ('filename="a\\"b\\\\c.txt"', 'a"b\\c.txt'),
        ('filename="a%22b.txt c"', 'a"b.txt c'),
        ('filename="C:\\new\\y.txt"', "C:\\new\\y.txt"),
        ('filename="ends\\"', "ends\\"),
        ('filename="open.txt', "open.txt"),
        ("filename=bare name.txt ; x=y", "bare name.txt"),
        ('filename=""', ""),
        ('FileName = "a.txt"', "a.txt"),
        ('filename="%E6%8A%A5%E5%91%8A.txt"', "报告.txt"),
        ('filename="Q%26A%3A%20why%3F%20%3C1%3E.txt"', "Q&A: why? <1>.txt"),
        ('filename="100%.txt"', "100%.txt"),
        ('filename="100%abc.txt"', "100%abc.txt"),
        ('filename="=?UTF-8?B?5oql5ZGKLnR4dA==?="', "报告.txt"),
        ('filename="=?utf-8?q?=E6=8A=A5_a.txt?="', "报 a.txt"),
        ('filename="=?gb2312?B?sai45g==?= =?UTF-8?B?LnR4dA==?="', "报告.txt"),
        ('filename="=?no-such?B?sai45g==?="', "=?no-such?B?sai45g==?="),
        ('filename="=?utf-8?B?/w==?="', "=?utf-8?B?/w==?="),
        ("filename=x.txt; filename*=UTF-8''%E6%8A%A5%20a.txt", "报 a.txt"),
        ("filename*=utf-8'zh'%E6%8A%A5.txt; filename=x.txt", "报.txt"),
        ("filename*=GBK''%B1%A8.txt", "报.txt"),
        ("filename*=UTF-8''%B1%A8%B8%E6.txt", "报告.txt"),
        ("filename*=no-such''%B1%A8.txt", "报.txt"),
        ("filename*=idna''%B1%A8.txt", "报.txt"),
        ("filename*=punycode''a-b.txt", "a-b.txt"),
        ("filename*=ISO-8859-1''caf%E9.txt", "café.txt"),
        ("filename*=UTF-8''%ff%ff; filename=x.txt", "x.txt"),
        ("filename*=nonsense; filename=x.txt", "x.txt"),
        ("filename*0*=UTF-8''%E6%8A; filename*1*=%A5; filename*2=\" 1.txt\"", "报 1.txt"),
        ('filename*0="a "; filename*1="b.txt"', "a b.txt"),
    ],
)
def test_content_disposition(said: str, name: str) -> None:
    given = names.disposition(f'form-data; name="media"; {said}')
    assert (given["name"], given["filename"]) == ("media", name)


@pytest.mark.parametrize("name", ["报告.txt", "誠", "誠.txt", "表格", "㐀.txt"])
def test_bytes_of_chinese_windows(name: str) -> None:
    """Among them some whose second byte is a backslash."""
    header = b'form-data; name="media"; filename="' + name.encode("gb18030") + b'"'
    assert names.disposition(header.decode("utf-8", "surrogateescape"))["filename"] == name


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        names.disposition('form-data; name="media"; filename="\udcff\udcff"')


@pytest.mark.parametrize("header", ["", ";", "form-data", "form-data; filename", '";";=;"', "é;=é"])
def test_a_disposition_that_says_nothing(header: str) -> None:
    assert "filename" not in names.disposition(header)


@given(st.text(max_size=60))
def test_no_disposition_is_a_bug(text: str) -> None:
    header = f'form-data; name="media"; filename{text}'
    try:
        names.disposition(header)
    except UnicodeError:
        assert not header.isascii()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://x/a/%E6%8A%A5%E5%91%8A.txt?x=y#z", "报告.txt"),
        ("http://x/%B1%A8%B8%E6.txt", "报告.txt"),
        ("http://x/folder%2Fa.png", "a.png"),
        ("http://x/报告 1.txt", "报告 1.txt"),
        ("http://x/Q%26A%3A%20why%3F%20%3C1%3E.txt", "Q&A: why? <1>.txt"),
        ("http://x/a%252Fb.txt", "a%2Fb.txt"),
        ("http://x/%FF.txt", "%FF.txt"),
        ("http://x/", ""),
        ("http://x", ""),
        ("http://x/..%2f", ""),
    ],
)
def test_the_name_in_an_address(address: str, name: str) -> None:
    assert names.of_url(URL(address)) == name
