"""A call as it came, how it is judged, and how answers are written (reference, 1, 8 and 9)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from .session import Session
    from .world import World

_NEEDED_COOKIES = ("wxuin", "wxsid", "webwx_data_ticket")

Handler: TypeAlias = "Callable[[World, Call], Awaitable[web.Response]]"


class RefusedError(Exception):
    """The call is answered with this `ret` and nothing else."""

    def __init__(self, ret: int, errmsg: str = "") -> None:
        super().__init__(ret, errmsg)
        self.ret = ret
        self.errmsg = errmsg


@dataclass(slots=True, eq=False)
class Part:
    """The file in a multipart form."""

    name: str
    data: bytes


@dataclass(slots=True, eq=False)
class Call:
    """One request: for handlers, and kept as a record for tests."""

    name: str
    method: str
    query: dict[str, str]
    body: dict[str, Any]
    """Parsed JSON, or the fields of a form."""
    raw: bytes = field(repr=False)
    """As it came; empty for a multipart form."""
    cookies: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    origin: str
    """Where the client reached this service, from its Host header."""
    tail: str = ""
    """What follows the name in the path (`qrcode/<uuid>`)."""
    time: float = field(default_factory=time.time)
    fault: str = ""
    """The fault that struck it."""
    part: Part | None = None
    """The file of a multipart form; gone once the call is answered, since calls are kept."""

    @property
    def base(self) -> dict[str, Any]:
        base = self.body.get("BaseRequest")
        return base if isinstance(base, dict) else {}

    def stored(self) -> dict[str, Any]:
        r"""The body as the service stores its texts: escapes such as `\u4f60` and `\/` stay."""
        literal = re.sub(
            rb"\\(.)", lambda m: b"\\" + m[0] if m[1] in b"u/" else m[0], self.raw, flags=re.DOTALL
        )
        return parse_body(literal, "application/json")


def parse_body(raw: bytes, content_type: str) -> dict[str, Any]:
    """A JSON object whatever its Content-Type says, else a form, else nothing."""
    text = raw.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            parsed = json.loads(text)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
    if "json" in content_type or not text:
        return {}
    return dict(parse_qsl(text, keep_blank_values=True))


def session_of(
    world: World, call: Call, base: dict[str, Any] | None = None, data_ticket: str | None = None
) -> Session:
    """The session of a call; RefusedError 1100, 1101 or 1102 where there is none (reference, 9).

    Sid, Uin and Skey are taken from BaseRequest, else from the query or form; Sid and Uin last from
    the cookies (webwxgetcontact has nothing else). An upload has its BaseRequest (`base`) and the
    `data_ticket` in its form, and may do without the cookies.
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
    session = world.sessions.get(sid)
    if session is None or uin != str(session.account.uin):
        raise RefusedError(1101)
    if session.ended is not None:
        raise RefusedError(session.ended)
    if data_ticket is not None:
        shown = {"webwx_data_ticket": data_ticket}
    else:
        shown = {name: call.cookies.get(name, "") for name in _NEEDED_COOKIES}
    if shown.items() - cookies_of(session).items():
        raise RefusedError(1102)
    if not session.accepts_skey(given("Skey", "skey")):
        raise RefusedError(1101)
    session.asked_at = time.monotonic()
    return session


def cookies_of(session: Session) -> dict[str, str]:
    """What webwxnewloginpage sets (reference, 2)."""
    return {
        "wxuin": str(session.account.uin),
        "wxsid": session.sid,
        "wxloadtime": str(int(session.opened)),
        "mm_lang": "zh_CN",
        "webwx_data_ticket": session.data_ticket,
        "webwxuvid": session.uvid,
        "webwx_auth_ticket": session.auth_ticket,
    }


def answer(text: str, *, status: int = 200) -> web.Response:
    """UTF-8 under text/plain without a charset, as the service does."""
    return web.Response(body=text.encode(), status=status, content_type="text/plain")


def json_answer(ret: int = 0, errmsg: str = "", **fields: Any) -> web.Response:
    body = {"BaseResponse": {"Ret": ret, "ErrMsg": errmsg}, **fields}
    return web.Response(body=msgspec.json.encode(body), content_type="text/plain")


def refusal(name: str, ret: int, errmsg: str = "") -> web.Response:
    """`ret` in the way this call would say it."""
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
