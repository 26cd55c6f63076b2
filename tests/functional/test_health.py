"""The probes: whether the process answers, and whether every account that should run does."""

from typing import Any

import pytest

from openwx.config import AccessSettings
from openwx.simulator import Account, Simulator
from tests.reply import Reply

from .test_accounts import reaches, settings
from .world import Gateway, World

TOKEN = "a-token-of-thirty-two-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def probe(gateway: Gateway, path: str, *, method: str = "GET", **request: Any) -> Reply:
    async with gateway._http.request(method, f"{gateway.url}{path}", **request) as answer:
        return Reply(answer.status, await answer.read(), dict(answer.headers))


async def guarded(world: World) -> Gateway:
    """Start a gateway with a token that is not logged in yet."""
    return await world.start(
        settings=world.settings().model_copy(update={"access": AccessSettings(token=TOKEN)})
    )


async def test_healthz_answers_everybody_and_shows_nothing(world: World) -> None:
    gateway = await guarded(world)
    reply = await probe(gateway, "/healthz")
    assert (reply.status, reply.json) == (200, {"code": 0, "status": "alive"})
    assert reply.headers["Cache-Control"] == "no-store"
    assert (await probe(gateway, "/healthz", method="HEAD")).status == 200
    assert (await probe(gateway, "/healthz", method="POST")).status == 405


async def test_readyz_follows_the_account(gateway: Gateway, account: Account) -> None:
    await gateway.reaches("scaning")
    reply = await probe(gateway, "/readyz")
    assert (reply.status, reply.code) == (503, -4)
    answer = reply.json["accounts"]["default"]
    assert (answer["state"], answer["wanted"]) == ("scaning", True)
    assert "QR code" in answer["state_reason"]
    await account.phone.logs_in()
    await gateway.reaches("running")
    reply = await probe(gateway, "/readyz")
    assert (reply.status, reply.code, reply.json["status"]) == (200, 0, "ready")
    assert reply.json["accounts"]["default"]["state"] == "running"
    account.end_session(1101)
    await gateway.reaches("confirming")
    assert (await probe(gateway, "/readyz")).status == 503


async def test_without_the_token_readyz_shows_only_whether(world: World) -> None:
    gateway = await guarded(world)
    for headers, knows in (({}, False), ({"Authorization": "Bearer wrong"}, False), (BEARER, True)):
        reply = await probe(gateway, "/readyz", headers=headers)
        assert reply.status == 503
        assert ("accounts" in reply.json) is knows, headers
    reply = await probe(gateway, "/readyz", params={"token": TOKEN})
    assert "accounts" in reply.json


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_pages_of_others_are_kept_out(
    gateway: Gateway, path: str, headers: dict[str, str]
) -> None:
    reply = await probe(gateway, path, headers=headers)
    assert (reply.status, reply.code) == (403, -8)


@pytest.mark.usefixtures("stops_soon")
async def test_an_account_that_was_stopped_on_purpose_is_not_waited_for(
    world: World, simulator: Simulator, account: Account
) -> None:
    second = simulator.add_account("second", friends=3, groups=1)
    gateway = await world.start(settings=settings(world, "first", "second"))
    await account.phone.logs_in()
    await second.phone.logs_in()
    await reaches(gateway, "first", "running")
    await reaches(gateway, "second", "running")
    assert (await probe(gateway, "/readyz")).status == 200
    assert (await gateway.get("stop_client", client="second")).code == 0
    await reaches(gateway, "second", "stop")
    reply = await probe(gateway, "/readyz")
    assert reply.status == 200
    stopped = reply.json["accounts"]["second"]
    assert stopped.pop("sync_age_s") >= 0
    assert stopped.pop("waiting").keys() == {"sends", "uploads", "media"}
    assert stopped == {
        "state": "stop",
        "state_reason": "stopped on request",
        "wanted": False,
        "failed": 0,
    }
