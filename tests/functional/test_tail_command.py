"""``openwx tail``: nothing is missed and nothing comes twice, whoever is stopped, killed or closed meanwhile."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openwx.cli.shell import lines
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S, until

from .typed import Typed
from .world import Command, Gateway, Json, Receiver, Start, World

pytestmark = pytest.mark.in_memory
ROOT = Path(__file__).parents[2]


@pytest.fixture
def tail(openwx: Start, world: World) -> Start:
    """Return a function that starts ``openwx tail …`` in the world's data folder."""

    async def start(*arguments: str) -> Command:
        return await openwx("tail", *arguments, OPENWX_DATA_DIR=str(world.data_dir))

    return start


async def line(command: Command) -> str:
    """Wait for the next line that it prints."""
    assert command.process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return (await command.process.stdout.readline()).decode()


async def report(command: Command) -> Json:
    answer = json.loads(await line(command))
    assert isinstance(answer, dict)
    return answer


async def keeps(state: Path, id: int | None = None) -> int:
    """Wait until the state file has this id, or any; return it."""
    await until(lambda: state.exists() and id in (None, int(state.read_text())))
    return int(state.read_text())


RECEIVED = ("--type", "receive_message")


async def test_lines_for_a_person(
    tail: Start, api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    friend.says("你好\n\x1b[2J\u202eevil")
    group.member_says(group.others[0], "大家好")
    group.notice("小明 joined")
    await receiver.gets(3)
    await api.get("send_friend_message", id=friend.record.id, content="hi")
    command = await tail("--after", "0", "-n", "5", "--type", "login,receive_message,send_message")
    code, out, err = await command.ends()
    assert (code, err) == (0, "")
    login, *messages = out.splitlines()
    assert login == f"{'-':<19}  login: 1"
    times = [message[:19] for message in messages]
    assert [time[4] + time[7] + time[10] + time[13] + time[16] for time in times] == ["-- ::"] * 4
    assert [message[19:] for message in messages] == [
        "  [小灰] 小灰: 你好\\n\\x1b[2J\\u202eevil",
        "  [PERL学习交流] PERL学习交流0: 大家好",
        "  [PERL学习交流] 小明 joined",
        "  [小灰] 我: hi",
    ]


async def test_json_is_the_report_and_its_id(
    tail: Start, api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    account.friend("小灰").says("你好\x1b[2J\x7f")
    account.friend("momo").says("not this one")
    uploaded = await receiver.get(content="你好\x1b[2J\x7f")
    command = await tail("--after", "0", "-n", "1", "--json", "--chat", "小灰")
    _, out, _ = await command.ends()
    assert "\x1b" not in out
    assert "\x7f" not in out
    (answer,) = map(json.loads, out.splitlines())
    first, *others = answer.items()
    assert first == ("seq", int(first[1]))
    assert dict(others) == uploaded


async def test_what_comes_meanwhile_is_printed_once(
    tail: Start, world: World, account: MemoryAccount, tmp_path: Path
) -> None:
    """The gateway stops, and starts at another port; the command is killed in the middle of it."""
    friend, state = account.friend("小灰"), tmp_path / "tail.id"
    gateway = await world.run()
    options = (*RECEIVED, "--json", "--state", str(state))
    command = await tail(*options)
    began = await keeps(state)
    friend.says("1")
    posted = await report(command)
    assert posted["content"] == "1"
    assert await keeps(state, posted["seq"]) > began
    await gateway.stop()
    friend.says("2")
    await command.says("the stream ended: .*; it goes on when it can connect again")
    again = await world.start()
    assert again.url != gateway.url
    posted = await report(command)
    assert posted["content"] == "2"
    await keeps(state, posted["seq"])
    await command.kill()
    friend.says("3")
    await account.acknowledges()
    command = await tail(*options, "-n", "2")
    assert (await report(command))["content"] == "3"
    friend.says("4")
    code, out, _ = await command.ends()
    assert (code, json.loads(out)["content"]) == (0, "4")
    assert [path.name for path in tmp_path.glob("tail*")] == ["tail.id"]


async def test_a_closed_pipe_ends_it_quietly(
    world: World, api: Gateway, account: MemoryAccount, receiver: Receiver, tmp_path: Path
) -> None:
    """Also while nothing happens, as soon as its reader leaves."""
    account.friend("小灰").says("1")
    await receiver.get(content="1")
    script = (
        f"{{ '{sys.executable}' -m openwx tail --after 0 {' '.join(RECEIVED)}; echo $? > code; }}"
        " | head -n 1"
    )
    environ = {"OPENWX_DATA_DIR": str(world.data_dir), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", script, cwd=tmp_path, env=environ | {"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert out.decode().endswith("[小灰] 小灰: 1\n")
    assert (err, (tmp_path / "code").read_text()) == (b"", "0\n")


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", -signal.SIGTERM)])
async def test_signals_end_it(
    tail: Start, api: Gateway, account: MemoryAccount, tmp_path: Path, name: str, code: int
) -> None:
    state = tmp_path / "id"
    command = await tail("--json", *RECEIVED, "--state", str(state))
    await keeps(state)
    account.friend("小灰").says("1")
    posted = await report(command)
    await keeps(state, posted["seq"])
    command.process.send_signal(getattr(signal, name))
    assert await command.ends() == (code, "", "")
    assert int(state.read_text()) == posted["seq"]


async def test_what_it_refuses(tail: Start, typed: Typed, api: Gateway, tmp_path: Path) -> None:
    state = tmp_path / "state"
    for content in (b"", b"x", b"-1", b"1\n2", b"9" * 19):
        state.write_bytes(content)
        code, out, err = await typed("tail", "--state", str(state))
        assert (code, out) == (2, "")
        assert "must hold the id of an event" in err
        assert state.read_bytes() == content
    code, _, err = await (await tail("--state", str(tmp_path / "none" / "state"))).ends()
    assert code == 2
    assert "it cannot be written: No such file" in err
    code, _, err = await (await tail("--type", "nonsense")).ends()
    assert code == 1
    assert "type must be" in err


async def test_no_gateway_runs(tail: Start, tmp_path: Path) -> None:
    state = tmp_path / "state"
    code, out, err = await (await tail("--state", str(state))).ends()
    assert (code, out, state.exists()) == (6, "", False)
    assert "no openwx runs with data_dir" in err


async def test_another_journal_is_said(
    tail: Start, api: Gateway, account: MemoryAccount, receiver: Receiver, tmp_path: Path
) -> None:
    account.friend("小灰").says("1")
    await receiver.get(content="1")
    state = tmp_path / "state"
    state.write_text("123456\n")
    code, out, err = await (await tail("--state", str(state), "-n", "1", *RECEIVED)).ends()
    assert (code, out[-2:]) == (0, "1\n")
    assert "some events are missing: no event has this id" in err
    assert int(state.read_text()) < 123456


def test_a_qr_code_does_not_fill_the_terminal() -> None:
    event: Json = {"post_type": "event", "event": "input_qrcode", "params": ["/path", "x" * 10_000]}
    assert len(lines.worded(event)) < 300
    event = {"post_type": "event", "event": "new_friend", "params": [{"displayname": "小灰"}]}
    assert lines.worded(event).endswith("  new_friend: 小灰")
    assert lines.worded({"post_type": "receive_message", "time": "x"}).startswith("-   ")
