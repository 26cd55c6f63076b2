"""The README, the tables of routes and promises, and the package say what is true of the project."""

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
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
FOLDERS = [ROOT / "docs", ROOT / "docs" / "zh"]
TABLES = [folder / name for folder in FOLDERS for name in ("routes.md", "promises.md")]

both_readmes = pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
both_folders = pytest.mark.parametrize("folder", FOLDERS, ids=["English", "Chinese"])


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@both_folders
def test_the_page_of_routes_lists_every_route_and_no_other(folder: Path) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", read(folder / "routes.md"), re.MULTILINE)
    assert sorted(listed) == sorted(route.name for route in routes())


@both_folders
def test_the_tests_that_the_page_names_for_a_route_call_it(folder: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", read(folder / "routes.md"), re.MULTILINE)
    assert rows
    for name, tests in rows:
        paths = re.findall(r"`(tests/[\w./]+)`", tests)
        assert any(name in read(ROOT / path) for path in paths), name


def test_every_promise_names_a_test_or_a_command_and_both_languages_name_the_same() -> None:
    named = []
    for folder in FOLDERS:
        *_, table = re.split(
            r"^\| --- \| --- \|$", read(folder / "promises.md"), flags=re.MULTILINE
        )
        rows = re.findall(r"^\| .+ \| (.+) \|$", table.split("\n\n")[0], re.MULTILINE)
        assert len(rows) > 20
        named.append([re.findall(r"`([^`]+)`", row) for row in rows])
        assert all(named[-1])
    assert named[0] == named[1]


@pytest.mark.parametrize("page", [*READMES, *TABLES], ids=lambda path: str(path.relative_to(ROOT)))
def test_only_tests_and_files_that_exist_are_named(page: Path) -> None:
    for path in re.findall(r"`((?:tests|examples|docs|openwx)/[\w./-]+)`", read(page)):
        assert (ROOT / path).exists(), path


@both_readmes
@pytest.mark.parametrize("command", ["openwx serve --demo", "pytest -n 6 --dist worksteal"])
def test_both_commands_are_on_the_first_screen_in_one_line_each(readme: Path, command: str) -> None:
    first_screen = "\n".join(read(readme).splitlines()[:24])
    assert re.search(rf"^python3 -m venv .venv && .*{command}$", first_screen, re.MULTILINE)


@both_readmes
def test_the_readme_is_short_and_has_one_small_picture(readme: Path) -> None:
    text = read(readme)
    assert len(text.splitlines()) <= 150
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert (ROOT / picture).stat().st_size < 250_000


def test_the_wheel_of_the_readme_is_the_one_that_is_built() -> None:
    for readme in READMES:
        wheels = set(re.findall(r"dist/(\S+\.whl)", read(readme)))
        assert wheels == {f"openwx-{openwx.__version__}-py3-none-any.whl"}


def test_version_comes_from_one_place() -> None:
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    assert "version" in project["dynamic"]
    assert importlib.metadata.version("openwx") == openwx.__version__


def test_the_addresses_of_the_project_lead_to_files_of_it() -> None:
    urls = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]["urls"]
    assert {"Documentation", "Changelog", "Source"} <= urls.keys()
    for url in urls.values():
        path = url.removeprefix("https://example.org/openwx").removeprefix("/")
        assert (ROOT / path).exists(), url


def test_libmagic_comes_without_a_system_package() -> None:
    # In this order: pylibmagic tells magic where its library is.
    pylibmagic, magic = (importlib.import_module(name) for name in ("pylibmagic", "magic"))
    assert pylibmagic.__file__
    assert magic.from_buffer(qrcode.draw("hello", colour=False)[0], mime=True) == "image/png"
