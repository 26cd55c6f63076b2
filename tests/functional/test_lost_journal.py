"""A journal that is taken away or locked while the gateway runs: it says so, and acknowledges nothing."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.store.sqlite import journal
from openwx.store.sqlite.journal import SQLiteJournal
from tests.patience import PATIENCE_S, until_seen
from tests.reply import Reply

from . import quick
from .world import Api, Command, Gateway, Receiver, Start, World

GREY = {"account": "xiaohui2016"}


async def until_ready(gateway: Api, world: World, wanted: bool) -> Reply:
    async def probe() -> Reply:
        async with world.http.get(f"{gateway.url}/readyz") as answer:
            return Reply(answer.status, await answer.read(), dict(answer.headers))

    return await until_seen(probe, lambda reply: (reply.status == 200) == wanted)


async def sends(api: Api, content: str, key: str = "") -> Reply:
    more = {"idempotency_key": key} if key else {}
    return await api.get("send_friend_message", content=content, **GREY, **more)


# -- files that are not in their places ------------------------------------------------------------------

Act = Callable[[Path], Callable[[], object]]
"""Takes something away from the data folder; what it returns brings it back."""


def moves(name: str) -> Act:
    def act(folder: Path) -> Callable[[], object]:
        path = folder / name
        aside = folder.with_name("aside")
        path.rename(aside)
        return lambda: aside.rename(path)

    return act


def replaces(name: str) -> Act:
    """With a copy: the same bytes, but another file."""

    def act(folder: Path) -> Callable[[], object]:
        path = folder / name
        aside = folder.with_name("aside")
        path.rename(aside)
        if aside.is_dir():
            shutil.copytree(aside, path)
        else:
            shutil.copy2(aside, path)

        def back() -> None:
            if path.is_dir():
                shutil.rmtree(path)
            aside.replace(path)

        return back

    return act


@pytest.mark.parametrize(
    ("take", "missing"),
    [
        (moves("journal.sqlite3"), "journal.sqlite3"),
        (moves("journal.sqlite3-wal"), "journal.sqlite3-wal"),
        (moves("."), "journal.sqlite3"),
        (moves("lock"), "lock"),
        (replaces("journal.sqlite3"), "journal.sqlite3"),
        (replaces("journal.sqlite3-wal"), "journal.sqlite3-wal"),
        (replaces("journal.sqlite3-shm"), "journal.sqlite3-shm"),
        (replaces("."), "journal.sqlite3"),
        (replaces("lock"), "lock"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_what_is_not_in_its_place_is_noticed(
    api: Gateway, world: World, account: Account, receiver: Receiver, take: Act, missing: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    grey = account.friend("小灰")
    assert (await sends(api, "before", "k1")).code == 0
    back = take(world.data_dir)
    if missing.endswith(("lock", "-shm")):
        await until_ready(api, world, wanted=False)
    # What goes to the others is not written even before somebody has looked.
    refused = await sends(api, "keyed", "k2")
    assert (refused.status, refused.code) == (503, -5)
    assert f"{missing} was deleted, moved or replaced" in refused.words
    later = await api.get("send_friend_message", content="later", **GREY, **{"async": "1"})
    plain = await sends(api, "plain")
    assert {(one.status, one.code) for one in (later, plain)} == {(503, -5)}
    answer = await until_ready(api, world, wanted=False)
    assert missing in answer.json["journal"]
    assert f"{missing} was deleted" in caplog.text
    await account.hands_out(grey.says("kept by WeChat"))
    assert (await sends(api, "plain")).status == 503
    assert account.acknowledged < len(account.timeline)
    assert grey.texts == ["before"]
    back()
    await until_ready(api, world, wanted=True)
    await receiver.get(content="kept by WeChat")
    assert (await sends(api, "keyed", "k2")).code == 0, "the key was not used up"
    assert grey.texts == ["before", "keyed"]


async def test_it_is_noticed_where_nobody_writes(world: World) -> None:
    api = await world.run(pace={"finish_s": 0.1})
    for path in world.data_dir.glob("journal*"):
        path.unlink()
    answer = await until_ready(api, world, wanted=False)
    assert "deleted, moved or replaced" in answer.json["status"]


@pytest.fixture
async def started(
    openwx: Start, environ: dict[str, str], world: World, account: Account
) -> tuple[Command, Api]:
    command = await openwx("serve", program=quick.PROGRAM, **environ)
    api = Api(await command.url(), world.http)
    await account.phone.logs_in(timeout_s=PATIENCE_S)
    await api.reaches("running", PATIENCE_S)
    return command, api


async def test_a_keyed_send_is_not_done_twice_over_a_deleted_folder(
    started: tuple[Command, Api], openwx: Start, environ: dict[str, str], world: World, account: Account
) -> None:  # fmt: skip
    command, api = started
    shutil.rmtree(world.data_dir)
    for _ in range(3):
        assert (await sends(api, "once", "k")).status == 503
    command.process.terminate()
    code, _, err = await command.ends(PATIENCE_S)
    assert (code, "Traceback" in err) == (0, False)
    again = Api(await (await openwx("serve", **environ)).url(), world.http)
    await account.phone.logs_in(timeout_s=PATIENCE_S)
    await again.reaches("running", PATIENCE_S)
    for _ in range(3):
        assert (await sends(again, "once", "k")).code == 0
    assert account.friend("小灰").texts == ["once"]


async def test_a_lost_gateway_leaves_the_next_ones_files_alone(
    started: tuple[Command, Api], openwx: Start, environ: dict[str, str], world: World, account: Account
) -> None:  # fmt: skip
    """SQLite deletes the write-ahead log by its name when it closes; by then the name is another journal's."""
    command, api = started
    assert (await sends(api, "before")).code == 0
    aside = world.data_dir.with_name("aside")
    world.data_dir.rename(aside)
    shutil.copytree(aside, world.data_dir)
    await until_ready(api, world, wanted=False)
    other = await openwx("serve", **environ)
    next_api = Api(await other.url(), world.http)
    await next_api.reaches("running", PATIENCE_S)
    assert (await sends(next_api, "by the next one", "k")).code == 0
    log = world.data_dir / "journal.sqlite3-wal"
    inode = log.stat().st_ino
    assert (await sends(api, "by the first one", "k1")).status == 503
    command.process.terminate()
    code, _, err = await command.ends(PATIENCE_S)
    assert (code, "Traceback" in err) == (0, False)
    assert log.stat().st_ino == inode
    await other.kill()
    last = Api(await (await openwx("serve", **environ)).url(), world.http)
    await last.reaches("running", PATIENCE_S)
    assert (await sends(last, "by the next one", "k")).code == 0
    assert account.friend("小灰").texts == ["before", "by the next one"]


async def test_a_deleted_log_is_written_back_by_a_stop(
    started: tuple[Command, Api], openwx: Start, environ: dict[str, str], world: World, account: Account
) -> None:  # fmt: skip
    command, api = started
    done = await sends(api, "before", "k")
    (world.data_dir / "journal.sqlite3-wal").unlink()
    await until_ready(api, world, wanted=False)
    command.process.terminate()
    assert (await command.ends(PATIENCE_S))[0] == 0
    again = Api(await (await openwx("serve", **environ)).url(), world.http)
    await again.reaches("running", PATIENCE_S)
    assert (await sends(again, "before", "k")).body == done.body
    assert account.friend("小灰").texts == ["before"]


# -- a file that cannot be written ------------------------------------------------------------------------


async def does(gateway: Gateway, sql: str) -> None:
    """Have the journal's own connection do something to itself."""
    assert gateway.service is not None
    opened = gateway.service.gateway._resources.journal
    assert isinstance(opened, SQLiteJournal)
    await opened._worker.do(lambda db: db.execute(sql).fetchall())


async def test_a_lock_of_another_program_is_no_hang(
    api: Gateway, world: World, account: Account, receiver: Receiver
) -> None:
    """``sqlite3 journal.sqlite3`` and BEGIN IMMEDIATE, for as long as somebody looks at it."""
    grey = account.friend("小灰")
    file = world.data_dir / "journal.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        await account.hands_out(grey.says("kept by WeChat"))
        answer = await until_ready(api, world, wanted=False)
        assert "locked" in answer.json["journal"]
        for key in ("", "k"):
            reply = await asyncio.wait_for(sends(api, "locked out", key), PATIENCE_S)
            assert (reply.status, reply.code) == (503, -5)
        assert (await api.get("outbox")).code == 0, "reading goes on"
        assert account.acknowledged < len(account.timeline)
        shell.execute("COMMIT")
        await until_ready(api, world, wanted=True)
    await receiver.get(content="kept by WeChat")
    assert (await sends(api, "after")).code == 0
    assert grey.texts == ["after"]


async def test_a_short_lock_is_waited_for(api: Gateway, world: World) -> None:
    file = world.data_dir / "journal.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(sends(api, "x", "k"))
        await asyncio.sleep(0.1)
        shell.execute("COMMIT")
        assert (await waiting).code == 0


@pytest.mark.parametrize(
    ("breaks", "mends", "words"),
    [
        ("PRAGMA query_only = 1", "PRAGMA query_only = 0", "readonly database"),
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1073741823", "full"),
    ],
    ids=["read-only", "full"],
)
async def test_all_failures_are_reported_alike(
    api: Gateway, world: World, account: Account, receiver: Receiver, breaks: str, mends: str, words: str
) -> None:  # fmt: skip
    grey = account.friend("小灰")
    await does(api, breaks)
    await account.hands_out(grey.says("kept by WeChat " + "x" * 20_000))
    answer = await until_ready(api, world, wanted=False)
    assert words in answer.json["journal"]
    assert [(await sends(api, "x", key)).status for key in ("", "k")] == [503, 503]
    assert grey.texts == []
    await does(api, mends)
    await until_ready(api, world, wanted=True)
    await receiver.get(type="friend_message", sender="小灰")
    assert (await sends(api, "after")).code == 0


async def test_a_disk_that_hangs_is_as_good_as_none(
    api: Gateway, world: World, account: Account, receiver: Receiver, simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(journal, "PROBE_TIMEOUT_S", 2.0)
    grey = account.friend("小灰")
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    under_way = asyncio.create_task(sends(api, "under way"))
    await hanging.strikes(PATIENCE_S)
    holds, answers = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        holds.set()
        answers.wait(PATIENCE_S)

    assert api.service is not None
    opened = api.service.gateway._resources.journal
    assert isinstance(opened, SQLiteJournal)
    held = asyncio.create_task(opened._worker.do(hold))
    assert await asyncio.to_thread(holds.wait, PATIENCE_S)
    hanging.release()
    assert (await asyncio.wait_for(under_way, PATIENCE_S)).code == 0
    refused = await sends(api, "refused")
    assert (refused.status, refused.code) == (503, -5)
    assert "has not answered" in refused.words
    answers.set()
    await held
    report = await receiver.get(post_type="send_message", content="under way")
    assert report["code"] == 0
    await until_ready(api, world, wanted=True)
    assert (await sends(api, "after")).code == 0
    assert grey.texts == ["under way", "after"]
