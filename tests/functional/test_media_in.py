"""Received media: downloaded before its message is reported, without delaying other chats or losing a message."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import GIF, JPEG, MP3, MP4, PNG, Medium, bytes_of
from tests.rows import rows

from .world import Command, Gateway, Json, Receiver, World

Send = Callable[[Any, bytes], Any]

KINDS: list[tuple[str, Send, bytes, int, str, str]] = [
    ("image", lambda who, data: who.sends_image(data), JPEG, 3, "image/jpeg", "jpg"),
    ("image", lambda who, data: who.sends_image(data), PNG, 3, "image/png", "png"),
    ("voice", lambda who, data: who.sends_voice(data), MP3, 34, "audio/mpeg", "mp3"),
    ("video", lambda who, data: who.sends_video(data), MP4, 43, "video/mp4", "mp4"),
    ("microvideo", lambda who, data: who.sends_short_video(data), MP4, 62, "video/mp4", "mp4"),
    ("emoticon", lambda who, data: who.sends_sticker(data), GIF, 47, "image/gif", "gif"),
    ("file", lambda who, data: who.sends_file("a.pdf", data), b"%PDF-1.4", 6, "application/pdf", "pdf"),
]  # fmt: skip


@rows(("kind", "send", "data", "code", "mime", "ext"), KINDS)
async def test_every_kind(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    kind: str,
    send: Send,
    data: bytes,
    code: int,
    mime: str,
    ext: str,
) -> None:
    message = send(account.friend("小灰"), data)
    report = await receiver.get(post_type="receive_message")
    path = Path(report["media_path"])
    assert path.read_bytes() == data
    assert path.parent == api.settings.media_dir
    found = {key: value for key, value in report.items() if key.startswith("media_")}
    assert found == {
        "media_id": f"{message.msg_id}:{code}",
        "media_type": kind,
        "media_code": str(code),
        "media_path": str(path),
        "media_mime": mime,
        "media_name": "a.pdf" if kind == "file" else path.name,
        "media_size": str(len(data)),
        "media_mtime": str(int(path.stat().st_mtime)),
        "media_ext": ext,
        "media_data": base64.encodebytes(data).decode(),
    }
    assert (report["format"], report["content"]) == ("media", f"[media]({path})")
    assert (report["sender"], report["id"]) == ("小灰", message.msg_id)


async def test_in_a_group_and_from_the_own_phone(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    group = account.group("PERL学习交流")
    group.member_sends_image(group.others[0], PNG)
    report = await receiver.get(type="group_message", format="media")
    assert Path(report["media_path"]).read_bytes() == PNG
    assert report["group"] == "PERL学习交流"
    account.phone.sends_image(account.friend("小灰"), JPEG)
    report = await receiver.get(post_type="send_message", format="media")
    assert Path(report["media_path"]).read_bytes() == JPEG
    assert (report["source"], report["receiver"]) == ("outer", "小灰")


async def test_others_do_not_wait_for_it_and_its_own_chat_does(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    slow = simulator.faults.add("webwxgetmsgimg", Fault.HANG)
    friend, other = account.friend("小灰"), account.friend("momo")
    friend.sends_image(PNG)
    friend.says("after the picture")
    await slow.strikes()
    other.says("meanwhile")
    await receiver.get(content="meanwhile")
    # It is safe already: the acknowledgement does not wait either.
    assert account.acknowledged >= len(account.timeline) - 1
    assert not receiver.got(sender="小灰")
    slow.release()
    await receiver.get(content="after the picture")
    assert [report["format"] for report in receiver.got(sender="小灰")] == ["media", "text"]


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.SERVER_ERROR, Fault.LOSE_ANSWER, Fault.EMPTY])
async def test_a_fault_is_got_over(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, fault: Fault
) -> None:
    simulator.faults.add("webwxgetvideo", fault, times=2)
    account.friend("小灰").sends_video(MP4)
    report = await receiver.get(format="media")
    assert Path(report["media_path"]).read_bytes() == MP4
    assert "media_error" not in report


@pytest.mark.parametrize(
    ("fault", "words"), [(Fault.EMPTY, "0 bytes"), (Fault.DROP, "closed"), (Fault.RET, "-1")]
)
async def test_what_cannot_be_fetched_is_reported(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    fault: Fault,
    words: str,
) -> None:
    simulator.faults.add("webwxgetmsgimg", fault)
    message = account.friend("小灰").sends_image(PNG)
    account.friend("小灰").says("after")
    report = await receiver.get(format="media")
    assert words in report["media_error"]
    assert (report["content"], report["media_id"]) == ("[media]()", f"{message.msg_id}:3")
    assert not {"media_path", "media_data", "media_size"} & report.keys()
    await receiver.get(content="after")
    assert not list(api.settings.media_dir.iterdir())


async def test_a_shop_sticker_has_no_image(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    account.friend("小灰").sends_shop_sticker()
    report = await receiver.get(format="media")
    assert "shop" in report["media_error"]
    assert not simulator.calls_of("webwxgetmsgimg")


async def test_limits_and_downloads_that_are_off(
    world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.run(media={"max_size": 1000})
    account.friend("小灰").sends_file("big.bin", bytes_of(1001))
    report = await receiver.get(format="media")
    assert "media.max_size" in report["media_error"]
    assert report["media_name"] == "big.bin"
    await gateway.stop()
    receiver.forget()
    await (await world.start(media={"download": False})).reaches("running")
    account.friend("小灰").sends_image(PNG)
    report = await receiver.get(format="media")
    assert "media.download" in report["media_error"]


@rows(
    "name", ["../../evil.txt", "..\\..\\evil.txt", "/etc/cron.d/evil", "a\r\nb.txt", "很" * 300 + ".txt"]
)  # fmt: skip
async def test_a_name_cannot_leave_the_folder(
    api: Gateway, account: Account, receiver: Receiver, tmp_path: Path, name: str
) -> None:
    before = set(tmp_path.rglob("*evil*"))
    account.friend("小灰").sends_file(name, b"bad")
    report = await receiver.get(format="media")
    path = Path(report["media_path"])
    assert path.parent == api.settings.media_dir
    assert path.read_bytes() == b"bad"
    assert report["media_name"] == Path(report["media_name"]).name
    assert "\\" not in report["media_name"]
    assert set(tmp_path.rglob("*evil*")) - before <= {path}


async def test_two_files_of_one_name(api: Gateway, account: Account, receiver: Receiver) -> None:
    for data in (b"one", b"two"):
        account.friend("小灰").sends_file("a.txt", data)
    first, second = await receiver.gets(2, format="media")
    assert Path(first["media_path"]).read_bytes() == b"one"
    assert Path(second["media_path"]).read_bytes() == b"two"


async def test_without_media_data(world: World, account: Account, receiver: Receiver) -> None:
    await world.run(report={"post_media_data": False})
    account.friend("小灰").sends_image(PNG)
    report = await receiver.get(format="media")
    assert "media_data" not in report
    assert Path(report["media_path"]).read_bytes() == PNG


async def test_a_big_file_is_reported_in_full(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    data = bytes_of(5_000_001, 5)
    account.friend("小灰").sends_file("big.bin", data)
    report = await receiver.get(format="media")
    assert base64.b64decode(report["media_data"]) == data
    assert {len(line) for line in report["media_data"].splitlines()[:-1]} == {76}


async def test_media_of_a_size_that_nobody_holds(
    world: World, account: Account, receiver: Receiver
) -> None:
    await world.run(media={"max_size": "100 MiB"}, report={"post_media_data": False})
    file = Medium.generated(60 * 2**20, 9)
    account.friend("小灰").sends_file("huge.bin", file)
    report = await receiver.get(format="media")
    assert int(report["media_size"]) == 60 * 2**20


async def test_a_restart_in_the_middle_of_a_download(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    gateway = await world.run()
    slow = simulator.faults.add("webwxgetmsgimg", Fault.HANG)
    message = account.friend("小灰").sends_image(PNG)
    account.friend("小灰").says("after")
    await slow.strikes()
    await gateway.stop()
    simulator.faults.clear()
    account.friend("小灰").says("later")
    await world.start()
    await receiver.get(content="later")
    reports = receiver.got(sender="小灰")
    assert [report["content"] for report in reports[1:]] == ["after", "later"]
    assert reports[0]["media_id"] == f"{message.msg_id}:3"
    assert base64.b64decode(reports[0]["media_data"]) == PNG
    assert list(Path(reports[0]["media_path"]).parent.iterdir()) == [Path(reports[0]["media_path"])]


@pytest.mark.parametrize("who", ["a friend", "a member", "the own phone"])
async def test_a_log_out_in_the_middle_of_a_download(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, who: str
) -> None:
    """The ids of all are others in the new login: a file is asked for with its sender's."""
    slow = simulator.faults.add("webwxgetmedia", Fault.HANG, times=1)
    group = account.group("PERL学习交流")
    match who:
        case "a friend":
            account.friend("小灰").sends_file("a.png", PNG)
        case "a member":
            group.member_sends_file(group.others[0], "a.png", PNG)
        case _:
            account.phone.sends_file(account.friend("小灰"), "a.png", PNG)
    await slow.strikes()
    account.end_session(1100)
    slow.release()
    await account.phone.sees_push_login()
    account.phone.confirm()
    report = await receiver.get(format="media")
    assert base64.b64decode(report["media_data"]) == PNG


async def test_check_event_has_the_contents_too(api: Gateway, account: Account) -> None:
    account.friend("小灰").sends_image(PNG)
    found: list[Json] = []
    while not any(report.get("format") == "media" for report in found):
        found += (await api.get("check_event", timeout="10")).json
    assert base64.b64decode(found[-1]["media_data"]) == PNG


async def test_post_stdout_has_the_contents_too(
    openwx: Callable[..., Any], simulator: Simulator, account: Account
) -> None:
    command: Command = await openwx(
        "serve",
        "--port",
        "0",
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL=simulator.url,
        OPENWX_REPORT__POST_STDOUT="true",
    )
    await account.phone.logs_in()
    await account.comes_online(30)
    account.friend("小灰").sends_image(PNG)
    assert command.process.stdout is not None
    report = msgspec.json.decode(await command.process.stdout.readline())
    assert base64.b64decode(report["media_data"]) == PNG


async def test_a_filter_on_media(world: World, account: Account, receiver: Receiver) -> None:
    await world.run(report={"post_message_filter": {"media_ext": "png"}})
    friend = account.friend("小灰")
    friend.says("no medium")
    friend.sends_image(JPEG)
    friend.sends_image(PNG)
    report = await receiver.get(post_type="receive_message")
    assert report["media_ext"] == "png"
    assert len(receiver.got(post_type="receive_message")) == 1


# -- sending on ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "send", "data", "code", "mime", "ext"), KINDS)
async def test_what_came_can_be_sent_on(
    world: World,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    kind: str,
    send: Send,
    data: bytes,
    code: int,
    mime: str,
    ext: str,
) -> None:
    gateway = await world.run()
    message = send(account.friend("小灰"), data)
    media_id = (await receiver.get(format="media"))["media_id"]
    await gateway.stop()
    gateway = await world.start()
    await gateway.reaches("running")
    reply = await gateway.get("send_friend_message", id="filehelper", media_id=media_id)
    assert reply.code == 0, reply.words
    (heard,) = await account.filehelper.hears()
    if kind == "voice":
        assert heard.medium is not None
        assert (heard.medium.data, heard.medium.kind) == (data, "doc")
    else:
        assert heard.forwarded is message
        assert reply.json["media_id"] == media_id
        assert not simulator.calls_of("webwxuploadmedia")


async def test_sending_on_before_it_is_fetched(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    """Forwarding needs no bytes."""
    slow = simulator.faults.add("webwxgetmsgimg", Fault.HANG)
    message = account.friend("小灰").sends_image(PNG)
    await slow.strikes()
    reply = await api.get("send_friend_message", id="filehelper", media_id=f"{message.msg_id}:3")
    assert reply.code == 0
    (heard,) = await account.filehelper.hears()
    assert heard.forwarded is message
