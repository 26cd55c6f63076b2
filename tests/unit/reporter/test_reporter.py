"""Reports are posted in order, until they are accepted, whatever the backend answers."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from openwx import __version__
from openwx.reporter import answer
from openwx.reporter.answer import BackendAnswer, Reply
from openwx.reporter.delivery_error import words_of
from openwx.reporter.post_result import retry_after
from openwx.store.base import Journal, JournalError
from openwx.store.records import DeliveryKey, WriteBatch, WriteResult
from tests.patience import PATIENCE_S, until

from .receiver import Receiver, says, sends_raw, status, waits_for
from .world import World, a_message, long_pauses


async def test_an_report_is_posted_as_it_is(world: World, receiver: Receiver) -> None:
    world.start(url_client="me", post_api=receiver.url + "?a=1")
    written = await world.record(a_message(1, uid="abc", with_={"content": "你好\n"}))
    await world.done()
    (got,) = receiver.got
    assert got.raw == written.recorded[0].body
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"] == f"openwx/{__version__}"
    assert got.headers["webhook-id"] == "msg_abc"
    assert got.headers["webhook-timestamp"] == "1700000000"
    assert "webhook-signature" not in got.headers
    assert dict(got.query) == {"a": "1", "client": "me"}
    assert await world.journal.pending("me") == []


@pytest.mark.parametrize("secret", ["plain-text", "whsec_" + base64.b64encode(b"key").decode()])
async def test_a_secret_signs(world: World, receiver: Receiver, secret: str) -> None:
    world.start(secret=secret)
    await world.record(a_message(1, uid="abc"))
    await world.done()
    (got,) = receiver.got
    key = b"key" if secret.startswith("whsec_") else secret.encode()
    signed = b"msg_abc.1700000000." + got.raw
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{digest}"


@pytest.mark.parametrize("value", ["(" * 8000, '"', "\\", "charset=punycode", "charset=(x"])
async def test_no_type_of_an_answer_ends_the_deliveries(
    world: World, receiver: Receiver, value: str
) -> None:
    receiver.otherwise = says('{"reply": "hi"}', content_type=f"application/json;{value}")
    world.start()
    await world.record(a_message(1), a_message(2))
    await world.done()
    assert receiver.numbers() == [1, 2]


async def test_heavy_answers_are_read_in_a_thread(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may take a fifth of a second, and there may be 64 at a time."""
    threads: list[int] = []
    read = answer.read

    def noted(*given: Any, **more: Any) -> Any:
        threads.append(threading.get_ident())
        return read(*given, **more)

    monkeypatch.setattr(answer, "read", noted)
    receiver.script = [says(b'{"reply":"' + b"\\" * 1_000_000), says('{"reply": "hi"}')]
    world.start()
    await world.record(a_message(1), a_message(2))
    await world.done()
    here = threading.get_ident()
    assert [thread == here for thread in threads] == [False, True]
    assert [send.body for send in world.accepted] == [b"hi"]


async def test_large_bodies_arrive(world: World, receiver: Receiver) -> None:
    world.start()
    await world.record(a_message(1, with_={"media_data": "x" * 5_000_000}))
    await world.done()
    assert len(receiver.got[0].json["media_data"]) == 5_000_000


async def test_each_chat_is_in_order_and_chats_are_in_parallel(
    world: World, receiver: Receiver
) -> None:
    blocked = asyncio.Event()
    receiver.script = [waits_for(blocked, says("{}"))]
    world.start()
    await world.record(*(a_message(n, f"c{n % 5}") for n in range(100)))
    await receiver.has(81)  # all but the rest of the blocked chat
    assert receiver.most_at_once > 1
    blocked.set()
    await world.done()
    of_chat = defaultdict(list)
    for n in receiver.numbers():
        of_chat[n % 5].append(n)
    assert all(numbers == sorted(numbers) for numbers in of_chat.values())
    assert len(receiver.got) == 100


async def test_no_more_than_64_at_once(world: World, receiver: Receiver) -> None:
    blocked = asyncio.Event()
    receiver.otherwise = waits_for(blocked, says("{}"))
    world.start()
    await world.record(*(a_message(n, f"c{n}") for n in range(100)))
    await receiver.has(64)
    assert receiver.at_once == 64
    blocked.set()
    await world.done()
    assert receiver.most_at_once <= 64


async def test_what_the_last_process_left_comes_first(
    journal: Journal, world: World, receiver: Receiver
) -> None:
    left = [a_message(n, "c") for n in range(5)]
    await journal.write(WriteBatch(account="me", reports=left))
    world.start(run=False)
    await world.record(a_message(5, "c"), a_message(6, "d"))
    world.run()
    await world.done()
    assert [n for n in receiver.numbers() if n != 6] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "trouble",
    [
        *(status(number) for number in (408, 429, 502, 503, 504)),
        status(503, Retry_After="0"),
        sends_raw(b""),
        sends_raw(b"what is this?\r\n\r\n"),
        sends_raw(b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n"),
        sends_raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        ),
        sends_raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
        ),
    ],
)
async def test_it_is_tried_until_the_backend_takes_it(
    world: World, receiver: Receiver, trouble: Any
) -> None:
    receiver.script = [trouble] * 2 + [says('{"reply": "hi"}')]
    world.start()
    await world.record(a_message(1), a_message(2))
    await world.done()
    assert receiver.numbers() == [1, 1, 1, 2]
    assert len(receiver.ids()) == 2
    assert [send.body for send in world.accepted] == [b"hi"]


async def test_an_answer_that_hangs_times_out(world: World, receiver: Receiver) -> None:
    receiver.script = [waits_for(asyncio.Event(), says("{}"))]
    world.start(timeout=2.0)
    await world.record(a_message(1))
    await world.done()
    assert receiver.numbers() == [1, 1]


async def test_an_answer_whose_body_hangs_times_out(world: World, receiver: Receiver) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"reply":')
        await asyncio.Event().wait()
        return response

    receiver.otherwise = half
    world.start(timeout=0.5)
    await world.record(a_message(1))
    await world.done()
    # Five answers that broke off, then it counts as delivered; a try that no answer began in time is none of them.
    assert receiver.numbers()[:5] == [1] * 5
    assert set(receiver.numbers()) == {1}
    assert await world.journal.failed("me") == []


@pytest.mark.parametrize("number", [300, 304, 400, 404, 410, 500, 501])
async def test_the_backends_own_word_counts_after_five_tries(
    world: World, receiver: Receiver, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.script = [status(number)] * 5
    world.start()
    await world.record(a_message(1, uid="bad"), a_message(2))
    await world.done()
    assert receiver.numbers() == [1, 1, 1, 1, 1, 2]
    (failed,) = await world.journal.failed("me")
    assert (failed.http_status, words_of(failed.error)) == (number, f"HTTP {number}")
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "msg_bad" in errors[0].message


async def test_refusals_are_counted_over_a_restart(world: World, receiver: Receiver) -> None:
    receiver.script = [status(500)] * 3
    world.start(pauses=lambda: itertools.chain([0.0, 0.0], long_pauses()))
    await world.record(a_message(1))
    await receiver.has(3)
    ((report_id, _),) = await world.journal.pending("me")
    async with asyncio.timeout(PATIENCE_S):
        while (report := await world.journal.pending_report("me", report_id)) and report.tries < 3:
            pass
    await world.stop()
    receiver.script = [status(500)] * 9
    world.start()
    await world.done()
    assert len(receiver.got) == 5


async def test_retry_after_is_honoured(world: World, receiver: Receiver) -> None:
    receiver.script = [status(429, Retry_After="3600")]
    world.start()
    await world.record(a_message(1, "c"))
    await receiver.has(1)
    await until(lambda: not world.reporter._breaker.closed)
    await world.record(a_message(2, "d"))
    probe_at = world.reporter._breaker._probe_at
    assert probe_at is not None
    assert 290 < probe_at - asyncio.get_running_loop().time() <= 300  # within reason
    assert len(receiver.got) == 1
    await world.done()  # `drained` is in a hurry
    assert sorted(receiver.numbers()) == [1, 1, 2]


async def test_an_old_report_has_one_try(world: World, receiver: Receiver) -> None:
    world.start(run=False, max_age=100)
    await world.record(a_message(1), a_message(2))
    world.clock.goes_on(101)
    await world.record(a_message(3))
    receiver.script = [status(503)]
    world.run()
    await world.done()
    assert receiver.numbers() == [1, 2, 3]
    (failed,) = await world.journal.failed("me")
    assert (words_of(failed.error), failed.tries) == ("older than max_age: HTTP 503", 1)


async def test_late_qr_codes_and_states_vanish_at_their_turn(
    world: World, receiver: Receiver
) -> None:
    world.start(run=False)
    await world.record(
        a_message(1, "", kind="input_qrcode"),
        a_message(2, "", kind="state_change"),
        a_message(3, "", kind="login"),
    )
    world.clock.goes_on(61)
    await world.record(a_message(4, "", kind="input_qrcode"))
    world.run()
    await world.done()
    assert receiver.numbers() == [3, 4]
    assert await world.journal.failed("me") == []


async def test_a_dead_backend_sees_one_probe_at_a_time(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = receiver.port
    await receiver.stop()
    asked = 0
    many = asyncio.Event()

    def counted() -> Iterator[float]:
        nonlocal asked
        while True:
            asked += 1
            if asked > 500:
                many.set()
            yield 0.0

    world.start(pauses=counted)
    await world.record(*(a_message(n, f"c{n % 200}") for n in range(400)))
    async with asyncio.timeout(PATIENCE_S):
        await many.wait()
    await receiver.start(port)
    await world.done()
    assert len(receiver.ids()) == 400
    logged = [record.message for record in caplog.records]
    assert sum("does not answer" in line for line in logged) == 1
    assert sum("answers again" in line for line in logged) == 1
    # A backend that has just begun to listen may break some of many connections off.
    assert len([line for line in logged if "tried again" not in line]) == 2


async def test_one_who_takes_and_closes_has_one_try_of_each_chat(world: World) -> None:
    tried = 0
    enough = asyncio.Event()

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        await reader.readuntil(b"}")
        tried += 1
        if tried == 200:
            enough.set()
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world.start(pauses=long_pauses, post_api=f"http://127.0.0.1:{port}/")
    await world.record(*(a_message(n, f"c{n % 200}") for n in range(400)))
    async with asyncio.timeout(PATIENCE_S):
        await enough.wait()
        while len(world.reporter._tries) < 200 or world.reporter._queue._under_way:
            await asyncio.sleep(0)
    assert tried == 200
    assert not world.reporter.outage
    server.close()
    await server.wait_closed()


async def test_one_bad_report_does_not_hold_up_the_others(world: World, receiver: Receiver) -> None:
    async def bad_for_0(request: web.Request) -> web.StreamResponse:
        is_bad = b'"n":0,' in await request.read()
        return web.Response(status=502 if is_bad else 200)

    receiver.otherwise = bad_for_0
    world.start(pauses=long_pauses)
    await world.record(a_message(0, "bad"))
    await receiver.has(1)
    for n in range(1, 10):
        await world.record(a_message(n, f"c{n}"))
        await receiver.has(n + 1)
    assert world.reporter._breaker.closed
    assert receiver.numbers() == list(range(10))


async def test_an_unresolvable_host_is_an_outage(world: World) -> None:
    world.start(post_api="http://127.0.0.1:1/", pauses=long_pauses)
    await world.record(a_message(1))
    assert not await world.reporters.drained(0.05)
    assert not world.reporter._breaker.closed


def replies(*all_of_them: Reply) -> BackendAnswer:
    return BackendAnswer(all_of_them)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('{"reply": "hi"}', replies(Reply("hi"))),
        ('{"reply": "0"}', replies(Reply("0"))),
        ('{"reply": 0}', replies(Reply("0"))),
        ('{"reply": -1.50, "more": [1]}', replies(Reply("-1.50"))),
        ('{"reply": "a", "media": "/tmp/x.png"}', replies(Reply("a", "/tmp/x.png"))),
        ('{"media": "http://x/"}', replies(Reply(None, "http://x/"))),
        ('\ufeff{"reply": "bom"}', replies(Reply("bom"))),
        ('{"reply": "你好😀"}', replies(Reply("你好😀"))),
        ('{"reply": ["a", 1], "media": "x"}', replies(Reply("a"), Reply("1", "x"))),
        ('{"replies": [{"media": "x"}, {"reply": "a"}]}', replies(Reply(None, "x"), Reply("a"))),
        (
            '{"reply": "half: \\ud83d, whole: \\ud83d\\ude00"}',
            replies(Reply("half: \ufffd, whole: 😀")),
        ),
    ],
)
async def test_a_reply_is_sent_once(
    world: World, receiver: Receiver, body: str, wanted: BackendAnswer
) -> None:
    receiver.script = [says(body, content_type="text/json; charset=utf-8")]
    world.start()
    (report,) = (await world.record(a_message(1))).recorded
    await world.done()
    assert world.asked == [wanted]
    assert [send.report_id for send in world.accepted] == [report.id]
    assert await world.journal.waiting_sends("me") == world.accepted


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", "application/json"),
        ("null", "application/json"),
        ('"text"', "application/json"),
        ("[1]", "application/json"),
        ("12", "application/json"),
        ("{broken", "application/json"),
        ("[" * 200_000, "application/json"),
        ('{"x":' * 200_000, "application/json"),
        (b'{"reply": "\xff\xfe"}', "application/json"),
        ('{"reply": "a"}', "application/json; charset=nonsense"),
        (b'{"reply": "\xff"}', "application/json; charset=gbk"),
        ('{"reply": "' + "x" * 1_100_000 + '"}', "application/json"),
        ('{"reply": ""}', "application/json"),
        ('{"reply": null, "media": 5}', "application/json"),
        ('{"reply": true}', "application/json"),
        ('{"reply": {"a": 1}}', "application/json"),
        ('{"reply": "a"}', "text/plain"),
        ('{"reply": "a"}', "application/jsonp"),
        ('{"reply": "a"}', "nonsense"),
    ],
)
async def test_nonsense_is_no_reply_and_no_failure(
    world: World, receiver: Receiver, body: str | bytes, content_type: str
) -> None:
    receiver.otherwise = says(body, content_type=content_type)
    world.start()
    await world.record(a_message(1))
    await world.done()
    await world.record(a_message(2))
    await world.done()
    assert receiver.numbers() == [1, 2]
    assert world.asked == []


async def test_a_broken_compression_does_not_go_on_for_ever(
    world: World, receiver: Receiver
) -> None:
    receiver.otherwise = says(b"no gzip", Content_Encoding="gzip")
    world.start()
    await world.record(a_message(1), a_message(2, "d", reply_to=b""))
    await world.done()
    assert sorted(receiver.numbers()) == [1, 1, 1, 1, 1, 2]


async def test_gbk_is_understood_where_it_is_declared(world: World, receiver: Receiver) -> None:
    body = '{"reply": "你好"}'.encode("gbk")
    receiver.otherwise = says(body, content_type="application/json; charset=GBK")
    world.start()
    await world.record(a_message(1))
    await world.done()
    assert world.asked == [replies(Reply("你好"))]


async def test_only_what_may_be_replied_to_is(world: World, receiver: Receiver) -> None:
    receiver.otherwise = says('{"reply": "loop"}')
    world.start()
    await world.record(a_message(1, kind="send_message", reply_to=b""))
    await world.done()
    assert world.asked == []


class _Moody:
    """A journal whose next ``failures`` writes of outcomes fail."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def write(self, batch: WriteBatch) -> WriteResult:
        if batch.outcomes and self.failures:
            self.failures -= 1
            raise JournalError("the journal failed: disk full")
        return await self._journal.write(batch)


async def test_a_failing_journal_causes_no_second_post(world: World, receiver: Receiver) -> None:
    moody = _Moody(world.journal)
    moody.failures = 3
    world.journal = moody
    receiver.otherwise = says('{"reply": "hi"}')
    world.start()
    await world.record(a_message(1))
    await world.done()
    assert receiver.numbers() == [1]
    assert len(world.asked) == len(world.accepted) == 1


async def test_a_bug_comes_out(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.otherwise = says('{"reply": "hi"}')
    monkeypatch.setattr(world, "sends_for", lambda *_: 1 / 0)
    world.start()
    await world.record(a_message(1))
    with pytest.raises(ExceptionGroup) as raised:
        await world.done()
    assert raised.group_contains(ZeroDivisionError)


async def test_a_cancelled_reporter_stops_at_once(world: World, receiver: Receiver) -> None:
    receiver.otherwise = waits_for(asyncio.Event(), says("{}"))
    world.start()
    await world.record(*(a_message(n, f"c{n}") for n in range(10)))
    await receiver.has(10)
    assert not await world.reporters.drained(0.01)
    await world.stop()
    assert len(await world.journal.pending("me")) == 10


async def test_failed_reports_can_be_sent_again(world: World, receiver: Receiver) -> None:
    receiver.script = [status(400)] * 5
    world.start()
    (report,) = (await world.record(a_message(1))).recorded
    await world.done()
    written = await world.journal.write(WriteBatch(account="me", retried=[DeliveryKey(report.id)]))
    world.reporter.retry(written.retried)
    await world.done()
    assert len(receiver.ids()) == 1
    assert await world.journal.failed("me") == []


async def test_without_post_api_nothing_is_kept_waiting(world: World) -> None:
    world.start(post_api=None)
    await world.record(a_message(1, targets=()))
    await world.done()
    assert await world.journal.pending("me") == []


async def test_nothing_is_remembered_of_what_is_delivered(world: World, receiver: Receiver) -> None:
    world.start()
    await world.record(*(a_message(n, f"c{n % 20}") for n in range(200)))
    await world.done()
    assert len(receiver.ids()) == 200
    assert not world.reporter._tries
    assert not world.reporter._created


async def test_post_stdout_shows_what_the_settings_let_out(
    world: World, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    world.start(post_api=None, post_stdout=True, post_message_filter={"sender": "Li"})
    await world.record(
        a_message(1, with_={"sender": "Li"}, targets=()),
        a_message(2, with_={"sender": "Wu"}, targets=()),
        a_message(3, kind="login", targets=()),
    )
    await world.done()
    assert capfdbinary.readouterr().out == b'{"n":1,"post_type":"receive_message","sender":"Li"}\n'


@given(
    value=st.text() | st.integers().map(str) | st.sampled_from(["9" * 400, "9" * 5000, "-0", "١٢"])
)
def test_any_retry_after_is_a_pause_within_reason(value: str) -> None:
    assert 0.0 <= retry_after(value, 1e9) <= 300.0
