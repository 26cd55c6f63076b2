"""What the README and the package say of themselves is true."""

import importlib
import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

import openwx
from openwx.accounts import qrcode
from openwx.api.app import routes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_lists_every_route_and_no_other() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert sorted(listed) == sorted(route.name for route in routes())


def test_the_tests_that_readme_names_for_a_route_call_it() -> None:
    for name, tests in re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", README, re.MULTILINE):
        paths = re.findall(r"`(tests/[\w./]+)`", tests)
        assert any(name in (ROOT / path).read_text(encoding="utf-8") for path in paths), name


def test_readme_names_only_tests_and_files_that_exist() -> None:
    for path in re.findall(r"`((?:tests|examples|docs|openwx)/[\w./-]+)`", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("command", ["openwx serve --demo", "pytest -n 4"])
def test_both_commands_stand_on_the_first_screen_in_one_line_each(command: str) -> None:
    first_screen = "\n".join(README.splitlines()[:24])
    assert re.search(rf"^python3 -m venv .venv && .*{command}$", first_screen, re.MULTILINE)


def test_version_comes_from_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert importlib.metadata.version("openwx") == openwx.__version__


def test_libmagic_comes_without_a_system_package() -> None:
    # In this order: pylibmagic tells magic where its library is.
    pylibmagic, magic = (importlib.import_module(name) for name in ("pylibmagic", "magic"))
    assert pylibmagic.__file__
    assert magic.from_buffer(qrcode.draw("hello", colour=False)[0], mime=True) == "image/png"
