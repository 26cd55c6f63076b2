"""The commands for shell scripts beside a gateway that knows the secret of the data folder, and answers nonsense.

Whatever it answers, they end with an exit code and a line of their own.
"""

import asyncio
import contextlib
import gzip
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from openwx import instance
from openwx.cli.shell import tail
from openwx.client import CallFailed, Client, NotOpenwx, calls, stream
from tests.patience import PATIENCE_S

from .lying import Answer, Writer, endless, events, http, says
from .typed import Ended, Typed

HOSTILE = "\x1b[2J\u202e\nopenwx: all is well\u2028"
DEEP = 200_000
"""Of nested JSON: more than any stack of calls."""


class Liar:
    """A server that proves to be the gateway, and answers each call as it is told."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._id = instance.new_id()
        self.answer: Answer = says(b"")
        self.honest: dict[str, Answer] = {}
        """Routes that it answers otherwise."""
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        left = instance.Instance(id=self._id, urls=[self.url])
        instance.write(self._data_dir / instance.RUNNING, left)

    def stop(self) -> None:
        self._server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if challenge := re.search(f"(?i){instance.CHALLENGE}: (\\w+)", head):
                proof = f"{instance.PROOF}: {instance.proof(self._id, challenge[1])}\r\n"
                await http(b"{}", headers=proof)(writer)
                return
            await self.honest.get(head.split(" ", 2)[1].rpartition("/")[2], self.answer)(writer)


@pytest.fixture
async def liar(tmp_path: Path) -> AsyncIterator[Liar]:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    liar = Liar(data_dir)
    await liar.start()
    yield liar
    liar.stop()


@pytest.fixture
def typed(
    liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Typed:
    return Typed(tmp_path / "data", tmp_path, monkeypatch, capfd)


COMMANDS = (
    ("send", "--to", "小灰", "x"),
    ("send", "--to", "小灰", "--async", "x", "--json"),
    ("ask", "--to", "小灰", "x"),
    ("who", "小灰"),
    ("who", "小灰", "--json"),
    ("tail", "-n", "1"),
    ("tail", "-n", "1", "--json"),
)


def is_a_failure(ended: Ended, command: tuple[str, ...]) -> None:
    """Check that it ended as a command ends that failed: with a code and words of its own."""
    assert ended.code in (1, 3, 4, 5, 6), (command, ended)
    if "--json" in command and ended.out:
        answer = json.loads(ended.out)
        assert answer["outcome"] in ("failed", "nobody", "ambiguous", "unknown", "not_running")
        assert set(ended.out.strip()) & {"\x1b", "\u202e", "\n"} == set()
    else:
        assert ended.out == "", (command, ended)
        assert ended.err
    assert all(line.startswith("openwx: ") for line in ended.err.splitlines()), (command, ended)
    assert set(ended.err) & {"\x1b", "\u202e", "\u2028"} == set()


def failure(**members: object) -> Answer:
    return http(json.dumps({"code": 102, "status": HOSTILE, **members}).encode())


ANSWERS = {
    "nothing": says(b""),
    "no HTTP": says(b"\x00\xff what?\r\n\r\n"),
    "a head that is cut": says(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "a body that is cut": says(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    ),
    "chunks that are none": says(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    ),
    "no gzip": http(b"{}", headers="Content-Encoding: gzip\r\n"),
    "two lengths": says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
    ),
    "a status that is none": says(b"HTTP/1.1 999999 \x1b[2J\r\n\r\n"),
    "no kind": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "a hostile kind": http(b"{}", kind="\x9b2J\xff; charset=\xff"),
    "HTML": http(b"<html><h1>Log in</h1></html>", kind="text/html"),
    "HTML as JSON": http(b"<html><h1>Log in</h1></html>"),
    "a redirect": http(b"", status="302 Found", headers="Location: http://\x9b2J\u00e9/\r\n"),
    "a redirect to itself": http(b"", status="307 Again", headers="Location: ?\r\n"),
    "502": http(b"<h1>Bad Gateway</h1>", kind="text/html", status="502 Bad Gateway"),
    "204": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "an empty body": http(b""),
    "null": http(b"null"),
    "a number": http(b"5"),
    "a text": http(b'"x"'),
    "an object": http(b"{}"),
    "a list of null": http(b"[null]"),
    "a list of lists": http(b"[[]]"),
    "people without ids": http(b'[{"displayname":"x"}]'),
    "people with wrong types": http(b'[{"id":5,"displayname":{}}]'),
    "no UTF-8": http(b'{"code":0,"status":"\xff"}'),
    "half a character": http(b'{"code":0,"status":"\\ud800"}'),
    "deep lists": http(b"[" * DEEP),
    "deep objects": http(b'{"code":5,"a":' * DEEP),
    "a deep member": http(b'{"code":5,"status":"x","a":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "a code of another type": http(b'{"code":"0","status":"x"}'),
    "a status of another type": http(b'{"code":5,"status":null}'),
    "a huge code": http(b'{"code":1%s,"status":"x"}' % (b"0" * 30)),
    "a huger code": http(b'{"code":1%s,"status":"x"}' % (b"0" * 9000)),
    "only a code": http(b'{"code":102}'),
    "candidates null": failure(candidates=None),
    "candidates 5": failure(candidates=5),
    "candidates of other types": failure(candidates=[None, 5, [], {"id": 5, HOSTILE: HOSTILE}]),
    "hostile candidates": failure(candidates=[{"id": HOSTILE, "displayname": HOSTILE}]),
    "another outcome": failure(code=100, outcome="sent", candidates=[]),
    "no stream": http(b"[]", kind="text/plain"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
async def test_whatever_it_answers(liar: Liar, typed: Typed, name: str) -> None:
    liar.answer = ANSWERS[name]
    for command in COMMANDS:
        is_a_failure(await typed(*command), command)


CALLS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "check_client": lambda wx: wx.check_client(),
    "get_client_info": lambda wx: wx.get_client_info(),
    "get_user_info": lambda wx: wx.get_user_info(),
    "get_group_info": lambda wx: wx.get_group_info(),
    "get_avatar": lambda wx: wx.get_avatar(),
    "get_history": lambda wx: wx.get_history(),
    "check_event": lambda wx: wx.check_event(timeout=0),
    "check_event_after": lambda wx: wx.check_event_after(5, timeout=0),
    "send": lambda wx: wx.send_friend_message("x", id="@1"),
    "send media": lambda wx: wx.send_friend_message(media=b"x", media_name=HOSTILE, id="@1"),
    "upload_media": lambda wx: wx.upload_media(b"x"),
    "revoke_message": lambda wx: wx.revoke_message("1"),
    "refresh_contacts": lambda wx: wx.refresh_contacts(),
    "mark_read": lambda wx: wx.mark_read(id="@1"),
    "outbox": lambda wx: wx.outbox(),
    "outbox_show": lambda wx: wx.outbox_show(1),
    "call": lambda wx: wx.call("anything"),
}
ONLY_FOR_LISTS = {
    "a list of null": b"[null]",
    "history of null": b'{"code":0,"messages":[null],"before":null}',
    "history of lies": b'{"code":0,"messages":[{"post_type":"receive_message","time":{}}],"before":1}',
    "an event of lies": b'[{"post_type":"event","event":"new_friend","params":[5]}]',
}


@pytest.mark.parametrize("name", [*ANSWERS, *ONLY_FOR_LISTS])
async def test_the_client_fails_as_it_says(liar: Liar, name: str) -> None:
    """Each call raises ``CallFailed`` and nothing else, where it raises."""
    lie = ONLY_FOR_LISTS.get(name)
    liar.answer = ANSWERS[name] if lie is None else http(lie, headers="X-Openwx-Last-Id: x\r\n")
    async with Client(liar.url, retry_for_s=0) as wx:
        for call in CALLS.values():
            with contextlib.suppress(CallFailed):
                await call(wx)


@pytest.mark.parametrize("header", ["", "x", "-1", "9" * 19, "9" * 5000])
async def test_a_last_id_that_is_none(liar: Liar, header: str) -> None:
    liar.answer = http(b"[]", headers=f"X-Openwx-Last-Id: {header}\r\n")
    async with Client(liar.url, retry_for_s=0) as wx:
        with pytest.raises(NotOpenwx, match="X-Openwx-Last-Id is no id"):
            await wx.check_event_after(5, timeout=0)


async def test_candidates_are_told_as_they_are(liar: Liar, typed: Typed) -> None:
    liar.answer = failure(candidates=[{"id": "@1", "displayname": HOSTILE}])
    ended = await typed("send", "--to", "小灰", "x")
    assert ended.code == 4
    assert ended.err.splitlines()[1] == "openwx:   @1  \\x1b[2J\\u202e\\nopenwx: all is well\\u2028"


# -- without an end --------------------------------------------------------------------------------------------


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(endless(HEAD + b"\r\n", b" " * 65536), id="body"),
        pytest.param(
            endless(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(bytes(2**20), mtime=0)),
            id="bomb",
        ),
        pytest.param(endless(HEAD, b"X-A: " + b"a" * 4000 + b"\r\n"), id="headers"),
    ],
)
async def test_an_answer_without_an_end(
    liar: Liar, typed: Typed, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(calls, "MOST_BYTES", 2**21)
    monkeypatch.setattr(stream, "MOST_BYTES", 2**21)
    liar.answer = answer
    for command in COMMANDS:
        is_a_failure(await typed(*command), command)


async def test_an_event_without_an_end(
    liar: Liar, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_BYTES", 2**21)
    liar.answer = endless(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ", b"x" * 65536
    )
    ended = await typed("tail", "-n", "1")
    assert (ended.code, ended.out) == (1, "")
    assert "an event of more than 2097152 bytes" in ended.err


@pytest.mark.parametrize("what", ["the head", "the body"])
async def test_an_answer_that_drips(
    liar: Liar, typed: Typed, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What comes before a stream has a time-out of its own, however slowly it comes."""
    monkeypatch.setattr(calls, "CONNECT_S", 0.1)
    monkeypatch.setattr(calls, "SILENCE_S", 0.3)

    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    body = b"\r\n" if what == "the body" else b""
    liar.answer = endless(head + body, b"X-A: b\r\n", 0.02)
    async with asyncio.timeout(PATIENCE_S):
        ended = await typed("tail", "-n", "1")
    assert ended.code in (1, 5)


# -- streams ---------------------------------------------------------------------------------------------------

REPORT = b'id: 7\ndata: {"post_type":"receive_message","content":"x","sender":"a","time":"0"}'
FRAMES = {
    "an event with no parameters": b'data: {"post_type":"event","event":"x","params":null}',
    "parameters of another type": b'data: {"post_type":"event","event":["\\u001b"],"params":5}',
    "parameters as an object": b'data: {"post_type":"event","event":"x","params":{"a":1}}',
    "members of other types": b'data: {"sender":[],"content":null,"time":{},"code":"x","group":5}',
    "a huge time": b'data: {"content":"x","time":"' + b"9" * 9000 + b'"}',
    "an object without members": b"data: {}",
}
BAD_FRAMES = {
    "no JSON": b"data: <html>",
    "a list": b"data: []",
    "null": b"data: null",
    "no UTF-8": b'data: {"content":"\xff\xfe"}',
    "deep": b'data: {"content":' + b"[" * DEEP,
}
ABOUT_ITSELF = {
    "no data": b"event: end",
    "no JSON": b"event: end\ndata: <html>",
    "null": b"event: end\ndata: null",
    "a reason of another type": b'event: end\ndata: {"reason":5}',
    "a hostile reason": b'event: end\ndata: {"reason":"\\u001b[2J\\nopenwx: x"}',
    "missed nothing": b"event: missed",
    "missed null": b"event: missed\ndata: null",
    "missed deep": b"event: missed\ndata: " + b"[" * DEEP,
    "a name that is no UTF-8": b"event: \xff\ndata: {}",
    "a huge id": b"id: " + b"9" * 9000,
    "an id beyond those of the journal": b"id: " + b"9" * 19,
    "a comment": b": \x1b[2J",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
async def test_a_report_of_any_shape_is_a_line(liar: Liar, typed: Typed, frame: bytes) -> None:
    liar.answer = events(frame, REPORT)
    ended = await typed("tail", "-n", "2")
    assert (ended.code, ended.err) == (0, "")
    first, second = ended.out.splitlines()
    assert re.match(r"[-\d]", first)
    assert second.endswith("[a] a: x")
    assert "\x1b" not in ended.out


@pytest.mark.parametrize("frame", [*BAD_FRAMES.values(), *ABOUT_ITSELF.values()])
async def test_the_stream_of_the_client_fails_as_it_says(liar: Liar, frame: bytes) -> None:
    liar.answer = events(frame, REPORT)
    async with Client(liar.url) as wx, asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(CallFailed):
            assert (await anext(wx.events(0))).content in ("x", "")  # type: ignore[union-attr]


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=BAD_FRAMES)
async def test_what_is_no_report_is_told(liar: Liar, typed: Typed, frame: bytes) -> None:
    liar.answer = events(frame)
    for json_option in ((), ("--json",)):
        ended = await typed("tail", "-n", "1", *json_option)
        assert ended.code == 1
        assert "the gateway sent what is no report" in ended.err + ended.out


@pytest.mark.parametrize("frame", ABOUT_ITSELF.values(), ids=ABOUT_ITSELF)
async def test_what_a_stream_says_about_itself(
    liar: Liar, typed: Typed, tmp_path: Path, frame: bytes
) -> None:
    state = tmp_path / "id"
    liar.answer = events(frame, REPORT)
    command = ("tail", "-n", "1", "--state", str(state))
    ended = await typed(*command)
    if frame == ABOUT_ITSELF["a name that is no UTF-8"]:
        assert ended.out.startswith("-")
        return
    assert (ended.code, state.read_text()) == (0, "7\n")
    assert ended.out.endswith("[a] a: x\n")
    assert all(line.startswith("openwx: ") for line in ended.err.splitlines())


async def test_a_stream_that_always_ends_is_asked_seldom(liar: Liar, typed: Typed) -> None:
    """The pauses grow while nothing comes, although each connection is made."""
    now = asyncio.get_running_loop().time
    asked: list[float] = []

    async def answer(writer: Writer) -> None:
        asked.append(now())
        ends = b'event: end\ndata: {"reason":"enough"}'
        await events(ends if len(asked) < 4 else REPORT)(writer)

    liar.answer = answer
    ended = await typed("tail", "-n", "1")
    assert (ended.code, len(asked)) == (0, 4)
    assert asked[3] - asked[2] >= 0.8 * 4 * tail.FIRST_PAUSE_S
