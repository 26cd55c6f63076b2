"""Receiving: `getupdates`, held until something comes. `service` routes to it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..bot import Bot, Poll, Update
from ..items import arrival_json, own_json
from ..model import Arrival
from ..options import SecondPoller
from .base import STALE, Handler, ILinkCall, RefusedError, answer


async def getupdates(call: ILinkCall) -> web.Response:
    """Answer what came after the cursor; the same cursor again brings the same again, and what came since.

    A cursor that is empty, or of another bot, begins at the oldest message that is kept.
    """
    _, bot = call.bot()
    position = bot.position(call.text("get_updates_buf"))
    if position is None:
        position = bot.begin()
    bot.acknowledge(position)
    poll = _begin(call, bot)
    try:
        await bot.pulse.until(
            lambda: bot.is_stale or poll.displaced or call.world.closing or bot.after(position)[0],
            call.options.hold_s,
        )
    finally:
        bot.polls.remove(poll)
    if bot.is_stale:
        raise RefusedError(STALE, "session timeout")
    if poll.displaced:
        return web.Response(status=403, text="another client polls")
    return _answer(call, bot, position)


def _begin(call: ILinkCall, bot: Bot) -> Poll:
    if call.options.second_poller is SecondPoller.OLDER_403:
        for other in bot.polls:
            other.displaced = True
    poll = Poll()
    bot.polls.append(poll)
    bot.polled = True
    bot.pulse.notify()
    return poll


def _answer(call: ILinkCall, bot: Bot, position: int) -> web.Response:
    found, end = bot.after(position)
    msgs = [_json(call, bot, number, update) for number, update in found]
    fields: dict[str, Any] = {"msgs": msgs}
    if found or call.options.cursor_when_empty:
        fields["get_updates_buf"] = bot.cursor(end)
    for _, update in found:
        if isinstance(update, Arrival):
            update.taken = True
    if found:
        bot.pulse.notify()
    hold_ms = int(call.options.hold_s * 1000)
    return answer(call.options, **fields, longpolling_timeout_ms=hold_ms)


def _json(call: ILinkCall, bot: Bot, number: int, update: Update) -> dict[str, Any]:
    if isinstance(update, Arrival):
        return arrival_json(update, bot.id, call.options, call.call.origin)
    return own_json(update, number + 1, call.options)


HANDLERS: dict[tuple[str, str], Handler] = {("POST", "getupdates"): getupdates}
