"""Sends texts and media within the budget of their receiver. ``ILinkTransport`` calls it.

No send is ever repeated: whether the service recognises one is not known.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from openwx.errors import (
    BadResponse,
    BudgetSpent,
    NeverReached,
    NotLoggedIn,
    Rejected,
    Unreachable,
    WeChatError,
)
from openwx.transports.ilink import calls, wire
from openwx.transports.ilink.budget import Reserved
from openwx.transports.ilink.client import ILinkClient
from openwx.transports.ilink.parts import parts_of

log = logging.getLogger("openwx.send")

CALL = "sendmessage"
NOT_QUEUED = (
    "WeChat accepted the message but queued none, so it will most likely not be shown: it does so with restricted"
    " accounts. The person can do nothing but wait, or bind another WeChat account"
)


async def send_text(client: ILinkClient, to: str, text: str) -> str:
    """Send a text, in parts if it is long; see ``Transport.send_text``."""
    return await _send_all(
        client, to, [{"type": calls.TEXT, "text_item": {"text": part}} for part in parts_of(text)]
    )


async def send_item(client: ILinkClient, to: str, item: Mapping[str, Any]) -> str:
    """Send one item; see ``Transport.send_media``."""
    return await _send_all(client, to, [item])


async def _send_all(client: ILinkClient, to: str, items: Sequence[Mapping[str, Any]]) -> str:
    """Send items one after the other, with the interval between them. Return the id of the first."""
    if client.session is None:
        raise NotLoggedIn
    ids: list[str] = []
    with client.memory.budgets.reserved(to, len(items)) as reserved:
        try:
            for number, item in enumerate(items):
                if number:
                    await client.limiter.interval()
                try:
                    ids.append(await _send_one(client, to, item, reserved))
                except WeChatError as error:
                    raise _broken_off(error, number, len(items)) if number else error from None
        finally:
            client.changed("budgets")
    return ids[0]


async def _send_one(
    client: ILinkClient, to: str, item: Mapping[str, Any], reserved: Reserved
) -> str:
    """Send one message. Raises ``Unreachable`` where nobody knows whether it arrived."""
    talk = client.memory.budgets.talk(to)
    try:
        reply = await client.ask(lambda session: calls.send(session, to, talk.token, item))
    except NeverReached:
        raise
    except BudgetSpent as error:
        talk.spent = True
        words = error.errmsg or "no reason given"
        raise BudgetSpent(
            CALL, error.ret, f"{words}; the person must write again before more can be sent"
        ) from None
    except (Unreachable, BadResponse) as error:
        reserved.use()
        raise Unreachable(CALL, error.message) from None
    reserved.use()
    msg_id = wire.digits(reply.message_id)
    if not msg_id:
        raise Rejected(CALL, 0, NOT_QUEUED)
    return msg_id


def _broken_off(error: WeChatError, sent: int, total: int) -> WeChatError:
    """Word an error after the first part, in a class after which nobody sends the first parts again."""
    words = f"{sent} of {total} parts were sent, then"
    if isinstance(error, Rejected):
        return Rejected(CALL, error.ret, f"{words}: {error.errmsg or 'refused'}")
    return Unreachable(CALL, f"{words}: {error}")
