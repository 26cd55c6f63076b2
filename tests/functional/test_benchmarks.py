"""``python -m benchmarks``: one row of it, from the command to the table."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_is_measured_and_reported(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "search"]
    ended = subprocess.run(
        [*command, "--json", str(tmp_path / "all.json"), "--markdown"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    [head, _, row] = ended.stdout.splitlines()
    assert head.startswith("| what | target | measured |")
    assert row.startswith("| search_friend over 10,000 ÷ a generator scan | ≤ 0.15 |")
    results = json.loads((tmp_path / "all.json").read_text())["results"]
    [figure] = results[0]["figures"]
    assert figure["value"] > 0
    assert figure["detail"]["by uid ms"] > 0


def test_a_row_that_breaks_is_reported(tmp_path: Path) -> None:
    """The others would go on; the command fails at the end."""
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "sends"],
        cwd=ROOT,
        env={"PATH": "", "TMPDIR": str(tmp_path), "PYTHONPATH": str(_broken(tmp_path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1].endswith("failed")
    assert "this simulator is broken" in ended.stderr


def _broken(folder: Path) -> Path:
    """Write a module that Python imports first, and that breaks what the row needs."""
    code = "import openwx.simulator as s\ndef broken(*_, **__): raise OSError('this simulator is broken')\n"
    (folder / "sitecustomize.py").write_text(code + "s.Simulator = broken\n")
    return folder
