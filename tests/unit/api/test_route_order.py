"""The order of the routes, whatever imports what first."""

import subprocess
import sys
from pathlib import Path

from openwx.api import routes as api_routes
from openwx.api.app import TOPICS, routes

_IN_ANOTHER_ORDER = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from openwx.api.app import routes
print(*(row.name for row in routes()))
"""


def test_the_order_does_not_depend_on_imports() -> None:
    modules = [topic.__name__ for topic in reversed(TOPICS)]
    command = [sys.executable, "-c", _IN_ANOTHER_ORDER, *modules]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.split() == [row.name for row in routes()]


def test_no_module_of_routes_is_left_out() -> None:
    files = Path(api_routes.__file__).parent.glob("*.py")
    declared = sum(file.read_text(encoding="utf-8").count("@route(") for file in files)
    assert declared == len(routes())
