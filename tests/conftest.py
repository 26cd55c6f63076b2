"""For all tests: none may hang, none fails because the machine is busy, none leaves its world behind. The programs that
they start are compiled once, and can be interrupted."""

import gc
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from aiohttp import web_app

from tests import postgres
from tests.how_many import how_many

HERE = Path(__file__).parent
TIMEOUT_S = 600
"""No test takes a tenth of it. It is not in pyproject.toml: tests of a bot in a checkout run without pytest-timeout."""


# A drawn example may take as long as the machine needs for it, and others are drawn each time, in CI, too.
hypothesis.settings.register_profile(
    "patient",
    max_examples=how_many(30, in_ci=100),
    deadline=None,
    derandomize=False,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Let the programs that tests start share their bytecode where none may be written beside the sources.

    It concerns other processes alone, the workers of pytest-xdist among them. A shell's background job ignores SIGINT,
    and so would they.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.dont_write_bytecode:
        folder = tempfile.TemporaryDirectory(prefix="openwx-bytecode-")
        config.add_cleanup(folder.cleanup)
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = folder.name
        if os.name == "posix":  # elsewhere not everybody may make links
            link_compiled(folder.name)
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        compile_all()


def link_compiled(prefix: str) -> None:
    """Show programs what is compiled already of Python and of installed packages: most of what they import."""
    suffix = f".{sys.implementation.cache_tag}.pyc"
    for root in {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}:
        for name, below, files in os.walk(root):
            below[:] = [one for one in below if one not in ("site-packages", "test", "tests")]
            if name.endswith("__pycache__"):
                into = f"{prefix}{Path(name).parent}"
                Path(into).mkdir(parents=True, exist_ok=True)
                for file in files:  # ten thousand, for which `Path` takes seconds
                    if file.endswith(suffix):
                        os.symlink(f"{name}/{file}", f"{into}/{file}")  # noqa: PTH211


def compile_all() -> None:
    """Collect all tests in two processes, so that not each worker of pytest-xdist compiles everything.

    If one of them fails, the workers say why.
    """
    if not sys.dont_write_bytecode and any(HERE.glob("functional/__pycache__/*-pytest-*.pyc")):
        return  # an earlier run has
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    first = HERE / "functional"
    others = [file.parent for file in HERE.glob("*/__init__.py") if file.parent != first]
    running = [
        subprocess.Popen(
            [*collect, *folders],
            cwd=HERE.parent,
            env={**os.environ, "PYTEST_ADDOPTS": ""},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for folders in ([first], others)
    ]
    for process in running:
        process.wait()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Leave out of garbage collection what is there before the tests: it stays, and is much to look through."""
    del session
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Start a server for all tests of this process, each of which has a schema of its own."""
    with postgres.url_for_tests() as url:
        yield url


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Free the worlds of simulators: aiohttp remembers a thousand applications that have middlewares."""
    yield
    if remembered := getattr(web_app, "_cached_build_middleware", None):
        remembered.cache_clear()
