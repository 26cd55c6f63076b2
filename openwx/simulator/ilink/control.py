"""The iLink part of the control API: `control` has these actions among its own, and documents them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..control_request import BadParameterError, ControlRequest
from ..settings import assign
from ..verbs import Action, verb, verbs
from .bot import Bot
from .chat import Chat
from .clawbot import ClawBot
from .model import BotMessage, Written

_SAYING = (
    "says", "sends_image", "sends_video", "sends_file", "sends_again", "opens", "window_closes",
)  # fmt: skip
_KNOWN = ("account", "person", "item_type")


def _sends_item(request: ControlRequest) -> Written:
    """Send an item of any type; all other parameters are its members."""
    item = {name: value for name, value in request.params.items() if name not in _KNOWN}
    item_type = request.count("item_type")
    if item_type is None:
        raise BadParameterError("item_type is missing")
    return request.clawbot.sends_item(item_type, **item)


def _restrict(request: ControlRequest) -> Chat:
    chat = request.clawbot
    chat.restricted = request.flag("on", default=True)
    return chat


def _options(request: ControlRequest) -> dict[str, Any]:
    assign(request.world.ilink.options, request.params)
    return dataclasses.asdict(request.world.ilink.options)


def _updates(request: ControlRequest) -> list[dict[str, Any]]:
    """List what the present bot got, or all that the owner ever had, with what was taken and acknowledged."""
    clawbot = request.account.clawbot
    bots = clawbot.bots if request.flag("all_bots", default=False) else [clawbot.bot]
    return [
        {"bot": bot.id, "msg_id": update.message.msg_id, "message_id": str(update.message_id or ""),
         "seq": update.seq, "time": update.time, "taken": update.taken,
         "acknowledged": number < bot.acknowledged}
        for bot in bots
        for number, update in enumerate(bot.updates)
        if not isinstance(update, BotMessage)
    ]  # fmt: skip


def _bot(request: ControlRequest) -> Bot:
    return request.account.clawbot.bot


GETS: dict[str, Action] = {
    "clawbot": lambda request: request.known_clawbot,
    "clawbot/inbox": lambda request: request.inbox_of(request.known_clawbot),
    "clawbot/sent": lambda request: request.account.clawbot.sent,
    "clawbot/updates": _updates,
    "ilink/options": lambda request: dataclasses.asdict(request.world.ilink.options),
}
POSTS: dict[str, Action] = {
    **verbs("clawbot", lambda request: request.clawbot, Chat, *_SAYING),
    "clawbot/sends_voice": verb(lambda request: request.clawbot, Chat, "sends_voice", data="silk"),
    **verbs("clawbot", _bot, Bot, "goes_stale", "heals"),
    "clawbot/binds": verb(lambda request: request.account.clawbot, ClawBot, "binds"),
    "clawbot/sends_item": _sends_item,
    "clawbot/restrict": _restrict,
    "ilink/options": _options,
}
