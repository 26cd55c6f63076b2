"""``openwx send``, ``ask`` and ``who``: what arrives, what they print, and their exit codes."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from openwx.config import AccessSettings, AccountSettings
from openwx.errors import Unreachable
from openwx.schemas import MAX_CONTENT
from openwx.simulator import ClawBot, Fault, Simulator
from openwx.simulator.samples import PNG
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S, until_seen

from .typed import Typed
from .world import Gateway, Receiver, World

pytestmark = pytest.mark.in_memory

SAYS_NOTHING = (0, "", "")
ROOT = Path(__file__).parents[2]


# -- texts -----------------------------------------------------------------------------------------------


async def test_a_text_is_sent_and_nothing_said(
    typed: Typed, api: Gateway, account: MemoryAccount
) -> None:
    assert await typed("send", "--to", "小灰", "你好\n世界") == SAYS_NOTHING
    assert await typed("send", "--to", "PERL学习交流", "--group", "大家好") == SAYS_NOTHING
    assert await typed("send", "--to", "小灰", "--", "-5 degrees") == SAYS_NOTHING
    assert account.friend("小灰").texts == ["你好\n世界", "-5 degrees"]
    assert account.group("PERL学习交流").texts == ["大家好"]


async def test_a_text_of_standard_input(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰")
    longest = b"x" * MAX_CONTENT
    for stdin in ("一\n二\r\n\n".encode(), longest, longest + b"\r\n"):
        assert await typed("send", "--to", "小灰", "-", stdin=stdin) == SAYS_NOTHING
    assert friend.texts == ["一\n二", longest.decode(), longest.decode()]
    for stdin, words in (
        (longest + b"x", "more than 16384 bytes"),
        (longest + b"\n" * 3 + b"the end", "more than 16384 bytes"),
        (("字" * 6000).encode(), "more than 16384 bytes"),
        (b"GIF89a\0", "no text; send it as a file"),
        (b"\n", "is empty"),
        (b"", "is empty"),
    ):
        code, out, err = await typed("send", "--to", "小灰", "-", stdin=stdin)
        assert (code, out) == (1, "")
        assert words in err
        assert len(err.splitlines()) == 1
    assert len(friend.texts) == 3
    cut = "日志".encode()[1:-1]
    assert await typed("send", "--to", "小灰", "-", stdin=cut) == SAYS_NOTHING
    assert friend.texts[3:] == ["\ufffd\ufffd\ufffd"]


async def test_json_for_programs(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    sent = (await typed("send", "--to", "小灰", "x", "--json")).json
    assert {**sent, "msg_id": "", "id": ""} == {
        "outcome": "sent", "code": 0, "status": "发送成功", "msg_id": "", "id": "",
    }  # fmt: skip
    assert sent["id"] == f"{sent['msg_id']}:{account.friend('小灰').record.id}"
    accepted = (await typed("send", "--to", "小灰", "y", "--json", "--async")).json
    assert (accepted["outcome"], accepted["code"], bool(accepted["uid"])) == ("accepted", 0, True)


async def test_a_key_sends_once(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    for _ in range(2):
        assert await typed("send", "--to", "小灰", "--key", "k1", "x") == SAYS_NOTHING
    code, _, err = await typed("send", "--to", "小灰", "--key", "k1", "another text")
    assert code == 1
    assert "--key must be a new one" in err
    assert "idempotency_key" not in err
    assert account.friend("小灰").texts == ["x"]


# -- files -----------------------------------------------------------------------------------------------


async def test_files_from_anywhere_and_from_pipes(
    typed: Typed, world: World, account: MemoryAccount, tmp_path: Path
) -> None:
    """The gateway's ``media.roots`` do not matter: it is the command that reads the file."""
    await world.run(media={"roots": []})
    (tmp_path / "图 1.png").write_bytes(PNG)
    fifo = tmp_path / "pipe.bin"
    os.mkfifo(fifo)
    raw = bytes(range(256)) * 3
    assert await typed("send", "--to", "小灰", "--file", "图 1.png", "look") == SAYS_NOTHING
    named = ("--file", "-", "--name", "dump.bin")
    assert await typed("send", "--to", "小灰", *named, stdin=raw) == SAYS_NOTHING
    writing = asyncio.create_task(asyncio.to_thread(fifo.write_bytes, raw))
    assert await typed("send", "--to", "小灰", "--file", str(fifo)) == SAYS_NOTHING
    await writing
    text, picture, *files = await account.friend("小灰").hears(4)
    assert text.text == "look"
    names = [one.media.name for one in (picture, *files) if one.media]
    assert names == ["图 1.png", "dump.bin", "pipe.bin"]


async def test_bytes_arrive_as_they_are(
    typed: Typed, api: Gateway, simulator: Simulator, tmp_path: Path
) -> None:
    raw = bytes(range(256)) * 3 + b"\r\n\n"
    friend = simulator.account().friend("小灰")
    named = ("--file", "-", "--name", "dump.bin")
    assert await typed("send", "--to", "小灰", *named, stdin=raw) == SAYS_NOTHING
    (tmp_path / "copy.bin").write_bytes(raw)
    assert await typed("send", "--to", "小灰", "--file", "copy.bin") == SAYS_NOTHING
    heard = [one.medium for one in await friend.hears(2)]
    assert [(one.name, one.data) for one in heard if one] == [
        ("dump.bin", raw), ("copy.bin", raw),
    ]  # fmt: skip


async def test_files_that_cannot_be_sent(
    typed: Typed, world: World, account: MemoryAccount, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("OPENWX_MEDIA__MAX_SIZE", "1000")
    await world.run(media={"max_size": 1000})
    (tmp_path / "large").write_bytes(b"x" * 1001)
    (tmp_path / "empty").touch()
    named = ("--file", "-", "--name", "x.bin")
    for arguments, stdin, words in (
        (("--file", "none.png"), b"", "none.png: No such file"),
        (("--file", "."), b"", "Is a directory"),
        (("--file", "large"), b"", "1000 bytes"),
        (("--file", "empty"), b"", "empty"),
        (named, b"x" * 1001, "more than 1000 bytes (media.max_size)"),
        (named, b"", "is empty"),
    ):
        code, out, err = await typed("send", "--to", "小灰", *arguments, stdin=stdin)
        assert (code, out) == (1, ""), arguments
        assert words in err, arguments
        answer = (await typed("send", "--to", "小灰", "--json", *arguments, stdin=stdin)).json
        assert (answer["outcome"], answer["code"]) == ("failed", -3), arguments
    assert not account.sent


async def test_a_file_beyond_what_a_request_may_have(
    typed: Typed, world: World, account: MemoryAccount, tmp_path: Path
) -> None:
    """The gateway refuses it before it has read it all, and the command has its words."""
    await world.run(media={"max_size": 1000})
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(40 * 2**20)
    code, _, err = await typed("send", "--to", "小灰", "--file", "huge")
    assert code == 1, err
    assert "the body must be at most" in err
    assert not account.sent


# -- exit codes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("send", "x"), "--to"),
        (("send", "--to", "小灰"), "TEXT is missing"),
        (("send", "--to", " ", "x"), "must not be empty"),
        (("send", "--to", "@all", "x"), "one chat"),
        (("send", "--to", "小灰", "--file", "-", "-"), "not both"),
        (("send", "--to", "小灰", "--file", "-"), "--name"),
        (("send", "--to", "小灰", "--name", "x.png", "x"), "--file"),
        (("send", "--to", "小灰", "--key", "a b", "x"), "visible ASCII"),
        (("send", "--to", "小灰", "\udcff"), "must be UTF-8"),
        (("ask", "--to", "小灰", "--timeout", "nan", "x"), "from 1 to 300"),
        (("ask", "--to", "小灰", "--timeout", "301", "x"), "from 1 to 300"),
        (("tail", "--after", "1", "--state", "f"), "not allowed with"),
        (("tail", "--after", "-1"), "must be the id"),
        (("tail", "-n", "0"), "from 1"),
        (("completion", "csh"), "bash"),
    ],
)
async def test_2_wrong_arguments(typed: Typed, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = await typed(*arguments)
    assert (code, out) == (2, "")
    assert words in err


async def test_3_nobody(typed: Typed, api: Gateway) -> None:
    code, out, err = await typed("send", "--to", "nobody", "x")
    assert (code, out) == (3, "")
    assert "for a group, add --group" in err
    answer = (await typed("send", "--to", "nobody", "--group", "x", "--json")).json
    assert (answer["outcome"], answer["code"]) == ("nobody", 100)
    assert "--group" not in answer["status"]
    assert (await typed("ask", "--to", "nobody", "x")).code == 3
    assert (await typed("who", "nobody")).code == 3


async def test_4_ambiguous(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    ids = {one.record.id for one in account.friends if one.nickname == "张伟"}
    code, out, err = await typed("send", "--to", "张伟", "x")
    assert (code, out) == (4, "")
    _, *candidates = err.splitlines()
    assert {line.split()[1] for line in candidates} == ids
    answer = (await typed("ask", "--to", "张伟", "x", "--json")).json
    assert (answer["outcome"], answer["code"]) == ("ambiguous", 102)
    assert {one["id"] for one in answer["candidates"]} == ids
    assert not account.sent


async def test_an_id_chooses_among_them(typed: Typed, api: Gateway, simulator: Simulator) -> None:
    account = simulator.account()
    group = account.group("PERL学习交流")
    candidates = (await typed("send", "--to", "张伟", "x", "--json")).json["candidates"]
    assert await typed("send", "--to", candidates[1]["id"], "to you") == SAYS_NOTHING
    (reached,) = [one for one in account.friends if one.inbox]
    assert await reached.hears_text() == "to you"
    found = (await typed("who", "PERL学习交流", "--json")).json
    assert await typed("send", "--to", found["id"], "大家好") == SAYS_NOTHING
    assert await group.hears_text() == "大家好"
    assert await typed("send", "--to", "@owner", "to myself") == SAYS_NOTHING


async def test_5_the_outcome_is_unknown(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    account.drops_repeats = False
    account.fails("send_text", Unreachable("send", "lost"), lost=True)
    code, out, err = await typed("send", "--to", "小灰", "x")
    assert (code, out) == (5, "")
    assert "it may have been sent" in err
    answer = (await typed("send", "--to", "小灰", "x", "--json")).json
    assert (answer["outcome"], answer["code"]) == ("unknown", -1)


async def test_5_the_gateway_dies(typed: Typed, world: World, account: MemoryAccount) -> None:
    api = await world.run(pace={"finish_s": 0.3})
    held = account.hangs("send_text")
    sending = asyncio.create_task(typed("send", "--to", "小灰", "x"))
    await held.strikes()
    stopping = asyncio.create_task(api.stop())
    assert (await sending).code == 5
    held.release()
    await stopping


async def test_6_no_gateway_runs(typed: Typed) -> None:
    for command in (
        ("send", "--to", "a", "x"), ("ask", "--to", "a", "x"), ("who", "a"),
    ):  # fmt: skip
        code, out, err = await typed(*command)
        assert (code, out) == (6, "")
        assert "no openwx runs with data_dir" in err
        answer = (await typed(*command, "--json")).json
        assert (answer["outcome"], answer["code"]) == ("not_running", -1)


async def test_6_the_account_is_not_logged_in(
    typed: Typed, gateway: Gateway, account: MemoryAccount
) -> None:
    account.wanted_code = "1234"
    await gateway.get("stop_client")
    answer = (await typed("send", "--to", "小灰", "x", "--json")).json
    assert answer["outcome"] == "not_running"


async def does(script: str, api: Gateway, folder: Path) -> tuple[bytes, bytes]:
    """Run a script of a shell, and return what it prints and complains."""
    environ = {"OPENWX_DATA_DIR": str(api.settings.data_dir), "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=folder,
        env=environ | {"PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(2 * PATIENCE_S):
        return await process.communicate()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
async def test_an_output_that_takes_nothing(
    api: Gateway, account: MemoryAccount, tmp_path: Path
) -> None:
    script = (
        f"'{sys.executable}' -m openwx who 小灰 > /dev/full; echo $?;"
        f" '{sys.executable}' -m openwx who 小灰 >&-; echo $?;"
        f" '{sys.executable}' -m openwx send --to 小灰 --json x | true"
    )
    out, err = await does(script, api, tmp_path)
    assert (out, err) == (b"1\n0\n", b"openwx: [Errno 28] No space left on device\n")
    assert account.friend("小灰").texts == ["x"]


async def test_1_everything_else(
    typed: Typed, world: World, account: MemoryAccount, peer: MemoryTransports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    peer.account("shop")
    settings = world.settings().model_copy(
        update={
            "accounts": dict.fromkeys(("default", "shop"), AccountSettings(send_interval=0)),
            "access": AccessSettings(token="a-long-secret-token"),
        }
    )
    await world.start(settings=settings)
    assert "token" in (await typed("send", "--to", "小灰", "x")).err
    monkeypatch.setenv("OPENWX_ACCESS__TOKEN", "a-long-secret-token")
    for options, words in (
        ((), "client is missing"),
        (("--client", "none"), "client must be one of"),
    ):
        code, out, err = await typed("send", "--to", "小灰", "x", *options)
        assert (code, out) == (1, "")
        assert words in err
    answer = (await typed("send", "--to", "小灰", "x", "--json")).json
    assert (answer["outcome"], answer["code"]) == ("failed", -2)
    to_shop = ("send", "--to", "小灰", "x", "--client", "shop")
    await until_seen(lambda: typed(*to_shop), lambda done: done.code != 6)  # it logs in
    assert peer.account("shop").friend("小灰").texts == ["x"]
    assert not account.sent


# -- iLink -----------------------------------------------------------------------------------------------


async def test_by_ilink(
    typed: Typed,
    bound: Gateway,
    owner: ClawBot,
    receiver: Receiver,
    tmp_path: Path,
    simulator: Simulator,
) -> None:
    (tmp_path / "chart.png").write_bytes(PNG)
    assert await typed("send", "--to", "@owner", "--file", "chart.png", "look") == SAYS_NOTHING
    text, picture = await owner.hears(2)
    assert text.text == "look"
    assert picture.medium is not None
    assert picture.medium.data == PNG
    simulator.faults.add("sendmessage", Fault.LOSE_ANSWER, times=1)
    assert (await typed("send", "--to", "@owner", "x")).code == 5
    while (ended := await typed("send", "--to", "@owner", "again")).code == 0:
        assert len(owner.texts) < 20
    assert (ended.code, ended.out) == (1, "")
    answer = (await typed("send", "--to", "@owner", "again", "--json")).json
    assert (answer["outcome"], answer["code"]) == ("failed", 201)
    assert answer["status"] in ended.err
    code, out, err = await typed("send", "--to", "@owner", "--async", "later")
    assert (code, out) == (0, "")
    assert re.match("openwx: it is kept, and waits for .", err)
    owner.says("I am here")
    async with asyncio.timeout(PATIENCE_S):
        while "later" not in owner.texts:
            await owner.hears()
    found: Any = (await typed("who", "@owner")).code
    assert found == 3, "it is an address, and nobody's name"


async def test_what_is_called_strangely_is_sent(
    typed: Typed, api: Gateway, account: MemoryAccount, tmp_path: Path
) -> None:
    """A name that is no UTF-8, one that begins with ``-``, and a file whose size the system does not tell."""
    broken = tmp_path / os.fsdecode(b"\xff\n.txt")
    broken.write_bytes(b"x")
    (tmp_path / "-f.txt").write_bytes(b"y")
    for file in (str(broken), "./-f.txt", "/proc/version"):
        assert await typed("send", "--to", "小灰", "--file", file) == SAYS_NOTHING
    sent = await account.friend("小灰").hears(3)
    assert [one.media is not None for one in sent] == [True] * 3


async def test_hints(typed: Typed, api: Gateway) -> None:
    ended = await typed("send", "--to", "no body", "hi")
    assert "openwx who 'no body' looks among all names; for a group, add --group" in ended.err
    for command in (("send", "--group"), ("ask",)):
        assert "openwx who 'no body'" in (await typed(*command, "--to", "no body", "hi")).err
    for sends in ("send", "ask"):
        ended = await typed(sends, "--to", "小灰", "-x")
        assert ended.code == 2
        assert "put -- before a TEXT that begins with -" in ended.err
    assert "--client must be one of" in (await typed("who", "小灰", "--client", "x")).err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
async def test_the_exit_code_is_told_whoever_listens(
    api: Gateway, account: MemoryAccount, tmp_path: Path
) -> None:
    """A failure stays one where nobody reads it, and what was sent is no failure where its answer cannot be written."""
    openwx = f"'{sys.executable}' -m openwx"
    gone = "| true; echo ${PIPESTATUS[0]}"
    script = (
        f"{openwx} send --to nobody x 2>&1 >&- {gone}; {openwx} send --to nobody x 2> /dev/full; echo $?;"
        f" {openwx} send --to nobody x --json > /dev/full; echo $?;"
        f" {openwx} send --to 小灰 --json x > /dev/full; echo $?; {openwx} completion bash {gone}"
    )
    out, err = await does(script, api, tmp_path)
    assert out == b"3\n3\n3\n5\n0\n", err
    nobody, sent = err.decode().splitlines()
    assert "no friend with displayname=nobody" in nobody
    assert sent.startswith("openwx: it was sent, and standard output takes no answer")


# -- ask -------------------------------------------------------------------------------------------------


async def test_ask(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰")
    asking = asyncio.create_task(
        typed("ask", "--to", "小灰", "--timeout", "60", "-", stdin=b"when?\n")
    )
    assert await friend.hears_text() == "when?"
    friend.says("now\n\x1b[31mor never")
    assert await asking == (0, "now\n\\x1b[31mor never\n", "")
    asking = asyncio.create_task(
        typed("ask", "--to", "小灰", "--timeout", "60", "where?", "--json")
    )
    assert await friend.hears_text() == "where?"
    friend.says("\x1b[2J")
    answer = (await asking).json
    assert (answer["outcome"], answer["code"], answer["reply"]) == ("answered", 0, "\x1b[2J")


async def test_1_nobody_answers(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    code, out, err = await typed("ask", "--to", "小灰", "--timeout", "1", "hello?")
    assert (code, out, err) == (1, "", "openwx: it was sent, and no answer came within 1 s\n")
    answer = (await typed("ask", "--to", "小灰", "--timeout", "1", "hello?", "--json")).json
    assert (answer["outcome"], answer["code"], answer["reply"]) == ("failed", 0, None)
    assert account.friend("小灰").texts == ["hello?"] * 2


# -- who -------------------------------------------------------------------------------------------------


async def test_who(typed: Typed, api: Gateway, account: MemoryAccount) -> None:
    friend = account.friend("小灰").record
    for name in ("小灰", friend.id, str(friend.uid), "xiaohui2016"):
        code, out, err = await typed("who", name)
        assert (code, err) == (0, "")
        assert out.splitlines()[0] == "a friend: 小灰"
        assert f"  {'id':<10}{friend.id}" in out.splitlines()
        assert f"  {'uid':<10}{friend.uid}" in out.splitlines()
    assert (await typed("who", "Tom &amp; Jerry <猫和老鼠>", "--json")).json[
        "account"
    ] == "tomjerry"
    code, out, _ = await typed("who", "PERL学习交流")
    assert (code, out.splitlines()[0]) == (0, "a group of 4 members: PERL学习交流")
    group = (await typed("who", "PERL学习交流", "--json")).json
    assert (group["kind"], group["member_count"]) == ("group", 4)
    assert group["id"] == account.group("PERL学习交流").record.id


async def test_who_has_a_name_of_several(typed: Typed, api: Gateway) -> None:
    code, out, err = await typed("who", "张伟", "--json")
    assert (code, err) == (4, "")
    assert out.count('{"kind":"friend"') == 2 == len(out.splitlines())


async def test_names_of_strangers_do_nothing_to_a_terminal(
    typed: Typed, api: Gateway, account: MemoryAccount
) -> None:
    """Nor do they begin a line."""
    account.add_friend("evil\x1b[2J\nname", account="evil")
    await account.acknowledges()
    _, out, _ = await typed("who", "evil")
    assert out.splitlines()[0] == "a friend: evil\\x1b[2J\\nname"
    assert not [line for line in out.splitlines() if line.startswith("evil")]
    assert "\x1b" not in out
