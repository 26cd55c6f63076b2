"""Accounts that stop soon."""

import asyncio
from types import SimpleNamespace
from typing import cast

from openwx.accounts.account import Account
from openwx.accounts.manager import AccountManager
from openwx.accounts.resources import Resources
from openwx.config import Settings


def account() -> tuple[Account, asyncio.Event]:
    """Make an account, and what its ``stop`` sets."""
    stopped = asyncio.Event()
    made = SimpleNamespace(name="me", ended=asyncio.Event(), stop=stopped.set)
    return cast("Account", made), stopped


async def test_a_stop_of_what_has_ended_keeps_no_later_account_from_stopping() -> None:
    journal = SimpleNamespace(ownership=object())
    resources = cast("Resources", SimpleNamespace(journal=journal, folder=None))
    manager = AccountManager(Settings(), resources)
    former, _ = account()
    former.ended.set()
    manager.stop_soon(former, 0)
    later, stopped = account()
    manager.stop_soon(later, 0)
    async with asyncio.timeout(10):
        await stopped.wait()
