"""Readers of a stream: each at its own pace, and all of them bounded."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from openwx import store
from openwx.accounts import streams
from openwx.accounts.event_filter import EventFilter
from openwx.accounts.media.files import AccountFiles
from openwx.accounts.streams import Missed, Reader, Slots, Stream, StreamEnded
from openwx.errors import CallerError
from openwx.store.base import Journal
from openwx.store.records import (
    CompletedReport,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewReport,
    WriteBatch,
)

Json = dict[str, Any]


class Scene:
    """The reports of an account, and their readers."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.stream = Stream("me", journal, cast("AccountFiles", None))
        self.reads = 0
        self._count = 0
        published = journal.published

        async def counted(*args: Any, **more: Any) -> Any:
            self.reads += 1
            return await published(*args, **more)

        journal.published = counted  # type: ignore[method-assign]

    async def tells(self, *payloads: Json, chat: str = "a", **more: Any) -> list[int]:
        """Write reports, publish those that are visible, and return their ids in the journal."""
        reports = []
        for payload in payloads:
            self._count += 1
            kind = payload.get("event") or payload["post_type"]
            body = msgspec.json.encode(payload)
            uid = str(self._count)
            reports.append(NewReport(chat=chat, kind=kind, body=body, uid=uid, **more))
        fresh = (await self.journal.write(WriteBatch(account="me", reports=reports))).recorded
        for report in fresh:
            if not report.media:
                self.stream.on_report(report, {})
        return [report.id for report in fresh]

    async def completes(self, id_: int) -> None:
        report = await self.journal.pending_report("me", id_)
        assert report is not None
        done = CompletedReport(id=id_, body=report.body)
        await self.journal.write(WriteBatch(account="me", completed=[done]))
        self.stream.on_report(report, {})


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with store.open(tmp_path / "journal") as journal:
        yield Scene(journal)


def message(n: int = 0, **more: Any) -> Json:
    return {"post_type": "receive_message", "class": "recv", "format": "text", "n": n, **more}


def event(name: str) -> Json:
    return {"post_type": "event", "event": name, "params": []}


async def next_of(reader: Reader) -> list[Any]:
    """Its next items: what messages say, the names of events, and what was missed."""
    items = await reader.more(5)
    return [item if isinstance(item, Missed) else content(item.body) for item in items]


def content(body: bytes) -> Any:
    payload = msgspec.json.decode(body)
    return payload.get("event", payload.get("n"))


async def all_of(reader: Reader) -> list[Any]:
    found: list[Any] = []
    while items := await reader.more(0):
        found += [item if isinstance(item, Missed) else content(item.body) for item in items]
    return found


async def test_from_now_on_or_from_an_id(scene: Scene) -> None:
    first, second = await scene.tells(message(1), message(2))
    async with (
        scene.stream.read() as now,
        scene.stream.read(0) as beginning,
        scene.stream.read(first) as middle,
    ):
        assert await next_of(beginning) == [1, 2]
        assert await next_of(middle) == [2]
        waiting = asyncio.create_task(next_of(now))
        await scene.tells(message(3))
        assert await waiting == [3]
        assert await next_of(beginning) == await next_of(middle) == [3]
        assert beginning.cursor == now.cursor == second + 1
        assert await now.more(0) == []
        assert await now.more(0.01) == []


async def test_those_who_are_up_to_date_share_what_is_read(scene: Scene) -> None:
    async with scene.stream.read() as first, scene.stream.read() as second:
        for n in range(20):
            await scene.tells(message(n))
            assert await next_of(first) == [n]
        reads = scene.reads
        assert reads <= 40
        assert await all_of(second) == list(range(20))
        assert scene.reads - reads <= 1


async def test_who_lags_behind_reads_piece_by_piece(scene: Scene) -> None:
    """Memory: a page for the reader that lags, the bounded window for all others."""
    async with scene.stream.read() as quick, scene.stream.read() as slow:
        for start in range(0, 3000, 100):
            await scene.tells(*(message(n) for n in range(start, start + 100)))
            assert await next_of(quick) == list(range(start, start + 100))
        assert len(scene.stream._window) == streams._WINDOW_ROWS
        found: list[Any] = []
        while items := await next_of(slow):
            assert len(items) <= streams._PAGE_ROWS
            found += items
            if len(found) == 3000:
                break
        assert found == list(range(3000))
        await scene.tells(message(3000))
        assert await next_of(slow) == await next_of(quick) == [3000]


async def test_the_window_is_bounded_in_bytes(scene: Scene) -> None:
    async with scene.stream.read() as reader:
        for n in range(12):
            await scene.tells(message(n, content="x" * 1_000_000))
            assert await next_of(reader) == [n]
            assert scene.stream._bytes <= streams._WINDOW_BYTES
        assert 0 < len(scene.stream._window) < 10


async def test_readers_at_random_get_everything_once(scene: Scene) -> None:
    chance = random.Random(7)
    results = await asyncio.gather(
        *(read_in_pieces(scene.stream, chance) for _ in range(4)), write_at_random(scene, chance)
    )
    assert sorted(results[0]) == list(range(300))
    assert results[1:4] == results[:1] * 3


async def write_at_random(scene: Scene, chance: random.Random) -> list[Any]:
    """300 messages in two chats, some with media that come late."""
    waiting: list[int] = []
    for n in range(300):
        media = b"ref" if chance.random() < 0.2 else b""
        (id_,) = await scene.tells(message(n), chat=chance.choice("ab"), media=media)
        waiting += [id_] if media else []
        if waiting and chance.random() < 0.3:
            await scene.completes(waiting.pop(chance.randrange(len(waiting))))
    for id_ in waiting:
        await scene.completes(id_)
    scene.stream.end("enough")
    return waiting


async def read_in_pieces(stream: Stream, chance: random.Random) -> list[Any]:
    """Read all of a stream, with a new reader after some events."""
    found: list[Any] = []
    after = 0
    with contextlib.suppress(StreamEnded):
        while True:
            async with stream.read(after) as reader:
                for _ in range(chance.randrange(1, 20)):
                    found += await next_of(reader)
                    after = reader.cursor
                    for _ in range(chance.randrange(5)):
                        await asyncio.sleep(0)
    return found


async def test_the_end_comes_after_everything(scene: Scene) -> None:
    async with scene.stream.read() as reader:
        await scene.tells(message(1), event("stop"))
        scene.stream.end("the account has stopped")
        assert await next_of(reader) == [1, "stop"]
        with pytest.raises(StreamEnded, match="the account has stopped"):
            await reader.more(5)
    async with scene.stream.read(0) as late:
        assert await next_of(late) == [1, "stop"]
        with pytest.raises(StreamEnded):
            await late.more(5)


async def test_what_is_not_kept_is_reported(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await scene.tells(*(message(n, content="x" * 70_000) for n in range(3)), targets=())
    await scene.tells(message(3))
    async with scene.stream.read(0) as reader:
        assert await next_of(reader) == [0, 1, 2, 3]  # still in memory
    scene.stream._large.clear()
    async with scene.stream.read(0) as reader:
        gone = [Missed(id_ - 1, id_, streams.TOO_LARGE) for id_ in ids]
        assert await next_of(reader) == [*gone, 3]
    await scene.journal.prune(keep=1)
    async with scene.stream.read(ids[0]) as reader:
        assert await next_of(reader) == [
            Missed(ids[0], ids[1], streams.FORGOTTEN),
            Missed(ids[2] - 1, ids[2], streams.TOO_LARGE),
            3,
        ]
    monkeypatch.setattr(streams, "_LARGE_BYTES", 150_000)
    await scene.tells(*(message(n, content="x" * 70_000) for n in range(3)), targets=())
    assert len(scene.stream._large) == 2


async def test_an_overtaken_reader_is_notified(scene: Scene) -> None:
    """The reader pauses for so long that its next report is dropped."""
    async with scene.stream.read() as reader:
        await scene.tells(message(0), targets=())
        assert await next_of(reader) == [0]
        ids = await scene.tells(*(message(n) for n in range(1, 10)), targets=())
        await scene.journal.prune(keep=4)
        assert await next_of(reader) == [Missed(ids[0] - 1, ids[4], streams.FORGOTTEN), 6, 7, 8, 9]
        assert await reader.more(0) == []
        await scene.tells(message(10))
        assert await next_of(reader) == [10]


async def test_an_id_of_another_journal_begins_anew(scene: Scene) -> None:
    await scene.tells(message(1))
    async with scene.stream.read(5000) as reader:
        assert await next_of(reader) == [Missed(5000, 0, streams.UNKNOWN_ID), 1]


GREY = {"sender": "小灰", "sender_id": "@a", "sender_uid": 7, "sender_account": "grey"}
GROUP = {"group": "群", "group_id": "@@g", "group_uid": 9, "group_name": "群", **GREY}
MINE = {"post_type": "send_message", "class": "send", "receiver": "小灰", "receiver_id": "@a"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EventFilter(), [1, 2, 3, 4, "login", "stop"]),
        (EventFilter(kinds=frozenset({"receive_message"})), [1, 2, 3]),
        (EventFilter(kinds=frozenset({"event"})), ["login", "stop"]),
        (EventFilter(kinds=frozenset({"send_message", "login"})), [4, "login"]),
        (EventFilter(chat="小灰"), [1, 2, 4]),
        (EventFilter(chat="@a"), [1, 2, 4]),
        (EventFilter(chat="7"), [1, 2]),
        (EventFilter(chat="grey"), [1, 2]),
        (EventFilter(chat="群"), [3]),
        (EventFilter(chat="9"), [3]),
        (EventFilter(chat="小灰", kinds=frozenset({"receive_message", "stop"})), [1, 2, "stop"]),
        (EventFilter(formats=frozenset({"media", "app"})), [2]),
        (EventFilter(chat="nobody"), []),
    ],
)
async def test_filters(scene: Scene, wanted: EventFilter, found: list[Any]) -> None:
    await scene.tells(
        message(1, **GREY),
        {**message(2, **GREY), "format": "media"},
        message(3, **GROUP),
        {**message(4), **MINE},
        event("login"),
        event("stop"),
    )
    async with scene.stream.read(0, wanted) as reader:
        assert await all_of(reader) == found
        assert reader.cursor == await scene.journal.newest_published("me")


async def test_many_that_are_not_wanted_keep_nobody_waiting_for_long(scene: Scene) -> None:
    await scene.tells(*(message(n) for n in range(1000)))
    async with scene.stream.read(0, EventFilter(chat="nobody")) as reader:
        while reader.cursor < 1000:  # after the time-out it gets nothing, and continues
            assert await reader.more(0) == []
        assert scene.reads >= 5


async def test_what_failed_and_is_sent_again_is_no_news(scene: Scene) -> None:
    (id_,) = await scene.tells(message(1))
    failed = WriteBatch(account="me", outcomes=[DeliveryOutcome(id_, DeliveryStatus.FAILED)])
    await scene.journal.write(failed)
    async with scene.stream.read() as reader:
        await scene.journal.write(WriteBatch(account="me", retried=[DeliveryKey(id_)]))
        scene.stream._wake()
        assert await reader.more(0) == []


def test_there_are_only_so_many_places() -> None:
    slots = Slots(2)
    with (
        slots.taking(),
        slots.taking(),
        pytest.raises(CallerError, match="2 streams") as refused,
        slots.taking(),
    ):
        pass
    assert refused.value.code == -7
    assert slots.taken == 0
