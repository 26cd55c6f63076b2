"""The one door to WeChat, against a server that does everything wrong; and what a login's answers say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from openwx.errors import (
    LoginRefused,
    ProtocolError,
    Refused,
    TooOften,
    TransportError,
    WeChatError,
)
from openwx.wechat import login, wire
from openwx.wechat.http import Call, Http
from openwx.wechat.session import Cookie

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CALL = Call(name="webwxtest", path="/call", method="POST", reply=wire.Reply, body={"Text": "你/好"})


class Service:
    """Answers every request with ``handler``."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.bodies: list[bytes] = []
        self.requests: list[web.Request] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        assert self.handler is not None
        return await self.handler(request)

    def says(self, body: str, status: int = 200, *, cookie: str = "") -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            headers = {"Content-Type": "text/plain"} | ({"Set-Cookie": cookie} if cookie else {})
            return web.Response(body=body.encode(), status=status, headers=headers)

        self.handler = handler


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def http(service: Service) -> AsyncIterator[Http]:
    connector = aiohttp.TCPConnector()
    http = Http(connector, base_url=service.url, timeout_s=5)
    yield http
    await http.close()
    await connector.close()


async def test_bodies_are_utf8_without_escapes(service: Service, http: Http) -> None:
    service.says('{"BaseResponse":{"Ret":0}}')
    await http.send(CALL)
    assert service.bodies == ['{"Text":"你/好"}'.encode()]
    (request,) = service.requests
    assert request.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert "Mozilla" in request.headers["User-Agent"]
    assert request.headers["Referer"] == service.url + "/"


async def test_a_ret_is_told_with_its_words(service: Service, http: Http) -> None:
    service.says('{"BaseResponse":{"Ret":1205,"ErrMsg":"慢一点"}}')
    with pytest.raises(TooOften, match="慢一点"):
        await http.send(CALL)


async def test_a_refusal_may_lack_everything_else(service: Service, http: Http) -> None:
    service.says('{"BaseResponse":{"Ret":1,"ErrMsg":""}}')
    with pytest.raises(Refused):
        await http.send(Call(name="webwxinit", path="/i", reply=wire.InitReply))


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("", 200, ProtocolError),
        ("<html>", 200, ProtocolError),
        ("", 404, ProtocolError),
        ("", 500, TransportError),
        ('{"BaseResponse":{"Ret":0}}', 502, TransportError),
    ],
)
async def test_nonsense(
    service: Service, http: Http, body: str, status: int, error: type[WeChatError]
) -> None:
    service.says(body, status)
    with pytest.raises(error, match="webwxtest"):
        await http.send(CALL)


async def test_a_connection_that_is_closed(service: Service, http: Http) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    service.handler = hang_up
    with pytest.raises(TransportError, match="closed"):
        await http.send(CALL)


async def test_an_answer_that_breaks_off(service: Service, http: Http) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    service.handler = break_off
    with pytest.raises(TransportError, match="closed"):
        await http.send(CALL)


async def test_no_answer_in_time(service: Service, http: Http) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    service.handler = hang
    with pytest.raises(TransportError, match="no answer within"):
        await http.send(Call(name="webwxtest", path="/", reply=bytes, timeout_s=0.05))


async def test_an_answer_that_is_no_http() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"0 -\r\n\r\n6f:00:8a")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    connector = aiohttp.TCPConnector()
    port = server.sockets[0].getsockname()[1]
    http = Http(connector, base_url=f"http://127.0.0.1:{port}")
    try:
        with pytest.raises(TransportError, match="not HTTP|closed"):
            await http.send(CALL)
        server.close()
        with pytest.raises(TransportError, match="cannot connect"):
            await http.send(CALL)
    finally:
        await http.close()
        await connector.close()


async def test_cookies_go_back_as_they_came_and_survive_a_restart(
    service: Service, http: Http
) -> None:
    """Also through a relay, where they are meant for WeChat's domains."""
    cookie = "wxsid=a+b/c==; Domain=.qq.com; Path=/; Secure"
    service.says('{"BaseResponse":{"Ret":0}}', cookie=cookie)
    await http.send(CALL)
    await http.send(CALL)
    assert service.requests[-1].headers["Cookie"] == "wxsid=a+b/c=="
    kept = http.cookies()
    connector = aiohttp.TCPConnector()
    other = Http(connector, base_url=service.url)
    other.restore_cookies(kept)
    await other.send(CALL)
    assert service.requests[-1].headers["Cookie"] == "wxsid=a+b/c=="
    await other.close()
    await connector.close()


async def test_cookies_of_the_real_hosts_survive_too() -> None:
    connector = aiohttp.TCPConnector()
    http = Http(connector)
    http.restore_cookies((Cookie("wxuin", "1", "qq.com"), Cookie("x", "y=", "wx2.qq.com")))
    assert {(one.name, one.value, one.domain) for one in http.cookies()} == {
        ("wxuin", "1", "qq.com"),
        ("x", "y=", "wx2.qq.com"),
    }
    http.enter_domain("wx2.qq.com")
    assert str(http.origin("push")) == "https://webpush.wx2.qq.com"
    assert str(http.origin("file")) == "https://file.wx2.qq.com"
    assert str(http.origin("login")) == "https://login.wx.qq.com"
    await http.close()
    await connector.close()


# -- login -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        'window.QRLogin.code = 200; window.QRLogin.uuid = "oZwt_bFfRg==";',
        'window.QRLogin.code=200;window.QRLogin.uuid="oZwt_bFfRg==";',
    ],
)
async def test_uuid(service: Service, http: Http, answer: str) -> None:
    service.says(answer)
    assert await login.fetch_uuid(http, "desktop") == "oZwt_bFfRg=="
    assert service.requests[-1].query["redirect_uri"].endswith("?mod=desktop")
    await login.fetch_uuid(http, "web")
    assert service.requests[-1].query["redirect_uri"].endswith("/webwxnewloginpage")


@pytest.mark.parametrize("answer", ["", "window.QRLogin.code = 400;", 'window.QRLogin.uuid = "x"'])
async def test_no_uuid(service: Service, http: Http, answer: str) -> None:
    service.says(answer)
    with pytest.raises(ProtocolError, match="UUID"):
        await login.fetch_uuid(http, "desktop")


async def test_polls(service: Service, http: Http) -> None:
    for answer, code in [
        ("window.code=408;", 408),
        ("window.code = 201;window.userAvatar='';", 201),
    ]:
        service.says(answer)
        assert await login.poll(http, "u", scanned=False, timeout_s=5) == login.Poll(code)
    assert service.requests[-1].query["tip"] == "1"
    service.says('window.code=200;\nwindow.redirect_uri="https://wx2.qq.com/p?a=1";')
    poll = await login.poll(http, "u", scanned=True, timeout_s=5)
    assert poll == login.Poll(200, "https://wx2.qq.com/p?a=1")
    assert service.requests[-1].query["tip"] == "0"
    for nonsense in ("", "window.code=200;"):
        service.says(nonsense)
        with pytest.raises(ProtocolError):
            await login.poll(http, "u", scanned=True, timeout_s=5)


PAGE = "https://wx2.qq.com/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=T&uuid=U"


async def test_a_login_yields_a_session(service: Service, http: Http) -> None:
    service.says(
        "<error><ret>0</ret><message></message><skey>@crypt_1</skey><wxsid>S</wxsid>"
        "<wxuin>123</wxuin><pass_ticket>a%2Bb</pass_ticket><isgrayscale>1</isgrayscale></error>",
        301,
    )
    session = await login.fetch_session(http, PAGE, "desktop")
    assert (session.uin, session.sid, session.skey) == ("123", "S", "@crypt_1")
    assert (session.pass_ticket, session.domain) == ("a%2Bb", "wx2.qq.com")
    request = service.requests[-1]
    assert request.query["ticket"] == "T"
    assert (request.query["fun"], request.query["version"]) == ("new", "v2")
    assert request.headers["client-version"] == "2.0.0"
    assert len(request.headers["extspam"]) > 1000


async def test_a_refused_login_tells_the_servers_words(service: Service, http: Http) -> None:
    service.says("<error><ret>1203</ret><message>不能登录<![CDATA[&]]></message></error>")
    with pytest.raises(LoginRefused) as refusal:
        await login.fetch_session(http, PAGE, "web")
    assert (refusal.value.ret, refusal.value.errmsg) == (1203, "不能登录&")
    assert "extspam" not in service.requests[-1].headers


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<error>",
        "<error></error>",
        "<error><ret>0</ret></error>",
        "<error><ret>x</ret></error>",
        '<!DOCTYPE e [<!ENTITY a "b">]><error><ret>0</ret></error>',
    ],
)
async def test_a_broken_login_page(service: Service, http: Http, body: str) -> None:
    service.says(body)
    with pytest.raises(ProtocolError):
        await login.fetch_session(http, PAGE, "web")


@pytest.mark.parametrize(
    "redirect",
    ["https://evil.com/x", "https://qq.com.evil.com/x", "https://evilqq.com/x", "", "::"],
)
async def test_a_redirect_that_leads_astray_is_not_followed(redirect: str) -> None:
    connector = aiohttp.TCPConnector()
    http = Http(connector)
    try:
        with pytest.raises(ProtocolError, match="redirect_uri"):
            await login.fetch_session(http, redirect, "web")
    finally:
        await http.close()
        await connector.close()
