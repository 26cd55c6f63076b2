"""The figures that a row returns, and the table as text, Markdown and JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec


class Figure(msgspec.Struct, kw_only=True):
    """One measured number with its target."""

    what: str
    """The label in the table, such as "get_user_info ÷ bare aiohttp handler"."""
    value: float
    """The median of the rounds, in ``unit``; a ratio of wall-clock times where that is empty."""
    target: float | None = None
    """None: measured for information only."""
    at_least: bool = True
    """True: the target is a minimum; False: a maximum."""
    unit: str = ""
    """The unit of ``value``; empty for a ratio."""
    worst: float | None = None
    """p10 of the rounds where the target is a minimum, p90 where it is a maximum."""
    by_cpu: float | None = None
    """The same ratio in CPU time, which depends less on the load of the machine."""
    detail: dict[str, float | str] = {}
    """The measurements behind the figure."""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


class Result(msgspec.Struct, kw_only=True):
    """The outcome of one row: its figures, or its error."""

    name: str
    figures: list[Figure] = []
    error: str = ""
    seconds: float = 0.0
    load: float = 0.0
    """The one-minute load average at the end of the row, including the row's own load."""


def table(results: Iterable[Result]) -> list[list[str]]:
    """Format the results as rows of cells, the header first."""
    rows = [["what", "target", "measured", "worst tenth", "by CPU time", "load", "verdict"]]
    for result in results:
        load = f"{result.load:.1f}"
        rows += [
            [
                figure.what,
                _target(figure),
                _formatted(figure.value, figure.unit),
                _formatted(figure.worst, figure.unit),
                _formatted(figure.by_cpu, ""),
                load,
                {True: "met", False: "missed", None: ""}[figure.met],
            ]
            for figure in result.figures
        ]
        if result.error:
            rows.append([result.name, "", "", "", "", load, "failed"])
    return rows


def as_text(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])


BEGIN, END = "<!-- benchmarks -->\n", "<!-- end of benchmarks -->\n"


def between_marks(text: str, new: str) -> str:
    """Replace the text between the marks. Raises ``ValueError`` if ``text`` has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}{new}\n{end}{after}"


def as_json(results: Sequence[Result], machine: Mapping[str, Any]) -> bytes:
    data = msgspec.json.encode({"machine": machine, "results": results})
    return msgspec.json.format(data, indent=2)


def details(results: Iterable[Result]) -> str:
    """Format the measurements behind the figures, one line per figure."""
    lines: list[str] = []
    for result in results:
        lines.append(f"{result.name} ({result.seconds:.0f} s)")
        for figure in result.figures:
            of = ", ".join(f"{key} {_plain(value)}" for key, value in figure.detail.items())
            lines.append(f"  {figure.what}: {of}")
        if result.error:
            lines += [f"  {line}" for line in result.error.splitlines()]
    return "\n".join(lines)


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {figure.target:g}{_unit(figure.unit)}"


def _formatted(value: float | None, unit: str) -> str:
    return "" if value is None else f"{_plain(value)}{_unit(unit)}"


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _plain(value: float | str) -> str:
    if isinstance(value, str):
        return value
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.3g}"
