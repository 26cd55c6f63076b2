"""Tries and pauses after refusals, without answers, and during outages."""

import asyncio
import itertools
import socket
from collections.abc import Iterator

import pytest
from aiohttp import web

from openwx.reporter import delivery_error
from openwx.reporter import retry_schedule as pausing
from openwx.reporter.delivery_error import DeliveryErrorCode, words_of
from openwx.reporter.retry_schedule import Pauses
from openwx.store.records import ListedDelivery
from openwx.timing import Timing
from tests.patience import PATIENCE_S, until

from .receiver import Behaviour, Receiver, sends_raw, status
from .world import World, a_message, long_pauses, no_pauses


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


SILENT = [
    sends_raw(b""),
    sends_raw(b"what is this?\r\n\r\n"),
    sends_raw(b"HTTP/1.1 OK\r\n\r\n"),
    sends_raw(b"HTTP/1.1 200 OK\r\nContent-Len"),
    sends_raw(b"\x15\x03\x01\x00\x02\x02\x0a"),
    hangs,
]


class Taken:
    """Pauses that end at once, and are recorded."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pauses(self) -> Pauses:
        return Pauses(
            outage=lambda: self._make("outage"),
            refused=lambda: self._make("refused"),
            silent=lambda: self._make("silent"),
            gather_s=0.0,
        )

    def _make(self, name: str) -> Iterator[float]:
        for n in itertools.count(1):
            self.names.append(f"{name} {n}")
            yield 0.0
            self.names.pop()  # only the last one of a sequence was taken


async def the_failed(world: World) -> ListedDelivery:
    (failed,) = await world.journal.failed("me")
    return failed


@pytest.mark.parametrize("behaviour", SILENT)
@pytest.mark.parametrize("tries", [1, 2, 3])
async def test_no_answer_counts_as_a_try(
    world: World, receiver: Receiver, behaviour: Behaviour, tries: int
) -> None:
    taken = Taken()
    receiver.script = [behaviour] * tries
    timeout_s = (
        1.5 if behaviour is hangs else PATIENCE_S
    )  # the good answer, too, must come in this time
    world.start(pauses=taken.pauses(), timeout=timeout_s, tries=tries)
    await world.record(a_message(1), a_message(2))
    await world.done()
    assert receiver.numbers() == [*[1] * tries, 2]
    failed = await the_failed(world)
    assert (failed.tries, failed.http_status) == (tries, 0)
    assert failed.error
    assert [name for name in taken.names if "outage" not in name] == [
        f"silent {n}" for n in range(1, tries)
    ]


async def test_what_is_no_http_is_called_so(world: World, receiver: Receiver) -> None:
    receiver.otherwise = sends_raw(b"220 smtp.example ready\r\n")
    world.start(tries=1)
    await world.record(a_message(1))
    await world.done()
    assert words_of((await the_failed(world)).error) == "the answer is not HTTP"


@pytest.mark.parametrize("tries", [1, 3])
@pytest.mark.parametrize("number", [400, 500, 501, 505])
async def test_refusals_are_counted_as_configured(
    world: World, receiver: Receiver, number: int, tries: int
) -> None:
    receiver.script = [status(number)] * tries
    world.start(tries=tries)
    await world.record(a_message(1), a_message(2))
    await world.done()
    assert receiver.numbers() == [*[1] * tries, 2]
    assert (await the_failed(world)).tries == tries


async def test_no_answer_and_refusals_are_counted_together(
    world: World, receiver: Receiver
) -> None:
    taken = Taken()
    receiver.script = [sends_raw(b""), status(500), sends_raw(b""), status(404), status(410)]
    world.start(pauses=taken.pauses())
    await world.record(a_message(1))
    await world.done()
    failed = await the_failed(world)
    assert (failed.tries, failed.http_status, words_of(failed.error)) == (5, 410, "HTTP 410")
    counted = [name for name in taken.names if "outage" not in name]
    assert counted == ["silent 1", "refused 2", "silent 3", "refused 4"]


async def test_one_that_is_never_answered_holds_up_no_other_chat(
    world: World, receiver: Receiver
) -> None:
    async def silent_for_0(request: web.Request) -> web.StreamResponse:
        if b'"n":0,' in await request.read():
            assert request.transport is not None
            request.transport.close()
        return web.Response()

    receiver.otherwise = silent_for_0
    world.start(pauses=long_pauses)
    for n in range(5):
        await world.record(a_message(0, f"bad {n}"))
    await receiver.has(5)
    await world.record(a_message(6, "good"))
    await receiver.has(6)
    assert receiver.numbers() == [0, 0, 0, 0, 0, 6]
    assert not world.reporter.outage


async def test_nobody_there_is_no_try(world: World, receiver: Receiver) -> None:
    port = receiver.port
    await receiver.stop()
    taken = Taken()
    world.start(pauses=taken.pauses(), tries=1)
    await world.record(a_message(1))
    await until(lambda: len(taken.names) >= 50)
    await receiver.start(port)
    await world.done()
    assert receiver.numbers() == [1]
    assert await world.journal.failed("me") == []


async def test_an_outage_ends_with_a_backend_that_says_nothing(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Each chat has its own tries, and none waits for those of others."""
    port = receiver.port
    await receiver.stop()
    pauses = Pauses(no_pauses, no_pauses, silent=long_pauses, gather_s=0.0)
    world.start(pauses=pauses)
    await world.record(*(a_message(n, f"c{n}") for n in range(5)))
    await until(lambda: world.reporter.outage)
    receiver.otherwise = sends_raw(b"")
    await receiver.start(port)
    await receiver.has(5)
    await until(lambda: not world.reporter._queue._under_way)
    assert sorted(receiver.numbers()) == [0, 1, 2, 3, 4]
    assert world.reporter.outage is None
    assert "post_api is there again, but gives no answer" in caplog.text


async def test_a_host_that_takes_no_connection_is_an_outage(world: World) -> None:
    """A server whose queue of connections is full, so that the first packet of another one is not answered."""
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        world.start(
            pauses=long_pauses, post_api=f"http://127.0.0.1:{deaf.getsockname()[1]}/", timeout=0.5
        )
        await world.record(a_message(1))
        await until(lambda: world.reporter.outage)
        assert world.reporter.outage == delivery_error.made(
            DeliveryErrorCode.NOT_CONNECTED_WITHIN, seconds="0.4"
        )
        ((report_id, _),) = await world.journal.pending("me")
        report = await world.journal.pending_report("me", report_id)
        assert report is not None
        assert report.tries == 0
        await world.stop()


async def test_refusals_right_after_an_outage_have_their_own_pauses(
    world: World, receiver: Receiver
) -> None:
    taken = Taken()
    receiver.script = [*[status(503)] * 30, *[status(500)] * 5]
    world.start(pauses=taken.pauses())
    await world.record(a_message(1))
    await world.done()
    assert len(receiver.got) == 35
    assert [name for name in taken.names if "outage" not in name] == [
        f"refused {n}" for n in range(1, 5)
    ]


async def test_the_end_of_an_outage_ends_no_other_pause(world: World, receiver: Receiver) -> None:
    receiver.script = [status(500)]
    pauses = Pauses(no_pauses, refused=long_pauses, silent=long_pauses, gather_s=0.0)
    world.start(pauses=pauses)
    await world.record(a_message(1, "refused"))
    await receiver.has(1)
    receiver.script = [status(503, Retry_After="1")]
    await world.record(a_message(2, "other"))
    await receiver.has(3)
    await world.record(a_message(3, "third"))
    await receiver.has(4)
    assert receiver.numbers() == [1, 2, 2, 3]


async def test_a_lost_answer_is_asked_for_as_often(world: World, receiver: Receiver) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    receiver.otherwise = sends_raw(half)
    world.start(tries=2)
    await world.record(a_message(1))
    await world.done()
    assert receiver.numbers() == [1, 1]
    assert await world.journal.failed("me") == []


async def test_with_one_try_each_report_has_a_connection_of_its_own(
    world: World, receiver: Receiver
) -> None:
    """A reused connection may be closed by the backend at this very moment, and nothing is posted twice."""
    world.start(tries=1)
    await world.record(a_message(1))
    await world.done()
    assert receiver.got[0].headers["Connection"] == "close"


def spread(pauses: Iterator[float], n: int) -> list[float]:
    return list(itertools.islice(pauses, n))


def test_the_pauses_of_the_real_pace() -> None:
    pauses = pausing.of(Timing())
    for made, wanted in (
        (pauses.refused, [1, 2, 4, 8, 8, 8]),
        (pauses.silent, [2, 8, 30, 120, 120, 120]),
    ):
        for pause, about in zip(spread(made(), 6), wanted, strict=True):
            assert 0.85 * about <= pause <= 1.15 * about
        assert spread(made(), 6) != spread(made(), 6)
    assert sum(spread(pauses.refused(), 4)) < 17
    assert 60 < sum(spread(pauses.silent(), 4)) < 180
    for n, most in enumerate([1, 2, 4, 8, 16, 32, 60, 60], start=1):
        assert 0.75 * most <= pausing.after(n, pauses.outage) <= most
