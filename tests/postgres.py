"""A real PostgreSQL for tests: the one that ``OPENWX_TEST_POSTGRES`` names, or one that is started here."""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from openwx.crashtest.postgres import NoServer, Server, server

__all__ = ["NoServer", "Server", "for_test", "new_schema", "server", "url_for_tests"]

_numbers = itertools.count(1)


@contextmanager
def for_test() -> Iterator[Server]:
    """Make a server that is not started yet. Skip the test where there are no programs for it, but never in CI."""
    import pytest  # the benchmarks do without

    with contextlib.ExitStack() as stack:
        try:
            one = stack.enter_context(server())
        except NoServer as error:
            if "CI" in os.environ:
                raise
            pytest.skip(str(error))
        yield one


@contextmanager
def url_for_tests() -> Iterator[str]:
    """Return the URL of a server for a whole session of tests."""
    if given := os.environ.get("OPENWX_TEST_POSTGRES"):
        yield given
        return
    with for_test() as one:
        one.create()
        one.start()
        yield one.url


def new_schema() -> str:
    """Return a name that no other test uses."""
    return f"test_{os.getpid()}_{next(_numbers)}_{time.time_ns() % 10**6}"
