"""Typing: `getconfig` and `sendtyping`. Neither costs anything of the budget. `service` routes to it."""

from __future__ import annotations

import base64

from aiohttp import web

from .base import NO_CONVERSATION, Handler, ILinkCall, RefusedError, answer, invalid

_ON, _OFF = 1, 2


async def getconfig(call: ILinkCall) -> web.Response:
    """Answer the `typing_ticket` of a person; -4 before they wrote anything."""
    _, bot = call.bot()
    user_id = call.text("ilink_user_id")
    if user_id not in bot.windows:
        raise RefusedError(NO_CONVERSATION, "GetTypingTicket rpc failed")
    ticket = next((one for one, whose in bot.tickets.items() if whose == user_id), "")
    if not ticket:
        ticket = base64.b64encode(call.registry.secret(48)).decode()
        bot.tickets[ticket] = user_id
    return answer(call.options, errmsg="", typing_ticket=ticket)


async def sendtyping(call: ILinkCall) -> web.Response:
    """Let the phone say that the bot is typing, or no longer."""
    _, bot = call.bot()
    user_id, status = call.text("ilink_user_id"), call.body.get("status")
    if bot.tickets.get(call.text("typing_ticket")) != user_id or status not in (_ON, _OFF):
        invalid()
    if status == _ON:
        bot.typing.add(user_id)
    else:
        bot.typing.discard(user_id)
    bot.pulse.notify()
    return answer(call.options, errmsg="")


HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "getconfig"): getconfig,
    ("POST", "sendtyping"): sendtyping,
}
