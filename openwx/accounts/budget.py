"""Budgets of sends: WeChat accepts a limited number of messages until the person writes again. ``Sender`` uses it.

Where the transport knows of a spent budget, nothing is asked of WeChat. Otherwise ``BudgetSpent`` is its answer.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from openwx.domain.chat_ref import ChatRef
from openwx.errors import BudgetSpent, CallerError, Code
from openwx.transports.base import Transport

NEXT_MESSAGE = "the person's next message"
"""What a message waits for while the budget of its person is spent."""


def spent(transport: Transport, chat_id: str, *, messages: int = 1) -> BudgetSpent | None:
    """Return the refusal of messages to a chat whose budget does not suffice, as far as the transport knows."""
    for budget in transport.budgets:
        is_short = budget.sends_left < messages or budget.until <= time.time()
        if budget.id == chat_id and is_short:
            return BudgetSpent("send", 0)
    return None


def require(transport: Transport, chat_id: str) -> None:
    """Raise ``BudgetSpent`` if the budget of a chat is known to be spent."""
    if (refusal := spent(transport, chat_id)) is not None:
        raise refusal


async def is_sendable_within(
    transport: Transport, chat_id: str, left_s: float, *, refusals: int, pauses: Iterator[float]
) -> bool:
    """Wait until the person has written. Return False if that takes longer than ``left_s`` seconds.

    ``refusals``: how often the message that waits was refused. If what the person wrote before was not enough for it,
    one of the ``pauses`` follows.
    """
    try:
        async with asyncio.timeout(max(0.0, left_s)):
            await transport.until_sendable(chat_id)
            if refusals > 1:
                await asyncio.sleep(next(islice(pauses, refusals - 2, None)))
    except TimeoutError:
        return False
    return True


def must_write_first(to: ChatRef, error: BudgetSpent) -> CallerError:
    """Make the answer for a message that is refused until its person writes again."""
    why = f"nothing was sent: WeChat takes no more messages for {to.displayname} until they write again"
    if error.errmsg and not error.ret:  # the transport knows better, such as that not all parts fit
        why = error.errmsg
    status = (
        f"{why}: ask {to.displayname} to send any message, then try again; with async=1, openwx"
        " waits for it"
    )
    return CallerError(Code.REFUSED, status, **_words_of(error))


def never_wrote(to: ChatRef, error: BudgetSpent, waited_s: float) -> CallerError:
    """Make the answer for a message whose person did not write in time."""
    status = (
        f"nothing was sent: {to.displayname} did not write within max_age ({waited_s:g} s), and"
        " until they write again WeChat takes no more messages for them"
    )
    return CallerError(Code.REFUSED, status, **_words_of(error))


def _words_of(error: BudgetSpent) -> dict[str, Any]:
    """Return what WeChat said; nothing if it was not asked."""
    return {"ret": error.ret, "errmsg": error.errmsg} if error.ret else {}
