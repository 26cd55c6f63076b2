"""For all tests: none may hang."""

import pytest

TIMEOUT_S = 600
"""None takes a tenth of it. Not in pyproject.toml, since whoever tests a bot in a checkout has no pytest-timeout."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
