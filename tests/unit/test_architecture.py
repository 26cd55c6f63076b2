"""The pages about the house name classes and methods that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`([A-Z]\w+)\.(_?[a-z]\w*)`")


@cache
def classes() -> dict[str, list[ast.ClassDef]]:
    found: dict[str, list[ast.ClassDef]] = {}
    for file in (ROOT / "openwx").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def defines(name: str, member: str) -> bool:
    """Return whether a class of this name, or a base of it, has a method or an attribute of that name."""
    named = classes().get(name, [])
    own = {
        part.name if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) else ast.unparse(part)
        for one in named
        for part in ast.walk(one)
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Attribute | ast.Name)
    }
    bases = [ast.unparse(base).partition("[")[0] for one in named for base in one.bases]
    return not own.isdisjoint({member, f"self.{member}"}) or any(
        defines(base, member) for base in bases
    )


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/zh/architecture.md"])
def test_what_is_named_is_there(page: str) -> None:
    named = set(NAMED.findall((ROOT / page).read_text(encoding="utf-8")))
    assert len(named) > 50
    assert sorted(one for one in named if not defines(*one)) == []
