"""Starts and stops of accounts, wherever they run."""

import asyncio
from typing import Any, cast

import pytest

from openwx.cluster.starting import Starting
from openwx.errors import CallerError, Code
from openwx.store.base import JournalError
from tests.patience import until


class Table:
    """Rows whose changes nobody answers."""

    def __init__(self) -> None:
        self.changes = 0
        self.is_failing = False

    def require_writable(self) -> None:
        if self.is_failing:
            raise JournalError("PostgreSQL does not answer")

    async def accounts(self) -> list[Any]:
        self.changes += 1
        await asyncio.Event().wait()
        return []


async def test_nobody_waits_behind_a_change_in_doubt() -> None:
    table = Table()
    nothing = cast("Any", None)
    starting = Starting(
        nothing, nothing, cast("Any", table), nothing, nothing, nothing, asyncio.Event()
    )
    first = asyncio.create_task(starting.stop("a", 0))
    await until(lambda: table.changes)
    table.is_failing = True
    for _ in range(3):
        with pytest.raises(CallerError) as refused:
            await starting.stop("b", 0)
        assert refused.value.code is Code.GAVE_UP
    first.cancel()
