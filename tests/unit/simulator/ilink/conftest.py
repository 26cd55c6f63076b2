"""A running simulator, its first account, and a client of its iLink service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from openwx.simulator import Account, ClawBot, ILinkOptions, Simulator

from .bot_client import BotClient


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(1, friends=2, groups=0, ilink=ILinkOptions(hold_s=0.05)) as simulator:
        yield simulator


@pytest.fixture
def options(simulator: Simulator) -> ILinkOptions:
    """Return the behaviour of the service, to be changed by a test."""
    return simulator.ilink


@pytest.fixture
def account(simulator: Simulator) -> Account:
    return simulator.account()


@pytest.fixture
def clawbot(account: Account) -> ClawBot:
    return account.clawbot


@pytest.fixture
async def stranger(simulator: Simulator) -> AsyncIterator[BotClient]:
    """Yield a client that is not logged in."""
    client = BotClient(simulator.url)
    yield client
    await client.http.close()


@pytest.fixture
async def bot(stranger: BotClient, account: Account) -> BotClient:
    """Return a client that is logged in as the first account's bot."""
    await stranger.log_in(account)
    return stranger


@pytest.fixture
async def asked(bot: BotClient, clawbot: ClawBot) -> BotClient:
    """Return a client whose owner has written, and that may answer."""
    clawbot.says("在吗")
    assert await bot.texts() == ["在吗"]
    return bot
