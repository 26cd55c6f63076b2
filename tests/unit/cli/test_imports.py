"""What a script waits for when it sends: neither the API nor the service is imported."""

import json
import subprocess
import sys

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
