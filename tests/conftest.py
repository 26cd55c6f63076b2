"""For all tests: none may hang, none fails because the machine is busy, none leaves its world behind. The programs that
they start are compiled once, and can be interrupted; so are the tests themselves."""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from aiohttp import web_app

TIMEOUT_S = 600
"""No test takes a tenth of it. It is not in pyproject.toml: tests of a bot in a checkout run without pytest-timeout."""

# A drawn example may take as long as the machine needs for it, and others are drawn each time, in CI, too.
hypothesis.settings.register_profile(
    "patient",
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
    if config.getoption("numprocesses", None):
        # What every worker imports is compiled once, before they start.
        collect = ("-n0", "--collect-only", "-q", "tests/functional/test_ids.py")
        subprocess.run(
            [sys.executable, "-m", "pytest", *collect], cwd=config.rootpath, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker of pytest-xdist import the tests from another place on, so that each compiles a part of them.

    pytest stores what it compiles, and takes most of the time of a first run for it. All together they would begin with
    the same module, and compile each of them at the same time.
    """
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not number:
        return
    root = session.config.rootpath
    folders = [Path(argument) for argument in session.config.args]
    tests = sorted(file.resolve() for folder in folders for file in folder.rglob("test_*.py"))
    begin = len(tests) * int(number) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for file in tests[begin:] + tests[:begin]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # told when it is collected
            name = ".".join(file.relative_to(root).with_suffix("").parts)
            importlib.import_module(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Free the worlds of simulators: aiohttp remembers a thousand applications that have middlewares."""
    yield
    if remembered := getattr(web_app, "_cached_build_middleware", None):
        remembered.cache_clear()
