"""The commands, as a person or a service manager runs them."""

import json
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

import openwx as package
from openwx.simulator import Account, Fault
from tests.patience import until

from . import quick
from .typed import Typed
from .world import Receiver, Start, World

in_a_new_interpreter = pytest.mark.parametrize("is_fresh", [True], ids=["fresh"])


@in_a_new_interpreter
async def test_version(openwx: Start) -> None:
    code, out, _ = await (await openwx("--version")).ends()
    assert (code, out.strip()) == (0, f"openwx {package.__version__}")


async def test_check_config_shows_what_counts_and_no_secrets(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[listen]]\nhost = "0.0.0.0"\nport = 4000\n[access]\ntoken = "very-secret-token"\n'
        '[report]\npost_api = "http://127.0.0.1:9/"\n',
        encoding="utf-8",
    )
    code, out, _ = await typed("check-config", "--config", str(file), OPENWX_LISTEN__PORT="4001")
    assert code == 0
    assert str(file) in out
    assert "http://0.0.0.0:4001" in out
    assert "http://127.0.0.1:9/" in out
    assert "very-secret-token" not in out


@pytest.mark.parametrize("name", ["check-config", "serve"])
@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("lisen = 1", "lisen"),
        ("[accounts.a]\nsend_interval = -1", "accounts.a.send_interval"),
        ("[[listen]]\nhost = '0.0.0.0'", "allow_anonymous = true"),
        ("= 1", "config.toml"),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_one_line(
    typed: Typed, tmp_path: Path, name: str, toml: str, words: str
) -> None:
    (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
    code, _, err = await typed(name)
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith("openwx: ")
    assert words in line


async def test_an_address_that_is_taken(openwx: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = await (await openwx("serve", "--port", port)).ends()
    assert code == 2
    assert f"127.0.0.1:{port} is taken by another program" in err.splitlines()[-1]
    assert "Traceback" not in err


@in_a_new_interpreter
async def test_a_libmagic_that_does_not_load_ends_the_start(openwx: Start, tmp_path: Path) -> None:
    (tmp_path / "magic.py").write_text("raise ImportError('failed to find libmagic')", "utf-8")
    command = await openwx("serve", "--demo", "--port", "0")
    code, _, err = await command.ends()
    assert code == 2
    assert "does not load: failed to find libmagic; install openwx anew" in err.splitlines()[-1]
    assert "Traceback" not in err


@in_a_new_interpreter
async def test_serve_on_simulate(openwx: Start, tmp_path: Path, receiver: Receiver) -> None:
    """Two processes and a backend: a login, a message shown as one line, a send, a second instance, SIGTERM."""
    simulate = await openwx("simulate", "--port", "0")
    assert simulate.process.stdout is not None
    line = (await simulate.process.stdout.readline()).decode()
    wechat = line.split()[-1]
    settings = {
        "OPENWX_DATA_DIR": str(tmp_path / "data"),
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": wechat,
        "OPENWX_REPORT__POST_API": receiver.url,
        "OPENWX_REPORT__POST_EVENT": "true",
    }
    serve = await openwx("serve", "--port", "0", **settings)
    url = await serve.url()
    await serve.says("updating → running")
    async with aiohttp.ClientSession() as http:
        said = {"friend": "小灰", "text": "第一行\n\x1b[31m第二行"}
        async with http.post(f"{wechat}/_simulator/friend/says", json=said) as answer:
            assert answer.status == 200
        shown = await serve.says("小灰: 第一行")
        assert "⏎" in shown.string
        assert "\x1b" not in shown.string
        sent = {"account": "xiaohui2016", "content": "你好"}
        async with http.post(f"{url}/openwx/send_friend_message", data=sent) as answer:
            assert (await answer.json())["code"] == 0
        inbox = {"friend": "小灰", "n": "1"}
        async with http.get(f"{wechat}/_simulator/inbox", params=inbox) as answer:
            assert "你好" in await answer.text()
    second = await openwx("serve", "--port", "0", **settings)
    code, _, err = await second.ends()
    assert code == 2
    assert "in use by another openwx" in err.splitlines()[-1]
    serve.process.send_signal(signal.SIGTERM)
    code, _, err = await serve.ends()
    assert code == 0
    assert "Traceback" not in err
    await receiver.get(event="stop")
    simulate.process.send_signal(signal.SIGTERM)
    code, _, err = await simulate.ends()
    assert code == 0
    assert "Traceback" not in err


@in_a_new_interpreter
async def test_uvloop_is_used_where_it_is_installed(
    openwx: Start, tmp_path: Path, world: World
) -> None:
    """Check a login, an answer of the API, a report, and a clean end."""
    pytest.importorskip("uvloop", reason="the extra fast is not installed")
    serve = await openwx(
        *("serve", "--port", "0"),
        OPENWX_DATA_DIR=str(tmp_path / "uvloop"),
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL=world.simulator.url,
        OPENWX_REPORT__POST_API=world.receiver.url,
    )
    await serve.says("the event loop is that of uvloop")
    url = await serve.url()
    await world.account.phone.logs_in()
    await serve.says("updating → running")
    async with world.http.get(f"{url}/openwx/get_user_info") as answer:
        assert (await answer.json())["name"] == world.account.owner.nickname
    world.account.friend("小灰").says("hi")
    await world.receiver.get(content="hi")
    serve.process.send_signal(signal.SIGTERM)
    code, _, _ = await serve.ends()
    assert code == 0


async def test_simulate_warns_where_others_can_reach_it(openwx: Start) -> None:
    simulate = await openwx("simulate", "--host", "0.0.0.0", "--port", "0")
    await simulate.says("warning: http://0.0.0.0:.* has no password")


async def test_a_later_run_of_simulate_has_larger_ids(openwx: Start) -> None:
    """A gateway that runs on does not take its messages for repetitions, by web or by iLink."""
    runs = []
    for _ in range(2):
        simulate = await openwx("simulate", "--port", "0")
        assert simulate.process.stdout is not None
        wechat = (await simulate.process.stdout.readline()).decode().split()[-1]
        async with aiohttp.ClientSession() as http:
            ids = []
            for text in ("one", "two", "three"):
                said = {"friend": "小灰", "text": text}
                async with http.post(f"{wechat}/_simulator/friend/says", json=said) as answer:
                    ids.append(int((await answer.json())["msg_id"]))
            async with http.get(f"{wechat}/_simulator/ilink/options") as answer:
                runs.append((ids, (await answer.json())["first_id"]))
        simulate.process.send_signal(signal.SIGTERM)
        await simulate.ends()
    (before, first_before), (after, first_after) = runs
    assert max(before) < min(after)
    assert first_before < first_after


async def test_simulate_takes_options_of_its_ilink_service(openwx: Start) -> None:
    options = ("--ilink", "verify_code=yes", "--ilink", "client_id=refuse")
    simulate = await openwx("simulate", "--port", "0", *options)
    assert simulate.process.stdout is not None
    wechat = (await simulate.process.stdout.readline()).decode().split()[-1]
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{wechat}/_simulator/ilink/options") as answer,
    ):
        reply = await answer.json()
    assert (reply["verify_code"], reply["client_id"], reply["budget"]) == (True, "refuse", 10)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nonsense=1", "no setting"),
        ("budget=many", "should be a whole number"),
        ("budget", "NAME=VALUE"),
    ],
)
async def test_simulate_rejects_what_is_no_option(typed: Typed, given: str, words: str) -> None:
    code, _, err = await typed("simulate", "--port", "0", "--ilink", given)
    assert code == 2
    assert words in err


async def test_logout_ends_the_session_at_wechat_and_forgets_it(
    openwx: Start, world: World, account: Account
) -> None:
    settings = {
        "OPENWX_DATA_DIR": str(world.data_dir),
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": world.simulator.url,
    }
    gateway = await world.run()
    code, _, err = await (await openwx("logout", **settings)).ends()
    assert code == 2
    assert "in use by another openwx" in err
    assert account.session is not None
    assert account.session.ended is None
    await gateway.stop()
    world.simulator.faults.add("webwxlogout", Fault.SERVER_ERROR, times=1)
    code, _, err = await (await openwx("logout", **settings)).ends()
    assert code == 1
    assert "still logged in: webwxlogout: HTTP status 502" in err
    code, _, err = await (await openwx("logout", **settings)).ends()
    assert code == 0
    assert "default: logged out" in err
    assert "not logged in" not in err
    assert len(world.simulator.calls_of("webwxlogout")) == 2
    code, _, err = await (await openwx("logout", **settings)).ends()
    assert code == 0
    assert "default: not logged in" in err
    after = await world.start()
    await after.reaches("scaning")


async def test_the_log_as_json_in_a_file(openwx: Start, tmp_path: Path) -> None:
    file = tmp_path / "openwx.log"
    file.touch()
    demo = ("serve", "--demo", "--port", "0")
    serve = await openwx(
        *demo, program=quick.PROGRAM, OPENWX_LOG_FORMAT="json", OPENWX_LOG_PATH=str(file)
    )
    await until(lambda: "updating → running" in file.read_text(encoding="utf-8"))
    serve.process.send_signal(signal.SIGTERM)
    code, out, err = await serve.ends()
    assert (code, out) == (0, "")
    assert file.read_text(encoding="utf-8") == err, "the file has what the console has"
    lines = [json.loads(line) for line in err.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert {line["logger"] for line in lines} >= {"openwx.account", "openwx.demo"}
