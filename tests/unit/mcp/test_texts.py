"""Strangers' words as a language model gets them."""

import json

import pytest

from openwx.mcp.texts import MOST_NAME, SHOWN, cleaned, name


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "two\nlines\tand a tab",
        "你好，世界",
        "👨‍👩‍👧 ❤️ 🇨🇳",
        'quote " and \\ and }',
        "e\u0301",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert cleaned(text) == (text, False)


@pytest.mark.parametrize(
    "hidden",
    [
        "\x00",
        "\x1b",
        "\x7f",
        "\x9b",
        "\u200b",
        "\u202e",
        "\u2066",
        "\u2028",
        "\ufeff",
        "\ud800",
        "\U000e0041",
        "\U000e0101",
    ],
)
def test_what_nobody_sees_is_shown(hidden: str) -> None:
    assert cleaned(f"a{hidden}b") == (f"a{SHOWN}b", False)
    json.dumps(cleaned(hidden)[0], ensure_ascii=False).encode()


def test_a_long_text_is_cut() -> None:
    assert cleaned("abcd", 3) == ("abc", True)
    assert cleaned("abc", 3) == ("abc", False)


def test_a_name_has_one_line() -> None:
    assert name("a\r\nb\nc\td\re") == f"a b c d{SHOWN}e"
    assert len(name("x" * 1000)) == MOST_NAME
