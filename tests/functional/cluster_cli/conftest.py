"""Commands beside a real PostgreSQL, each test with a schema of its own."""

from pathlib import Path

import pytest

from tests import postgres

from ..typed import Typed

Environ = dict[str, str]


@pytest.fixture
def shared(postgres_url: str, tmp_path: Path) -> Environ:
    """Return the variables of a node, whose schema nobody has made yet."""
    return {
        "OPENWX_DATA_DIR": str(tmp_path / "data"),  # not that of whoever runs the tests
        "OPENWX_STORE__URL": postgres_url,
        "OPENWX_STORE__SCHEMA": postgres.new_schema(),
        "OPENWX_CLUSTER__NODE": "wx-1",
    }


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    return Typed(tmp_path / "data", tmp_path, monkeypatch, capsys)
