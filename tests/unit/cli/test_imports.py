"""What a script waits for when it sends: neither the API nor the service is imported. And what a gateway that is alone
does not wait for when it starts: what it would need among others.
"""

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
OF_SEVERAL_NODES = (
    "asyncpg",
    "openwx.api.peering",
    "openwx.api.peers.hops",
    "openwx.api.peers.spool",
    "openwx.cluster.node",
    "openwx.cluster.starting",
    "openwx.store.postgres",
)


@pytest.mark.parametrize("command", ["send", "ask", "who", "tail"])
def test_commands_for_scripts_import_little(command: str) -> None:
    imported = _imported_with("openwx.cli.main", f"openwx.cli.shell.{command}")
    assert "openwx.client" in imported
    assert imported.isdisjoint(SLOW)


def test_a_gateway_that_is_alone_imports_nothing_for_several_nodes() -> None:
    imported = _imported_with("openwx.service")
    assert "openwx.api.app" in imported
    assert imported.isdisjoint(OF_SEVERAL_NODES)


def _imported_with(*modules: str) -> set[str]:
    code = f"import sys, json, {', '.join(modules)}; print(json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=600
    )
    return set(json.loads(done.stdout))


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
