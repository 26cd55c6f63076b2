"""Sending: `sendmessage`. What is refused here counts for nothing. `service` routes to it."""

from __future__ import annotations

import time
from typing import Any, NoReturn

from aiohttp import web

from ..bot import Bot, Window
from ..chat import Chat
from ..model import BotMessage
from ..options import ILinkOptions, MissingToken, RepeatedClientId
from .base import (
    INVALID,
    Handler,
    ILinkCall,
    RefusedError,
    answer,
    invalid,
    is_text,
)
from .outbound import Item, read_item

_FROM_BOT, _GENERATING, _FINISHED = 2, 1, 2
_FIELDS = frozenset(
    {
        "from_user_id", "to_user_id", "client_id", "message_type", "message_state", "item_list",
        "context_token", "run_id",
    }
)  # fmt: skip
_NEVER_SHOWN = (3, 11, 12)
"""Voices and the progress of tools are accepted, and dropped."""


async def sendmessage(call: ILinkCall) -> web.Response:
    """Accept one message for a person who has written."""
    account, bot = call.bot()
    msg = _message(call)
    item = read_item(call, bot, msg)
    to, client_id = msg["to_user_id"], msg["client_id"]
    if earlier := bot.answers.get(client_id):
        _refuse_repeated(earlier, call.options)
        if call.options.client_id is RepeatedClientId.SAME:
            return _accepted(call, earlier)
    _hold_back_bursts(bot, call.options)
    window = _window(bot, to)
    is_silent = not _is_token_good(window, msg.get("context_token"), call.options)
    if window.left(call.options) == 0:
        prepare_failed()
    chat = account.clawbot.chat_of(to)
    if chat is None or is_silent or chat.restricted:
        return answer(call.options)
    return _accepted(call, _send(call, bot, chat, msg, item))


def _message(call: ILinkCall) -> dict[str, Any]:
    """Return the `msg`, with the members that every message has."""
    msg = call.body.get("msg")
    if not isinstance(msg, dict) or (call.options.strict and msg.keys() - _FIELDS):
        invalid()
    # A member that is null counts as absent, as in other protocols with a schema.
    msg = {name: value for name, value in msg.items() if value is not None}
    whole = is_text(msg.get("to_user_id")) and is_text(msg.get("client_id"))
    is_bots = msg.get("message_type") == _FROM_BOT and msg.get("from_user_id", "") == ""
    if not whole or not is_bots or msg.get("message_state") not in (_GENERATING, _FINISHED):
        invalid()
    return msg


def _window(bot: Bot, user_id: str) -> Window:
    window = bot.windows.get(user_id)
    if window is None:
        prepare_failed()
    return window


def _is_token_good(window: Window, token: object, options: ILinkOptions) -> bool:
    """Refuse a token that is forged, of somebody else, or too old; and a missing one, as the option says.

    Returns False where the message vanishes in silence.
    """
    if not is_text(token):
        if options.missing_token is MissingToken.REFUSE:
            prepare_failed()
        return options.missing_token is MissingToken.OK
    since = window.tokens.get(token)
    if since is None or (options.newest_token_only and token != window.newest):
        prepare_failed()
    if options.token_life_s and time.time() - since >= options.token_life_s:
        prepare_failed()
    return True


def _refuse_repeated(earlier: BotMessage, options: ILinkOptions) -> None:
    # A message that was "generating" cannot be finished under its client_id: observed.
    if options.client_id is RepeatedClientId.REFUSE or earlier.state == _GENERATING:
        invalid()


def _hold_back_bursts(bot: Bot, options: ILinkOptions) -> None:
    """Refuse all sends of a bot for a while after too many at once; each try makes it longer."""
    if not options.burst:
        return
    now = time.time()
    if now < bot.paused_until:
        bot.paused_until += options.burst_pause_s
        prepare_failed()
    bot.tries = [then for then in bot.tries if now - then < options.burst_s] + [now]
    if len(bot.tries) >= options.burst:
        bot.paused_until = now + options.burst_pause_s
        prepare_failed()


def _send(call: ILinkCall, bot: Bot, chat: Chat, msg: dict[str, Any], item: Item) -> BotMessage:
    message = BotMessage(
        call.registry.next_id(), bot.id, chat.user_id, msg["client_id"], item.type, item.text, msg,
        medium=item.medium, file_name=item.file_name, shown=item.type not in _NEVER_SHOWN,
    )  # fmt: skip
    bot.accept(message)
    if message.shown:
        chat.shows(message)
    return message


def _accepted(call: ILinkCall, message: BotMessage) -> web.Response:
    options = call.options
    if not options.tells_message_id:
        return answer(options)
    return answer(options, message_id=message.msg_id if options.ids_as_text else message.number)


def prepare_failed() -> NoReturn:
    """Refuse for the budget, the window or the token: the words do not say which."""
    raise RefusedError(INVALID, "prepare failed")


HANDLERS: dict[tuple[str, str], Handler] = {("POST", "sendmessage"): sendmessage}
