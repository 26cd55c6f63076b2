"""From a QR code to a session: what the answers of a login say."""

import asyncio

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openwx.errors import BadResponse, LoginRefused, WeChatError
from openwx.transports.network import Way
from openwx.transports.web import login
from openwx.transports.web.http import Http

from .serving import Service, recorded


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
    with pytest.raises(BadResponse, match="UUID"):
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
        with pytest.raises(BadResponse):
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


async def test_a_refused_login_shows_the_servers_words(service: Service, http: Http) -> None:
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
        f"<error><ret>0</ret><wxsid>S</wxsid><wxuin>{'1' * 65}</wxuin></error>",
        '<!DOCTYPE e [<!ENTITY a "b">]><error><ret>0</ret></error>',
    ],
)
async def test_a_broken_login_page(service: Service, http: Http, body: str) -> None:
    service.says(body)
    with pytest.raises(BadResponse):
        await login.fetch_session(http, PAGE, "web")


@pytest.mark.parametrize(
    "redirect",
    ["https://evil.com/x", "https://qq.com.evil.com/x", "https://evilqq.com/x", "", "::"],
)
async def test_a_redirect_that_leads_astray_is_not_followed(redirect: str) -> None:
    connector = aiohttp.TCPConnector()
    http = Http(Way(connector))
    try:
        with pytest.raises(BadResponse, match="redirect_uri"):
            await login.fetch_session(http, redirect, "web")
    finally:
        await http.close()
        await connector.close()


async def test_a_redirect_cannot_smuggle_another_host_into_its_path(
    service: Service, http: Http
) -> None:
    service.says(recorded("webwxnewloginpage.xml"))
    session = await login.fetch_session(http, "https://wx.qq.com//evil.example/x?a=1", "web")
    assert (session.domain, service.requests[-1].path) == ("wx.qq.com", "//evil.example/x")


async def test_the_ticket_goes_back_as_it_came(service: Service, http: Http) -> None:
    service.says(recorded("webwxnewloginpage.xml"))
    ticket = "A+b%2Bc%2F@qrticket_0=="
    session = await login.fetch_session(http, f"https://wx2.qq.com/p?ticket={ticket}&x=&y=1", "web")
    assert service.requests[-1].query["ticket"] == "A b+c/@qrticket_0=="
    assert (session.sid, session.pass_ticket) == ("Ynx2oLFfW0Pu+/c=", "a%2Bb%2Fc%3D")


async def test_a_refusal_is_understood_though_its_message_is_no_xml(
    service: Service, http: Http
) -> None:
    """A bare & and HTML: taken for nonsense, it would end in new QR codes without end."""
    service.says(recorded("webwxnewloginpage_1203.xml"))
    with pytest.raises(LoginRefused, match="已不允许登录网页微信") as refusal:
        await login.fetch_session(http, PAGE, "web")
    assert refusal.value.ret == 1203
    assert "?t=1&lang=zh_CN" in refusal.value.errmsg


@pytest.mark.parametrize("ret", ["--5", "9" * 5_000, "²", "1.0", "-", ""])
async def test_a_ret_that_is_no_number(service: Service, http: Http, ret: str) -> None:
    service.says(f"<error><ret>{ret}</ret></error>")
    with pytest.raises(BadResponse):
        await login.fetch_session(http, PAGE, "web")


async def test_a_code_of_thousands_of_digits(service: Service, http: Http) -> None:
    service.says(f"window.code={'9' * 5_000};")
    with pytest.raises(BadResponse):
        await login.poll(http, "u", scanned=False, timeout_s=5)
    service.says(f"window.QRLogin.code={'9' * 5_000};")
    with pytest.raises(BadResponse):
        await login.fetch_uuid(http, "web")


@pytest.mark.parametrize(
    ("answer", "uuid"),
    [
        ('{"ret":"0","msg":"all ok","uuid":"gbJ=="}', "gbJ=="),
        ('{"ret":0,"msg":"all ok","uuid":"gbJ=="}', "gbJ=="),
        ('{"ret":"0","msg":null,"uuid":"gbJ=="}', "gbJ=="),
        ('{"ret":"1","msg":"no"}', None),
        ('{"ret":"0"}', None),
    ],
)
async def test_a_login_without_a_scan(
    service: Service, http: Http, answer: str, uuid: str | None
) -> None:
    service.says(answer)
    assert await login.push_login(http, "123", "desktop") == uuid
    assert dict(service.requests[-1].query) == {"uin": "123", "mod": "desktop"}


HOSTS = st.sampled_from(["https://wx.qq.com", "http://wx2.qq.com:1", "//wx.qq.com", "", "x:"])
FUZZ = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(host=HOSTS, rest=st.text(max_size=40))
def test_any_redirect_is_followed_or_refused(host: str, rest: str) -> None:
    async def follow() -> None:
        connector = aiohttp.TCPConnector()
        http = Http(Way(connector, base_url="http://127.0.0.1:1"))
        try:
            with pytest.raises(WeChatError):
                await login.fetch_session(http, host + rest, "web")
        finally:
            await http.close()
            await connector.close()

    asyncio.run(follow())


FIELDS = st.sampled_from(["ret", "message", "wxsid", "wxuin", "skey", "error", "!DOCTYPE"])
PIECES = st.one_of(
    FIELDS.map("<{}>".format), FIELDS.map("</{}>".format), st.text(max_size=9), st.just("0")
)


@given(st.lists(PIECES).map("".join))
def test_any_login_page_is_read_or_refused(page: str) -> None:
    try:
        assert "ret" in login.read_page("webwxnewloginpage", page.encode("utf-8", "replace"))
    except BadResponse:
        assert "</ret>" not in page.partition("<ret>")[2]
