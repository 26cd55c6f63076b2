"""A clock that tests set, and buckets of an S3 server."""

from collections.abc import Iterator

import pytest

from tests import buckets
from tests.buckets import Bucket

from .reports import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Run a server of S3 for all tests of this process."""
    with buckets.server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Make a bucket of this test's own, which is found by the environment."""
    for name, value in buckets.variables(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    return Bucket(s3_endpoint)
