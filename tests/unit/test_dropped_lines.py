"""Log lines about dropped things are written by ``metrics.dropped``, which counts them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import openwx

ROOT = Path(openwx.__file__).parent
OTHERS = {"simulator", "crashtest", "client", "testing"}
"""Packages that drop nothing of a gateway."""
DROPS = re.compile(
    r"left out|drop|forg[eo]t|ignored|cannot be read|too late|deleted|\blost\b|not notified"
)
NOT_SO = {
    "a bug: a message of type %d cannot be read": "it is published raw",
    "%s: the parameter %a is ignored%s": "it is named in the answer too",
    "%s: the body is ignored: %s": "it is named in the answer too",
    "%s: stopped; what is left in the journal cannot be read: %s": "it stays there",
    "%s: the saved session cannot be read; it is deleted": "the user asked for that",
    "%s: another base_url needs a new login: the saved session is deleted": "the caller asked for that",
    "%s cannot be deleted: %s": "it stays there",
    "%s: it cannot be read which files are waited for: %s": "they stay, and it is read again",
    "old entries and media cannot be deleted now: %s": "they stay there",
    "%d reports were left out on stdout by now": "each was counted as it was left out",
    "the contact list is incomplete; contacts that it lacks are not reported as lost": "they stay",
    "the phone was not notified: %s": "it notices by itself",
}


def lines() -> Iterator[tuple[str, str]]:
    """Yield the place and the words of each log call."""
    for path in sorted(ROOT.rglob("*.py")):
        if OTHERS.isdisjoint(path.relative_to(ROOT).parts):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id="log" | "logger")),
                        args=[ast.Constant(value=str(words)), *_],
                    ):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", words


def test_what_is_dropped_is_counted() -> None:
    found = {where: words for where, words in lines() if DROPS.search(words)}
    assert not {where: words for where, words in found.items() if words not in NOT_SO}
    assert NOT_SO.keys() <= set(found.values()), "the exceptions are all needed"
    assert len(list(lines())) > 50
