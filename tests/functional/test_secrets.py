"""What lets somebody be the account, or call the API, is written to the journal alone, and shown to nobody."""

import logging
from pathlib import Path

import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG

from .world import Gateway, Receiver, World, replies

TOKEN = "a-token-that-nobody-may-see"
WEBHOOK_SECRET = "a-signing-secret-that-nobody-may-see"
BACKEND_PASSWORD = "a-password-in-the-address"


def secrets_of(account: Account) -> dict[str, str]:
    """What the present login would be stolen by."""
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
    """Calls of many kinds, good and bad; their answers."""
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


async def test_nothing_secret_is_logged_answered_or_uploaded(
    world: World,
    simulator: Simulator,
    account: Account,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
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
        "the uploads": b"\n".join(upload.body for upload in receiver.uploads),
    }
    assert len(places["the log"]) > 1000
    for name, secret in secrets.items():
        for place, text in places.items():
            found = text.find(secret.encode())
            assert found == -1, f"{name} is in {place}: …{text[max(0, found - 200) : found + 50]!r}"


async def test_everything_on_the_disk_is_for_its_owner_alone(
    api: Gateway, world: World, account: Account, receiver: Receiver
) -> None:
    account.friend("小灰").sends_image(PNG)
    await receiver.get(format="media")
    await api.get("send_friend_message", id="filehelper", media_data="aGVsbG8=")
    files = [path for path in world.data_dir.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".sqlite3", ".png", ""}
    open_to_others = [str(path) for path in files if path.stat().st_mode & 0o077]
    # The QR code is on the screen, too, and is worth nothing a minute later.
    assert [name for name in open_to_others if "qrcode" not in name] == []
    folders = [world.data_dir, *(path for path in world.data_dir.rglob("*") if path.is_dir())]
    assert all(Path(folder).stat().st_mode & 0o077 == 0 for folder in folders)
