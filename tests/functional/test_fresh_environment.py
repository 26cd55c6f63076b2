"""The tests of bots run after exactly the lines that their pages give, in a virtual environment of their own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .test_bots_docs import pieces

ROOT = Path(__file__).parents[2]
INSTALL_S, TESTS_S = 1500, 300

pytestmark = [
    pytest.mark.timeout(2 * INSTALL_S),
    pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a POSIX shell"),
]


def lines(page: str) -> list[list[str]]:
    """The lines with which the section about tests begins, and those with which it ends."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [block.splitlines()[1:] for block in blocks if "pytest" in block]
    assert len(found) == 2, found
    return found


class Folder:
    """A copy of the project, in which somebody types."""

    def __init__(self, path: Path) -> None:
        self.path = path
        clean = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        python = str(Path(getattr(sys, "_base_executable", sys.executable)).parent)
        self._environ = clean | {"PATH": os.pathsep.join((python, os.environ["PATH"]))}

    def types(self, line: str, timeout_s: float) -> str:
        """What a line prints. It must succeed."""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.path, env=self._environ, timeout=timeout_s, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        return done.stdout


def _is_ours(name: str) -> bool:
    return name.startswith(("PYTEST", "OPENWX", "COV", "VIRTUAL_ENV", "PYTHONPATH"))


def test_both_pages_and_the_example_give_the_same_lines() -> None:
    assert lines("bots.md") == lines("zh/bots.md")
    (first, *_), _ = lines("bots.md")
    assert first in (ROOT / "examples" / "test_my_bot.py").read_text(encoding="utf-8")


def test_the_lines_of_the_page(tmp_path: Path) -> None:
    """One test, so that one environment is made."""
    path = tmp_path / "openwx"
    shutil.copytree(ROOT, path, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist"))
    for piece in pieces("bots.md"):
        name = re.match(r"# ([\w.]+)\n", piece)
        assert name
        (path / name[1]).write_text(piece, encoding="utf-8")
    folder = Folder(path)
    (install, example), (install_more, run) = lines("bots.md")
    assert install == "python3 -m venv .venv && .venv/bin/pip install '.[testing]'"
    skip_where_pip_fetches_nothing(tmp_path)
    folder.types(install, INSTALL_S)
    assert "3 passed" in folder.types(example, TESTS_S)
    folder.types(install_more, INSTALL_S)
    said = folder.types(run, TESTS_S)
    assert "5 passed" in said
    assert "warning" not in said.lower(), said


def skip_where_pip_fetches_nothing(folder: Path) -> None:
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "hatchling"],
        capture_output=True, text=True, check=False, timeout=INSTALL_S,
    )  # fmt: skip
    if fetched.returncode != 0:
        words = f"pip cannot fetch packages here: {fetched.stderr.strip()[-200:]}"
        assert "CI" not in os.environ, words
        pytest.skip(words)
