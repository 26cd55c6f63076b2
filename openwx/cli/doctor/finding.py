"""The result of a check. Each check yields it, and ``doctor`` prints it."""

from enum import StrEnum
from typing import Any

import msgspec

from openwx.safetext import one_line


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor: the subject, its state, and how to fix it."""

    level: Level
    about: str
    words: str
    advice: str = ""


def ok(about: str, words: str) -> Finding:
    return Finding(Level.OK, about, words)


def warning(about: str, words: str, advice: str) -> Finding:
    return Finding(Level.WARNING, about, words, advice)


def problem(about: str, words: str, advice: str) -> Finding:
    return Finding(Level.PROBLEM, about, words, advice)


def as_json(findings: list[Finding]) -> dict[str, Any]:
    counts = {level.value: sum(one.level is level for one in findings) for level in Level}
    return {"findings": msgspec.to_builtins(findings), **counts}


def as_text(findings: list[Finding]) -> str:
    """Format each finding as a line, with the advice below it."""
    lines = []
    for one in findings:
        lines.append(f"{one.level:<8} {one.about}: {one.words}")
        if one.advice:
            lines.append(f"{'':<8}   → {one.advice}")
    counts = as_json(findings)
    summary = [
        f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}"
        for level in (Level.PROBLEM, Level.WARNING)
        if counts[level]
    ]
    return "\n".join([*map(one_line, lines), "", ", ".join(summary) or "all is well"])
