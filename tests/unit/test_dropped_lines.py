"""Whoever says in the log that something is let go says so through ``metrics.dropped``, which counts it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import openwx

ROOT = Path(openwx.__file__).parent
OTHERS = {"simulator", "crashtest", "client", "testing"}
"""They let nothing of a gateway's go."""
LETS_GO = re.compile(
    r"left out|drop|forg[eo]t|ignored|cannot be read|too late|deleted|\blost\b|not told"
)
NOT_SO = {
    "a bug: a message of type %d cannot be read": "it is published raw",
    "%s: the parameter %a is ignored%s": "it is named in the answer too",
    "%s: the body is ignored: %s": "it is named in the answer too",
    "%s: start_client's settings are ignored: the configuration wins": "the caller's, and stays his",
    "%s: stopped; what is left in the journal cannot be read: %s": "it stays there",
    "%s: the saved session cannot be read, so it is only forgotten": "somebody asked for that",
    "%s cannot be deleted: %s": "it stays there",
    "old entries and media cannot be deleted now: %s": "they stay there",
    "%d reports were left out on stdout by now": "each was counted as it was left out",
    "the contact list came short; nobody who is not in it is taken for lost": "they stay",
    "the phone was not told: %s": "it learns of it by itself",
}


def lines() -> Iterator[tuple[str, str]]:
    """Where something is logged, and with which words."""
    for path in sorted(ROOT.rglob("*.py")):
        if OTHERS.isdisjoint(path.relative_to(ROOT).parts):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id="log" | "logger")),
                        args=[ast.Constant(value=str(words)), *_],
                    ):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", words


def test_what_is_let_go_is_counted() -> None:
    found = {where: words for where, words in lines() if LETS_GO.search(words)}
    assert not {where: words for where, words in found.items() if words not in NOT_SO}
    assert NOT_SO.keys() <= set(found.values()), "the exceptions are all needed"
    assert len(list(lines())) > 50
