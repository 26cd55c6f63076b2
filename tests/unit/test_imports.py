"""No module of openwx imports, in however many steps, one that imports it; imports for types alone count too."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import openwx

ROOT = Path(openwx.__file__).parent


def modules(root: Path) -> dict[str, Path]:
    """Every module below a package, by its dotted name."""
    names = {}
    for file in sorted(root.rglob("*.py")):
        parts = (root.name, *file.relative_to(root).with_suffix("").parts)
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def imports(name: str, file: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a module imports, anywhere in its text."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            module = _source(name, file, node)
            for alias in node.names:
                full = f"{module}.{alias.name}"
                if full in known:
                    yield full
                elif module in known:
                    yield module


def _source(name: str, file: Path, node: ast.ImportFrom) -> str:
    """Return the package or module of the imported names."""
    if not node.level:
        return node.module or ""
    up = node.level - (file.name == "__init__.py")
    package = name.split(".")[: -up or None]
    return ".".join([*package, *([node.module] if node.module else [])])


def graph(root: Path) -> dict[str, set[str]]:
    """Return the imports of each module. A package's ``__init__`` counts for what names the package itself."""
    known = modules(root)
    return {
        name: {other for other in imports(name, file, known) if other != name}
        for name, file in known.items()
    }


def test_no_circle() -> None:
    try:
        TopologicalSorter(graph(ROOT)).prepare()
    except CycleError as error:
        pytest.fail(f"an import circle: {' -> '.join(reversed(error.args[1]))}")


def test_a_circle_is_found(tmp_path: Path) -> None:
    package = tmp_path / "some"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parent.py").write_text("from some.child import Child\n")
    (package / "child.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from some import parent\n"
    )
    with pytest.raises(CycleError):
        TopologicalSorter(graph(package)).prepare()
