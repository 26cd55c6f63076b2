"""Who may call: by Host, Origin and token; and what a page of another origin gets."""

import asyncio
import json

import pytest

from openwx.domain.contacts import Friend
from tests.reply import Reply

from .serving import Api, Serve

LISTED = "http://app.example:8080"
ROUTE = "get_user_info"


async def ask(api: Api, headers: dict[str, str], query: str = "", method: str = "GET") -> Reply:
    return await api.call(ROUTE + query, headers=headers, method=method)


class TestHost:
    @pytest.mark.parametrize(
        ("host", "allowed"),
        [
            ("localhost", True),
            ("LOCALHOST:3000", True),
            ("localhost.", True),
            ("app.localhost:3000", True),
            ("127.0.0.1:3000", True),
            ("192.168.1.5", True),
            ("[::1]:3000", True),
            ("[fe80::1%25eth0]:3000", True),
            ("wx.example", True),
            ("WX.example:443", True),
            ("wx.example.", True),
            ("gateway", True),
            ("openwx_gateway-1:3000", True),
            ("NAS.local", True),
            ("a.b.local.:3000", True),
            ("wx.internal", True),
            ("pi.home.arpa", True),
            ("gateway.lan", False),
            ("local.evil.example", False),
            ("evil.local.example", False),
            ("evil-local", True),
            ("x.notlocal", False),
            ("home.arpa", False),
            (".local", False),
            ("..local", False),
            ("localhost:3000@evil", False),
            ("evil/.local", False),
            ("evil#.local", False),
            ("evil\\.local", False),
            ("[::1].local", False),
            ("[evil]", False),
            ("a b", False),
            ("evil.example", False),
            ("evil.example:3000", False),
            ("localhost.evil.example", False),
            ("127.0.0.1.evil.example", False),
            ("evil-wx.example", False),
            ("[::1].evil.example", False),
            ("evil.example:127.0.0.1", False),
            ("127.0.0.1:3000@evil.example", False),
        ],
    )
    async def test_names(self, serve: Serve, host: str, allowed: bool) -> None:
        api = await serve(allowed_hosts=["wx.example"])
        reply = await ask(api, {"Host": host})
        assert reply.status == (200 if allowed else 403)
        if not allowed:
            assert reply.code == -8
            assert "access.allowed_hosts" in reply.words

    async def test_without_host(self, api: Api) -> None:
        head, _ = await api.raw(b"GET /openwx/get_user_info HTTP/1.0\r\n\r\n")
        assert b" 200 " in head
        for head in (
            b"GET /openwx/get_user_info HTTP/1.1\r\nConnection: close\r\n\r\n",
            b"GET /openwx/get_user_info HTTP/1.1\r\nUser-Agent: Host: x\r\nConnection: close\r\n\r\n",
        ):
            answer, _ = await api.raw(head)
            assert b" 200 " in answer

    async def test_without_host_by_hand(self, api: Api) -> None:
        """As somebody types it, line by line; twice on one connection, and with Chinese text."""
        reader, writer = await asyncio.open_connection(api.host, api.port)
        for _ in range(2):
            for line in (
                "GET /openwx/search_friend?name=小灰 HTTP/1.1\r\n",
                "User-Agent: me\r\n",
                "\r\n",
            ):
                writer.write(line.encode())
                await writer.drain()
                await asyncio.sleep(0.01)  # so that the lines come one by one
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 400 " in head:  # only the first line of a connection may hold raw text
                break
            assert b" 200 " in head
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            assert len(json.loads(await reader.readexactly(length))) == 2
        writer.close()
        await writer.wait_closed()

    async def test_without_host_a_body_is_read(self, api: Api) -> None:
        body = b"id=@a&content=hello"
        head, _ = await api.raw(
            b"POST /openwx/send_friend_message HTTP/1.1\r\nConnection: close\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        assert b" 200 " in head
        assert api.account.outgoing.sent == [("@a", "hello")]

    @pytest.mark.parametrize(
        "header",
        [
            b"Origin: http://127.0.0.1",
            b"referer: x",
            b"Sec-Fetch-Site: none",
            b"SEC-CH-UA: x",
            b"Cookie: a=b",
            b"Purpose: prefetch",
            b"Upgrade-Insecure-Requests: 1",
        ],
    )
    async def test_without_host_no_browser_is_let_in(self, api: Api, header: bytes) -> None:
        head, _ = await api.raw(
            b"GET /openwx/get_user_info HTTP/1.1\r\n" + header + b"\r\nConnection: close\r\n\r\n"
        )
        assert b" 400 " in head

    async def test_two_hosts(self, api: Api) -> None:
        head, _ = await api.raw(
            b"GET /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert b" 400 " in head


class TestPages:
    @pytest.mark.parametrize(
        ("headers", "allowed"),
        [
            ({}, True),
            ({"Sec-Fetch-Site": "none"}, True),
            ({"Sec-Fetch-Site": "same-origin"}, True),
            ({"Sec-Fetch-Site": "cross-site"}, False),
            ({"Sec-Fetch-Site": "same-site"}, False),
            ({"Origin": "http://127.0.0.1:PORT"}, True),
            ({"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "same-origin"}, True),
            ({"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "cross-site"}, False),
            ({"Origin": "http://127.0.0.1:1"}, False),
            ({"Origin": "http://localhost:PORT"}, False),
            ({"Origin": "http://evil.example"}, False),
            ({"Origin": "null"}, False),
            ({"Origin": "http://["}, False),
            ({"Origin": LISTED}, True),
            ({"Origin": LISTED, "Sec-Fetch-Site": "cross-site"}, True),
            ({"Origin": LISTED.upper()}, True),
            ({"Origin": LISTED + ".evil.example"}, False),
            ({"Origin": "https://app.example:8080"}, False),
            ({"Referer": "http://127.0.0.1:PORT/page?x=1"}, True),
            ({"Referer": "http://evil.example/"}, False),
            ({"Referer": "http://evil.example/http://127.0.0.1:PORT/"}, False),
            ({"Referer": "garbage"}, False),
            ({"Referer": ""}, True),
            ({"Referer": LISTED + "/page", "Sec-Fetch-Site": "cross-site"}, True),
            ({"Origin": "http://evil.example", "Referer": LISTED + "/"}, False),
            ({"Origin": "http://127.0.0.1:PORT", "Referer": "http://evil.example"}, False),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_pages(
        self, serve: Serve, headers: dict[str, str], allowed: bool, method: str
    ) -> None:
        api = await serve(cors_origins=[LISTED])
        shown = {name: value.replace("PORT", str(api.port)) for name, value in headers.items()}
        reply = await ask(api, shown, method=method)
        assert reply.status == (200 if allowed else 403)
        if not allowed:
            assert reply.code == -8
            assert "access.cors_origins" in reply.words
            assert "Access-Control-Allow-Origin" not in reply.headers
        elif shown.get("Origin", "").lower() == LISTED:
            assert reply.headers["Access-Control-Allow-Origin"] == shown["Origin"]
            assert reply.headers["Vary"] == "Origin"

    async def test_refused_before_the_body_is_read(self, api: Api) -> None:
        head, _ = await api.raw(
            b"POST /openwx/get_user_info HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n0123456789"
        )
        assert b" 403 " in head

    async def test_errors_are_readable_for_listed_pages(self, serve: Serve) -> None:
        api = await serve(cors_origins=[LISTED])
        for name in ("search_friend", "no_such_route"):
            reply = await api.call(name, headers={"Origin": LISTED})
            assert reply.status >= 400
            assert reply.headers["Access-Control-Allow-Origin"] == LISTED

    async def test_cors_is_off_at_first(self, api: Api) -> None:
        assert (await ask(api, {"Origin": LISTED})).status == 403


class TestPreflight:
    async def test_of_a_listed_page(self, serve: Serve) -> None:
        api = await serve(cors_origins=[LISTED], token="t")
        reply = await ask(
            api,
            {
                "Origin": LISTED,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
                "Access-Control-Request-Private-Network": "true",
                "Sec-Fetch-Site": "cross-site",
            },
            method="OPTIONS",
        )
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["Access-Control-Allow-Origin"] == LISTED
        assert reply.headers["Access-Control-Allow-Methods"] == "GET, POST"
        assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
        assert reply.headers["Access-Control-Allow-Private-Network"] == "true"

    async def test_of_another_page(self, serve: Serve) -> None:
        api = await serve(cors_origins=[LISTED])
        reply = await ask(api, {"Origin": "http://evil.example"}, method="OPTIONS")
        assert (reply.status, reply.code) == (403, -8)
        assert "Access-Control-Allow-Origin" not in reply.headers

    async def test_of_no_page(self, api: Api) -> None:
        reply = await ask(api, {}, method="OPTIONS")
        assert reply.status == 204
        assert reply.headers["Allow"] == "GET, POST, OPTIONS"


class TestToken:
    @pytest.mark.parametrize(
        ("headers", "query", "body", "allowed"),
        [
            ({}, "", None, False),
            ({"Authorization": "Bearer s3cret"}, "", None, True),
            ({"Authorization": "bearer  s3cret"}, "", None, True),
            ({"Authorization": "Bearer s3cre"}, "", None, False),
            ({"Authorization": "Bearer"}, "", None, False),
            ({"Authorization": "Basic s3cret"}, "", None, False),
            ({"Authorization": "s3cret"}, "", None, False),
            ({}, "?token=s3cret", None, True),
            ({}, "?token=", None, False),
            ({}, "?token=%E4%BD%A0", None, False),
            ({}, "", {"token": "s3cret"}, True),
            ({}, "?token=s3cret", {"token": "no"}, False),
            ({"Authorization": "Bearer s3cret"}, "?token=no", None, True),
        ],
    )
    async def test_token(
        self,
        serve: Serve,
        headers: dict[str, str],
        query: str,
        body: dict[str, str] | None,
        allowed: bool,
    ) -> None:
        api = await serve(token="s3cret")
        reply = await api.call(ROUTE + query, method="POST", headers=headers, json=body)
        assert reply.status == (200 if allowed else 401)
        if not allowed:
            assert reply.code == -6
            assert reply.headers["WWW-Authenticate"] == "Bearer"

    async def test_without_token_nobody_hears_what_else_is_wrong(self, serve: Serve) -> None:
        api = await serve(token="s3cret")
        assert (await api.post(ROUTE, b"{", "application/json")).status == 401
        assert (
            await api.post("send_friend_message?token=s3cret", b"{", "application/json")
        ).status == 400
        assert (await api.call(ROUTE + "?x=1&x=2")).status == 401

    async def test_none_is_needed_where_none_is_set(self, api: Api) -> None:
        assert (await ask(api, {}, "?token=anything")).status == 200


class TestJsonp:
    async def test_off_at_first(self, api: Api) -> None:
        reply = await ask(api, {}, "?datatype=jsonp&callback=show")
        assert (reply.status, reply.code) == (403, -8)
        assert "access.cors_origins" in reply.words

    @pytest.mark.parametrize("callback", ["show", "jQuery3_1.cb", "$", "_x.y$1"])
    async def test_wraps(self, serve: Serve, callback: str) -> None:
        api = await serve(cors_origins=[LISTED])
        api.account.contacts.user.signature = "</script>\u2028你好"
        reply = await ask(
            api,
            {"Referer": LISTED + "/", "Sec-Fetch-Site": "cross-site"},
            f"?datatype=jsonp&callback={callback}",
        )
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/javascript; charset=utf-8"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        text = reply.body.decode()
        prefix = f"/**/{callback}("
        assert text.startswith(prefix)
        assert text.endswith(");")
        assert "\u2028" not in text
        assert json.loads(text[len(prefix) : -2])["signature"] == "</script>\u2028你好"

    async def test_wraps_a_long_list_too(self, serve: Serve) -> None:
        """Which is written in pieces."""
        api = await serve(cors_origins=[LISTED])
        friends = api.account.contacts.friends
        friends |= {f"@{n}": Friend(id=f"@{n}", signature="\u2028" * 100) for n in range(1000)}
        headers = {"Referer": LISTED + "/", "Origin": LISTED, "Sec-Fetch-Site": "cross-site"}
        plain = await api.call("get_friend_info", headers=headers)
        assert plain.headers["Content-Type"] == "application/json; charset=utf-8"
        assert len(plain.json) == len(friends)
        query = "?datatype=jsonp&callback=show"
        reply = await api.call("get_friend_info" + query, headers=headers)
        for answer in (plain, reply):
            assert answer.headers["Transfer-Encoding"] == "chunked"
            assert answer.headers["Access-Control-Allow-Origin"] == LISTED
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Content-Type"] == "application/javascript; charset=utf-8"
        text = reply.body.decode()
        assert "\u2028" not in text
        assert json.loads(text.removeprefix("/**/show(").removesuffix(");")) == plain.json

    @pytest.mark.parametrize(
        "callback",
        ["", "a b", "alert(1)//", "a;b", "1a", "a..b", "a.", "<x>", "你", "a%0a", "x" * 200],
    )
    async def test_names_that_are_none(self, serve: Serve, callback: str) -> None:
        api = await serve(cors_origins=[LISTED])
        reply = await ask(api, {}, f"?datatype=jsonp&callback={callback}")
        assert (reply.status, reply.code) == (400, -2)
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"

    async def test_of_another_page(self, serve: Serve) -> None:
        api = await serve(cors_origins=[LISTED])
        for headers in (
            {"Referer": "http://evil.example/"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            reply = await ask(api, headers, "?datatype=jsonp&callback=show")
            assert (reply.status, reply.code) == (403, -8)

    async def test_errors_too(self, serve: Serve) -> None:
        api = await serve(cors_origins=[LISTED])
        reply = await api.get("search_friend", datatype="jsonp", callback="show")
        assert reply.status == 400
        assert reply.body.startswith(b'/**/show({"code":-2,')
