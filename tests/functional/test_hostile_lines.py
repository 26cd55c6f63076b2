"""What others write moves no terminal and makes no line of its own: in the log, on stdout, in what commands print."""

import asyncio
import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from openwx import logs
from openwx.cli import outbox
from openwx.safetext import Picture, harmless, in_json, one_line
from openwx.simulator import Account, Simulator
from tests.patience import PATIENCE_S

from .changing import in_sync
from .world import Receiver, World

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x00\x08\u202e\u2028x\r\n12:00:00 error: a line of mine\u0085end"
)
"""It clears the screen, sets its title, writes over the line, and begins another one."""


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """Collect the log as a terminal gets it, at all levels."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.ConsoleFormatter(logs.CONSOLE, "%H:%M:%S"))
    logger = logging.getLogger("openwx")
    former = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(former)


def is_harmless(text: str) -> None:
    bad = {c for c in text if not c.isprintable() and c not in "\n\u200d\ufe0f\u3000"}
    assert not bad, sorted(map(ascii, bad))
    assert not [line for line in text.splitlines() if line.startswith("12:00:00 error")]


async def test_nothing_in_the_log(
    world: World, account: Account, receiver: Receiver, simulator: Simulator, lines: StringIO
) -> None:
    settings = world.settings().model_copy(update={"show_messages": True})
    gateway = await world.run(settings=settings)
    friend, group = account.friend("无名氏"), account.group("PERL学习交流")
    lines.truncate(0)
    friend.renames(HOSTILE)
    await receiver.get_event("friend_property_change")
    friend.says(HOSTILE)
    group.member_says(group.others[0], HOSTILE)
    account.receive_notice(group, HOSTILE)
    account.receive(friend, account.owner, HOSTILE, msg_type=77777)
    friend.sends(49, HOSTILE, AppMsgType=5, FileName=HOSTILE, Url=HOSTILE)
    friend.sends(49, HOSTILE, AppMsgType=6, FileName=HOSTILE, MediaId="@x")
    account.asks_to_be_friends(HOSTILE, HOSTILE)
    await receiver.get_event("friend_request")
    await receiver.get(format="media")
    await in_sync(account, receiver)
    for params in (
        {"displayname": HOSTILE, "content": HOSTILE},
        {"displayname": "nobody" + HOSTILE, "content": "x"},
        {"id": "filehelper", "media_path": f"/etc/{HOSTILE}"},
        {"id": "filehelper", "media_path": f"http://{HOSTILE}/"},
    ):
        assert (await gateway.post("send_friend_message", **params)).status in (200, 400, 403)
    await gateway.get("start_client", client="x\x1b", **{f"strange{HOSTILE}": "x"})
    account.refuse_login(1203, HOSTILE)
    account.allows_push_login = False
    account.end_session(1101)
    await account.phone.logs_in()
    await receiver.get(event="stop")
    printed = lines.getvalue().replace("\0", "")
    assert "a line of mine" in printed
    assert "1203" in printed
    is_harmless(printed)


def test_errors_and_tracebacks_are_indented(lines: StringIO) -> None:
    log = logging.getLogger("openwx.test")
    try:
        int(HOSTILE)
    except ValueError:
        log.exception("it failed: %s", HOSTILE)
        log.warning("%(name)s and %(number)d", {"name": HOSTILE, "number": 7})
    log.info("%d %.1f %s %r", 1, 2.5, None, HOSTILE)
    printed = lines.getvalue()
    is_harmless(printed)
    assert [line for line in printed.splitlines() if not line.startswith("    ")] == [
        line for line in printed.splitlines() if line[2:3] == ":" and line[5:6] == ":"
    ]
    assert "Traceback" in printed


def test_a_picture_of_ours_stays_as_it_is(lines: StringIO) -> None:
    picture = "\x1b[40m  \x1b[0m\n██"
    logging.getLogger("openwx.test").info("scan:\n%s", Picture(picture))
    assert picture in lines.getvalue()


async def test_nothing_on_stdout(
    world: World, account: Account, receiver: Receiver, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    gateway = await world.run(report={"post_stdout": True})
    capfdbinary.readouterr()
    account.friend("小灰").says(HOSTILE)
    report = await receiver.get(content=HOSTILE)
    out = b""
    async with asyncio.timeout(PATIENCE_S):
        while b"a line of mine" not in out:
            await gateway.get("check_event", timeout="0.05")
            out += capfdbinary.readouterr().out
    is_harmless(out.decode())
    (line,) = [json.loads(one) for one in out.decode().splitlines() if "a line of mine" in one]
    assert line == report


async def test_nothing_in_what_outbox_prints(
    world: World, account: Account, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.fails(status=404)
    gateway = await world.run()
    account.friend("小灰").says(HOSTILE)
    await receiver.get(post_type="receive_message")
    async with asyncio.timeout(PATIENCE_S):
        while not (listed := (await gateway.get("outbox", limit="100")).json["deliveries"]):
            await gateway.get("check_event", timeout="0.1")
    await gateway.stop()
    ids = [one["id"] for one in listed]
    assert await asyncio.to_thread(outbox.main, gateway.settings, outbox.OutboxCommand("list")) == 0
    for id_ in ids:
        asked = outbox.OutboxCommand("show", ids=[id_])
        assert await asyncio.to_thread(outbox.main, gateway.settings, asked) == 0
    is_harmless(capsys.readouterr().out)


@pytest.mark.parametrize("text", [HOSTILE, "plain", "两行\n😀\u200d❤\ufe0f", "", "\ud800"])
def test_what_is_shown(text: str) -> None:
    assert "\n" not in one_line(text)
    is_harmless(harmless(text).replace("\n", " "))
    is_harmless(one_line(text))
    quoted = json.dumps(text, ensure_ascii=False)
    is_harmless(in_json(quoted))
    assert json.loads(in_json(quoted)) == text
