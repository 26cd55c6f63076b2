"""Login and logout (reference, 2), and the pages of the service. `service` routes to it."""

from __future__ import annotations

import asyncio
import base64
import io
import json

import qrcode
from aiohttp import web
from qrcode.image.pure import PyPNGImage

from ..calls import Call
from ..phone import LoginCode
from ..state import World
from ..wire.avatars import avatar
from ..wire.text import name_on_wire
from .base import Handler, RefusedError, answer, caller, refusal

PHONE_PAGE = "/_simulator/phone"
_MMWEBWX = "/cgi-bin/mmwebwx-bin"


async def jslogin(world: World, call: Call) -> web.Response:
    """Answer a new UUID; by GET or POST."""
    given = {**call.query, **call.body}
    if not given.get("appid"):
        return refusal("jslogin", 400)
    code = world.codes.new(desktop="mod=desktop" in given.get("redirect_uri", ""))
    return answer(f'window.QRLogin.code = 200; window.QRLogin.uuid = "{code.uuid}";')


async def login(world: World, call: Call) -> web.Response:
    """Hold the poll until a scan (201) or the confirmation (200); 408 when the time is up."""
    code = world.codes.find(call.query.get("uuid", ""))
    if code is None:
        return answer("window.code=400;")
    # Quirk: itchat sends tip=1 in every poll, wechat4u tip=0. So 201 is answered once to either; with
    # tip=1 again at the end of the hold, for a client that lost the answer.
    first = call.query.get("tip", "1") != "0"

    def news() -> str:
        # find() also lets the code expire.
        world.codes.find(code.uuid)
        if code.state == "scanned" and not code.push and not code.scan_published:
            return "scanned"
        return (
            code.state if code.state in ("confirmed", "expired", "refused") or world.closing else ""
        )

    remaining = code.expires_at - asyncio.get_running_loop().time()
    hold_s = max(0.0, min(world.settings.hold_s, remaining))
    state = await world.codes.pulse.until(news, hold_s) or news()
    if state == "confirmed":
        return answer(f'window.code=200;\nwindow.redirect_uri="{_redirect_uri(call, code)}";')
    if state in ("expired", "refused"):
        return answer("window.code=400;")
    if state == "scanned" or (first and code.state == "scanned" and not code.push):
        code.scan_published = True
        assert code.account is not None
        picture = base64.b64encode(avatar(code.account.owner)).decode()
        return answer(f"window.code=201;window.userAvatar = 'data:img/jpg;base64,{picture}';")
    return answer("window.code=408;")


def _redirect_uri(call: Call, code: LoginCode) -> str:
    scan = int(call.time)
    return (
        f"{call.origin}{_MMWEBWX}/webwxnewloginpage?ticket={code.ticket}&uuid={code.uuid}"
        f"&lang=zh_CN&scan={scan}"
    )


async def webwxnewloginpage(world: World, call: Call) -> web.Response:
    """Answer the session as XML and cookies; with 301, unless fun=new or version=v2.

    A used ticket returns the same session again (assumed).
    """
    code = world.codes.find(call.query.get("uuid", ""))
    if code is None or code.state != "confirmed" or code.ticket != call.query.get("ticket"):
        return refusal(call.name, 1, "ticket is not valid")
    assert code.account is not None
    account = world.accounts[code.account.number]
    if account.refusal is not None:
        return refusal(call.name, account.refusal[0], name_on_wire(account.refusal[1]))
    if account.desktop_only and not _is_desktop(call, code):
        words = "为了你的帐号安全，此微信号不能登录网页微信。你可以使用Windows微信登录。"
        return refusal(call.name, 1203, words)
    if code.session is None:
        code.session = account.open_session()
    session = code.session
    response = answer(
        f"<error><ret>0</ret><message></message><skey>{session.skey}</skey><wxsid>{session.sid}</wxsid>"
        f"<wxuin>{account.uin}</wxuin><pass_ticket>{session.pass_ticket}</pass_ticket>"
        "<isgrayscale>1</isgrayscale></error>"
    )
    if call.query.get("fun") != "new" and call.query.get("version") != "v2":
        response.set_status(301)
        response.headers["Location"] = f"{call.origin}/?&lang=zh_CN"
    _set_cookies(response, session.cookies)
    return response


def _is_desktop(call: Call, code: LoginCode) -> bool:
    # Quirk: itchat asks webwxpushloginurl without mod=desktop also in desktop mode.
    headers = call.headers.get("client-version") == "2.0.0" and bool(call.headers.get("extspam"))
    return headers and (code.desktop or code.push)


def _set_cookies(response: web.Response, cookies: dict[str, str]) -> None:
    """Set cookies without quotes, as the service does; SimpleCookie would quote `/`."""
    for name, value in cookies.items():
        response.headers.add("Set-Cookie", f"{name}={value}; Path=/; Max-Age=43200")


async def webwxpushloginurl(world: World, call: Call) -> web.Response:
    """Ask the phone of an account that logged in here before, as its auth ticket shows."""
    account = world.account_of_uin(call.query.get("uin", ""))
    former = account.session if account else None
    known = former is not None and call.cookies.get("webwx_auth_ticket") == former.auth_ticket
    if account is None or not known or not account.allows_push_login:
        return answer(json.dumps({"ret": "1", "msg": "not allowed"}))
    code = world.codes.new(desktop=call.query.get("mod") == "desktop", push_to=account)
    account.phone.asks_to_confirm(code)
    return answer(json.dumps({"ret": "0", "msg": "all ok", "uuid": code.uuid}))


async def webwxlogout(world: World, call: Call) -> web.Response:
    """End the session, by GET or POST, and redirect to the start page either way."""
    try:
        account, _ = caller(world, call)
    except RefusedError:
        pass
    else:
        account.end_session(1100)
    response = answer("", status=301)
    response.headers["Location"] = f"{call.origin}/?&lang=zh_CN"
    _set_cookies(response, {"wxuin": "", "wxsid": ""})
    return response


async def qrcode_image(world: World, call: Call) -> web.Response:
    """Answer `qrcode/<uuid>`: the picture to scan."""
    code = world.codes.find(call.tail)
    if code is None:
        return answer("", status=404)
    picture = await asyncio.to_thread(draw_qrcode, code.drawn)
    return web.Response(body=picture, content_type="image/png")


def draw_qrcode(text: str) -> bytes:
    """Draw the QR code of a login as PNG."""
    target = io.BytesIO()
    qrcode.make(text, image_factory=PyPNGImage).save(target)
    return target.getvalue()


async def scan_page(world: World, call: Call) -> web.Response:
    """Answer `l/<uuid>`, the link in the QR code, with a page that explains what to do."""
    code = world.codes.find(call.tail)
    state = code.state if code else "unknown"
    return web.Response(
        text=f"<!doctype html><title>WeChat</title><p>This login code is {state}. "
        f"<a href='{PHONE_PAGE}#/scan'>Scan it with the simulated phone</a>.",
        content_type="text/html",
    )


async def start_page(world: World, call: Call) -> web.Response:
    """Answer `/`, the target of a logout; itchat requests it first, to test its network.

    A browser is redirected to the phone page.
    """
    if "text/html" in call.headers.get("Accept", ""):
        return web.Response(status=302, headers={"Location": PHONE_PAGE})
    return web.Response(
        text=f"<!doctype html><title>WeChat</title><p><a href='{PHONE_PAGE}'>openwx simulator</a>",
        content_type="text/html",
    )


HANDLERS: dict[str, Handler] = {
    "jslogin": jslogin,
    "login": login,
    "webwxnewloginpage": webwxnewloginpage,
    "webwxpushloginurl": webwxpushloginurl,
    "webwxlogout": webwxlogout,
    "qrcode": qrcode_image,
    "l": scan_page,
    "": start_page,
}
