"""What a browser sends by itself does nothing: every route, with every combination of what browsers say."""

import asyncio
import itertools
import re
from typing import Any

import pytest

from openwx.api.app import routes
from openwx.api.confirm.words import CHINESE
from openwx.config import AccessSettings
from openwx.simulator import Account
from tests.reply import Reply

from .world import Gateway, Receiver, World

LOOKS = {
    "check_client",
    "get_client_info",
    "outbox",
    "outbox_show",
    "search_friend",
    "search_group",
    "events",
    "ws",
}
"""These never do anything; ``get_*`` by GET neither (contract, section 5.6)."""
NAMES = [name for row in routes() for name in (row.name, *row.other_names)]
DOING = [name for name in NAMES if name not in LOOKS and not name.startswith("get_")]
STREAMS = {"events", "ws"}
NOBODY = "client=no%2Fbody"
"""So that what is let in does nothing either."""

ABSENT = ""
COMBINATIONS = [
    {name: value for name, value in zip(
        ("Sec-Purpose", "Purpose", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-Site"), values, strict=True
    ) if value != ABSENT}
    for values in itertools.product(
        (ABSENT, "prefetch", "prefetch;prerender"),
        (ABSENT, "prefetch"),
        (ABSENT, "cors", "no-cors", "navigate"),
        (ABSENT, "empty", "document", "image", "script"),
        (ABSENT, "none", "same-origin"),
    )
]  # fmt: skip
PASTED = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
}


def is_refused(method: str, name: str, headers: dict[str, str]) -> bool:
    """Return whether the contract refuses such a request without a token."""
    if name in LOOKS or (name.startswith("get_") and method == "GET"):
        return False
    return (
        "Sec-Purpose" in headers
        or "Purpose" in headers
        or headers.get("Sec-Fetch-Mode") == "navigate"
        or headers.get("Sec-Fetch-Dest", "empty") != "empty"
    )


class Raw:
    """One connection that asks one thing after the other; quicker than a whole client."""

    def __init__(self, gateway: Gateway) -> None:
        self._host, self._port = gateway.url.removeprefix("http://").split(":")

    async def __aenter__(self) -> "Raw":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, method: str, name: str, headers: dict[str, str]) -> tuple[int, bytes]:
        lines = "".join(f"{header}: {value}\r\n" for header, value in headers.items())
        head = f"{method} /openwx/{name}?{NOBODY} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        self._writer.write(f"{head}{lines}\r\n".encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", answer)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        return int(answer.split()[1]), body


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_route_with_every_combination(gateway: Gateway, method: str) -> None:
    async with Raw(gateway) as raw:
        for name, headers in itertools.product(NAMES, COMBINATIONS):
            if name in STREAMS:
                continue
            status, body = await raw.ask(method, name, headers)
            seen = (method, name, headers, status, body)
            if is_refused(method, name, headers):
                assert status == 403, seen
                assert b'"code":-8' in body, seen
            else:
                assert status not in (401, 403, 500), seen


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Moz": "prefetch"},
        {"X-Purpose": "preview"},
        {"Upgrade-Insecure-Requests": "1"},
        {"Accept": "image/avif,image/webp,*/*;q=0.8"},
        {"Accept": "text/css,*/*;q=0.1"},
        {"Sec-Fetch-Mode": "Navigate"},
        {"Sec-Fetch-Mode": "nested-navigate"},
        {"Sec-Fetch-Dest": ""},
        {"Purpose": ""},
        {"Accept": "*/*", "Accept-Language": "zh-CN,zh;q=0.9", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
async def test_what_other_browsers_say(gateway: Gateway, headers: dict[str, str]) -> None:
    async with Raw(gateway) as raw:
        for name in DOING:
            status, body = await raw.ask("GET", name, headers)
            assert (status, b'"code":-8' in body) == (403, True), (name, headers)
        if headers.get("Sec-Fetch-Site", "none") == "none":
            assert (await raw.ask("GET", "check_client", headers))[0] != 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*", "User-Agent": "curl/8.5.0"},
        {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "User-Agent": "Java/1.8.0"},
        {"Accept": "*/*", "Accept-Language": "*", "Sec-Fetch-Mode": "cors", "User-Agent": "node"},
        {"User-Agent": "Mozilla/5.0 (Windows NT; Windows NT 10.0; zh-CN) WindowsPowerShell/5.1"},
        {"User-Agent": "Mozilla/4.0 (compatible; MSIE 9.0)", "Accept-Language": "zh-cn", "Accept": "*/*"},
    ],
)  # fmt: skip
async def test_programs_are_let_in(gateway: Gateway, headers: dict[str, str]) -> None:
    async with Raw(gateway) as raw:
        for method, name in itertools.product(("GET", "POST"), DOING):
            status, body = await raw.ask(method, name, headers)
            assert status not in (401, 403, 500), (name, body)


class TestToken:
    @pytest.fixture
    async def guarded(self, world: World) -> Gateway:
        access = AccessSettings(token="s3cret-enough-token")
        return await world.start(settings=world.settings().model_copy(update={"access": access}))

    async def test_with_the_token_a_browser_may_open_an_address(self, guarded: Gateway) -> None:
        ways: tuple[dict[str, Any], ...] = (
            {"params": {"token": "s3cret-enough-token"}, "headers": PASTED},
            {"headers": PASTED | {"Authorization": "Bearer s3cret-enough-token"}},
        )
        for given in ways:
            reply = await guarded.call("check_event?timeout=0", **given)
            assert (reply.status, reply.body[:1]) == (200, b"["), given
        reply = await guarded.call(
            "check_event",
            method="POST",
            data={"token": "s3cret-enough-token", "timeout": "0"},
            headers=PASTED,
        )
        assert (reply.status, reply.body[:1]) == (200, b"[")

    @pytest.mark.parametrize("token", ["", "wrong"])
    async def test_others_may_not(self, guarded: Gateway, token: str) -> None:
        plain = PASTED | {"Accept": "*/*"}
        for method in ("GET", "POST"):
            reply = await guarded.call(
                "check_event", method=method, params={"token": token}, headers=plain
            )
            assert (reply.status, reply.code) == (403, -8)
        reply = await guarded.call("check_event", params={"token": token})
        assert (reply.status, reply.code) == (401, -6)
        reply = await guarded.call("check_event", params={"token": token}, headers=PASTED)
        assert reply.status == 403
        assert b'type="password"' in reply.body

    async def test_where_none_is_set_every_token_is_as_none(self, gateway: Gateway) -> None:
        headers = PASTED | {"Authorization": "Bearer anything", "Accept": "*/*"}
        reply = await gateway.call("check_event?token=anything", headers=headers)
        assert (reply.status, reply.code) == (403, -8)


class TestPage:
    """The page that a browser shows for the URL of a call."""

    @staticmethod
    async def opened(gateway: Gateway, address: str, **headers: str) -> Reply:
        reply = await gateway.call(address, headers=PASTED | headers)
        assert reply.status == 403
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "img-src data:;" in policy  # the empty icon
        assert b'rel="icon" href="data:,"' in reply.body
        assert "unsafe" not in policy
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert reply.headers["Cache-Control"] == "no-store"
        return reply

    async def test_every_call_has_one(self, gateway: Gateway) -> None:
        for name in DOING:
            page = (await self.opened(gateway, f"{name}?{NOBODY}")).body.decode()
            assert "Nothing has been done yet" in page
            assert "`" not in page
            assert (
                f"<code>{next(row.name for row in routes() if f'/openwx/{name}' in row.paths)}<"
                in page
            )
            assert "no/body" in page

    async def test_in_chinese(self, gateway: Gateway) -> None:
        reply = await self.opened(
            gateway, "stop_client", **{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
        )
        assert '<html lang="zh">' in reply.body.decode()
        assert "还没有执行任何操作" in reply.body.decode()
        assert CHINESE["stop_client"] in reply.body.decode()

    def test_every_call_has_words_in_both_languages(self) -> None:
        doing = [row for row in routes() if not row.only_reads("GET")]
        assert {row.name for row in doing} <= set(CHINESE)
        assert all(row.doc for row in doing)

    async def test_what_is_given_is_text(self, gateway: Gateway) -> None:
        evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%26%E2%80%AE%7Broute%7D"
        address = f"send_friend_message?content={evil}&%3Cb%3E={evil}&token=s3cret&_=1"
        page = (await self.opened(gateway, address)).body.decode()
        assert "<script>" not in page
        assert "<b>" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;{route}" in page
        assert "\u202e" not in page
        assert "s3cret" not in page

    async def test_an_address_that_cannot_be_read(self, gateway: Gateway) -> None:
        for query in ("content=%ff", "content=a&content=b"):
            reply = await gateway.call(f"send_friend_message?{query}", headers=PASTED)
            assert (reply.status, reply.code) == (403, -8)

    async def test_whom_another_site_sent_is_warned(self, gateway: Gateway) -> None:
        foreign = {"Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/"}
        assert b"Another website" in (await self.opened(gateway, "stop_client", **foreign)).body
        assert b"Another website" not in (await self.opened(gateway, "stop_client")).body

    async def test_not_under_a_foreign_name(self, gateway: Gateway) -> None:
        reply = await gateway.call("stop_client", headers=PASTED | {"Host": "evil.example"})
        assert (reply.status, reply.code) == (403, -8)

    async def test_only_who_reads_html_sees_it(self, gateway: Gateway) -> None:
        reply = await gateway.call("stop_client", headers=PASTED | {"Accept": "application/json"})
        assert (reply.status, reply.code) == (403, -8)
        assert "opened addresses" in reply.words

    async def test_its_script_and_style_are_there(self, gateway: Gateway, world: World) -> None:
        page = (await self.opened(gateway, "stop_client")).body.decode()
        files = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        assert len(files) == 2
        for path in files:
            async with world.http.get(gateway.url + path) as answer:
                assert answer.status == 200
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_nothing_was_done(api: Gateway, account: Account, receiver: Receiver) -> None:
    """The events are still there, and no message was sent."""
    account.friend("小灰").says("still there")
    await receiver.get(content="still there")
    for headers in (PASTED, {"Sec-Purpose": "prefetch", "Sec-Fetch-Site": "none"}):
        assert (await api.call("check_event?timeout=0", headers=headers)).status == 403
        address = "send_friend_message?id=filehelper&content=unwanted"
        assert (await api.call(address, headers=headers)).status == 403
    events = (await api.get("check_event", timeout="0")).json
    assert "still there" in [event.get("content") for event in events]
    assert (await api.get("send_friend_message", id="filehelper", content="wanted")).code == 0
    await receiver.get(post_type="send_message", content="wanted")
    assert not [one for one in receiver.reports if one.json.get("content") == "unwanted"]
