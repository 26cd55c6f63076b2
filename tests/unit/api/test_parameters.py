"""Parameters in every style, and what is refused."""

import asyncio
import gzip
import io
import zlib
from collections.abc import Callable

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openwx.api import parameters
from tests.how_many import how_many

from .facade import MAX_MEDIA
from .serving import Api, Serve

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
SEND = "send_friend_message"
PART = b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n@a\r\n'
MOST_WITH_MEDIA = 2 * MAX_MEDIA + parameters.MAX_BODY
FILE = b'--b\r\nContent-Disposition: form-data; name="media"; filename="a"\r\n\r\nx\r\n'


class TestStyles:
    """The same call in every style."""

    async def test_query(self, api: Api) -> None:
        assert (await api.call(SEND + "?id=@a&content=%e4%bd%a0+%E5%A5%BD")).code == 0
        assert api.account.outgoing.sent == [("@a", "你 好")]

    async def test_raw_utf8_in_the_query(self, api: Api) -> None:
        request = f"GET /openwx/{SEND}?id=@a&content=你好 HTTP/1.0\r\n\r\n"
        head, _ = await api.raw(request.encode())
        assert b" 200 " in head
        assert api.account.outgoing.sent == [("@a", "你好")]

    @pytest.mark.parametrize("content_type", [FORM, FORM + "; charset=UTF-8", FORM.upper()])
    async def test_form(self, api: Api, content_type: str) -> None:
        body = "id=%40a&content=你+%e5%a5%bd\r\n".encode()
        assert (await api.post(SEND, body, content_type)).code == 0
        assert api.account.outgoing.sent == [("@a", "你 好")]

    @pytest.mark.parametrize("content_type", [JSON, JSON + ";charset=utf-8"])
    async def test_json(self, api: Api, content_type: str) -> None:
        body = msgspec.json.encode({"id": "@a", "content": "你好", "async": False})
        assert (await api.post(SEND, body, content_type)).json["msg_id"] == "123"
        assert api.account.outgoing.sent == [("@a", "你好")]

    async def test_multipart(self, api: Api) -> None:
        form = aiohttp.FormData({"id": "@a"}, default_to_multipart=True)
        form.add_field("content", "你好\r\n--x")
        assert (await api.call(SEND, method="POST", data=form)).code == 0
        assert api.account.outgoing.sent == [("@a", "你好\r\n--x")]

    async def test_a_body_with_get(self, api: Api) -> None:
        reply = await api.call(SEND, method="GET", json={"id": "@a", "content": "x"})
        assert reply.code == 0

    async def test_the_body_wins(self, api: Api) -> None:
        reply = await api.call(
            SEND + "?id=@a&content=query", method="POST", json={"content": "body", "id": None}
        )
        assert reply.code == 0
        assert api.account.outgoing.sent == [("@a", "body")]

    @pytest.mark.parametrize(
        ("literal", "text"),
        [("0", "0"), ("-1.50", "-1.50"), ("1e3", "1e3"), ("true", "true"), ("false", "false")],
    )
    async def test_json_scalars(self, api: Api, literal: str, text: str) -> None:
        body = b'{"id":"@a","content":' + literal.encode() + b"}"
        assert (await api.post(SEND, body, JSON)).code == 0
        assert api.account.outgoing.sent == [("@a", text)]

    @pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml", JSON, FORM])
    async def test_an_empty_body_is_none(self, api: Api, content_type: str | None) -> None:
        reply = await api.post(SEND + "?id=@a&content=x", b"", content_type)
        assert reply.code == 0

    async def test_the_same_value_twice_is_no_contradiction(self, api: Api) -> None:
        assert (await api.call(SEND + "?id=@a&id=@a&content=x&_=1&_=2")).code == 0

    async def test_percent_signs_that_mean_themselves(self, api: Api) -> None:
        assert (await api.post(SEND, b"id=@a&content=100%&x", FORM)).code == 0
        assert api.account.outgoing.sent == [("@a", "100%")]

    async def test_a_file(self, api: Api) -> None:
        form = aiohttp.FormData({"id": "@a", "content": "x"}, quote_fields=False)
        form.add_field("media", b"\x89PNG\0\xff", filename="../a.png")
        reply = await api.call(SEND, method="POST", data=form)
        assert (reply.status, reply.code) == (200, 0)
        assert api.account.outgoing.sent == [("@a", "x"), ("@a", "a medium")]
        (file,) = api.gateway.folder.path.iterdir()
        assert file.name.endswith("-a.png")
        assert file.read_bytes() == b"\x89PNG\0\xff"

    async def test_a_file_field_left_empty(self, api: Api) -> None:
        body = (
            b'--b\r\nContent-Disposition: form-data; name="media"; filename=""\r\n\r\n\r\n'
            b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\nx\r\n--b--\r\n'
        )
        reply = await api.post(SEND + "?id=@a", body, "multipart/form-data; boundary=b")
        assert reply.code == 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "content_type", "words"),
        [
            (b"id=@a", None, "Content-Type"),
            (b"id=@a", "text/plain", "application/json"),
            (b"id=\xff", FORM + "; charset=gbk", "UTF-8"),
            (b"\xff\xfe{\0}\0", JSON + "; charset=utf-16", "UTF-8"),
            (b"id=%c4%e3", FORM, "id must be UTF-8"),
            (b"id=a%00b", FORM, "id must be"),
            (b"id=1&id=2", FORM, "id must be given once"),
            (b"{", JSON, "JSON"),
            (b"[]", JSON, "object"),
            (b'"x"', JSON, "object"),
            (b"null", JSON, "must be a JSON object"),
            (b"   ", JSON, "JSON"),
            (b'{"id":NaN}', JSON, "JSON"),
            (b'{"id":"\xff"}', JSON, "UTF-8"),
            (b'{"id":["@a"]}', JSON, "'id'"),
            (b'{"id":{}}', JSON, "'id'"),
            (b'{"id":"1","id":"2"}', JSON, "id must be given once"),
            (rb'{"id":"\ud83d"}', JSON, "id must be"),
            (rb'{"id":"\u0000"}', JSON, "id must be"),
            (b"[" * 200_000, JSON, "JSON"),
            (b'{"a":' * 100_000, JSON, "JSON"),
            (b"&".join(b"p%d=1" % n for n in range(1001)), FORM, "1000"),
            (msgspec.json.encode({f"p{n}": 1 for n in range(1001)}), JSON, "1000"),
            (b"--b\r\n\r\n\r\n" * 1001, "multipart/form-data; boundary=b", "1000"),
            (PART * 1001 + b"--b--", "multipart/form-data; boundary=b", "1000"),
            (FILE + FILE + b"--b--", "multipart/form-data; boundary=b", "once"),
            (b"x", "multipart/form-data", "multipart"),
            (b"x", "multipart/form-data; boundary=b", "multipart"),
            (b"--b\r\n\r\nx", "multipart/form-data; boundary=b", "multipart"),
            (b"--b\r\nbroken\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b", "multipart"),
            (
                (
                    b'--b\r\nContent-Disposition: form-data; name="id"\r\n'
                    b"Content-Transfer-Encoding: rot13\r\n\r\nx\r\n--b--\r\n"
                ),
                "multipart/form-data; boundary=b",
                "multipart",
            ),
            (
                b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n\xff\r\n--b--\r\n',
                "multipart/form-data; boundary=b",
                "UTF-8",
            ),
            (
                b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--\r\n",
                "multipart/form-data; boundary=b",
                "multipart",
            ),
        ],
    )
    async def test_bodies(
        self, api: Api, body: bytes, content_type: str | None, words: str
    ) -> None:
        reply = await api.post(SEND, body, content_type)
        assert (reply.status, reply.code) == (400, -2)
        assert words in reply.words

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            (b"client=%ff", "client must be UTF-8"),
            (b"client=\xff", "client must be UTF-8"),
            (b"client=1&client=2", "once"),
        ],
    )
    async def test_queries(self, api: Api, query: bytes, words: str) -> None:
        head, body = await api.raw(
            b"GET /openwx/get_user_info?" + query + b" HTTP/1.1\r\n"
            b"Host: localhost\r\nConnection: close\r\n\r\n"
        )
        assert b" 400 " in head
        assert words in msgspec.json.decode(body)["status"]

    @pytest.mark.parametrize("content_type", [FORM, JSON, "text/plain"])
    async def test_too_large(self, api: Api, content_type: str) -> None:
        for route, limit in (("get_user_info", parameters.MAX_BODY), (SEND, MOST_WITH_MEDIA)):
            reply = await api.post(route, io.BytesIO(b"x" * (limit + 1)), content_type)
            assert (reply.status, reply.code) == (413, -2)

    @pytest.mark.parametrize("filename", [None, "a.bin"])
    async def test_too_large_multipart(self, api: Api, filename: str | None) -> None:
        for route, limit in (("get_user_info", parameters.MAX_BODY), (SEND, MOST_WITH_MEDIA)):
            form = aiohttp.FormData(default_to_multipart=True)
            form.add_field("media", io.BytesIO(b"x" * (limit + 1)), filename=filename)
            reply = await api.call(route, method="POST", data=form)
            assert (reply.status, reply.code) == (413, -2)

    async def test_a_file_that_is_larger_than_media_may_be(self, api: Api) -> None:
        form = aiohttp.FormData()
        form.add_field("media", io.BytesIO(b"x" * (MAX_MEDIA + 1)), filename="a.bin")
        reply = await api.call(SEND + "?id=@a", method="POST", data=form)
        assert (reply.status, reply.code) == (200, -3)
        assert "media.max_size" in reply.words
        assert not list(api.gateway.folder.path.iterdir())

    async def test_a_compressed_part(self, api: Api) -> None:
        body = FILE.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + b"--b--\r\n"
        reply = await api.post(SEND, body, "multipart/form-data; boundary=b")
        assert (reply.status, reply.code) == (400, -2)

    async def test_too_large_in_chunks(self, api: Api) -> None:
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        head, body = await api.raw(
            b"POST /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunk * 17
            + b"0\r\n\r\n"
        )
        assert b" 413 " in head
        assert msgspec.json.decode(body)["code"] == -2

    async def test_a_compressed_bomb(self, api: Api) -> None:
        reply = await api.call(
            SEND,
            method="POST",
            data=gzip.compress(b"content=" + b"x" * (50 * parameters.MAX_BODY)),
            headers={"Content-Type": FORM, "Content-Encoding": "gzip"},
        )
        assert (reply.status, reply.code) == (413, -2)

    @pytest.mark.parametrize(
        ("encoding", "pack"),
        [
            ("gzip", gzip.compress),
            ("X-GZIP", gzip.compress),
            ("deflate", zlib.compress),
            ("deflate", lambda body: zlib.compress(body, wbits=-15)),
            ("identity", bytes),
        ],
    )
    async def test_a_compressed_body(
        self, api: Api, encoding: str, pack: Callable[[bytes], bytes]
    ) -> None:
        body = pack("id=@a&content=你好".encode())
        head = {"Content-Type": FORM, "Content-Encoding": encoding}
        assert (await api.call(SEND, method="POST", data=body, headers=head)).code == 0
        assert api.account.outgoing.sent == [("@a", "你好")]

    @pytest.mark.parametrize(
        ("encoding", "content_type", "data"),
        [("br", FORM, b"x"), ("gzip, gzip", FORM, b"x"), ("gzip", "multipart/form-data; boundary=b", FILE)],
    )  # fmt: skip
    async def test_what_cannot_be_unpacked(
        self, api: Api, encoding: str, content_type: str, data: bytes
    ) -> None:
        head = {"Content-Type": content_type, "Content-Encoding": encoding}
        reply = await api.call(SEND, method="POST", data=data, headers=head)
        assert (reply.status, reply.code) == (415, -2)

    async def test_a_compressed_body_that_ends_early(self, api: Api) -> None:
        body = gzip.compress(b"id=@a&content=" + bytes(range(32, 127)) * 9)[:-20]
        head = {"Content-Type": FORM, "Content-Encoding": "gzip"}
        reply = await api.call(SEND, method="POST", data=body, headers=head)
        assert (reply.status, reply.code) == (400, -2)

    async def test_a_body_that_is_not_what_its_encoding_says(
        self, api: Api, caplog: pytest.LogCaptureFixture
    ) -> None:
        reply = await api.call(
            SEND,
            method="POST",
            data=b"not gzip",
            headers={"Content-Type": FORM, "Content-Encoding": "gzip"},
        )
        assert (reply.status, reply.code) == (400, -2)
        assert not [record for record in caplog.records if record.levelname == "ERROR"]

    async def test_a_body_that_never_ends(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parameters, "BODY_TIMEOUT_S", 0.01)
        api = await serve()
        reader, writer = await asyncio.open_connection(api.host, api.port)
        writer.write(
            b"POST /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"}")
        writer.close()
        await writer.wait_closed()
        assert b" 408 " in head
        assert msgspec.json.decode(body)["code"] == -2


CONTENT_TYPES = st.sampled_from(
    [
        None,
        FORM,
        JSON,
        "text/plain",
        "multipart/form-data; boundary=b",
        "multipart/form-data; boundary=\xff",
        JSON + "; charset=\xfe",
        "application/json; charset",
        ";;;",
    ]
)
NAMES = st.sampled_from(["id", "content", "async", "timeout", "client", "datatype", "token", "x"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
MULTIPART_PIECES = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"\r\n",
        b"\r\n\r\n",
        b'Content-Disposition: form-data; name="id"',
        b'Content-Disposition: form-data; name="media"; filename="a"',
        b"Content-Transfer-Encoding: base64",
        b"Content-Type: text/plain; charset=x",
        b"Content-Length: -1",
        b"Content-Encoding: gzip",
        b"@a",
        b"\xff\0",
    ]
)
BODIES = (
    st.binary(max_size=200)
    | st.lists(MULTIPART_PIECES, max_size=20).map(b"".join)
    | st.dictionaries(NAMES | st.text(max_size=5), st.recursive(SCALARS, st.lists)).map(
        msgspec.json.encode
    )
    | st.dictionaries(NAMES, st.text(max_size=20)).map(
        lambda value: aiohttp.FormData(value)().decode().encode()
    )
)
ROUTES = st.sampled_from(["send_friend_message", "search_friend", "check_event", "check_client"])


@settings(
    max_examples=how_many(100, in_ci=300),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=ROUTES, body=BODIES, content_type=CONTENT_TYPES, query=st.binary(max_size=30))
async def test_nothing_that_is_sent_is_a_bug(
    api: Api, name: str, body: bytes, content_type: str | None, query: bytes
) -> None:
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    api.account.buffer.put_json(b"{}")
    safe_query = query.translate(None, b" \r\n\t\0#").replace(b"\x7f", b"")
    head, answer = await api.raw(
        b"POST /openwx/" + name.encode() + b"?" + safe_query + b" HTTP/1.1\r\nHost: localhost\r\n"
        b"Connection: close\r\n"
        + kind.encode("latin-1")
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )
    status = int(head.split()[1])
    assert status in (200, 400)
    decoded = msgspec.json.decode(answer)
    assert isinstance(decoded, list) or isinstance(decoded["code"], int)
