"""Requests that are small on the wire of a stranger and heavy to read: refused before anything is made of them.

Millions of members, fields, parts, lines and levels. How long others wait is measured by hand; this is the refusal.
"""

import base64
import gzip
import json
import time
from collections.abc import Callable

import aiohttp
import pytest

from openwx.api import json_body, multipart_reader
from tests.patience import PATIENCE_S

from .rawcalls import Bench
from .world import Json, World

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
PARTS = "Content-Type: multipart/form-data; boundary=b"
SEND = "/openwx/send_friend_message"
PART = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
MANY = 300_000
MORE = 2_000_000

pytestmark = pytest.mark.usefixtures("nothing_sent_yet")


def members(n: int) -> bytes:
    return b"{" + b",".join(b'"%d":1' % number for number in range(n)) + b"}"


HEAVY: dict[str, tuple[Callable[[], bytes], str]] = {
    "members": (lambda: members(12 * MANY), JSON),
    "members within": (lambda: b'{"id":"x","more":' + members(MANY) + b"}", JSON),
    "members within a list": (lambda: b'{"id":[' + members(MANY) + b"]}", JSON),
    "items": (lambda: b'{"x":[' + b"1," * MORE + b"1]}", JSON),
    "lists": (lambda: b'{"x":[' + b"[]," * MORE + b"1]}", JSON),
    "levels": (lambda: b"[" * MORE, JSON),
    "levels of objects": (lambda: b'{"a":' * MORE, JSON),
    "ends of lists": (lambda: b"]" * MORE, JSON),
    "strings": (lambda: b'""' * MORE, JSON),
    "escaped marks": (lambda: b'{"content":"' + b'\\"' * MORE + b'"}', JSON),
    "backslashes": (lambda: b'{"content":"' + b"\\\\" * MORE + b'"}', JSON),
    "an odd number of them": (lambda: b'{"content":"' + b"\\" * (2 * MORE + 1) + b'"}', JSON),
    "escapes alone": (lambda: b'{"content":"' + b"\\u4f60" * MORE + b'"}', JSON),
    "spaces": (lambda: b" " * MORE + b"{}", JSON),
    "digits": (lambda: b'{"content":' + b"1" * MORE + b"}", JSON),
    "fields": (lambda: b"&".join(b"a%d=1" % number for number in range(MANY)), FORM),
    "empty fields": (lambda: b"&" * MORE, FORM),
    "percent": (lambda: b"content=" + b"%41" * MORE, FORM),
    "parts": (lambda: PART * 20_000 + b"--b--\r\n", PARTS),
    "parts without a name": (lambda: b"--b\r\n\r\n1\r\n" * 20_000 + b"--b--\r\n", PARTS),
    "files": (lambda: PART.replace(b'"x"', b'"x"; filename="x"') * 20_000 + b"--b--\r\n", PARTS),
    "lines before": (lambda: b"\n" * MORE + PART + b"--b--\r\n", PARTS),
    "headers": (lambda: b"--b\r\n" + b"A: b\r\n" * MORE, PARTS),
    "quoted-printable": (
        lambda: PART.replace(b'"x"', b'"x"\r\nContent-Transfer-Encoding: quoted-printable').replace(b"1", b"=41" * MORE)
        + b"--b--\r\n",
        PARTS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HEAVY)
def test_heavy_bodies_are_refused(bench: Bench, what: str) -> None:
    make, label = HEAVY[what]
    heavy = make()
    answer = bench.posts(SEND, heavy, label)
    assert answer.status in (400, 413)
    assert answer.code == -2
    # Nothing that is wrong with it can be ignored, as if it were not there.
    if label != JSON or what not in ("ends of lists", "strings"):
        answer = bench.posts(f"{SEND}?id=filehelper&content=x", heavy, label)
        assert answer.status in (400, 413)
    assert bench.sent() == []
    assert bench.gets("/openwx/get_user_info").status == 200


@pytest.mark.parametrize("value", ["(" * 8000, " a*0=b;" * 1100], ids=["fails", "takes long"])
def test_the_type_of_a_body_is_read_quickly(bench: Bench, value: str) -> None:
    """Before anything is known of the caller."""
    label = f"Content-Type: application/json;{value}"
    before = time.process_time()
    for n in range(10):
        answer = bench.posts(f"{SEND}?id=filehelper", b'{"content":"x"}', f"{label}{n}")
        assert answer.code == 0, answer.body
    assert time.process_time() - before < 1.0
    assert bench.sent() == ["x"] * 10


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Compress what is heavy once: that is what takes long."""
    return gzip.compress(bytes(400_000_000))


@pytest.mark.parametrize("target", ["/docs", "/nowhere", "/openwx/get_user_info", SEND])
def test_a_bomb_is_not_unpacked(bench: Bench, bomb: bytes, target: str) -> None:
    """Two gigabytes of it, in two megabytes, of which each request brings a part."""
    before = time.process_time()
    for _ in range(5):
        answer = bench.posts(target, bomb, JSON, "Content-Encoding: gzip")
        assert answer.status in (404, 405, 413)
    assert time.process_time() - before < 1.5


def test_a_file_in_json_may_be_long(bench: Bench) -> None:
    """In each of the ways in which programs escape base64."""
    content = bytes(range(256)) * 2000
    encoded = base64.b64encode(content).decode()
    lines = "\n".join(encoded[n : n + 76] for n in range(0, len(encoded), 76))
    plain, folded = json.dumps(encoded), json.dumps(lines)
    spellings = [
        plain,
        folded,
        plain.replace("/", "\\/"),
        plain.replace("+", "\\u002B").replace("/", "\\u002f"),
        folded.replace("\\n", "\\r\\n"),
    ]
    for spelt in spellings:
        assert len(spelt) > json_body.LONG
        body = f'{{"media_data": {spelt}, "media_name": "b.bin", "id": "filehelper"}}'
        answer = bench.posts(SEND, body.encode(), JSON)
        assert answer.code == 0, answer.body
    sizes = bench.thread.do(
        lambda: [
            len(one.medium.data) if one.medium else 0
            for one in bench.account.sent[-len(spellings) :]
        ]
    )
    assert sizes == [len(content)] * len(spellings)


@pytest.mark.parametrize("inside", ["\\", '\\"', "\\\\", "\n", "\\x", "\\ud83d", "\x01"])
def test_what_a_long_text_may_not_be(bench: Bench, inside: str) -> None:
    body = '{"id": "filehelper", "content": "' + "x" * json_body.LONG + inside + '"}'
    answer = bench.posts(SEND, body.encode("utf-8", "surrogatepass"), JSON)
    assert (answer.status, answer.code) == (400, -2)
    assert bench.sent() == []


def test_what_a_reasonable_program_sends(bench: Bench) -> None:
    """A whole report passed on, with its lists and objects, is no attack."""
    friends = [
        {"id": f"@{n}", "name": "名字", "tags": ["a", "b"], "more": {"n": n}} for n in range(1500)
    ]
    body = json.dumps({"id": "filehelper", "content": "x", "friends": friends}).encode()
    assert bench.posts(SEND, body, JSON).code == 0
    fields = b"&".join(b"a%d=1" % n for n in range(990))
    assert bench.posts(SEND, b"id=filehelper&content=y&" + fields, FORM).code == 0
    assert (
        bench.posts(f"{SEND}?id=filehelper&content=z", PART * 900 + b"--b--\r\n", PARTS).code == 0
    )
    assert bench.sent() == ["x", "y", "z"]
    assert multipart_reader.MAX_LINES > 2 * 900


async def test_heavy_messages_of_a_websocket(world: World) -> None:
    gateway = await world.run()
    heavy = [
        members(MANY).decode(),
        '{"id":1,"call":"get_user_info","params":' + members(MANY).decode() + "}",
        '{"id":' + "[" * 1_000_000,
        '{"id":"' + "x" * 2_000_000 + '","call":"get_user_info"}',
        '{"call":"get_user_info","more":[' + "1," * MANY + "1]}",
    ]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{gateway.url}/openwx/ws", max_msg_size=0) as ws,
    ):
        for message in heavy:
            for is_text in (True, False):
                await (ws.send_str(message) if is_text else ws.send_bytes(message.encode()))
                answer = await answered(ws)
                assert answer["http_status"] in (400, 413)
                assert answer["answer"]["code"] == -2
        long = base64.b64encode(b"x" * 100_000).decode()
        call = {"id": "filehelper", "media_data": long, "media_name": "x.bin"}
        await ws.send_json({"id": 7, "call": "send_friend_message", "params": call})
        answer = await answered(ws)
        assert (answer["id"], answer["answer"]["code"]) == (7, 0)


async def answered(ws: aiohttp.ClientWebSocketResponse) -> Json:
    """Return the next answer to a call."""
    while True:
        said: Json = await ws.receive_json(timeout=PATIENCE_S)
        if said["type"] == "answer":
            return said
