"""Shared by all handlers: a call with its world, who calls, refusals and answers (iLink, official client 2.4.9)."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, TypeGuard

import msgspec
from aiohttp import web

from ...calls import Call
from ...state import Account, World
from ..bot import Bot
from ..options import ErrorField, ILinkOptions
from ..registry import Registry

STALE, INVALID, NO_CONVERSATION, NOT_ALLOWED = -14, -2, -4, -1


class RefusedError(Exception):
    """A call is answered with this code and these words, and has no effect."""

    def __init__(self, code: int, errmsg: str = "") -> None:
        super().__init__(code, errmsg)
        self.code = code
        self.errmsg = errmsg


@dataclass(slots=True, eq=False)
class ILinkCall:
    """A call of a bot's client."""

    world: World
    call: Call
    request: web.Request

    @property
    def registry(self) -> Registry:
        return self.world.ilink

    @property
    def options(self) -> ILinkOptions:
        return self.world.ilink.options

    @property
    def body(self) -> dict[str, Any]:
        return self.call.body

    def require_app(self) -> None:
        """Refuse a client that does not name itself: -14, whatever its token [observed in getupdates]."""
        headers = self.call.headers
        version = headers.get("iLink-App-ClientVersion", "")
        if headers.get("iLink-App-Id") != "bot" or not version.isdecimal():
            raise RefusedError(STALE, "session timeout")

    def bot(self) -> tuple[Account, Bot]:
        """Return who calls. Raises RefusedError: -14 for headers and tokens, -2 without `base_info`."""
        self.require_app()
        headers = self.call.headers
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        bot = self.registry.bots.get(token.strip()) if scheme == "Bearer" else None
        named = headers.get("AuthorizationType") == "ilink_bot_token"
        if bot is None or bot.is_stale or not named or not is_uin(headers.get("X-WECHAT-UIN", "")):
            raise RefusedError(STALE, "session timeout")
        base = self.body.get("base_info")
        if not isinstance(base, dict) or not is_text(base.get("channel_version")):
            invalid()
        return account_of(self.world, bot), bot

    def text(self, name: str) -> str:
        """Return a member of the body that has to be a text; -2 otherwise."""
        value = self.body.get(name)
        if not isinstance(value, str):
            invalid()
        return value

    def count(self, name: str) -> int:
        """Return a member of the body that has to be a whole number, 0 or more; -2 otherwise."""
        value = self.body.get(name)
        if not is_count(value):
            invalid()
        return value


Handler: TypeAlias = Callable[[ILinkCall], Awaitable[web.Response]]


def invalid() -> NoReturn:
    """Refuse a request that no official client sends."""
    raise RefusedError(INVALID, "invalid arguments")


def is_text(value: object) -> TypeGuard[str]:
    """Return whether it is a text that can be written as UTF-8, and not an empty one."""
    if not isinstance(value, str):
        return False
    try:
        return bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_count(value: object) -> TypeGuard[int]:
    """Return whether it is a whole number, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_uin(text: str) -> bool:
    """Return whether it is base64 of the decimal digits of 32 bits."""
    try:
        digits = base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        return False
    return digits.isdecimal() and int(digits) < 2**32


def account_of(world: World, bot: Bot) -> Account:
    """Return the account whose owner made the bot."""
    return next(one for one in world.accounts if one.clawbot.user_id == bot.user_id)


def bot_of(world: World, call: Call) -> Bot | None:
    """Return whose token a call has, whether or not it is good: faults may concern one account."""
    return world.ilink.bots.get(call.headers.get("Authorization", "").removeprefix("Bearer "))


def answer(options: ILinkOptions, **fields: Any) -> web.Response:
    """Answer a call that took effect."""
    body = {"ret": 0, **fields} if options.tells_ret else fields
    return json_answer(body)


def refusal(options: ILinkOptions, code: int, errmsg: str) -> web.Response:
    """Answer a call that did not."""
    names = {"ret", "errcode"} if options.errors_in is ErrorField.BOTH else {options.errors_in}
    return json_answer({**dict.fromkeys(sorted(names), code), "errmsg": errmsg})


def json_answer(body: dict[str, Any]) -> web.Response:
    """Answer JSON; its Content-Type says nothing of it, since clients must not rely on one."""
    return web.Response(body=msgspec.json.encode(body), content_type="text/plain")
