"""For all tests: none may hang."""

import pytest

TIMEOUT_S = 600
"""No test takes a tenth of it. It is not in pyproject.toml: tests of a bot in a checkout run without pytest-timeout."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
