"""A process with a journal, a folder and a store of media."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .shelf import Process, Shelf, process


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def here(tmp_path: Path, shelf: Shelf) -> AsyncIterator[Process]:
    async with process(tmp_path, shelf) as one:
        yield one
