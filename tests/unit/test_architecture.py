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
    bases = [ast.unparse(base).partition("[")[0] for one in named for base in one.bases]
    return any(member in members_of(one) for one in named) or any(
        defines(base, member) for base in bases
    )


def members_of(one: ast.ClassDef) -> set[str]:
    """Name the methods and attributes of a class, without what it only uses."""
    found = set()
    for part in one.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(part.name)
        else:
            names = (sub for sub in ast.walk(part) if isinstance(sub, ast.Name))
            found.update(sub.id for sub in names if isinstance(sub.ctx, ast.Store))
    attributes = (part for part in ast.walk(one) if isinstance(part, ast.Attribute))
    return found | {
        part.attr
        for part in attributes
        if isinstance(part.ctx, ast.Store) and ast.unparse(part.value) == "self"
    }


def test_what_a_class_only_uses_is_no_member_of_it() -> None:
    (one,) = ast.parse(
        "class A:\n size: int\n most = 3\n def run(self):\n  self._at = other.used(size)\n  here = 1"
    ).body
    assert isinstance(one, ast.ClassDef)
    assert members_of(one) == {"size", "most", "run", "_at"}


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/zh/architecture.md"])
def test_what_is_named_is_there(page: str) -> None:
    named = set(NAMED.findall((ROOT / page).read_text(encoding="utf-8")))
    assert len(named) > 50
    assert sorted(one for one in named if not defines(*one)) == []
