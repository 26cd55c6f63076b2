from collections.abc import Iterator

import pytest

from tests import postgres

from .reports import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Start a server for all tests of this process, each of which has a schema of its own."""
    with postgres.url_for_tests() as url:
        yield url
