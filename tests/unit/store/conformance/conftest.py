"""What every store must pass. A store joins by a function in ``STORES``: it makes the arguments of ``store.open``."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from openwx import store
from openwx.store.base import Journal
from tests import postgres

from ..reports import Clock


def _sqlite(request: pytest.FixtureRequest) -> dict[str, Any]:
    folder: Path = request.getfixturevalue("tmp_path")
    return {"location": f"sqlite://{folder}/journal.db"}


def _postgresql(request: pytest.FixtureRequest) -> dict[str, Any]:
    url: str = request.getfixturevalue("postgres_url")
    return {"location": url, "schema": postgres.new_schema()}


STORES: dict[str, Callable[[pytest.FixtureRequest], dict[str, Any]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}

Open = Callable[[], AbstractAsyncContextManager[Journal]]


@pytest.fixture(params=STORES)
def reopen(request: pytest.FixtureRequest, clock: Clock) -> Open:
    """Open the test's store; each time with what was written before."""
    where = STORES[request.param](request)
    return lambda: store.open(**where, clock=clock)


@pytest.fixture
async def journal(reopen: Open) -> AsyncIterator[Journal]:
    async with reopen() as opened:
        yield opened
