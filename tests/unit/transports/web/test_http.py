"""The one door to WeChat, against a server that does everything wrong."""

import asyncio
import traceback
from typing import NoReturn

import aiohttp
import pytest
from aiohttp import web

from openwx.errors import BadResponse, RateLimited, Rejected, SessionEnded, Unreachable, WeChatError
from openwx.transports.network import Way
from openwx.transports.web import send, sync, wire
from openwx.transports.web.http import Call, Http, Role
from openwx.transports.web.session import Cookie

from .serving import SESSION, Service, recorded

CALL = Call(name="webwxtest", path="/call", method="POST", reply=wire.Reply, body={"Text": "你/好"})


async def test_bodies_are_utf8_without_escapes(service: Service, http: Http) -> None:
    service.says('{"BaseResponse":{"Ret":0}}')
    await http.send(CALL)
    assert service.bodies == ['{"Text":"你/好"}'.encode()]
    (request,) = service.requests
    assert request.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert "Mozilla" in request.headers["User-Agent"]
    assert request.headers["Referer"] == service.url + "/"


async def test_a_ret_is_reported_with_its_words(service: Service, http: Http) -> None:
    service.says('{"BaseResponse":{"Ret":1205,"ErrMsg":"慢一点"}}')
    with pytest.raises(RateLimited, match="慢一点"):
        await http.send(CALL)


async def test_a_refusal_may_lack_everything_else(service: Service, http: Http) -> None:
    service.says('{"BaseResponse":{"Ret":1,"ErrMsg":""}}')
    with pytest.raises(Rejected):
        await http.send(Call(name="webwxinit", path="/i", reply=wire.InitReply))


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("", 200, BadResponse),
        ("<html>", 200, BadResponse),
        ("", 404, BadResponse),
        ("", 500, Unreachable),
        ('{"BaseResponse":{"Ret":0}}', 502, Unreachable),
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
    with pytest.raises(Unreachable, match="closed"):
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
    with pytest.raises(Unreachable, match="closed"):
        await http.send(CALL)


async def test_no_answer_in_time(service: Service, http: Http) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    service.handler = hang
    with pytest.raises(Unreachable, match="no answer within"):
        await http.send(Call(name="webwxtest", path="/", reply=bytes, timeout_s=0.05))


async def test_an_answer_that_is_no_http() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"0 -\r\n\r\n6f:00:8a")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    connector = aiohttp.TCPConnector()
    port = server.sockets[0].getsockname()[1]
    http = Http(Way(connector, base_url=f"http://127.0.0.1:{port}"))
    try:
        with pytest.raises(Unreachable, match="not HTTP|closed"):
            await http.send(CALL)
        server.close()
        with pytest.raises(Unreachable, match="cannot connect"):
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
    other = Http(Way(connector, base_url=service.url))
    other.restore_cookies(kept)
    await other.send(CALL)
    assert service.requests[-1].headers["Cookie"] == "wxsid=a+b/c=="
    await other.close()
    await connector.close()


async def test_cookies_of_the_real_hosts_survive_too() -> None:
    connector = aiohttp.TCPConnector()
    http = Http(Way(connector))
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


# -- answers that are wrong in other ways ----------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        OK,
        OK + b"Content-Length: 100\r\n\r\n{",
        OK + b"Content-Length: many\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        OK + b"Content-Encoding: deflate\r\nContent-Length: 9\r\n\r\nnot gzip!",
        OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        OK + b"\xff\xfe: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5,
        b"HTTP/1.1 999 Weird\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_whatever_a_server_babbles_is_a_transport_error_without_secrets(
    connector: aiohttp.TCPConnector, answer: bytes
) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    http = Http(Way(connector, base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    async with server:
        with pytest.raises(Unreachable) as failure:
            await http.send(sync.check(SESSION, 1, 5))
    await http.close()
    logged = "".join(traceback.format_exception(failure.value))
    assert "synccheck" in logged
    assert "crypt" not in logged


@pytest.mark.parametrize("base_url", ["http://no-such-host.invalid", f"http://{'x' * 70}.com"])
async def test_a_host_that_is_none(connector: aiohttp.TCPConnector, base_url: str) -> None:
    http = Http(Way(connector, base_url=base_url))
    with pytest.raises(Unreachable):
        await http.send(CALL)
    await http.close()


async def test_an_answer_that_never_ends(
    service: Service, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openwx.transports.web.http.LARGEST_ANSWER", 100_000)

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    service.handler = flood
    with pytest.raises(BadResponse, match="larger than"):
        await http.send(CALL)


async def test_a_big_answer_is_read_too(service: Service, http: Http) -> None:
    records = [{"UserName": f"@{n}", "NickName": "名" * 50} for n in range(5_000)]
    service.tells(*records)
    (call,) = sync.batch_get_contact(SESSION, ["@1"])
    good, broken = wire.each((await http.send(call)).ContactList, wire.Contact)
    assert (len(good), len(broken)) == (5_000, 0)


@pytest.mark.parametrize(
    ("name", "call"),
    [("webwxinit_1101.json", sync.init(SESSION)), ("webwxsync_1101.json", sync.sync(SESSION))],
)
async def test_a_session_that_ended_in_whatever_call(
    service: Service, http: Http, name: str, call: Call[object]
) -> None:
    service.says(recorded(name))
    with pytest.raises(SessionEnded) as ended:
        await http.send(call)
    assert ended.value.ret == 1101


class Watched(aiohttp.TCPConnector):
    """A connector that connects nowhere, and records the requested hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[aiohttp.ClientRequest] = []

    async def connect(self, req: aiohttp.ClientRequest, *_: object, **__: object) -> NoReturn:
        self.wanted.append(req)
        raise aiohttp.ClientOSError(111, "nobody is there")


async def test_what_goes_to_the_real_hosts() -> None:
    """One Referer, and the cookies of a resumed session, on all of them."""
    connector = Watched()
    http = Http(Way(connector))
    http.enter_domain("wx2.qq.com")
    http.restore_cookies((Cookie("wxsid", "a+/=", "qq.com"), Cookie("x", "1", "wx2.qq.com")))
    roles: tuple[Role, ...] = ("login", "main", "push", "file")
    for role in roles:
        with pytest.raises(Unreachable, match=r"^x: the connection broke: connection refused$"):
            await http.send(Call(name="x", path="/x", role=role, reply=bytes))
    wanted = list({str(one.url): one for one in connector.wanted}.values())
    assert [str(one.url) for one in wanted] == [
        "https://login.wx.qq.com/x",
        "https://wx2.qq.com/x",
        "https://webpush.wx2.qq.com/x",
        "https://file.wx2.qq.com/x",
    ]
    assert {one.headers["Referer"] for one in wanted} == {"https://wx2.qq.com/"}
    cookies = ["; ".join(sorted(one.headers["Cookie"].split("; "))) for one in wanted]
    assert cookies == ["wxsid=a+/=", *["wxsid=a+/=; x=1"] * 3]
    await http.close()
    await connector.close()


async def test_half_a_character_in_a_text_stops_nothing(service: Service, http: Http) -> None:
    service.says('{"BaseResponse":{"Ret":0},"MsgID":"77"}')
    await http.send(send.text(SESSION, "@me", "@you", "a\ud83db", "1"))
    assert b'"Content":"a?b"' in service.bodies[-1]


async def test_the_path_never_changes_the_host(service: Service, http: Http) -> None:
    service.says("")
    await http.send(Call(name="x", path="//evil.example/x", reply=bytes))
    assert service.requests[-1].path == "//evil.example/x"


async def test_a_cookie_of_any_name_survives_a_restart(
    connector: aiohttp.TCPConnector, service: Service, http: Http
) -> None:
    """Aiohttp takes names that the standard library refuses to make."""
    service.says("", cookie="webwx[1]=a+b/c==; Path=/")
    await http.send(Call(name="x", path="/", reply=bytes))
    service.says("", cookie="path=odd; Path=/")
    again = Http(Way(connector, base_url=service.url))
    again.restore_cookies((*http.cookies(), Cookie("path", "odd", "")))
    await again.send(Call(name="x", path="/", reply=bytes))
    sent = service.requests[-1].headers["Cookie"].split("; ")
    assert sorted(sent) == ["path=odd", "webwx[1]=a+b/c=="]
    await again.close()


@pytest.mark.parametrize("base_url", ["", "http://[::1]:8080", "http://127.0.0.1"])
@pytest.mark.parametrize("domain", ["qq.com", ".qq.com", "::1", "", "a b", "[", "x" * 300])
@pytest.mark.parametrize("name", ["wxsid", "a b", "", "\x01"])
async def test_saved_cookies_never_stop_a_start(
    connector: aiohttp.TCPConnector, base_url: str, domain: str, name: str
) -> None:
    http = Http(Way(connector, base_url=base_url))
    http.restore_cookies((Cookie(name, "v\x01", domain), Cookie("good", "1", "")))
    assert "good" in [cookie.name for cookie in http.cookies()]
    await http.close()
