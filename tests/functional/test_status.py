"""``openwx status``: its view of the running gateway, and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
import trustme

from openwx import __version__
from openwx.cli.status import duration
from openwx.config import AccessSettings, Listen
from openwx.simulator import Account, Fault
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S

from .counting import shows
from .typed import Ended, Typed
from .world import Gateway, Receiver, Start, World

ACCOUNT = {"account": "default"}


def port_of(gateway: Gateway) -> str:
    return gateway.url.rpartition(":")[2]


async def status(typed: Typed, gateway: Gateway, *arguments: str, **environ: str) -> Ended:
    """Exit code, stdout, stderr, with the gateway's data folder, and not its port."""
    data_dir = str(gateway.settings.data_dir)
    return await typed("status", *arguments, OPENWX_DATA_DIR=data_dir, **environ)


async def test_ready(openwx: Start, api: Gateway) -> None:
    """In a process of its own, as a service manager starts it."""
    command = await openwx("status", OPENWX_DATA_DIR=str(api.settings.data_dir))
    code, out, err = await command.ends(PATIENCE_S)
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()
    assert first.startswith(f"openwx {__version__} at {api.url}, up ")
    assert first.endswith(" s: ready")
    assert second.startswith("  default  running: in sync ")
    assert third.strip() == "nothing waits"


async def test_not_ready_says_why(typed: Typed, gateway: Gateway) -> None:
    await gateway.reaches("scaning")
    code, out, _ = await status(typed, gateway)
    assert code == 1
    assert "default  scaning: waiting for the QR code to be scanned" in out


async def test_what_waits_and_what_failed(
    typed: Typed, world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.run(send_interval=60)
    receiver.fails(status=400, content="refused")
    receiver.fails(status=503, content="waits")
    world.simulator.faults.add("webwxgetmsgimg", Fault.HANG)
    for _ in range(3):
        await gateway.get("send_friend_message", id="filehelper", content="x", **{"async": "1"})
    account.friend("小灰").says("waits")
    account.friend("小灰").says("waits too")
    account.friend("momo").says("refused")
    account.group("PERL学习交流").member_sends_image(account.group("PERL学习交流").others[0], PNG)
    while not (await gateway.get("outbox")).json["deliveries"]:
        await gateway.get("check_event", timeout="0.1")
    await shows(gateway, 2, "openwx_sends_waiting", **ACCOUNT)
    await shows(gateway, 2, "openwx_uploads_waiting", target="post_api", **ACCOUNT)
    await shows(gateway, 1, "openwx_media_waiting", **ACCOUNT)
    code, out, _ = await status(typed, gateway)
    assert code == 0
    wanted = "waiting: 2 sends, 2 deliveries, 1 medium; 1 delivery failed (openwx outbox list)"
    assert wanted in out
    code, out, _ = await status(typed, gateway, "--json")
    answer = json.loads(out)
    assert (code, answer["code"], answer["version"], answer["url"]) == (
        0,
        0,
        __version__,
        gateway.url,
    )
    default = answer["accounts"]["default"]
    assert default.pop("sync_age_s") < PATIENCE_S
    assert default == {
        "state": "running",
        "state_reason": "in sync",
        "wanted": True,
        "waiting": {"sends": 2, "uploads": 2, "media": 1},
        "failed": 1,
    }


async def test_not_reached(typed: Typed, api: Gateway) -> None:
    await api.stop()
    code, out, err = await status(typed, api, OPENWX_LISTEN__PORT=port_of(api))
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line == f"openwx: no openwx runs with data_dir {api.settings.data_dir}"
    code, out, err = await status(typed, api, "--json")
    assert (code, err, json.loads(out)["code"]) == (2, "", -1)


async def test_another_token(typed: Typed, world: World) -> None:
    settings = world.settings().model_copy(update={"access": AccessSettings(token="the-right-one")})
    gateway = await world.start(settings=settings)
    code, _, err = await status(typed, gateway, OPENWX_ACCESS__TOKEN="the-wrong-one")
    assert code == 2
    assert "has another access.token" in err
    assert "the-wrong-one" not in err
    code, out, _ = await status(typed, gateway, OPENWX_ACCESS__TOKEN="the-right-one")
    assert (code, "default" in out) == (1, True)


async def test_every_address_with_a_certificate_for_another_name(
    typed: Typed, world: World, tmp_path: Path
) -> None:
    certificate = trustme.CA().issue_cert("wx.example.org")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(cert)
    listen = Listen(host="0.0.0.0", port=0, tls_cert=cert, tls_key=key)
    settings = world.settings().model_copy(
        update={"listen": [listen], "access": AccessSettings(token="the-right-one")}
    )
    gateway = await world.start(settings=settings)
    environ = {
        "OPENWX_LISTEN__HOST": "0.0.0.0",
        "OPENWX_LISTEN__TLS_CERT": str(cert),
        "OPENWX_LISTEN__TLS_KEY": str(key),
        "OPENWX_ACCESS__TOKEN": "the-right-one",
    }
    code, out, err = await status(typed, gateway, **environ)
    assert (code, err) == (1, "")
    assert f"at https://127.0.0.1:{port_of(gateway)}, up" in out


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_000, "1 d 1 h")],
)
def test_durations(seconds: int, words: str) -> None:
    assert duration(seconds) == words


async def test_json_is_one_object_of_readyz(typed: Typed, api: Gateway) -> None:
    code, out, _ = await status(typed, api, "--json")
    reply: dict[str, Any] = json.loads(out)
    async with api._http.get(f"{api.url}/readyz") as answer:
        there = await answer.json()
    assert code == 0
    assert {"url", *there} == reply.keys()
