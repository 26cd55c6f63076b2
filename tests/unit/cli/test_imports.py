"""What a script waits for when it sends: neither the API nor the service is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = (
    "aiohttp.web",
    "jinja2",
    "openwx.api",
    "openwx.service",
    "openwx.store",
    "prometheus_client",
)


@pytest.mark.parametrize("command", ["send", "ask", "who", "tail"])
def test_commands_for_scripts_import_little(command: str) -> None:
    code = f"import sys, json, openwx.cli.main, openwx.cli.shell.{command}; print(json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=600
    )
    imported = set(json.loads(done.stdout))
    assert "openwx.client" in imported
    assert imported.isdisjoint(SLOW)


@pytest.mark.parametrize("arguments", [["doctor"], ["outbox"], ["cluster"], ["journal", "copy"]])
def test_commands_say_what_is_wrong_without_the_extra_cluster(
    arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(f'data_dir = "{tmp_path.as_posix()}/data"\n')
    code = (
        "import sys; sys.modules['asyncpg'] = None\n"
        f"from openwx.cli.main import main; sys.argv[1:] = {arguments}; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False, timeout=600
    )
    assert b"Traceback" not in done.stderr
    assert done.stdout or done.stderr
