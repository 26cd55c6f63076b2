"""Each kind of dropped thing has a line in the log and a count."""

import asyncio
import io
import logging
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openwx import metrics, service
from openwx.config import JournalLimits
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from openwx.simulator.service import sync
from openwx.simulator.wire.shares import Article
from openwx.store.sqlite.journal import SQLiteJournal
from tests.patience import PATIENCE_S
from tests.populations import LARGE

from .counting import Counts
from .world import Gateway, Receiver, World, answers, says

POPULATION = LARGE


@dataclass
class Scene:
    """What a case may use. ``run`` starts the gateway and begins to count."""

    world: World
    account: Account
    receiver: Receiver
    simulator: Simulator
    monkeypatch: pytest.MonkeyPatch
    counts: Counts | None = None

    async def run(self, **how: Any) -> Gateway:
        gateway = await self.world.run(**how)
        self.counts = await Counts.begin(gateway)
        return gateway

    def in_the_journal(self, sql: str, *values: object) -> None:
        """Change what is kept, while no gateway runs."""
        with sqlite3.connect(self.world.data_dir / service.JOURNAL) as db:
            assert db.execute(sql, values).rowcount > 0
        db.close()

    async def starts(self) -> Gateway:
        """Start a gateway, and count from before its start."""
        former = Counts.now()
        gateway = await self.world.start()
        self.counts = Counts(gateway, former)
        return gateway

    async def fails(self, *texts: str, **how: Any) -> Gateway:
        """Deliveries that are given up."""
        gateway = await self.run(**how)
        self.receiver.fails(status=400, post_type="receive_message")
        for text in texts:
            self.account.friend("小灰").says(text)
        assert self.counts is not None
        name = "openwx_deliveries_total"
        await self.counts.grows(
            len(texts), name, account="default", target="post_api", fate="failed"
        )
        return gateway


Case = Callable[[Scene], Awaitable[object]]
CASES: list[tuple[str, Case, int, str]] = []


def case(kind: str, words: str, n: int = 1) -> Callable[[Case], Case]:
    """Register a case that drops ``n`` things of a ``kind``, and logs it in these words."""

    def add(do: Case) -> Case:
        CASES.append((kind, do, n, words))
        return do

    return add


@case("late_event", "a late state_change is dropped", 3)
async def events_of_before_the_weekend(scene: Scene) -> None:
    """Old events are of no use and are dropped; a message of the same age is reported."""
    gateway = await scene.run(pace={"finish_s": 0.3})
    scene.receiver.fails(status=503)
    scene.account.end_session(1102)
    await scene.account.phone.sees_push_login()
    scene.account.friend("小灰").says("not too late")
    await gateway.stop()
    scene.receiver.behaves_well()
    scene.in_the_journal("UPDATE deliveries SET created = created - 3600 WHERE fate = 0")
    await scene.starts()
    await scene.receiver.get(event="stop")


@case("dropped_delivery", "was dropped on request", 2)
async def the_owner_drops_failed_deliveries(scene: Scene) -> None:
    gateway = await scene.fails("one", "two")
    assert (await gateway.get("outbox_drop", id="all")).json["count"] == 2


@case("failed_delivery", "of the failed reports", 3)
async def more_failures_than_the_outbox_keeps(scene: Scene) -> None:
    scene.monkeypatch.setattr(service, "PRUNE_EVERY_S", 0.2)
    limits = JournalLimits(keep_failed=2)
    settings = scene.world.settings().model_copy(update={"journal": limits})
    await scene.fails(*"12345", settings=settings)


@case("reply", "the answer is ignored")
async def an_answer_that_is_no_json(scene: Scene) -> None:
    await scene.run()
    scene.receiver.behaves(says("{reply: hi}"), content="hi")
    scene.account.friend("小灰").says("hi")
    scene.account.friend("momo").says("nothing is wrong with an answer without a reply")


@case("reply", "reply in the answer is ignored: it must be a string")
async def a_reply_that_is_no_text(scene: Scene) -> None:
    await scene.run()
    scene.receiver.behaves(says({"reply": {"text": "hi"}, "media": None}), content="hi")
    scene.receiver.behaves(says({"reply": False, "media": ""}), content="and no")
    scene.account.friend("小灰").says("hi")
    scene.account.friend("小灰").says("and no")


@case("reply", "more than 10 replies: 5 are ignored")
async def more_replies_than_are_sent(scene: Scene) -> None:
    await scene.run()
    scene.receiver.behaves(says({"reply": ["x"] * 15}), content="hi")
    scene.account.friend("小灰").says("hi")


@case("reply", "larger than")
async def an_answer_that_is_too_large(scene: Scene) -> None:
    await scene.run()
    scene.receiver.behaves(says({"reply": "x" * 2_000_000}), content="hi")
    scene.account.friend("小灰").says("hi")


@case("feed", "fell out of check_event's list unasked for", 2)
async def check_event_is_asked_too_seldom(scene: Scene) -> None:
    gateway = await scene.run(report={"check_event_list_max_size": 3})
    await gateway.drain()
    scene.counts = await Counts.begin(gateway)
    for number in range(5):
        scene.account.friend("小灰").says(str(number))


@case("stdout", "cannot be written to stdout")
async def stdout_is_gone(scene: Scene) -> None:
    await scene.run(report={"post_stdout": True, "post_event": False})

    class Broken(io.BytesIO):
        def write(self, _: Any) -> int:
            raise BrokenPipeError

    scene.monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Broken()))
    scene.account.friend("小灰").says("hi")


@case("withdrawn_send", "withdrawn: nothing was sent")
async def a_caller_waits_in_vain(scene: Scene) -> None:
    gateway = await scene.run(send_interval=60, pace={"send_wait_s": 2.0})
    assert (await gateway.get("send_friend_message", id="filehelper", content="x")).code == 0
    reply = await gateway.get("send_friend_message", id="filehelper", content="y")
    assert (reply.status, reply.code) == (504, -1)


@case("medium", "image")
async def a_picture_that_cannot_be_fetched(scene: Scene) -> None:
    await scene.run()
    scene.simulator.faults.add("webwxgetmsgimg", Fault.EMPTY)
    scene.account.friend("小灰").sends_image(PNG)
    assert (await scene.receiver.get(format="media"))["media_error"]


@case("media_data", "media_data is left out")
async def a_picture_that_somebody_deleted(scene: Scene) -> None:
    gateway = await scene.run()
    scene.receiver.fails(1, status=503, format="media")
    down = asyncio.Event()

    async def delete(_: Any) -> Any:
        for file in gateway.settings.media_dir.iterdir():
            file.unlink()
        down.set()
        return await answers(503)(_)

    scene.receiver.behaves_well()
    scene.receiver.behaves(delete, times=1, format="media")
    scene.account.friend("小灰").sends_image(PNG)
    await down.wait()
    first, second = await scene.receiver.gets(2, format="media")
    assert ("media_data" in first, "media_data" in second) == (True, False)


@case("media_data", "media_data is left out")
async def a_picture_that_is_gone_when_a_stream_comes_to_it(scene: Scene) -> None:
    gateway = await scene.run()
    scene.account.friend("小灰").sends_image(PNG)
    await scene.receiver.get(format="media")
    for file in gateway.settings.media_dir.iterdir():
        file.unlink()
    params = {"after": "0", "format": "media", "media_data": "1"}
    async with (
        asyncio.timeout(PATIENCE_S),
        gateway._http.get(f"{gateway.url}/openwx/events", params=params) as stream,
    ):
        while b'"format":"media"' not in (line := await stream.content.readline()):
            pass
    assert b"media_data" not in line


@case("old_media", "older than 7 days", 2)
async def files_of_last_month(scene: Scene) -> None:
    scene.world.settings().media_dir.mkdir(parents=True, mode=0o700)
    for name in ("a", "b", "new"):
        file: Path = scene.world.settings().media_dir / name
        file.write_bytes(b"x")
        if name != "new":
            os.utime(file, (1_500_000_000, 1_500_000_000))
    await scene.starts()


@case("message", "an entry of AddMsgList cannot be read")
async def a_message_that_cannot_be_read(scene: Scene) -> None:
    await scene.run()
    scene.account.friend("小灰").sends(1, "broken", CreateTime={"not": "a number"})
    assert '"broken"' in (await scene.receiver.get(format="unknown"))["content"]


@case("record", "1 records cannot be read, and are left out: Contact")
async def a_contact_without_an_id(scene: Scene) -> None:
    await scene.run()
    scene.monkeypatch.setattr(sync, "contact_record", lambda *_: {"UserName": ["?"]})
    scene.account.friend("小灰").changes(signature="new")


@case("field", "RecommendInfo of a Message makes no sense")
async def a_field_that_makes_no_sense(scene: Scene) -> None:
    await scene.run()
    scene.account.friend("小灰").sends(1, "all the same", RecommendInfo="nonsense")
    await scene.receiver.get(content="all the same")


@case("text", "too long")
async def a_title_without_end(scene: Scene) -> None:
    await scene.run()
    friend = scene.account.friend("小灰")
    friend.quotes(friend.says("x"), "x" * 70_000)
    assert len((await scene.receiver.gets(2, format="text"))[1]["content"]) == 65_536


@case("text", "app_xml is left out")
async def xml_without_end(scene: Scene) -> None:
    await scene.run()
    scene.account.friend("小灰").sends_link("x" * 40_000)
    report = await scene.receiver.get(format="app")
    assert (report["app_xml"], len(report["app_title"])) == ("", 40_000)


@case("text", "a push has 101 articles")
async def a_push_without_end(scene: Scene) -> None:
    await scene.run()
    scene.account.friend("小灰").sends_articles([Article("x")] * 101)
    assert len((await scene.receiver.get(format="app"))["app_items"]) == 100


@case("outcome", "is not published: the journal does not take it")
async def a_full_disk_until_the_end(scene: Scene) -> None:
    gateway = await scene.run(pace={"finish_s": 0.3})
    assert gateway.service is not None
    journal = gateway.service.gateway._resources.journal
    assert isinstance(journal, SQLiteJournal)
    hanging = scene.simulator.faults.add("webwxsendmsg", Fault.HANG)
    sending = asyncio.create_task(gateway.get("send_friend_message", id="filehelper", content="x"))
    await hanging.strikes()
    await journal._worker.do(lambda db: db.execute("PRAGMA query_only = 1"))
    hanging.release()
    assert (await sending).code == 0
    await gateway.stop()
    assert scene.counts is not None
    scene.counts = Counts(await scene.world.start(), scene.counts.former)


@case("change", "5 events of changes are lost", 5)
async def a_remark_name_that_is_not_published(scene: Scene) -> None:
    """Its caller does not wait for a full disk; when the gateway ends, the events are not written yet: of the remark
    name, and of the name that is shown, of the friend and in each common group."""
    gateway = await scene.run(pace={"finish_s": 0.3})
    assert gateway.service is not None
    journal = gateway.service.gateway._resources.journal
    assert isinstance(journal, SQLiteJournal)
    hanging = scene.simulator.faults.add("webwxoplog", Fault.HANG)
    setting = asyncio.create_task(
        gateway.get("set_friend_markname", account="xiaohui2016", new_markname="ash")
    )
    await hanging.strikes()
    await journal._worker.do(lambda db: db.execute("PRAGMA query_only = 1"))
    hanging.release()
    assert (await setting).code == 0
    await gateway.stop()
    assert scene.counts is not None
    scene.counts = Counts(await scene.world.start(), scene.counts.former)


@case("saved_state", "the saved session cannot be read")
async def a_session_that_is_damaged(scene: Scene) -> None:
    gateway = await scene.run()
    await gateway.stop()
    scene.in_the_journal("UPDATE state SET value = x'7b' WHERE key = 'session'")
    await scene.starts()


@pytest.fixture
def scene(
    world: World,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    return Scene(world, account, receiver, simulator, monkeypatch)


@pytest.mark.parametrize(("kind", "do", "n", "words"), CASES, ids=[c[1].__name__ for c in CASES])
async def test_it_is_logged_and_counted(
    scene: Scene, caplog: pytest.LogCaptureFixture, kind: str, do: Case, n: int, words: str
) -> None:
    caplog.set_level(logging.INFO, "openwx")
    await do(scene)
    assert scene.counts is not None
    await scene.counts.grows(n, "openwx_dropped_total", what=kind)
    assert await scene.counts.dropped() == {kind: n}, "nothing else is let go"
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if words in line], lines[-20:]


def test_there_is_a_case_for_everything() -> None:
    assert {kind for kind, *_ in CASES} == metrics.KINDS.keys()


async def test_nobody_loses_what_nobody_asks_for(scene: Scene) -> None:
    """Where ``check_event`` was never called, its list is no loss."""
    gateway = await scene.world.start(report={"check_event_list_max_size": 1})
    scene.counts = await Counts.begin(gateway)
    await scene.account.phone.logs_in()
    await scene.receiver.get(event="state_change", params=["updating", "running"])
    for number in range(3):
        scene.account.friend("小灰").says(str(number))
    await scene.receiver.get(content="2")
    assert await scene.counts.dropped() == {}
