import pytest

from .reports import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
