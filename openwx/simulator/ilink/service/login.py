"""Logging in: `get_bot_qrcode`, `get_qrcode_status`; and `notifystart`, `notifystop`. `service` routes to it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ..codes import LINK, BotCode
from .base import Handler, ILinkCall, answer, invalid

_MOST_TOKENS = 10
_ENDS = ("confirmed", "expired", "verify_code_blocked", "binded_redirect")
"""The states after which nothing more happens: they are answered at once."""


async def get_bot_qrcode(call: ILinkCall) -> web.Response:
    """Answer a new code, by POST or GET."""
    call.require_app()
    tokens = call.body.get("local_token_list", [])
    if call.call.query.get("bot_type") != "3" or not isinstance(tokens, list):
        invalid()
    registry, loop = call.registry, asyncio.get_running_loop()
    code = BotCode(
        uuid=registry.letters(32),
        ticket="",
        expires_at=loop.time() + call.options.code_life_s,
        registry=registry,
        link=f"{LINK}{registry.letters(11)}?qrcode={registry.letters(32)}&bot_type=3",
        local_tokens=[token for token in tokens[:_MOST_TOKENS] if isinstance(token, str)],
        client_version=int(call.call.headers["iLink-App-ClientVersion"]),
    )
    call.world.codes.add(code)
    return answer(call.options, qrcode=code.uuid, qrcode_img_content=code.link)


async def get_qrcode_status(call: ILinkCall) -> web.Response:
    """Hold the poll until the status is another one than the former poll was answered with."""
    call.require_app()
    code = call.world.codes.find(call.call.query.get("qrcode", ""))
    if not isinstance(code, BotCode):
        return answer(call.options, status="expired")
    digits = call.call.query.get("verify_code", "")
    if digits:
        code.check(digits)
        call.world.codes.pulse.notify()
    status = code.status(call.request.host)
    if not digits and status == (code.last_status or "wait") and status not in _ENDS:
        status = await _next_status(call, code, status)
    code.last_status = status
    return answer(call.options, **_saying(call, code, status))


async def _next_status(call: ILinkCall, code: BotCode, before: str) -> str:
    host, world = call.request.host, call.world

    def news() -> str:
        world.codes.find(code.uuid)  # it may have expired
        status = code.status(host)
        return status if status != before or world.closing else ""

    left_s = code.expires_at - asyncio.get_running_loop().time()
    hold_s = max(0.0, min(call.options.hold_s, left_s))
    return await world.codes.pulse.until(news, hold_s) or news() or before


def _saying(call: ILinkCall, code: BotCode, status: str) -> dict[str, Any]:
    """Return what an answer says with a status. A token is given once."""
    if status == "scaned_but_redirect":
        return {"status": status, "redirect_host": call.options.redirect_host}
    if status != "confirmed":
        return {"status": status}
    if code.token_given and not call.options.token_told_again:
        return {"status": "expired"}
    assert code.bot is not None
    code.token_given = True
    return {
        "status": status,
        "bot_token": code.bot.token,
        "ilink_bot_id": code.bot.id,
        "ilink_user_id": code.bot.user_id,
        "baseurl": call.call.origin if call.options.tells_baseurl else "",
    }


def _notify(*, on: bool) -> Handler:
    """Make the handler of `notifystart` or `notifystop`: neither changes what the bot may do."""

    async def handler(call: ILinkCall) -> web.Response:
        _, bot = call.bot()
        bot.notified = on
        bot.pulse.notify()
        return answer(call.options, errmsg="")

    return handler


HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "get_bot_qrcode"): get_bot_qrcode,
    ("GET", "get_bot_qrcode"): get_bot_qrcode,
    ("GET", "get_qrcode_status"): get_qrcode_status,
    ("POST", "notifystart"): _notify(on=True),
    ("POST", "notifystop"): _notify(on=False),
}
