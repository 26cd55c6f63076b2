"""In a virtual environment of its own, the tests of bots run after exactly the lines that their pages give, and the
demo runs from a wheel."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from .test_bots_docs import pieces

ROOT = Path(__file__).parents[2]
INSTALL_S, TESTS_S = 1500, 300

pytestmark = [
    pytest.mark.timeout(2 * INSTALL_S),
    pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a POSIX shell"),
]


def lines(page: str) -> list[list[str]]:
    """Return the first and the last lines of the section about tests."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found = [block.splitlines()[1:] for block in blocks if "pytest" in block]
    assert len(found) == 2, found
    return found


class Folder:
    """A copy of the project, with a virtual environment in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bin = path / ".venv" / "bin"
        clean = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        python = str(Path(getattr(sys, "_base_executable", sys.executable)).parent)
        self._environ = clean | {
            "PATH": os.pathsep.join((python, os.environ["PATH"])),
            "PIP_NO_COMPILE": "1",  # Python compiles what is imported, a small part of it
        }

    def types(self, line: str, timeout_s: float) -> str:
        """Run a line, which must succeed, and return what it prints."""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.path, env=self._environ, timeout=timeout_s, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def demo(self, cwd: Path) -> Iterator[subprocess.Popen[str]]:
        """Run the demo of the installed package in a folder that has nothing of the project."""
        home = {name: str(cwd) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
        with subprocess.Popen(
            [self.bin / "openwx", "serve", "--demo", "--port", "0"],
            cwd=cwd, env=self._environ | home | {"PYTHONUTF8": "1"},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as demo:  # fmt: skip
            try:
                yield demo
            finally:
                demo.kill()


def _is_ours(name: str) -> bool:
    return name.startswith(("PYTEST", "OPENWX", "COV", "VIRTUAL_ENV", "PYTHONPATH"))


def test_both_pages_and_the_example_give_the_same_lines() -> None:
    assert lines("bots.md") == lines("zh/bots.md")
    (first, *_), _ = lines("bots.md")
    assert first in (ROOT / "examples" / "test_my_bot.py").read_text(encoding="utf-8")


def test_the_lines_of_the_page_and_a_wheel(tmp_path: Path) -> None:
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
    # Before more is installed: what the wheel needs comes by its own metadata.
    the_demo_runs_from_a_wheel(folder, tmp_path / "elsewhere")
    folder.types(install_more, INSTALL_S)
    said = folder.types(run, TESTS_S)
    assert "5 passed" in said
    assert "warning" not in said.lower(), said


def the_demo_runs_from_a_wheel(folder: Folder, elsewhere: Path) -> None:
    """Check what pip made of the folder and installed: a wheel with every file of the package, and what it needs."""
    elsewhere.mkdir()
    (there,) = folder.path.glob(".venv/lib/python*/site-packages")
    assert files_of(folder.path / "openwx") - files_of(there / "openwx") == set()
    (found,) = there.glob("openwx-*.dist-info")
    assert "hatchling" in (found / "WHEEL").read_text(encoding="utf-8")
    assert "editable" not in (found / "direct_url.json").read_text(encoding="utf-8")
    folder.types(".venv/bin/pip check", INSTALL_S)
    with folder.demo(elsewhere) as demo:
        console = says(demo, r"Its console, in your browser:  (http://\S+)/$")[1]
        call = says(demo, r"curl '(http://[^']+/send_friend_message[^']+)'")[1]
        assert b'"code":0' in got(call)
        for page in ("/console/accounts/default", "/docs", "/openapi.json"):
            assert got(console + page)
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=TESTS_S)
    assert demo.returncode == 0, err
    assert "Traceback" not in err


def files_of(package: Path) -> set[Path]:
    return {
        file.relative_to(package)
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def says(demo: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Wait for a line of the demo that matches. The time limit of the test ends a wait in vain."""
    assert demo.stderr is not None
    lines = []
    for line in demo.stderr:
        lines.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"no {pattern!r} in:\n{''.join(lines)}")


def got(url: str) -> bytes:
    with urlopen(url, timeout=TESTS_S) as answer:
        body: bytes = answer.read()
    return body


def skip_where_pip_fetches_nothing(folder: Path) -> None:
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "hatchling"],
        capture_output=True, text=True, check=False, timeout=INSTALL_S,
    )  # fmt: skip
    if fetched.returncode != 0:
        words = f"pip cannot fetch packages here: {fetched.stderr.strip()[-200:]}"
        assert "CI" not in os.environ, words
        pytest.skip(words)
