"""What aiohttp itself refuses is answered in the envelope, too."""

import asyncio
import logging
import time
from email.utils import parsedate_to_datetime

import msgspec
import pytest
from aiohttp import web

from openwx.api import connection
from openwx.api.connection import Connection
from openwx.throttle import Throttle

from .serving import Api

END = b"Host: localhost\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"G\x00T / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n" + END, 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + END, 400),
        (b"GET /?" + b"x" * 70_000 + b" HTTP/1.1\r\n" + END, 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n" + END, 413),
        (b"POST /openwx/get_user_info HTTP/1.1\r\nTransfer-Encoding: x\r\n" + END, 400),
        (
            b"POST /openwx/get_user_info HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\n" + END + b"zz\r\n",
            400,
        ),
        (b"GET /nothing HTTP/1.1\r\n" + END, 404),
        (b"GET /openwx HTTP/1.1\r\n" + END, 404),
        (b"GET /openwx/ HTTP/1.1\r\n" + END, 404),
        (b"GET /openwx/no_such HTTP/1.1\r\n" + END, 404),
        (b"GET /openwx/%ff%00 HTTP/1.1\r\n" + END, 404),
        (b"GET /openwx/\xff HTTP/1.1\r\n" + END, 404),
        (b"OPTIONS * HTTP/1.1\r\n" + END, 404),
        (b"GET http://[/openwx HTTP/1.1\r\n" + END, 400),
        (b"GET http://[]@ HTTP/1.1\r\n" + END, 400),
        (b"POST http://[]@/openwx/get_user_info HTTP/1.1\r\nContent-Length: 3\r\n" + END, 400),
        (b"CONNECT localhost:1 HTTP/1.1\r\n" + END, 404),
        (b"PUT /openwx/get_user_info HTTP/1.1\r\n" + END, 405),
        (b"DELETE /openwx/get_user_info HTTP/1.1\r\n" + END, 405),
        (b"GET /openwx/get_user_info HTTP/1.1\r\nExpect: tea\r\n" + END, 417),
        (b"GET /nothing HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403),
    ],
)
async def test_envelope(api: Api, request_: bytes, status: int) -> None:
    head, body = await api.raw(request_)
    lines = head.decode().split("\r\n")
    assert int(lines[0].split()[1]) == status
    assert "Content-Type: application/json; charset=utf-8" in lines
    answer = msgspec.json.decode(body)
    assert answer["code"] == {404: -9, 405: -9, 403: -8}.get(status, -2)
    assert answer["status"]
    if status == 405:
        assert "Allow: GET, HEAD, OPTIONS, POST" in lines


async def test_a_failure_of_the_parser_is_logged_once_an_hour(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a bug, and a stranger may cause it as often as they want."""
    monkeypatch.setattr(connection, "_failures", Throttle(connection.LOG_EVERY_S))
    for _ in range(3):
        await api.raw(b"GET http://[]@ HTTP/1.1\r\n" + END)
    failures = [one for one in caplog.records if "the HTTP parser failed" in one.message]
    assert [one.levelname for one in failures if one.levelno > logging.DEBUG] == ["WARNING"]
    assert "Error: " in failures[0].message


async def test_only_the_first_line_is_mended(api: Api) -> None:
    reader, writer = await asyncio.open_connection(api.host, api.port)
    first = f"GET /openwx/search_friend?name={'小'}".encode()
    for piece in (first[:-1], first[-1:] + "灰 HTTP/1.1\r\nX: 灰\r\n".encode(), END):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert b" 200 " in head
    assert len(msgspec.json.decode(body)) == 2


async def test_raw_text_in_a_later_address_is_explained(api: Api) -> None:
    one = b"GET /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\n\r\n"
    _, rest = await api.raw(one + "GET /openwx/search_friend?name=灰 HTTP/1.1\r\n".encode() + END)
    assert b"percent-encoded" in rest


async def test_head(api: Api) -> None:
    head, body = await api.raw(b"HEAD /openwx/send_friend_message?id=@a HTTP/1.1\r\n" + END)
    assert b" 405 " in head
    assert body == b""


async def test_expect_continue(api: Api) -> None:
    body = b"id=@a&content=x"
    head, rest = await api.raw(
        b"POST /openwx/send_friend_message HTTP/1.1\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n" % len(body) + END + body
    )
    assert head == b"HTTP/1.1 100 Continue"
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert api.account.outgoing.sent == [("@a", "x")]


async def test_pipelined_requests_are_answered_in_order(api: Api) -> None:
    one = b"GET /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head, rest = await api.raw(one + b"GET /no HTTP/1.1\r\n" + END)
    assert b" 200 " in head
    assert b" 404 " in rest


async def test_an_answer_is_the_same_however_the_connection_goes_on(api: Api) -> None:
    asks = b"GET /openwx/get_user_info HTTP/"
    first, rest = await api.raw(asks + b"1.1\r\nHost: localhost\r\n\r\n" + asks + b"1.1\r\n" + END)
    last = await api.raw(asks + b"1.0\r\n\r\n")
    going_on, ending, old = (
        _headers(first),
        _headers(rest[rest.index(b"HTTP/1.1") :]),
        _headers(last[0]),
    )
    assert ending.pop("Connection") == "close"
    for headers in (going_on, ending, old):
        date = parsedate_to_datetime(headers.pop("Date"))
        assert abs(date.timestamp() - time.time()) < 60
    assert going_on == ending == old
    assert rest.startswith(last[1])
    assert int(going_on["Content-Length"]) == len(last[1])


def _headers(answer: bytes) -> dict[str, str]:
    """Return the headers of an answer with 200, each once."""
    first, *lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert first.partition(" ")[2] == "200 OK"
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return headers


async def test_a_bug_beneath_the_routes(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def break_down(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(web.UrlDispatcher, "resolve", break_down)
    reply = await api.get("no_such")
    assert (reply.status, reply.code) == (500, -1)
    assert b"secret" not in reply.body
    assert "secret detail" in caplog.text


async def test_our_connections_serve(api: Api) -> None:
    await api.get("get_user_info")
    assert api.runner.server is not None
    assert all(isinstance(one, Connection) for one in api.runner.server.connections)
