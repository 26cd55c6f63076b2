"""Apprise, as published, against a gateway: its command line and its library (docs/recipes.md)."""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from openwx.config import Listen
from openwx.simulator import Account
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S

from .world import Gateway, World

pytest.importorskip("apprise", reason="apprise is not installed")

SEND = "/openwx/send_friend_message"
MAPPED = ":message=content&:title=&:type=&:version=&:attachments="
"""Apprise's names of the fields, and openwx's; those without one are left out."""


async def apprise(*arguments: str, **environ: str) -> tuple[int, str]:
    """Run the command. Returns its exit code, and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from apprise.cli import main; main()",
        "-v",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUTF8": "1", **environ},
    )
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def at(gateway: Gateway, kind: str = "json") -> str:
    return gateway.url.replace("http", kind, 1) + SEND


async def test_a_text_by_json(api: Gateway, account: Account) -> None:
    url = f"{at(api)}?{MAPPED}&:displayname=小灰&:strict=1"
    code, said = await apprise("-t", "ignored", "-b", "备份完成 & <ok>", url)
    assert code == 0, said
    assert await account.friend("小灰").hears_text() == "备份完成 & <ok>"


async def test_nobody_of_that_name(api: Gateway) -> None:
    """The trap: HTTP 200 with code 100 is a success to Apprise."""
    url = f"{at(api)}?{MAPPED}&:displayname=nobody"
    assert (await apprise("-b", "hi", url))[0] == 0
    for strict in (":strict=1", "-strict=1", "%2BOpenwx-Strict=1"):
        code, said = await apprise("-b", "hi", f"{url}&{strict}")
        assert code == 1, (strict, said)
        assert "error=404" in said


async def test_by_https(world: World, account: Account, tmp_path: Path) -> None:
    """`jsons://` checks the certificate."""
    authority, trusted = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    pem = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    listen = [Listen(port=0, tls_cert=pem, tls_key=pem), Listen(port=0)]
    gateway = await world.start(settings=world.settings().model_copy(update={"listen": listen}))
    assert gateway.service is not None
    secure, _ = gateway.service.urls
    await account.phone.logs_in()
    await world.receiver.gets(event="state_change", params=["updating", "running"])
    url = f"{secure.replace('https', 'jsons', 1)}{SEND}?{MAPPED}&:displayname=小灰&:strict=1"
    assert (await apprise("-b", "to a stranger", url))[0] == 1
    code, said = await apprise("-b", "by https", url, REQUESTS_CA_BUNDLE=str(trusted))
    assert code == 0, said
    assert await account.friend("小灰").hears_text() == "by https"


async def test_a_picture_by_form(api: Gateway, account: Account, tmp_path: Path) -> None:
    picture = tmp_path / "图表.png"
    picture.write_bytes(PNG)
    url = f"{at(api, 'form')}?{MAPPED}&attach-as=media&:displayname=小灰&:strict=1"
    code, said = await apprise("-b", "look", "-a", str(picture), url)
    assert code == 0, said
    text, sent = await account.friend("小灰").hears(2)
    assert text.text == "look"
    assert sent.medium is not None
    assert (sent.medium.data, sent.medium.name) == (PNG, "图表.png")


async def test_two_pictures_by_form_are_refused(api: Gateway, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(PNG)
    url = f"{at(api, 'form')}?{MAPPED}&attach-as=media&:displayname=小灰&:strict=1"
    code, said = await apprise(
        "-b", "look", "-a", str(tmp_path / "a.png"), "-a", str(tmp_path / "b.png"), url
    )
    assert code == 1
    assert "error=400" in said


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise loads all of its plugins
async def test_the_library_with_a_token(world: World, account: Account) -> None:
    from apprise import Apprise

    from openwx.config.models import AccessSettings

    settings = world.settings()
    settings = settings.model_copy(
        update={"access": AccessSettings.model_validate({"token": "a-long-secret-token"})}
    )
    gateway = await world.start(settings=settings)
    await account.phone.logs_in()
    await world.receiver.gets(event="state_change", params=["updating", "running"])
    url = f"{at(gateway)}?{MAPPED}&:displayname=小灰&:strict=1"
    key = f"&%2BAuthorization={quote('Bearer a-long-secret-token')}"
    for token, works in (("", False), (key.replace("long", "wrong"), False), (key, True)):
        notifier = Apprise()
        assert notifier.add(url + token)
        assert bool(await notifier.async_notify("with a token")) is works
    assert await account.friend("小灰").hears_text() == "with a token"
