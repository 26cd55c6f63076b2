"""Nonsense from all sides, on the real server: callers in every style, raw bytes, and whatever ``post_api`` answers.

Never a 500, a traceback, or a call that hangs. Longer, or drawn again:
``OPENWX_TEST_EXAMPLES=2000 OPENWX_TEST_SEED=7 pytest tests/functional/test_fuzz.py``.
"""

import asyncio
import http.client
import json
import logging
import os
import random
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote_from_bytes

import hypothesis
import msgspec
import pytest
from aiohttp import web
from hypothesis import strategies as st

from openwx.api import app
from openwx.simulator import Account
from tests.how_many import how_many
from tests.patience import PATIENCE_S
from tests.unmeasured import draws

from .world import Gateway, PostedReport, Receiver, World, says

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EXAMPLES = int(os.environ.get("OPENWX_TEST_EXAMPLES", how_many(5, in_ci=15)))
"""Of each route in each style."""
HANGS_S = PATIENCE_S
LEFT_OUT = ("start_client", "stop_client")
"""They would end what is tested; their parameters are drawn in ``tests/unit/test_given.py``."""
WAITING = ("check_event", "consult")

# The gateway draws from `random` in the loop's thread meanwhile, which hypothesis takes for the strategies'.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]


def drawn(examples: int) -> Callable[[Any], Any]:
    def decorate(test: Any) -> Any:
        chosen = hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[
                hypothesis.Phase.generate
            ],  # the seed brings it back; to shrink it would take minutes
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        return hypothesis.seed(SEED)(chosen(test))

    return decorate


@pytest.fixture(autouse=True)
async def nothing_was_a_bug(world: World, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    print(f"drawn with OPENWX_TEST_SEED={SEED}, {EXAMPLES} examples")
    yield
    bugs = [
        record for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR
    ]
    assert [record.getMessage() for record in bugs] == []
    assert "Traceback" not in caplog.text
    for gateway in world.gateways:
        assert (await gateway.client())["state"] == "running"
        assert (await gateway.get("get_user_info")).status == 200


# -- callers ---------------------------------------------------------------------------------------------

KNOWN = (
    *(
        "filehelper",
        "@all",
        "小灰",
        "xiaohui2016",
        "PERL学习交流",
        "项目组",
        "momo",
        "hug",
        "default",
    ),
    *("0", "1", "-1", "true", "NaN", "1e999", "9" * 4500, "@", "@@", "x" * 20_000, "￾", "\u2028"),
    *("/etc/passwd", "/tmp", "/dev/zero", "http://127.0.0.1/", "http://[", "file:///etc/passwd"),
    *("data:,x", "aGVsbG8=", "@crypt_x:3", "7:34", "1,2,,3", ",", "{}", "[]", "jsonp", "all"),
)
TEXTS = st.sampled_from(KNOWN) | st.text(max_size=30)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(["\ud800", "a\0b", 10**400])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
BROKEN = st.sampled_from(
    [b"", b"\xff", b"%", b"%zz", b"%00", b"&", b"=", b"[" * 5000, b"\r\n", b"#"]
)


def names_of(row: Any) -> st.SearchStrategy[str]:
    own = [name for name in (row.model.names() if row.model else ()) if name != "timeout"]
    return st.sampled_from([*own, *own, "client", "idempotency_key", "x", "_", "media", "datatype"])


def pairs_of(row: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[str, Any]]]:
    return st.lists(st.tuples(names_of(row), values), max_size=8)


def quoted(text: str) -> bytes:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="").encode()


def urlencoded(pairs: list[tuple[str, str]], broken: bytes) -> bytes:
    return b"&".join(quoted(name) + b"=" + quoted(value) for name, value in pairs) + broken


def as_json(pairs: list[tuple[str, Any]], broken: bytes) -> bytes:
    """Encode an object in which a name may occur twice."""
    members = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs)
    return b"{" + members.encode() + b"}" + broken


HEADERS = st.sampled_from(
    [
        "",
        *("Content-Type: text/plain; charset=utf-8", "Content-Type: text/plain; charset=nonsense"),
        *("Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable"),
        *("Content-Transfer-Encoding: nonsense", "Content-Encoding: gzip", "Content-Length: -5"),
        "Content-Type: multipart/mixed; boundary=c",
    ]
)
FILENAMES = st.sampled_from(
    [None, None, "a.png", "", "../../x", "a\0b", "字" * 200, "/etc/passwd", "."]
)


def multipart(parts: list[tuple[str, str, str | None, str]], broken: bytes) -> bytes:
    body = b""
    for name, value, filename, header in parts:
        shown = f'form-data; name="{name}"' + (
            "" if filename is None else f'; filename="{filename}"'
        )
        head = f"--b\r\nContent-Disposition: {shown}\r\n" + (f"{header}\r\n" if header else "")
        body += (head + "\r\n" + value + "\r\n").encode("utf-8", "surrogatepass")
    return body + broken + b"--b--\r\n"


def styles(row: Any) -> dict[str, st.SearchStrategy[tuple[str, bytes, bytes]]]:
    """For each style, what makes a Content-Type, a query and a body."""
    texts = pairs_of(row, TEXTS)
    parts = st.lists(st.tuples(names_of(row), TEXTS, FILENAMES, HEADERS), max_size=6)
    form, plain = "application/x-www-form-urlencoded", st.just(b"")
    return {
        "query": st.tuples(st.just(""), st.builds(urlencoded, texts, BROKEN), plain),
        "form": st.tuples(st.just(form), plain, st.builds(urlencoded, texts, BROKEN)),
        "json": st.tuples(
            st.just("application/json"), plain, st.builds(as_json, pairs_of(row, VALUES), BROKEN)
        ),
        "multipart": st.tuples(
            st.just("multipart/form-data; boundary=b"), plain, st.builds(multipart, parts, BROKEN)
        ),
    }


STREAM = "text/event-stream"


class Wire:
    """Calls without any client's help, from a thread."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("http://")

    def asks(
        self, method: str, target: bytes, body: bytes, content_type: str
    ) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection(self._host, timeout=HANGS_S)
        try:
            headers = {"Content-Type": content_type} if content_type else {}
            if body:
                headers["Content-Length"] = str(len(body))
            connection.putrequest(method, target.decode("latin-1"))
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            kind = response.headers.get_content_type()
            # A stream has no end: its first line says that it is one.
            body = response.readline() if kind == STREAM else response.read()
            return response.status, body, kind
        finally:
            connection.close()


def is_in_the_envelope(status: int, body: bytes, kind: str) -> None:
    assert status != 500, body
    assert b"Traceback" not in body
    if kind.startswith("image/"):
        return
    if kind == STREAM:
        assert (status, body[:6]) == (200, b"retry:")
        return
    assert kind == "application/json", (kind, body[:200])
    answer = msgspec.json.decode(body)
    if status != 200:
        assert answer["code"] != 0
        assert answer["status"]
    assert isinstance(answer, list) or "code" in answer or "displayname" in answer


def safe(query: bytes) -> bytes:
    """Escape what a request line cannot contain."""
    return b"".join(
        b"%%%02X" % byte if byte <= 32 or byte >= 127 else bytes([byte]) for byte in query
    )


ROWS = [row for row in app.routes() if row.name not in LEFT_OUT]


@pytest.mark.parametrize("style", ["query", "form", "json", "multipart"])
async def test_every_route_in_every_style(api: Gateway, style: str) -> None:
    wire = Wire(api.url)

    def draw_all() -> None:
        for row in ROWS:

            @drawn(EXAMPLES)
            @hypothesis.given(
                what=styles(row)[style], method=st.sampled_from(["GET", "POST"]), extra=BROKEN
            )
            def is_answered(what: tuple[str, bytes, bytes], method: str, extra: bytes) -> None:
                content_type, query, body = what
                waits = b"&timeout=1" if row.name in WAITING else b""  # noqa: B023
                target = b"/openwx/" + row.name.encode() + b"?" + safe(query) + safe(extra) + waits  # noqa: B023
                is_in_the_envelope(
                    *wire.asks(method, target.replace(b"#", b""), body, content_type)
                )

            is_answered()

    await draws(draw_all)


# -- raw bytes -------------------------------------------------------------------------------------------

GOOD = (
    (
        b"POST /openwx/send_friend_message?id=filehelper HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\ncontent=x"
    ),
    (
        b"POST /openwx/search_friend HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b'Content-Type: application/json\r\n\r\nc\r\n{"name":"x"}\r\n0\r\n\r\n'
    ),
    (
        b"GET /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n"
        b'If-None-Match: "x"\r\nExpect: 100-continue\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
    ),
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: null\r\n\r\n",
)
PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\x00",
        b":",
        b" ",
        b"\xff",
        b"%",
        b"HTTP/1.1",
        b"9" * 30,
        b"chunked",
        b"x" * 70000,
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Content-Encoding: deflate\r\n",
    ]
) | st.binary(max_size=4)
CHANGES = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 20), PIECES), min_size=1, max_size=4
)


def changed(request: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, piece in changes:
        at = place % (len(request) + 1)
        request = request[:at] + piece + request[at + length :]
    return request


async def test_raw_bytes(api: Gateway) -> None:
    host, _, port = api.url.removeprefix("http://").partition(":")

    @drawn(EXAMPLES * 10)
    @hypothesis.given(request=st.builds(changed, st.sampled_from(GOOD), CHANGES))
    async def is_answered_or_closed(request: bytes) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            writer.write_eof()
            async with asyncio.timeout(HANGS_S):
                answer = await reader.read()
        except ConnectionError:
            return
        finally:
            writer.close()
        statuses = [
            line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")
        ]
        assert b"500" not in statuses, answer
        assert b"Traceback" not in answer

    loop = asyncio.get_running_loop()
    inner = is_answered_or_closed.hypothesis.inner_test

    def on_the_loop(request: bytes) -> None:
        asyncio.run_coroutine_threadsafe(inner(request), loop).result(HANGS_S * 2)

    is_answered_or_closed.hypothesis.inner_test = on_the_loop
    await draws(is_answered_or_closed)


# -- post_api --------------------------------------------------------------------------------------------

ANSWER_HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Retry-After", "Content-Encoding", "Location", "Set-Cookie", "Connection"]
    ),
    st.sampled_from(
        [
            "application/json",
            "text/json; charset=gbk",
            "application/json; charset=punycode",
            "application/json; charset=utf-7",
            "application/json; charset=idna",
            "text/html",
            ";;",
            "0",
            "1e3",
            "9" * 400,
            "-1",
            "Wed, 99 Nov 2099 99:99:99 GMT",
            "Sat, 01 Jan 9999 00:00:00",
            "identity",
            "/",
            "http://[",
            "x=\x01",
            "close",
            "١٢",
        ]
    ),
)
ANSWERS = (
    st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({}, optional={"reply": VALUES, "media": VALUES}).map(
        lambda value: json.dumps(value).encode()
    )
    | st.sampled_from(
        [b"[" * 100_000, b'{"reply":' * 20_000, b" " * 2**21, b'{"reply":"' + b"x" * 2**20]
    )
)
# What is no HTTP at all (a body that is not of its encoding comes to that) counts as no answer, and is tried for a day.
# With a 503, `Retry-After` is honoured: that is waited for on purpose.
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 206, 299, 301, 302, 400, 404, 418, 500])


async def test_what_post_api_answers(world: World, account: Account, receiver: Receiver) -> None:
    """Whatever it is, the next message is delivered, and a sound answer is still a reply."""
    await world.run(report={"timeout": 2})
    friend = account.friend("小灰")
    loop = asyncio.get_running_loop()
    count = 0

    async def comes_through(status: int, headers: dict[str, str], body: bytes) -> None:
        nonlocal count
        count += 1

        async def answer(_: PostedReport) -> web.StreamResponse:
            response = web.Response(status=status, body=body)
            for name, value in headers.items():
                response.headers[name] = (
                    value.encode("ascii", "replace").decode().replace("\x01", "")
                )
            return response

        drawn_now = f"{status} {headers} {body[:100]!r}"
        receiver.behaves_well()
        receiver.behaves(answer, content=f"hi {count}")
        receiver.behaves(says({"reply": f"back {count}"}), content=f"and {count}")
        friend.says(f"hi {count}")
        friend.says(f"and {count}")
        try:
            await receiver.gets(1, post_type="send_message", content=f"back {count}")
        except AssertionError:
            raise AssertionError(f"no reply behind {drawn_now}") from None
        receiver.forget()

    @drawn(EXAMPLES * 4)
    @hypothesis.given(status=STATUSES, headers=ANSWER_HEADERS, body=ANSWERS)
    def draw(status: int, headers: dict[str, str], body: bytes) -> None:
        asyncio.run_coroutine_threadsafe(comes_through(status, headers, body), loop).result(60)

    await draws(draw)
