"""Shared by all handlers: identify the caller, refuse a call, write an answer (reference, 1, 8 and 9)."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
from aiohttp import web

from ..calls import Call
from ..session import Session
from ..state import Account, World

_NEEDED_COOKIES = ("wxuin", "wxsid", "webwx_data_ticket")

Handler: TypeAlias = Callable[[World, Call], Awaitable[web.Response]]


class RefusedError(Exception):
    """A call is answered with this `ret` and nothing else."""

    def __init__(self, ret: int, errmsg: str = "") -> None:
        super().__init__(ret, errmsg)
        self.ret = ret
        self.errmsg = errmsg


def caller(
    world: World, call: Call, base: dict[str, Any] | None = None, data_ticket: str | None = None
) -> tuple[Account, Session]:
    """Return account and session of a call, or raise RefusedError 1100, 1101 or 1102 (reference, 9).

    Sid, Uin and Skey are taken from BaseRequest, else from the query or form; Sid and Uin at last
    from the cookies (webwxgetcontact has nothing else). An upload has its BaseRequest (`base`) and
    the `data_ticket` in its form, and needs no cookies.
    """
    base = call.base if base is None else base

    def given(*names: str) -> str:
        for source in (base, call.query, call.body):
            for name in names:
                if source.get(name) not in (None, ""):
                    return str(source[name])
        return ""

    sid = given("Sid", "sid") or call.cookies.get("wxsid", "")
    uin = given("Uin", "uin") or call.cookies.get("wxuin", "")
    if not sid and not call.cookies:
        raise RefusedError(1102)
    session = world.web_sessions.get(sid)
    if session is None or uin != str(session.owner.uin):
        raise RefusedError(1101)
    if session.ended is not None:
        raise RefusedError(session.ended)
    if data_ticket is not None:
        shown = {"webwx_data_ticket": data_ticket}
    else:
        shown = {name: call.cookies.get(name, "") for name in _NEEDED_COOKIES}
    if shown.items() - session.cookies.items():
        raise RefusedError(1102)
    if not session.accepts_skey(given("Skey", "skey")):
        raise RefusedError(1101)
    session.called_at = time.monotonic()
    return world.accounts[session.account_number], session


def answer(text: str, *, status: int = 200) -> web.Response:
    """Answer UTF-8 as text/plain without a charset, as the service does."""
    return web.Response(body=text.encode(), status=status, content_type="text/plain")


def json_answer(ret: int = 0, errmsg: str = "", **fields: Any) -> web.Response:
    body = {"BaseResponse": {"Ret": ret, "ErrMsg": errmsg}, **fields}
    return web.Response(body=msgspec.json.encode(body), content_type="text/plain")


def refusal(name: str, ret: int, errmsg: str = "") -> web.Response:
    """Answer `ret` in the format of this call."""
    match name:
        case "synccheck":
            return answer(f'window.synccheck={{retcode:"{ret}",selector:"0"}}')
        case "login":
            return answer(f"window.code={ret};")
        case "jslogin":
            return answer(f"window.QRLogin.code = {ret};")
        case "webwxnewloginpage":
            return answer(f"<error><ret>{ret}</ret><message>{errmsg}</message></error>")
        case "webwxpushloginurl":
            return answer(json.dumps({"ret": str(ret), "msg": errmsg or "error"}))
        case _:
            return json_answer(ret, errmsg)
