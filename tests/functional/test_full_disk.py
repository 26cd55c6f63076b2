"""A disk without room: sends are refused before they reach WeChat, received messages are reported, nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S, until, until_seen
from tests.ports import free_port
from tests.reply import Reply

from .fulldisk import Disk, small_disk
from .typed import Typed
from .world import Api, Command, Receiver, Start, World

GREY = {"account": "xiaohui2016"}


@dataclass
class Scene:
    """A gateway in a process of its own, whose data folder is on a small disk."""

    api: Api
    disk: Disk
    command: Command
    environ: dict[str, str]
    world: World

    async def probe(self, path: str) -> Reply:
        async with self.world.http.get(f"{self.api.url}{path}") as answer:
            return Reply(answer.status, await answer.read(), dict(answer.headers))

    async def becomes_ready(self, wanted: bool) -> Reply:
        status = 200 if wanted else 503
        return await until_seen(lambda: self.probe("/readyz"), lambda reply: reply.status == status)

    async def is_full(self) -> None:
        self.disk.fill()
        await self.becomes_ready(False)


def is_refused(reply: Reply) -> None:
    assert (reply.status, reply.code) == (503, -5), reply
    assert reply.headers["Retry-After"] == "1"
    assert "full" in reply.words


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", 8) as disk:
        yield disk


@pytest.fixture
def environ(environ: dict[str, str], disk: Disk) -> dict[str, str]:
    return environ | {
        "OPENWX_DATA_DIR": str(disk.path / "data"),
        "OPENWX_LISTEN__PORT": str(free_port()),
        "OPENWX_REPORT__POST_EVENT": "true",
        "OPENWX_REPORT__POST_EVENT_LIST": '["friend_property_change"]',
    }


@pytest.fixture
async def scene(
    openwx: Start, disk: Disk, environ: dict[str, str], world: World, account: Account
) -> AsyncIterator[Scene]:
    command = await openwx("serve", **environ)
    api = Api(await command.url(), world.http)
    await account.phone.logs_in(timeout_s=PATIENCE_S)
    await api.reaches("running", PATIENCE_S)
    yield Scene(api, disk, command, environ, world)
    disk.make_room()


async def keyed(api: Api, key: str, content: str, **more: str) -> Reply:
    return await api.get(
        "send_friend_message", content=content, idempotency_key=key, **GREY, **more
    )


async def test_nothing_is_begun_while_nothing_can_be_kept(
    scene: Scene, account: Account, receiver: Receiver, typed: Typed
) -> None:
    api, grey = scene.api, account.friend("小灰")
    remark = grey.remark
    first = await keyed(api, "before", "before")
    assert first.code == 0
    await receiver.get(post_type="send_message", content="before")
    scene.disk.fill()
    health = await scene.becomes_ready(False)  # no call has written anything
    assert health.code == -5
    assert "full" in health.json["journal"]
    assert "full" in health.json["status"]
    text = GREY | {"content": "lost"}
    is_refused(await api.get("send_friend_message", **text))
    is_refused(await api.get("send_friend_message", **text, **{"async": "1"}))
    is_refused(await api.get("send_friend_message", content="lost", id="@all"))
    is_refused(await keyed(api, "new", "lost"))
    is_refused(await api.get("consult", **text))
    is_refused(await api.get("set_markname", new_markname="lost", **GREY))
    is_refused(await api.get("start_client", client="shop"))
    assert (await keyed(api, "before", "before")).body == first.body
    assert len(await friends(api)) == 1, "what needs no journal is answered"
    assert grey.texts == ["before"]
    assert grey.remark == remark
    metrics = (await scene.probe("/metrics")).body.decode()
    assert "openwx_journal_writable 0.0" in metrics
    code, out, _ = await typed("status", **scene.environ)
    assert code == 1
    assert "not ready: the journal failed" in out
    said = grey.says("kept by WeChat")
    await account.hands_out(said)
    is_refused(await api.get("send_friend_message", **text))
    assert account.acknowledged < len(account.timeline)
    scene.disk.make_room()
    await scene.becomes_ready(True)
    assert (await keyed(api, "new", "after")).code == 0, "a refused key is still a new one"
    await receiver.get(content="kept by WeChat")
    n = len(account.timeline)
    await account.hands_out(grey.says("the next one"))
    assert account.acknowledged >= n
    assert grey.texts == ["before", "after"]


async def friends(api: Api) -> Any:
    return (await api.get("search_friend", **GREY)).json


@pytest.mark.parametrize("filled_by", ["tmpfs", "limit"])
async def test_what_wechat_said_is_answered_at_once_and_written_later(
    scene: Scene, account: Account, receiver: Receiver, simulator: Simulator, filled_by: str
) -> None:
    api, grey, momo = scene.api, account.friend("小灰"), account.friend("momo")
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    under_way = asyncio.create_task(api.get("send_friend_message", content="plain", **GREY))
    await hanging.strikes(PATIENCE_S)
    with_key = asyncio.create_task(
        api.get("send_friend_message", account="momo_0717", content="keyed", idempotency_key="k")
    )
    await until(lambda: hanging.hits >= 2)
    behind = [
        asyncio.create_task(api.get("send_friend_message", content=f"behind {n}", **GREY))
        for n in range(3)
    ]
    later = await api.get("send_friend_message", content="later", **GREY, **{"async": "1"})
    assert later.code == 0
    if filled_by == "tmpfs":
        scene.disk.fill()
    else:
        limit_files(scene, 0)
    await account.hands_out(momo.says("for the journal"))
    for refused in behind:
        reply = await asyncio.wait_for(refused, PATIENCE_S)
        assert (reply.status, reply.code) == (503, -5), "not told that it was not begun"
        assert "nothing was sent" in reply.words
    hanging.release()
    plain, once = await asyncio.wait_for(asyncio.gather(under_way, with_key), PATIENCE_S)
    assert (plain.code, once.code) == (0, 0)
    again = await api.get(
        "send_friend_message", account="momo_0717", content="keyed", idempotency_key="k"
    )
    assert again.body == once.body
    assert (await scene.probe("/readyz")).status == 503
    assert receiver.got(post_type="send_message") == []
    if filled_by == "tmpfs":
        scene.disk.make_room()
    else:
        limit_files(scene, None)
    await scene.becomes_ready(True)
    for content in ("plain", "keyed", "later"):
        report = await receiver.get(post_type="send_message", content=content)
        assert report["code"] == 0
    await receiver.get(content="for the journal")
    assert grey.texts == ["plain", "later"]
    scene.command.process.terminate()
    code, _, err = await scene.command.ends(PATIENCE_S)
    assert (code, "Traceback" in err) == (0, False)


def limit_files(scene: Scene, size: int | None) -> None:
    """Limit the size of files; None removes the limit."""
    resource = pytest.importorskip("resource")
    pid = scene.command.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most if size is None else size, most))


async def test_it_is_back_as_soon_as_there_is_room(
    scene: Scene, account: Account, receiver: Receiver
) -> None:
    """However long the disk was full; that pauses do not grow says `tests/unit/store/sqlite/test_condition.py`."""
    await scene.is_full()
    await account.hands_out(account.friend("momo").says("waits"))
    for _ in range(10):
        is_refused(await scene.api.get("send_friend_message", content="no", **GREY))
    scene.disk.make_room()
    await until_seen(
        lambda: scene.api.get("send_friend_message", content="yes", **GREY),
        lambda reply: reply.code == 0,
    )
    await receiver.get(content="waits")
    assert account.friend("小灰").texts == ["yes"]


async def test_accepted_sends_survive_a_kill_on_a_full_disk(
    scene: Scene, account: Account, receiver: Receiver, simulator: Simulator, openwx: Start
) -> None:
    """What was answered as accepted, or as sent, is done once, also where the room comes after the end."""
    api, momo = scene.api, account.friend("momo")
    hanging = simulator.faults.add("webwxsendmsg", Fault.HANG)
    with_key = asyncio.create_task(
        api.get("send_friend_message", account="momo_0717", content="keyed", idempotency_key="k")
    )
    await hanging.strikes(PATIENCE_S)
    later = await api.get(
        "send_friend_message", account="momo_0717", content="later", **{"async": "1"}
    )
    assert later.code == 0
    await scene.is_full()
    hanging.release()
    assert (await asyncio.wait_for(with_key, PATIENCE_S)).code == 0
    is_refused(
        await api.get("send_friend_message", account="momo_0717", content="x", **{"async": "1"})
    )
    await scene.command.kill()
    scene.disk.make_room()
    api = Api(await (await openwx("serve", **scene.environ)).url(), scene.world.http)
    await api.reaches("running", PATIENCE_S)
    again = await api.get(
        "send_friend_message", account="momo_0717", content="keyed", idempotency_key="k"
    )
    assert again.code == 0
    report = await receiver.get(post_type="send_message", content="later")
    assert report["uid"] == later.json["uid"]
    assert momo.texts == ["keyed", "later"], "WeChat knows a try again by its ClientMsgId"


async def test_a_file_waits_for_room_as_its_message_does(
    scene: Scene, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    hanging = simulator.faults.add("webwxgetmsgimg", Fault.HANG)
    account.friend("小灰").sends_image(PNG)
    await hanging.strikes(PATIENCE_S)
    await scene.is_full()
    hanging.release()
    refused = await scene.api.post("send_friend_message", media_data="aGVsbG8=", **GREY)
    assert refused.status == 503
    assert receiver.got(format="media") == []
    scene.disk.make_room()
    reports = await receiver.gets(format="media", timeout_s=PATIENCE_S)
    assert "media_error" not in reports[0]
    assert Path(reports[0]["media_path"]).read_bytes() == PNG


async def test_a_change_that_was_done_is_answered_and_reported_later(
    scene: Scene, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    hanging = simulator.faults.add("webwxoplog", Fault.HANG)
    changing = asyncio.create_task(scene.api.get("set_markname", new_markname="done", **GREY))
    await hanging.strikes(PATIENCE_S)
    await scene.is_full()
    hanging.release()
    assert (await asyncio.wait_for(changing, PATIENCE_S)).code == 0
    assert account.friend("小灰").remark == "done"
    assert receiver.got(event="friend_property_change") == []
    scene.disk.make_room()
    reports = await receiver.gets(event="friend_property_change", timeout_s=PATIENCE_S)
    assert reports[0]["params"][1:] == ["markname", "", "done"]


async def test_a_start_without_room_is_no_mistake_in_the_configuration(
    openwx: Start, environ: dict[str, str], disk: Disk
) -> None:
    """So that a supervisor, which leaves a wrong configuration alone, tries again."""
    for content in ((), ("data",)):  # a folder that is still to be made, and one that is there
        for name in content:
            (disk.path / name).mkdir(exist_ok=True)
        disk.fill()
        code, out, err = await (await openwx("serve", **environ)).ends(PATIENCE_S)
        assert (code, out) == (1, ""), err
        assert err.startswith("openwx: data_dir ")
        assert "full" in err or "No space left on device" in err
        assert err.count("\n") == 1
        disk.make_room()
    command = await openwx("serve", **environ)
    assert await command.url()


# -- another disk than the journal's ----------------------------------------------------------------------


async def test_a_log_file_without_room_is_said_once_and_disturbs_nobody(
    openwx: Start, world: World, account: Account, environ: dict[str, str], disk: Disk
) -> None:
    log = disk.path / "log"
    paths = {"OPENWX_DATA_DIR": str(world.data_dir), "OPENWX_LOG_PATH": str(log)}
    disk.fill()
    command = await openwx("serve", **environ | paths)
    api = Api(await command.url(), world.http)
    await account.phone.logs_in(timeout_s=PATIENCE_S)
    await api.reaches("running", PATIENCE_S)
    assert (await api.get("send_friend_message", content="sent", **GREY)).code == 0
    disk.make_room()
    account.end_session(1101)
    await api.reaches("confirming", PATIENCE_S)
    command.process.terminate()
    code, _, err = await command.ends(PATIENCE_S)
    assert code == 0
    assert "1101" in log.read_text(), "with room, lines go on"
    assert "Traceback" not in err
    assert err.count("lines are missing there until it can") == 1
    assert f"log_path {log} cannot be written: No space left on device" in err


async def test_a_media_folder_without_room_is_named(
    world: World, account: Account, receiver: Receiver, disk: Disk
) -> None:
    """The message comes without its media, and sending media is refused: texts still come."""
    world.data_dir.mkdir(mode=0o700)
    (world.data_dir / "media").symlink_to(disk.path)
    gateway = await world.run(pace={"medium_within_s": 0.5})
    disk.fill()
    account.friend("小灰").sends_image(PNG)
    report = await receiver.get(format="media")
    assert "No space left on device" in report["media_error"]
    sent = await gateway.post("send_friend_message", media_data="aGVsbG8=", **GREY)
    assert (sent.status, sent.code) == (200, -3)
    assert "No space left on device" in sent.words
    assert (await gateway.get("send_friend_message", content="text", **GREY)).code == 0
    disk.make_room()
    sent = await gateway.post("send_friend_message", media_data="aGVsbG8=", **GREY)
    assert sent.code == 0
