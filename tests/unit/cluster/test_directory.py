"""Who owns an account is read once for all who ask at a time, and fails once for them."""

import asyncio
from typing import cast

import pytest

from openwx.cluster.directory import Directory
from openwx.store.base import JournalError, Ownership
from openwx.store.records import ClusterView
from tests.patience import PATIENCE_S
from tests.unit.cluster.seen import account, view


class Rows:
    """Answers with a view when it is told to, or fails."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_away = False
        self.answers = asyncio.Event()
        self.seen = ClusterView([], [])

    async def view(self) -> ClusterView:
        self.looks += 1
        await self.answers.wait()
        if self.is_away:
            raise JournalError("away")
        return self.seen


@pytest.mark.parametrize("is_away", [False, True])
async def test_all_who_ask_meanwhile_get_one_answer(is_away: bool) -> None:
    rows = Rows()
    rows.is_away = is_away
    directory = Directory(cast("Ownership", rows))
    asking = [asyncio.create_task(directory.owner_of("a")) for _ in range(5)]
    await asyncio.sleep(0)
    rows.answers.set()
    async with asyncio.timeout(PATIENCE_S):
        answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(one) for one in answers] == ["away" if is_away else "None"] * 5
    assert rows.looks == 1
    rows.is_away = False
    directory.forget()
    assert await directory.owner_of("a") is None
    assert rows.looks == 2


async def test_a_row_whose_name_no_account_may_have_is_none() -> None:
    rows = Rows()
    rows.answers.set()
    bad = ["../x", "a\nb", "x" * 3000]
    rows.seen = view(["n"], [account(name, "n") for name in ("me", *bad)])
    directory = Directory(cast("Ownership", rows))
    assert [one.account for one in (await directory.look()).accounts] == ["me"]
    assert list(await directory.owners()) == ["me"]
    assert [await directory.knows(name) for name in ("me", *bad)] == [True, False, False, False]
