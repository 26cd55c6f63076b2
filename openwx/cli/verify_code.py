"""``openwx verify-code``: hands in the digits that the phone shows, at the gateway of this configuration."""

import asyncio
import sys

from openwx.cli import probe
from openwx.client import CallFailed, Client
from openwx.config import Settings
from openwx.errors import ConfigError
from openwx.reasons import ReasonCode
from openwx.safetext import one_line

DONE, NOT_DONE, NOT_REACHED = 0, 1, 2
"""Exit codes."""


def main(settings: Settings, code: str, *, account: str | None) -> int:
    """Hand the digits in, and say in a line what became of it. Return the exit code.

    Raise ``ConfigError`` if several accounts want digits and none is named.
    """
    try:
        asyncio.run(_hand_in(settings, code, account))
    except probe.NotReachedError as error:
        return _failed(str(error), NOT_REACHED)
    except CallFailed as error:
        return _failed(error.status, NOT_DONE)
    print("the digits are right: the login goes on")
    return DONE


async def _hand_in(settings: Settings, code: str, account: str | None) -> None:
    gateway = await probe.find(settings)
    async with gateway.client(settings, account) as wx:
        if account is None:
            wx.account = await _which(wx)
        await wx.verify_code(code)


async def _which(wx: Client) -> str:
    """Return the account that wants digits; the only one, or the first, where none does."""
    accounts = await wx.check_client()
    wanting = [one.account for one in accounts if one.reason_code == ReasonCode.NEED_VERIFY_CODE]
    if len(wanting) > 1:
        raise ConfigError(f"--client is missing: several want digits: {', '.join(wanting)}")
    return wanting[0] if wanting else accounts[0].account


def _failed(words: str, code: int) -> int:
    print(f"openwx: {one_line(words)}", file=sys.stderr)
    return code
