"""The header Content-Type, whatever is in it."""

import time

import pytest

from openwx import mediatype

HEAVY = {
    "parentheses": "application/json;" + "(" * 8000,
    "parts of parameters": "application/json;" + " a*0=b;" * 1100,
    "parameters": "application/json;" + " a=b;" * 1500,
    "quotes": "application/json; a=" + '"' * 8000,
    "backslashes": 'application/json; a="' + "\\" * 8000,
    "spaces": "application/json" + " " * 8000 + ";",
}
"""Each fits into one line of a head. aiohttp's own parser fails on the first, and takes 0.1 s for the next two."""


@pytest.mark.parametrize("what", HEAVY)
def test_none_takes_long_or_fails(what: str) -> None:
    begun = time.thread_time()
    for n in range(20):
        assert mediatype.of_headers({"Content-Type": f"{HEAVY[what]} {n}"}).name == (
            "application/json"
        )
    assert time.thread_time() - begun < 1.0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", ("application/json", None)),
        ("Application/JSON ; Charset=GBK", ("application/json", "GBK")),
        ('text/html; a="; charset=x"; charset="utf-8"', ("text/html", "utf-8")),
        ("text/html; charset*=utf-8''gbk", ("text/html", None)),
        ("multipart/form-data; boundary=x", ("multipart/form-data", None)),
        ("json", ("text/plain", None)),
        ("", ("text/plain", None)),
        ("\udcff\x00/json; charset=\udcff", ("??/json", "?")),
    ],
)
def test_its_parts(header: str, expected: tuple[str, str | None]) -> None:
    name, charset = mediatype.of_headers({"Content-Type": header})
    assert (name.replace("\x00", "?"), charset) == expected


def test_without_a_header() -> None:
    assert mediatype.of_headers({}) == ("application/octet-stream", None)
