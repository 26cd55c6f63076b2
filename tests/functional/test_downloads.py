"""Media from strangers: no content ends a session, and its size is checked against the message."""

import asyncio
import json
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import GIF, JPEG, MP3, MP4, PNG, bytes_of
from tests.patience import PATIENCE_S
from tests.rows import rows
from tests.unmeasured import draws

from .world import Gateway, Receiver, World

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
# The gateway draws from `random` in the loop's thread meanwhile, which hypothesis takes for the strategies'.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]
RETS = [-14, -2, -1, 0, 1, 1100, 1101, 1102, 1203, 1204, 1205, 2**40]
SENDS: dict[str, Callable[[Any, bytes], Any]] = {
    "webwxgetmsgimg": lambda who, data: who.sends_image(data),
    "webwxgetvoice": lambda who, data: who.sends_voice(data),
    "webwxgetvideo": lambda who, data: who.sends_video(data),
    "webwxgetmedia": lambda who, data: who.sends_file("a.bin", data),
}
REAL = {"webwxgetmsgimg": JPEG, "webwxgetvoice": MP3, "webwxgetvideo": MP4, "webwxgetmedia": PNG}


def refusal(ret: int, **more: Any) -> bytes:
    return json.dumps({"BaseResponse": {"Ret": ret, "ErrMsg": ""}, **more}).encode()


@pytest.fixture
async def lives(
    api: Gateway, account: Account, receiver: Receiver
) -> Callable[[], Awaitable[None]]:
    """Says that the session of the begin lives, and that no event says it ended."""
    (login,) = [call for call in account.world.calls if call.name == "webwxinit"]

    async def check() -> None:
        assert (await api.client())["state"] == "running"
        assert account.world.calls_of("webwxinit") == [login]
        assert not receiver.events("state_change", "login", "stop")

    return check


# -- whatever the bytes are ------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False], ids=["with its name", "without its name"])
async def test_a_file_that_looks_like_a_refusal_is_a_file(
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    lives: Callable[[], Awaitable[None]],
    named: bool,
) -> None:
    simulator.settings.names_files = named
    group = account.group("PERL学习交流")
    bodies = [refusal(ret) for ret in RETS]
    bodies += [
        b'{"BaseResponse":{"Ret":1101,"ErrMsg":""}}',
        b' \r\n{"BaseResponse":{"Ret":"1101"}}',
    ]
    bodies += [refusal(1100, MediaId="", StartPos=0), b'{"BaseResponse"', b"{" * 4096, b"{" * 5000]
    for body in bodies:
        group.member_sends_file(group.others[0], "settings.json", body)
    reports = await receiver.gets(len(bodies), format="media", timeout_s=PATIENCE_S)
    assert [Path(report["media_path"]).read_bytes() for report in reports] == bodies
    assert [int(report["media_size"]) for report in reports] == [len(body) for body in bodies]
    await lives()


async def test_a_long_log_that_begins_like_a_refusal_arrives_whole(
    account: Account, receiver: Receiver, simulator: Simulator, lives: Callable[[], Awaitable[None]]
) -> None:
    """Also where nothing states its size or that it is a file."""
    simulator.settings.names_files = False
    body = b"".join(refusal(1101, line=line) + b"\n" for line in range(7000))
    assert len(body) > 400_000
    for told_size in (None, 0):
        account.friend("小灰").sends_file("app.log", body, told_size)
    for report in await receiver.gets(2, format="media", timeout_s=PATIENCE_S):
        assert Path(report["media_path"]).read_bytes() == body
        assert (report["media_name"], report["media_size"]) == ("app.log", str(len(body)))
    await lives()


def _bodies() -> st.SearchStrategy[bytes]:
    refusals = st.builds(
        lambda before, ret, words, more, after: (
            before
            + json.dumps(
                {"BaseResponse": {"Ret": ret, "ErrMsg": words}} | more, ensure_ascii=False
            ).encode("utf-8", "replace")
            + after
        ),
        st.sampled_from([b"", b" ", b"\r\n\t", b"\xef\xbb\xbf", b"\0", PNG]),
        st.sampled_from(RETS) | st.integers() | st.sampled_from(["1101", None, True]),
        st.text(max_size=20),
        st.dictionaries(st.sampled_from(["MediaId", "a", "SKey"]), st.text(max_size=9)),
        st.sampled_from([b"", b"\n", b" " * 4000, b" " * 9000, b"x", b'\n{"a":1}' * 60_000]),
    )
    cut = st.builds(lambda body, at: body[: at % (len(body) + 1)], refusals, st.integers(0, 80))
    pages = st.sampled_from(
        [
            b"",
            b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
            b"<!DOCTYPE html>",
            b"<error><ret>1101</ret><message></message></error>",
            b'window.synccheck={retcode:"1101",selector:"0"}',
            b'{"a":' * 600,
            *(JPEG, PNG, GIF, MP3, MP4, JPEG + refusal(1101)),
        ]
    )
    return refusals | cut | pages | st.binary(max_size=300)


SENDINGS = st.lists(
    st.tuples(
        st.sampled_from(["file", "file", "file", "image", "sticker", "voice", "video"]),
        _bodies(),
        st.sampled_from([None, None, 0, 1, -1, 7, 10**9]),
    ),
    min_size=25,
    max_size=25,
)


def _sent(who: Any, kind: str, body: bytes, off: int | None) -> Any:
    """Send a message that states its true size (None), no size (0), or a size that many bytes off."""
    stated = off if not off else max(1, len(body) + off)
    match kind:
        case "file":
            return who.sends_file("任何东西.json", body, stated)
        case "image":
            return who.sends_image(body, stated)
        case "sticker":
            return who.sends_sticker(body, stated)
        case "voice":
            return who.sends_voice(body)
        case _:
            return who.sends_video(body, told_size=stated)


async def test_any_bytes_at_all(
    account: Account, receiver: Receiver, simulator: Simulator, lives: Callable[[], Awaitable[None]]
) -> None:
    """500 of them: no session ends, no message is lost, and no size is wrong."""
    print(f"drawn with OPENWX_TEST_SEED={SEED}")
    friends = account.friends[:5]
    seen = 0

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=20,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(sendings=SENDINGS, named=st.booleans())
    async def arrived(sendings: list[tuple[str, bytes, int | None]], named: bool) -> None:
        nonlocal seen
        simulator.settings.names_files = named
        ids = [
            _sent(friends[number % len(friends)], *sending).msg_id
            for number, sending in enumerate(sendings)
        ]
        wanted = set(ids)
        await receiver.until(
            lambda: wanted <= {report.json.get("id") for report in receiver.reports},
            f"{len(wanted)} messages",
            PATIENCE_S,
        )
        reports = {report.json["id"]: report.json for report in receiver.reports}
        assert len(receiver.reports) == len(reports) == len(ids)
        for msg_id, (kind, body, off) in zip(ids, sendings, strict=True):
            report = reports[msg_id]
            if "media_error" in report:
                assert not {"media_path", "media_size", "media_data"} & report.keys()
                is_kept = kind == "file" and body and off is None
                assert not is_kept, (report["media_error"], body[:200])
            else:
                assert Path(report["media_path"]).read_bytes() == body
                assert report["media_size"] == str(len(body))
                assert not off or kind == "voice" or max(1, len(body) + off) == len(body)
        seen += len(ids)
        receiver.forget()

    arrive: Any = arrived
    loop = asyncio.get_running_loop()
    inner = arrive.hypothesis.inner_test

    def on_the_loop(**drawn: Any) -> None:
        asyncio.run_coroutine_threadsafe(inner(**drawn), loop).result(2 * PATIENCE_S)

    arrive.hypothesis.inner_test = on_the_loop
    await draws(arrive)
    assert seen >= 500
    await lives()


# -- what is no media ------------------------------------------------------------------------------------


@rows("call", SENDS)
@rows("ret", [1100, 1101, 1102, 1205])
async def test_a_download_that_is_refused_ends_no_session(
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    lives: Callable[[], Awaitable[None]],
    call: str,
    ret: int,
) -> None:
    friend = account.friend("小灰")
    simulator.faults.add(call, Fault.RET, ret=ret, times=1)
    SENDS[call](friend, REAL[call])
    report = await receiver.get(format="media")
    assert Path(report["media_path"]).read_bytes() == REAL[call]
    receiver.forget()
    simulator.faults.add(call, Fault.RET, ret=ret)
    SENDS[call](friend, REAL[call])
    friend.says("after")
    report = await receiver.get(format="media")
    assert str(ret) in report["media_error"]
    await receiver.get(content="after")
    await lives()
    simulator.faults.clear()


async def test_an_avatar_that_is_refused_ends_no_session(
    api: Gateway, account: Account, simulator: Simulator, lives: Callable[[], Awaitable[None]]
) -> None:
    rule = simulator.faults.add("webwxgeticon", Fault.RET, ret=1101)
    reply = await api.get("get_avatar", account="xiaohui2016")
    assert (reply.code, reply.json["ret"]) == (201, 1101)
    simulator.faults.remove(rule)
    assert (await api.get("get_avatar", account="xiaohui2016")).status == 200
    await lives()


async def test_half_an_avatar_is_none(
    api: Gateway, account: Account, simulator: Simulator, lives: Callable[[], Awaitable[None]]
) -> None:
    simulator.faults.add("webwxgeticon", Fault.TRUNCATE, times=1)
    assert (await api.get("get_avatar", account="xiaohui2016")).status == 200
    await lives()


@pytest.mark.parametrize("call", SENDS)
async def test_a_page_is_no_file(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, call: str
) -> None:
    simulator.faults.add(call, Fault.GARBAGE, times=1)
    SENDS[call](account.friend("小灰"), REAL[call])
    report = await receiver.get(format="media")
    assert Path(report["media_path"]).read_bytes() == REAL[call]
    receiver.forget()
    simulator.faults.add(call, Fault.GARBAGE)
    SENDS[call](account.friend("小灰"), REAL[call])
    report = await receiver.get(format="media")
    assert "media_error" in report
    assert "media_path" not in report


@pytest.mark.parametrize("call", SENDS)
async def test_what_comes_in_parts_is_fetched_to_its_end(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, call: str
) -> None:
    simulator.faults.add(call, Fault.PARTIAL)
    SENDS[call](account.friend("小灰"), REAL[call])
    report = await receiver.get(format="media")
    assert Path(report["media_path"]).read_bytes() == REAL[call]
    ranges = [one.headers.get("Range", "") for one in simulator.calls_of(call)]
    assert ranges[1:] == sorted(set(ranges[1:]), key=lambda said: int(said[6:-1]))
    assert len(ranges) > 3


@pytest.mark.parametrize(
    ("send", "data"),
    [
        (SENDS["webwxgetmsgimg"], JPEG),
        (SENDS["webwxgetvideo"], MP4),
        (SENDS["webwxgetmedia"], b"%PDF-1.4\n" + bytes_of(90_000)),
        (lambda who, data: who.sends_sticker(data), GIF),
        (lambda who, data: who.sends_app_sticker(data), GIF),
        (lambda who, data: who.sends_short_video(data), MP4),
    ],
    ids=["image", "video", "file", "sticker", "app sticker", "short video"],
)
async def test_what_is_short_is_tried_again(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    send: Callable[[Any, bytes], Any],
    data: bytes,
) -> None:
    """Though the answer says that this is all: its message knows better."""
    calls = ("webwxgetmsgimg", "webwxgetvideo", "webwxgetmedia")
    for call in calls:
        simulator.faults.add(call, Fault.TRUNCATE, times=2)
    send(account.friend("小灰"), data)
    report = await receiver.get(format="media")
    assert Path(report["media_path"]).read_bytes() == data
    receiver.forget()
    simulator.faults.clear()
    for call in calls:
        simulator.faults.add(call, Fault.TRUNCATE)
    send(account.friend("小灰"), data)
    report = await receiver.get(format="media")
    assert f"the message tells {len(data)}" in report["media_error"]
    assert len(list(api.settings.media_dir.iterdir())) == 1


async def test_a_size_that_nobody_shows(
    world: World, api: Gateway, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.sends_file("a.bin", b"12345", 0)
    friend.sends_image(PNG, 0)
    friend.sends_video(MP4, told_size=0)
    friend.sends_sticker(GIF, 0)
    reports = await receiver.gets(4, format="media")
    assert [Path(one["media_path"]).read_bytes() for one in reports] == [b"12345", PNG, MP4, GIF]
