"""A reporter with a journal, and a backend that receives its POSTs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openwx import store
from openwx.store.base import Journal

from .receiver import Receiver
from .world import Clock, World


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def journal(tmp_path: Path, clock: Clock) -> AsyncIterator[Journal]:
    async with store.open(tmp_path / "journal.db", clock=clock) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def world(journal: Journal, receiver: Receiver, clock: Clock) -> AsyncIterator[World]:
    made = World(journal, receiver, clock)
    yield made
    await made.stop()
