"""Secrets of the session and of the API are written to the journal alone, and never shown."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from openwx.api import wrong_tokens
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S
from tests.served import ALL, served

from .world import Command, Gateway, Receiver, World, replies

TOKEN = "a-token-that-nobody-may-see"
WEBHOOK_SECRET = "a-signing-secret-that-nobody-may-see"
BACKEND_PASSWORD = "a-password-in-the-address"


def secrets_of(account: Account) -> dict[str, str]:
    """Return the secrets with which the present login could be stolen."""
    session = account.session
    assert session is not None
    return {
        "wxsid": session.sid,
        "skey": session.skey,
        "later skey": session.later_skey,
        "pass_ticket": session.pass_ticket,
        "webwx_data_ticket": session.data_ticket,
        "webwx_auth_ticket": session.auth_ticket,
        "token": TOKEN,
        "webhook secret": WEBHOOK_SECRET,
        "password of the backend": BACKEND_PASSWORD,
    }


async def uses_everything(gateway: Gateway, account: Account, receiver: Receiver) -> list[bytes]:
    """Make calls of many kinds, good and bad, and return their answers."""
    answers = []
    friend = account.friend("小灰")
    receiver.behaves(replies("reply"), times=1, content="hi")
    friend.says("hi")
    friend.sends_image(PNG)
    account.asks_to_be_friends("somebody", "hello")
    for name, parameters in (
        ("get_client_info", {}),
        ("check_client", {}),
        ("get_user_info", {}),
        ("get_friend_info", {}),
        ("get_group_info", {}),
        ("get_avatar", {"account": "xiaohui2016"}),
        ("send_friend_message", {"id": "filehelper", "content": "x"}),
        ("send_friend_message", {"id": "filehelper", "media_data": "aGVsbG8="}),
        ("send_friend_message", {"id": "filehelper"}),
        ("upload_media", {"media_path": "http://user:pass@127.0.0.1/x"}),
        ("set_markname", {"account": "hug", "new_markname": "x"}),
        ("create_group", {"friends": "@none"}),
        ("start_client", {"client": "../../x"}),
        ("nonsense", {}),
        ("check_event", {"timeout": "1"}),
    ):
        reply = await gateway.get(name, token=TOKEN, **parameters)
        answers.append(reply.body + str(reply.headers).encode())
    answers.append((await gateway.get("get_user_info", token="wrong")).body)
    return answers


async def test_nothing_secret_is_logged_answered_or_reported(
    world: World,
    simulator: Simulator,
    account: Account,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wrong_tokens, "LONGEST_PAUSE_S", 0.0)
    settings = world.settings(
        report={
            "secret": WEBHOOK_SECRET,
            "post_api": receiver.url.replace("://", f"://bot:{BACKEND_PASSWORD}@"),
        }
    )
    access = settings.access.model_copy(update={"token": TOKEN})
    caplog.set_level(logging.DEBUG)
    gateway = await world.start(settings=settings.model_copy(update={"access": access}))
    await account.phone.logs_in()
    await receiver.get(event="login")
    before = secrets_of(account)
    answers = await uses_everything(gateway, account, receiver)
    # Trouble of every kind at every call, and a new login.
    for fault in Fault:
        for call in (
            "webwxsync",
            "synccheck",
            "webwxsendmsg",
            "webwxgetcontact",
            "webwxuploadmedia",
        ):
            simulator.faults.add(call, fault, times=1, seconds=0.1)
        answers += await uses_everything(gateway, account, receiver)
    simulator.faults.clear()
    account.end_session(1102)
    await account.phone.sees_push_login()
    account.phone.confirm()
    await receiver.gets(2, event="login")
    answers += await uses_everything(gateway, account, receiver)
    secrets = before | {f"{name} of the second login": s for name, s in secrets_of(account).items()}
    await gateway.stop()

    shown = capfd.readouterr()
    places = {
        "the log": caplog.text.encode() + shown.err.encode(),
        "stdout": shown.out.encode(),
        "the answers": b"\n".join(answers),
        "the uploads": b"\n".join(report.body for report in receiver.reports),
    }
    assert len(places["the log"]) > 1000
    for name, secret in secrets.items():
        for place, text in places.items():
            found = text.find(secret.encode())
            assert found == -1, f"{name} is in {place}: …{text[max(0, found - 200) : found + 50]!r}"


@pytest.fixture
def generous_umask() -> Iterator[None]:
    """Make new files readable by all users, unless their mode forbids it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("generous_umask")
async def test_everything_on_the_disk_is_for_its_owner_alone(
    world: World, account: Account, receiver: Receiver
) -> None:
    api = await world.run()
    account.friend("小灰").sends_image(PNG)
    await receiver.get(format="media")
    await api.get("send_friend_message", id="filehelper", media_data="aGVsbG8=")
    files = [path for path in world.data_dir.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".sqlite3", ".sqlite3-wal", ".sqlite3-shm", ".png"}
    assert [str(path) for path in files if path.stat().st_mode & 0o077] == []
    folders = [world.data_dir, *(path for path in world.data_dir.rglob("*") if path.is_dir())]
    assert all(Path(folder).stat().st_mode & 0o077 == 0 for folder in folders)


@pytest.mark.usefixtures("generous_umask")
async def test_the_log_is_for_its_owner_alone(
    openwx: Callable[..., Awaitable[Command]], tmp_path: Path
) -> None:
    log = tmp_path / "openwx.log"
    command = await openwx(
        "serve",
        *("--port", "0"),
        OPENWX_LOG_PATH=str(log),
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL="http://127.0.0.1:1",
    )
    await command.url()
    assert log.stat().st_mode & 0o777 == 0o600
    command.process.terminate()
    assert (await command.ends())[0] == 0


@pytest.fixture
async def circle() -> AsyncIterator[str]:
    """Serve a URL that redirects to itself for ever, with a password in it."""

    async def lead(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"/?key={BACKEND_PASSWORD}"})

    async with served({ALL: lead}) as url:
        yield f"{url.replace('//', f'//bot:{BACKEND_PASSWORD}@')}/?key={BACKEND_PASSWORD}"


async def test_addresses_of_the_backend_are_not_logged(
    world: World, account: Account, receiver: Receiver, circle: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Neither where they lead in circles, nor where nobody is there, nor where the answer is nonsense."""
    caplog.set_level(logging.DEBUG)
    port = receiver.port
    await receiver.stop()
    unreachable = f"http://bot:{BACKEND_PASSWORD}@127.0.0.1:{port}/?key={BACKEND_PASSWORD}"
    for post_api, poll_api in ((unreachable, circle), (circle, unreachable)):
        gateway = await world.start(
            report={"post_api": post_api, "poll_api": poll_api, "poll_interval": 1},
            pace={"finish_s": 0.3},
        )
        if not account.is_online:
            await account.phone.logs_in()
        await gateway.reaches("running")
        account.friend("小灰").says("hi")
        async with asyncio.timeout(PATIENCE_S):
            while "poll_api fails" not in caplog.text:
                await gateway.get("check_event", timeout="0.1")
        await gateway.stop()
        assert BACKEND_PASSWORD not in caplog.text
        caplog.clear()
