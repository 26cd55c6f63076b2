"""What a bot of iLink sends: within the budget of its person, never twice, and files of every size."""

import asyncio
import base64
import hashlib
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine
from openwx.simulator import ClawBot, Fault, Simulator
from openwx.simulator.media import GIF, JPEG, MP3, MP4
from tests.patience import until
from tests.populations import FEW
from tests.reply import Reply

from .world import Api, Gateway, Receiver, Start, World, replies, says

POPULATION = FEW
LATER = {"async": "1"}
WAITS = "the person's next message"
MB = 2**20
BIG = 60 * MB
MEMORY_KB = 24 * 1024
"""How much larger a gateway may grow while it passes ``BIG`` on."""


async def sends(api: Api, text: str, **more: str) -> Reply:
    return await api.get("send_friend_message", id="@owner", content=text, **more)


async def spends(api: Gateway, count: int = 10) -> None:
    for number in range(count):
        assert (await sends(api, f"{number}")).code == 0


async def parks(api: Gateway, *texts: str) -> None:
    """Have messages accepted, and see them wait for their person."""
    assert api.service is not None
    mine = api.service.gateway.account(None)
    for text in texts:
        assert (await sends(api, text, **LATER)).json["waits_for"] == WAITS
    parked_with, owner = mine.outgoing.queue.parked_with, {mine.owner_id or ""}
    await until(lambda: (parked := parked_with(owner)) and len(parked.messages) >= len(texts))


async def budget(api: Gateway) -> Any:
    (one,) = (await api.client())["budget"]
    return one


# -- the budget ------------------------------------------------------------------------------------------


async def test_ten_messages_then_the_person_must_write(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    assert (await budget(bound))["id"] == owner.user_id
    assert abs((await budget(bound))["until"] - time.time() - 86_400) < 60
    for left in range(10, 0, -1):
        assert (await budget(bound))["sends_left"] == left
        reply = await sends(bound, f"{left}")
        assert (reply.code, reply.json["msg_id"]) == (0, owner.inbox[-1].msg_id)
    calls = len(simulator.calls_of("sendmessage"))
    began = time.monotonic()
    reply = await sends(bound, "one too many")
    assert (reply.status, reply.code) == (200, 201)
    assert "write again" in reply.words or "send any message" in reply.words
    assert time.monotonic() - began < 2
    assert len(simulator.calls_of("sendmessage")) == calls == 10
    assert (await receiver.get(post_type="send_message", content="one too many"))["code"] == 201
    owner.says("go on")
    await owner.bot.acknowledges()
    assert (await budget(bound))["sends_left"] == 10
    assert (await sends(bound, "again")).code == 0
    assert len(owner.texts) == 11


async def test_accepted_messages_wait_for_the_next_one_also_over_a_restart(
    bound: Gateway, world: World, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    await spends(bound)
    await parks(bound, "later 1", "later 2")
    await bound.stop()
    api = await world.start(transport="ilink")
    await api.reaches("running")
    await api.queues(2)
    assert len(simulator.calls_of("sendmessage")) == 10
    owner.says("here I am")
    for text in ("later 1", "later 2"):
        await receiver.get(post_type="send_message", code=0, content=text)
    assert owner.texts[-2:] == ["later 1", "later 2"]


async def test_an_accepted_message_waits_for_the_first_one_of_its_person(
    world: World, owner: ClawBot, receiver: Receiver, simulator: Simulator, tmp_path: Path
) -> None:
    """Over a restart, too, and a file is not uploaded before."""
    file = tmp_path / "a.gif"
    file.write_bytes(GIF)
    api = await world.run(transport="ilink")
    assert (await sends(api, "now")).code == 101
    assert (await sends(api, "first of all", **LATER)).json["waits_for"] == WAITS
    later = await sends(api, "keyed", idempotency_key="k", **LATER)
    assert (later.code, later.json["waits_for"]) == (0, WAITS)
    sent = await api.get("send_friend_message", id="@owner", media_path=str(file), **LATER)
    assert (sent.code, sent.json["waits_for"]) == (0, WAITS)
    assert await budget(api) == {"id": owner.user_id, "sends_left": 0, "until": 0}
    assert (await api.get("get_friend_info")).json == []
    await api.queues(3)
    await api.stop()
    api = await world.start(transport="ilink")
    await api.reaches("running")
    await api.queues(3)
    assert not simulator.calls_of("sendmessage")
    assert not simulator.calls_of("getuploadurl")
    owner.says("hello")
    await receiver.gets(3, post_type="send_message", code=0)
    assert owner.texts == ["first of all", "keyed", "[image]"]


async def test_the_window_of_a_day(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    """WeChat says so, however many messages are left by our count."""
    owner.window_closes()
    reply = await sends(bound, "too late")
    assert (reply.status, reply.code) == (200, 201)
    assert (reply.json["ret"], "prepare failed" in reply.json["errmsg"]) == (-2, True)
    assert (await budget(bound))["sends_left"] == 0
    await sends(bound, "not even tried")
    assert len(simulator.calls_of("sendmessage")) == 1
    await parks(bound, "waits")
    owner.says("a day later")
    await receiver.get(post_type="send_message", code=0, content="waits")
    assert owner.texts == ["waits"]


async def test_a_long_text_is_sent_in_parts_or_not_at_all(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    long = "\n".join(f"line {number} " + "x" * 90 for number in range(50))
    assert 4000 < len(long) < 6000
    reply = await sends(bound, long)
    assert reply.code == 0
    assert [len(part) <= 2000 for part in owner.texts] == [True] * 3
    assert "\n".join(owner.texts) == long
    assert reply.json["msg_id"] == owner.inbox[0].msg_id
    assert (await receiver.get(post_type="send_message"))["content"] == long
    assert (await budget(bound))["sends_left"] == 7
    await spends(bound, 5)
    reply = await sends(bound, long)
    assert reply.code == 201
    assert "3 messages, and 2 are left" in reply.words
    assert len(owner.texts) == 8
    assert (await sends(bound, "short")).code == 0
    reply = await sends(bound, "\n".join(["x" * 1001] * 11))
    assert (reply.code, "takes 11 messages" in reply.words) == (101, True), reply.words
    assert (await sends(bound, long, **LATER)).code == 0
    owner.says("yes?")
    await receiver.gets(2, post_type="send_message", code=0, content=long)
    assert "\n".join(owner.texts[-3:]) == long


async def test_replies_find_the_budget_full(
    bound: Gateway, owner: ClawBot, receiver: Receiver
) -> None:
    await spends(bound)
    receiver.behaves(replies("an answer"), content="question")
    owner.says("question")
    await receiver.get(post_type="send_message", content="an answer")
    assert owner.texts[-1] == "an answer"


async def test_a_question_is_answered(bound: Gateway, owner: ClawBot) -> None:
    asked = asyncio.ensure_future(
        bound.get("consult", id="@owner", content="shall I?", timeout="60")
    )
    assert await owner.hears_text() == "shall I?"
    owner.says("yes")
    assert "yes" in (await asked).body.decode()


# -- refusals, and answers that are lost -----------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Fault.LOSE_ANSWER, Fault.GARBAGE, Fault.TRUNCATE, Fault.SERVER_ERROR]
)
async def test_a_lost_answer_is_an_unknown_outcome(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator, fault: Fault
) -> None:
    simulator.faults.add("sendmessage", fault, times=1)
    reply = await sends(bound, "x")
    assert (reply.status, reply.code) == (504, -1)
    assert (await receiver.get(post_type="send_message"))["code"] == -1
    reply = await sends(bound, "y", **LATER)
    await receiver.get(post_type="send_message", code=0, content="y")
    assert len(simulator.calls_of("sendmessage")) == 2
    assert owner.texts == ["x", "y"][fault is Fault.SERVER_ERROR :]
    assert (await budget(bound))["sends_left"] == 8, "it may have arrived"


async def test_a_message_without_an_id_is_refused(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    owner.restricted = True
    reply = await sends(bound, "never shown")
    assert (reply.status, reply.code, reply.json["ret"]) == (200, 201, 0)
    assert "restricted" in reply.json["errmsg"]
    assert (await receiver.get(post_type="send_message"))["code"] == 201
    await sends(bound, "nor this", **LATER)
    await receiver.get(post_type="send_message", content="nor this", code=201)
    assert len(simulator.calls_of("sendmessage")) == 2
    owner.says("can you hear me?")
    await receiver.get(content="can you hear me?")


async def test_a_throttle_pauses_all_sends(
    world: World, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    api = await world.run(
        transport="ilink", pace={"too_often_first_s": 0.5, "too_often_most_s": 0.5}
    )
    owner.says("first")
    await receiver.get(content="first")
    await owner.bot.acknowledges()
    rule = simulator.faults.add("sendmessage", Fault.RET, times=1, ret=-2, errmsg="rate limited")
    began = time.monotonic()
    for text in ("1", "2"):
        assert (await sends(api, text, **LATER)).code == 0
    await rule.strikes()
    await receiver.get(post_type="send_message", content="2", code=0)
    assert time.monotonic() - began > 0.4
    assert owner.texts == ["1", "2"]
    assert len(simulator.calls_of("sendmessage")) == 3, "nobody asks whether it is over"
    simulator.faults.add("sendmessage", Fault.RET, times=1, ret=-12, errmsg="")
    reply = await sends(api, "3")
    assert (reply.code, reply.json["ret"]) == (201, -12)


async def test_a_stale_token_has_a_send_wait_for_the_new_bot(
    bound: Gateway, world: World, owner: ClawBot, receiver: Receiver
) -> None:
    assert (await sends(bound, "before")).code == 0
    owner.bot.goes_stale()
    await sends(bound, "after", **LATER)
    await world.account.phone.logs_in()
    owner.says("I am back")
    await receiver.get(post_type="send_message", content="after", code=0)
    assert owner.texts == ["before", "after"]


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_accepted_send_is_not_repeated_after_a_kill(
    world: World, owner: ClawBot, receiver: Receiver, openwx: Start, environ: dict[str, str],
    simulator: Simulator, arrived: bool,
) -> None:  # fmt: skip
    environ = environ | {"OPENWX_ACCOUNTS__DEFAULT__TRANSPORT": "ilink"}
    process = await openwx("serve", **environ)
    await world.account.phone.logs_in()
    await owner.comes_online()
    owner.says("first")
    await receiver.get(content="first")
    await owner.bot.acknowledges()
    api = Api(await process.url(), world.http)
    rule = simulator.faults.add("sendmessage", Fault.HANG)
    for text in ("on its way", "behind it"):
        assert (await sends(api, text, **LATER)).code == 0
    await rule.strikes()
    if arrived:
        process.process.send_signal(signal.SIGSTOP)  # what is behind it would be on its way, too
        rule.release()
        await owner.hears()
    await process.kill()
    rule.release()
    simulator.faults.clear()
    again = await openwx("serve", **environ)
    await again.url()
    report = await receiver.get(post_type="send_message", content="behind it")
    assert report["code"] == 0
    assert owner.texts.count("behind it") == 1
    assert owner.texts.count("on its way") in ([1] if arrived else [0, 1])
    assert len(simulator.calls_of("sendmessage")) == 2
    (first,) = receiver.got(post_type="send_message", content="on its way")
    assert first["code"] == -1


# -- files -----------------------------------------------------------------------------------------------


async def test_kinds_of_files_as_the_phone_shows_them(
    bound: Gateway, owner: ClawBot, receiver: Receiver, tmp_path: Path
) -> None:
    for name, data, kind in (
        ("a.jpg", JPEG, "image"),
        ("b.gif", GIF, "image"),
        ("c.mp4", MP4, "video"),
        ("报告（终稿）😀.txt", b"words", "file"),
        ("e.mp3", MP3, "file"),
    ):
        reply = await bound.post(
            "send_friend_message",
            id="@owner",
            media_data=base64.b64encode(data).decode(),
            media_name=name,
        )
        assert reply.code == 0, (name, reply.json)
        (shown,) = await owner.hears()
        assert shown.kind == kind, name
        assert shown.medium is not None, "the phone can read it"
        assert shown.medium.data == data
        assert shown.file_name == (name if kind == "file" else "")
        assert reply.json["msg_id"] == shown.msg_id


async def test_text_comes_before_the_file(bound: Gateway, owner: ClawBot) -> None:
    reply = await bound.post(
        "send_friend_message", id="@owner", content="look", media_data="eA==", media_name="x.txt"
    )
    assert reply.code == 0
    assert [(one.kind, one.text) for one in await owner.hears(2)] == [
        ("text", "look"), ("file", "x.txt"),
    ]  # fmt: skip
    assert (await budget(bound))["sends_left"] == 8


async def test_an_uploaded_file_is_sent_often(
    bound: Gateway, owner: ClawBot, simulator: Simulator
) -> None:
    given = await bound.post("upload_media", media_data="d29yZHM=", media_name="a.txt")
    assert simulator.calls_of("getuploadurl") == [], "the permission names a person"
    for _ in range(2):
        reply = await bound.get("send_friend_message", id="@owner", media_id=given.json["media_id"])
        assert reply.code == 0, reply.json
    shown = await owner.hears(2)
    assert [one.medium.data for one in shown if one.medium] == [b"words"] * 2
    assert len(simulator.calls_of("c2c/upload")) == 2


async def test_a_received_file_is_sent_on(
    bound: Gateway, owner: ClawBot, receiver: Receiver
) -> None:
    said = owner.sends_file("theirs.txt", b"their words")
    report = await receiver.get(id=said.msg_id)
    reply = await bound.get("send_friend_message", id="@owner", media_id=report["media_id"])
    assert reply.code == 0, reply.json
    (shown,) = await owner.hears()
    assert (shown.file_name, shown.medium and shown.medium.data) == ("theirs.txt", b"their words")


SIZES = [1, 15, 16, 17, 31, 32, 33, 4095, 4096, 65_535, 65_536, 65_537, 131_072 + 15, MB + 1]


@pytest.mark.parametrize("tells_url", [True, False])
async def test_files_of_many_sizes_both_ways(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator, tmp_path: Path,
    tells_url: bool,
) -> None:  # fmt: skip
    simulator.ilink.budget = 0
    simulator.ilink.tells_upload_url = tells_url
    simulator.ilink.param_bytes = 2 * MB
    for size in SIZES:
        data = (b"%d " % size * (size // 2 + 1))[:size]
        owner.says("more")
        said = owner.sends_file(f"{size}.bin", data)
        report = await receiver.get(id=said.msg_id)
        assert Path(report["media_path"]).read_bytes() == data, size
        path = tmp_path / f"{size}.bin"
        path.write_bytes(data)
        await owner.bot.acknowledges()
        reply = await bound.get("send_friend_message", id="@owner", media_path=str(path))
        assert reply.code == 0, (size, reply.json)
        (shown,) = await owner.hears()
        assert shown.medium is not None
        assert shown.medium.data == data, size


async def test_an_empty_file_is_no_file(bound: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.touch()
    reply = await bound.get("send_friend_message", id="@owner", media_path=str(path))
    assert reply.code == -3


async def test_a_large_file_passes_in_pieces(
    world: World, owner: ClawBot, receiver: Receiver, openwx: Start, environ: dict[str, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    """No more of a file is in memory than a few pieces."""
    environ = environ | {
        "OPENWX_ACCOUNTS__DEFAULT__TRANSPORT": "ilink",
        "OPENWX_REPORT__POST_MEDIA_DATA": "no",
        "OPENWX_MEDIA__MAX_SIZE": str(BIG),
    }
    process = await openwx("serve", **environ)
    await world.account.phone.logs_in()
    await owner.comes_online()
    owner.sends_file("small.bin", b"warm up")
    report = await receiver.get(media_name="small.bin")
    api = Api(await process.url(), world.http)
    assert (
        await api.get("send_friend_message", id="@owner", media_path=report["media_path"])
    ).code == 0
    pid = process.process.pid
    machine.reset_peak(pid)
    began_kb = machine.memory_kb(pid)
    data = bytes(range(256)) * (BIG // 256)
    owner.sends_file("big.bin", data)
    report = await receiver.get(media_name="big.bin")
    path = Path(report["media_path"])
    assert hashlib.md5(path.read_bytes()).digest() == hashlib.md5(data).digest()
    reply = await api.get("send_friend_message", id="@owner", media_path=str(path))
    assert reply.code == 0, reply.json
    shown = (await owner.hears(2))[-1]
    assert shown.medium is not None
    assert shown.medium.size == BIG
    assert machine.memory_kb(pid, "VmHWM") - began_kb < MEMORY_KB


async def test_an_upload_that_is_not_permitted(
    bound: Gateway, owner: ClawBot, simulator: Simulator
) -> None:
    simulator.faults.add("getuploadurl", Fault.RET, ret=-1, errmsg="")
    reply = await bound.post(
        "send_friend_message", id="@owner", media_data="eA==", media_name="x.txt"
    )
    assert (reply.status, reply.code) == (200, 201), reply.json
    assert len(simulator.calls_of("getuploadurl")) == 1
    assert owner.inbox == []


async def test_a_reply_with_a_file(
    bound: Gateway, owner: ClawBot, receiver: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "chart.jpg"
    path.write_bytes(JPEG)
    receiver.behaves(says({"reply": "here", "media": str(path)}), content="chart?")
    owner.says("chart?")
    text, picture = await owner.hears(2)
    assert (text.text, picture.kind) == ("here", "image")
