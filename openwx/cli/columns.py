"""Tables of text whose columns stand below each other, also where a cell has wide characters such as Chinese ones.
``cluster/status.py`` prints them.
"""

import unicodedata
from collections.abc import Sequence

from openwx.safetext import one_line

_GAP = "  "


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row. All rows have as many cells as the first; nothing follows the last one of a line."""
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*shown, strict=True)]
    return [
        _GAP.join(_padded(cell, to) for cell, to in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in (
        "Mn",
        "Me",
        "Cf",
    ):  # it joins the one before, or is not seen
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _padded(text: str, to: int) -> str:
    return text + " " * (to - width(text))
