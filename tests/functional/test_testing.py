"""The pytest plugin, as people use it: in plain tests, in async ones, and not at all."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from openwx import client
from openwx.client import TextMessage, Upload
from openwx.errors import ConfigError
from openwx.simulator import Fault

EXAMPLE = Path(__file__).parents[2] / "examples" / "test_my_bot.py"


# -- a plain test ----------------------------------------------------------------------------------------


def test_a_plain_test(wechat: Any, openwx_gateway: Any, openwx_url: str) -> None:
    assert openwx_gateway.url == openwx_url
    friend = wechat.friend("小灰")
    friend.says("在吗")
    happened = openwx_gateway.client.events(0)
    message = next(one for one in happened if isinstance(one, TextMessage))
    assert (message.sender, message.content) == ("小灰", "在吗")
    openwx_gateway.client.send_friend_message("在", id=message.chat_id)
    assert friend.hears_text() == "在"
    assert friend.texts == ["在"]
    with pytest.raises(client.Ambiguous):
        openwx_gateway.client.send_friend_message("x", displayname="张伟")
    with pytest.raises(TimeoutError, match="小灰 heard 0 of 1"):
        friend.hears(timeout_s=0.01)
    with pytest.raises(LookupError):
        wechat.friend("nobody")


def test_events_in_a_plain_test(wechat: Any, openwx_gateway: Any) -> None:
    wechat.add_friend("新人")
    for happened in openwx_gateway.client.events(0):
        if isinstance(happened, client.events.NewFriend):
            break
    assert happened.friend.displayname == "新人"


def test_objects_are_the_simulators_own(wechat: Any, wechat_service: Any) -> None:
    friend = wechat.friend("小灰")
    assert friend == wechat.friend("小灰")
    assert friend in wechat.friends
    assert len({friend, wechat.friends[0]}) == 1
    assert str(friend) == friend.nickname == "小灰"
    assert "openwx.testing" in repr(friend)
    group = wechat.add_group("项目组", [friend, "生人"])
    assert {member.nickname for member in group.others} == {"小灰", "生人"}
    friend.remark = "灰总"
    assert wechat.friend("小灰").remark == "灰总"
    wechat_service.settings.hold_s = 0.1
    assert wechat_service.settings.hold_s == 0.1
    assert wechat_service.account() == wechat


def test_faults_and_settings(wechat: Any, wechat_service: Any, start_openwx: Any) -> None:
    gateway = start_openwx(token="a-token-that-is-long", send_tries=1)
    wechat_service.faults.add("webwxsendmsg", Fault.SERVER_ERROR, times=1)
    with pytest.raises(client.GaveUp):
        gateway.client.send_friend_message("x", id="filehelper")
    assert wechat.sent == []
    with pytest.raises(ValueError, match="send_tries"):
        start_openwx(send_tries=0)
    with pytest.raises(ConfigError, match="in use"):
        start_openwx()


def test_a_restart(wechat: Any, start_openwx: Any) -> None:
    start_openwx().stop()
    wechat.friend("小灰").says("meanwhile")
    gateway = start_openwx()
    assert wechat.logins == 1
    happened = gateway.client.check_event()
    while not any(isinstance(one, TextMessage) for one in happened):
        happened = gateway.client.check_event()


def test_before_the_login(wechat: Any, start_openwx: Any) -> None:
    gateway = start_openwx(login=False)
    with pytest.raises(client.NotRunning):
        gateway.client.get_user_info()
    wechat.phone.logs_in()
    gateway.runs()
    assert gateway.client.get_user_info().displayname == "我是谁"


# -- an async one ----------------------------------------------------------------------------------------


async def test_an_async_test(
    wechat: Any, openwx_url: str, start_openwx: Any, aiohttp_server: AiohttpServer
) -> None:
    """The bot is in the test's own loop, and calls the API from there."""

    @client.receiver(secret="a-secret-of-ours")
    async def bot(upload: Upload) -> None:
        if isinstance(upload, TextMessage) and upload.is_received:
            async with client.Client(openwx_url) as wx:
                await wx.send_friend_message(upload.content.upper(), id=upload.chat_id)

    app = web.Application()
    app.router.add_post("/", bot.handle)
    server = await aiohttp_server(app)
    gateway = await start_openwx(post_api=str(server.make_url("/")), secret="a-secret-of-ours")
    friend = wechat.friend("小灰")
    friend.says("quiet")
    assert await friend.hears_text() == "QUIET"
    assert (await gateway.client.get_user_info()).displayname == "我是谁"
    friend.says("again")
    async for happened in gateway.client.events(0):
        if isinstance(happened, TextMessage) and happened.content == "AGAIN":
            break


async def test_an_async_test_can_wait_for_several(wechat: Any, openwx_gateway: Any) -> None:
    friends = [wechat.friend("小灰"), wechat.friend("momo")]
    hearing = [asyncio.ensure_future(friend.hears_text()) for friend in friends]
    for friend in friends:
        (found,) = await openwx_gateway.client.search_friend(name=friend.nickname)
        await openwx_gateway.client.send_friend_message("hi", id=found.id)
    assert await asyncio.gather(*hearing) == ["hi", "hi"]


# -- in a project of somebody else's ---------------------------------------------------------------------


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``pytest`` in a folder that knows nothing of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *UNWANTED, *arguments],
        cwd=folder, env=clean, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


UNWANTED = [
    "-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest",
    "-p", "no:pytest_cov", "-W", "ignore:The configuration option",
]  # fmt: skip
"""What takes long to load here, and what pytest-asyncio says to everybody."""
ALONE = ["-p", "no:asyncio", "-p", "no:aiohttp", "-p", "no:anyio"]
"""Without any plugin for async tests."""

PLAIN = """
    def test_it(wechat, openwx_gateway):
        openwx_gateway.client.send_friend_message("hi", displayname="小灰")
        assert wechat.friend("小灰").hears_text() == "hi"
"""
STRICT = """
    import pytest

    @pytest.mark.asyncio
    async def test_it(wechat, openwx_gateway):
        await openwx_gateway.client.send_friend_message("hi", displayname="小灰")
        assert await wechat.friend("小灰").hears_text() == "hi"
"""


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (PLAIN, ALONE),
        (PLAIN, []),
        (STRICT, ["-p", "no:aiohttp"]),
        (STRICT, ["--asyncio-mode=auto"]),
        (STRICT.replace("mark.asyncio", "mark.anyio"), ["-p", "no:asyncio", "-p", "no:aiohttp"]),
    ],
    ids=["plain", "plain-with-plugins", "asyncio-strict", "aiohttp-auto", "anyio"],
)
def test_every_kind_of_test(tmp_path: Path, code: str, arguments: list[str]) -> None:
    (tmp_path / "test_it.py").write_text(textwrap.dedent(code), encoding="utf-8")
    if "anyio" in code:
        (tmp_path / "conftest.py").write_text(
            "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
        )
    done = pytest_in(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_example_works_where_somebody_copies_it_to(tmp_path: Path) -> None:
    for name in ("test_my_bot.py", "echo_bot.py"):
        (tmp_path / name).write_bytes(EXAMPLE.with_name(name).read_bytes())
    done = pytest_in(tmp_path, "test_my_bot.py", *ALONE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_who_does_not_use_it_does_not_wait_for_it(tmp_path: Path) -> None:
    """Nothing of the gateway is imported, and a project's own fixtures of the same names win."""
    code = """
        import sys
        import pytest

        @pytest.fixture
        def wechat():
            return "mine"

        def test_it(wechat):
            assert wechat == "mine"
            loaded = [name for name in sys.modules if name.startswith("openwx")]
            assert loaded == ["openwx", "openwx.pytest_plugin"]
            assert not {"aiohttp", "pydantic", "msgspec"} & set(sys.modules)
    """
    (tmp_path / "test_it.py").write_text(textwrap.dedent(code), encoding="utf-8")
    done = pytest_in(tmp_path, *ALONE)
    assert done.returncode == 0, done.stdout + done.stderr
