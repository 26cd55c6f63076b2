"""Columns stand below each other, whatever is in their cells."""

import pytest

from openwx.cli.columns import table, width


@pytest.mark.parametrize(
    ("text", "columns"), [("", 0), ("abc", 3), ("小灰", 4), ("ａ", 2), ("é", 1), ("e\u0301", 1)]
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_a_table_with_wide_characters() -> None:
    assert table([("A", "B", ""), ("小灰", "x", "一"), ("abcde", "", "y")]) == [
        "A      B",
        "小灰   x  一",
        "abcde     y",
    ]


def test_a_cell_is_one_line() -> None:
    assert table([("a\nb", "c\x1b[0m")]) == ["a\\nb  c\\x1b[0m"]
