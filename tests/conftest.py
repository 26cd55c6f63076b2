"""For all tests: none may hang, and none fails because the machine is busy."""

import hypothesis
import pytest

TIMEOUT_S = 600
"""No test takes a tenth of it. It is not in pyproject.toml: tests of a bot in a checkout run without pytest-timeout."""

# A drawn example may take as long as the machine needs for it.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
